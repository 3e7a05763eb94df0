"use strict";
// The time line: one canvas with the classes as rows. It draws only what can be seen, and is as high
// as its window, so that a long video with many classes moves as easily as a short one.

const MAP_HEIGHT = 16; // the whole video
const HEADER = 46; // the map and the axis
const ROW = { bar: 12, events: 5, curve: 26, name: 16 };
const LEAST_SPAN = 0.5; // seconds
const GRIP = 6; // pixels around an end of a bout
const TICKS = [
  ...[0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400],
];

/* state: {rows: class numbers, curves: Set of class numbers, selected: id of a bout or null,
   row: a class number or null}. `act` has seek(time), select(id), chooseRow(label),
   toggleCurve(label), moved(id, start, stop), viewed(). Returns {node, draw, layout, zoom, ...}. */
function makeTimeline(ethogram, edits, player, state, act) {
  const view = { from: 0, to: ethogram.seconds };
  const canvas = el("canvas", { tabindex: 0, role: "slider", "aria-label": "Time line" });
  const spacer = el("div", {}, canvas);
  const node = el("div", { class: "timeline" }, spacer);
  const screen = canvas.getContext("2d");
  const layer = el("canvas", {}); // all but the play head
  const context = layer.getContext("2d");
  let stale = true;
  const timings = []; // milliseconds of the last drawings
  let [width, height, left, right] = [0, 0, 0, 12];
  let [narrow, tops, rowHeights] = [false, [0], []];
  let standing = []; // an index of the bouts of each class
  let rejected = [];
  let tones = {};
  let hover = null;
  let drag = null; // what a pointer that is down does
  let waiting = false;
  const pointers = new Map();

  // ------------------------------------------------------------------------------------- layout

  function readTones() {
    const probe = el("i", {});
    node.append(probe);
    for (const name of ["sheet", "ground", "ink", "soft", "line", "faint", "accent", "mark"]) {
      probe.style.color = `var(--${name})`;
      tones[name] = getComputedStyle(probe).color;
    }
    probe.remove();
    const [r, g, b] = tones.sheet.match(/[\d.]+/g).map(Number);
    tones.dark = r + g + b < 380;
    tones.checked = `oklch(${tones.dark ? "0.74" : "0.6"} 0.15 150)`;
    const light = tones.dark ? "0.74 0.12" : "0.58 0.13";
    tones.bars = ethogram.classes.map((_, label) => `oklch(${light} ${hue(label)})`);
    tones.areas = ethogram.classes.map((_, label) => `oklch(${light} ${hue(label)} / 0.3)`);
  }

  function gather() {
    const [found, refused] = [ethogram.classes.map(() => []), ethogram.classes.map(() => [])];
    for (const bout of edits.all)
      (bout.review === "rejected" ? refused : found)[bout.label].push(bout);
    standing = found.map(makeIndex);
    rejected = refused.map(makeIndex);
  }

  const hasEvents = ethogram.record.events.length > 0;

  function layout() {
    narrow = node.clientWidth < 560;
    width = node.clientWidth;
    context.font = "13px system-ui, sans-serif";
    const longest = Math.max(
      40,
      ...state.rows.map((label) => context.measureText(ethogram.classes[label]).width),
    );
    left = narrow ? 8 : Math.min(210, Math.ceil(longest) + 26);
    right = narrow ? 8 : 14;
    rowHeights = state.rows.map(
      (label) =>
        8 +
        ROW.bar +
        (hasEvents ? ROW.events + 3 : 0) +
        (narrow ? ROW.name : 0) +
        (state.curves.has(label) && ethogram.hasScores(label) ? ROW.curve : 0),
    );
    tops = [0];
    for (const each of rowHeights) tops.push(tops.at(-1) + each);
    const total = HEADER + tops.at(-1) + 4;
    const most = Math.max(220, Math.round(innerHeight * (narrow ? 0.46 : 0.5)));
    height = Math.min(total, most);
    node.style.height = `${height}px`;
    spacer.style.height = `${total}px`;
    const dots = Math.min(2, devicePixelRatio || 1);
    for (const each of [canvas, layer]) {
      each.width = Math.round(width * dots);
      each.height = Math.round(height * dots);
    }
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
    for (const each of [screen, context]) each.setTransform(dots, 0, 0, dots, 0, 0);
    draw();
  }

  const span = () => view.to - view.from;
  const xOf = (time) => left + ((time - view.from) / span()) * (width - left - right);
  const timeOf = (x) => view.from + ((x - left) / (width - left - right)) * span();
  const mapX = (time) => left + (time / ethogram.seconds) * (width - left - right);
  const clampTime = (time) => Math.max(0, Math.min(ethogram.seconds, time));

  function show(from, to) {
    const least = Math.min(ethogram.seconds, LEAST_SPAN);
    const wide = Math.max(least, Math.min(ethogram.seconds, to - from));
    from = Math.max(0, Math.min(from + (to - from - wide) / 2, ethogram.seconds - wide));
    view.from = from;
    view.to = from + wide;
    act.viewed();
    draw();
  }

  function zoom(factor, at = null) {
    const inside = player.time >= view.from && player.time <= view.to;
    at ??= inside ? player.time : (view.from + view.to) / 2;
    show(at - (at - view.from) * factor, at + (view.to - at) * factor);
  }

  const pan = (seconds) => {
    const wide = span();
    const from = Math.max(0, Math.min(view.from + seconds, ethogram.seconds - wide));
    show(from, from + wide);
  };

  // ------------------------------------------------------------------------------------ drawing

  // The rows are drawn again when they have changed, the play head whenever it moves.
  function draw() {
    stale = true;
    moveHead();
  }

  function moveHead() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      const begin = performance.now();
      drawNow();
      timings.push(performance.now() - begin);
      if (timings.length > 600) timings.shift();
    });
  }

  function drawNow() {
    if (!width) return;
    if (stale) drawRows();
    stale = false;
    screen.drawImage(layer, 0, 0, width, height);
    drawHead();
    describe();
  }

  function drawRows() {
    const scrolled = node.scrollTop;
    context.fillStyle = tones.sheet;
    context.fillRect(0, 0, width, height);
    const first = Math.max(0, countUpTo(tops, scrolled) - 1);
    const columns = curveColumns();
    for (let index = first; index < state.rows.length; index++) {
      const y = HEADER + tops[index] - scrolled;
      if (y > height) break;
      drawRow(state.rows[index], y, rowHeights[index], columns);
    }
    drawHeader();
  }

  // The cells below each pixel column of the track, for curves.
  function curveColumns() {
    if (!state.curves.size) return null;
    const edges = ethogram.edges;
    const begin = Math.floor(left);
    const columns = new Uint32Array(Math.max(0, Math.ceil(width - right) - begin) + 1);
    let cell = ethogram.cellAt(timeOf(begin));
    for (let k = 0; k < columns.length; k++) {
      const time = timeOf(begin + k);
      while (cell < edges.length - 2 && edges[cell + 1] <= time) cell++;
      columns[k] = cell;
    }
    return columns;
  }

  function drawRow(label, y, tall, columns) {
    const bottom = y + tall;
    const marked = label === state.row;
    if (marked || label === hover?.label) {
      context.fillStyle = marked ? tones.mark : tones.faint;
      context.fillRect(0, y, width, tall);
    }
    context.fillStyle = tones.faint;
    context.fillRect(0, bottom - 1, width, 1);

    context.save();
    context.beginPath();
    context.rect(left, y, width - left - right, tall);
    context.clip();
    const barTop = bottom - 5 - ROW.bar;
    if (columns && state.curves.has(label) && ethogram.hasScores(label)) {
      const floor = barTop - (hasEvents ? ROW.events + 3 : 0) - 2;
      drawCurve(label, floor, ROW.curve - 4, columns);
    }
    if (hasEvents) {
      context.fillStyle = tones.ink;
      drawBars(ethogram.eventIndex[label], barTop - ROW.events - 2, ROW.events);
    }
    context.fillStyle = tones.bars[label];
    drawBars(standing[label], barTop, ROW.bar);
    const [from, to] = rejected[label].between(view.from, view.to);
    for (const bout of rejected[label].bouts.slice(from, to)) drawRejected(bout, barTop);
    const selected = state.selected === null ? null : edits.get(state.selected);
    if (selected?.label === label) drawSelected(selected, barTop);
    context.restore();

    context.fillStyle = tones.ink;
    context.textBaseline = "middle";
    if (narrow) {
      context.font = "12px system-ui, sans-serif";
      context.fillText(fitted(ethogram.classes[label], width - 24), left, y + 11);
    } else {
      context.font = "13px system-ui, sans-serif";
      context.fillText(fitted(ethogram.classes[label], left - 24), 8, y + tall / 2);
    }
  }

  // Bars of bouts. Bouts that are closer than pixels are drawn together, as dense as they are.
  function drawBars(index, y, tall) {
    const [first, end] = index.between(view.from, view.to);
    let [from, to, filled] = [null, 0, 0];
    const flush = () => {
      if (from === null) return;
      context.globalAlpha = Math.max(0.35, Math.min(1, filled / (to - from)));
      context.fillRect(from, y, Math.max(1, to - from), tall);
    };
    for (let k = first; k < end; k++) {
      const bout = index.bouts[k];
      if (bout.stop < view.from) continue;
      const [a, b] = [xOf(bout.start), xOf(bout.stop)];
      if (from !== null && a <= to + 1 && b - from < 3) {
        to = Math.max(to, b);
        filled += b - a;
      } else {
        flush();
        [from, to, filled] = [a, b, b - a];
      }
    }
    flush();
    context.globalAlpha = 1;
  }

  function drawRejected(bout, y) {
    const [a, b] = [xOf(bout.start), xOf(bout.stop)];
    context.strokeStyle = tones.soft;
    context.setLineDash([3, 3]);
    context.strokeRect(a + 0.5, y + 0.5, Math.max(1, b - a - 1), ROW.bar - 1);
    context.setLineDash([]);
  }

  function drawSelected(bout, y) {
    const ends = drag?.kind === "end" && drag.id === bout.id ? drag.ends : bout;
    const [a, b] = [xOf(ends.start), xOf(ends.stop)];
    context.strokeStyle = tones.ink;
    context.lineWidth = 2;
    context.strokeRect(a - 1, y - 1, Math.max(2, b - a) + 2, ROW.bar + 2);
    context.lineWidth = 1;
    context.fillStyle = tones.ink;
    for (const x of [a, b]) context.fillRect(x - 2, y - 3, 4, ROW.bar + 6);
  }

  function drawCurve(label, floor, tall, columns) {
    const begin = Math.floor(left);
    const path = [];
    context.fillStyle = tones.areas[label];
    context.strokeStyle = tones.bars[label];
    const finish = () => {
      if (!path.length) return;
      context.beginPath();
      for (const [x, y] of path) context.lineTo(x, y);
      context.stroke();
      context.lineTo(path.at(-1)[0], floor);
      context.lineTo(path[0][0], floor);
      context.fill();
      path.length = 0;
    };
    for (let k = 0; k + 1 < columns.length; k++) {
      const value = ethogram.peak(label, columns[k], Math.max(columns[k] + 1, columns[k + 1]));
      if (value === NO_SCORE) finish();
      else path.push([begin + k, floor - (value / 254) * tall]);
    }
    finish();
    const threshold = ethogram.record.thresholds?.[label];
    if (isNumber(threshold)) {
      const y = Math.round(floor - threshold * tall) + 0.5;
      context.strokeStyle = tones.soft;
      context.setLineDash([2, 4]);
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(width - right, y);
      context.stroke();
      context.setLineDash([]);
    }
  }

  function drawHead() {
    screen.fillStyle = tones.accent;
    screen.fillRect(Math.round(mapX(player.time)) - 1, 0, 2, MAP_HEIGHT);
    const x = xOf(player.time);
    if (x < left - 1 || x > width - right + 1) return;
    screen.fillRect(Math.round(x) - 1, HEADER - 8, 2, height);
    screen.beginPath();
    screen.moveTo(x - 6, HEADER - 10);
    screen.lineTo(x + 6, HEADER - 10);
    screen.lineTo(x, HEADER);
    screen.fill();
  }

  function drawHeader() {
    context.fillStyle = tones.sheet;
    context.fillRect(0, 0, width, HEADER);
    // The map: where something was found, the part that is shown, and the play head.
    context.fillStyle = tones.faint;
    context.fillRect(left, 0, width - left - right, MAP_HEIGHT);
    context.fillStyle = tones.soft;
    for (const [from, to] of anyBout()) {
      const x = mapX(from);
      context.fillRect(x, 5, Math.max(1, mapX(to) - x), MAP_HEIGHT - 10);
    }
    // Checked times: a line in the map, and one above the rows.
    context.fillStyle = tones.checked;
    for (const [from, to] of edits.checked) {
      context.fillRect(mapX(from), MAP_HEIGHT - 4, Math.max(1, mapX(to) - mapX(from)), 3);
      const [a, b] = [Math.max(left, xOf(from)), Math.min(width - right, xOf(to))];
      if (b > a) context.fillRect(a, HEADER - 5, b - a, 4);
    }
    context.strokeStyle = tones.accent;
    context.lineWidth = 2;
    const from = mapX(view.from);
    context.strokeRect(from, 1, Math.max(4, mapX(view.to) - from), MAP_HEIGHT - 2);
    context.lineWidth = 1;

    // The axis.
    const perSecond = (width - left - right) / span();
    const step = TICKS.find((each) => each * perSecond >= 76) ?? TICKS.at(-1);
    const decimals = step < 0.1 ? 2 : step < 1 ? 1 : 0;
    context.font = "12px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillStyle = tones.line;
    context.fillRect(0, HEADER - 1, width, 1);
    for (let k = Math.ceil(view.from / step - 1e-9); k * step <= view.to + 1e-9; k++) {
      const x = xOf(k * step);
      context.fillStyle = tones.soft;
      context.fillRect(Math.round(x), HEADER - 6, 1, 6);
      const text = clock(k * step, decimals);
      const wide = context.measureText(text).width;
      const at = Math.max(left - (narrow ? 4 : 0), Math.min(x - wide / 2, width - wide - 2));
      context.fillText(text, at, HEADER - 16);
    }
  }

  // Times in which any class has a bout, joined.
  let joined = null;
  function anyBout() {
    if (joined) return joined;
    joined = [];
    for (const bout of edits.standing) {
      const last = joined.at(-1);
      if (last && bout.start <= last[1]) last[1] = Math.max(last[1], bout.stop);
      else joined.push([bout.start, bout.stop]);
    }
    return joined;
  }

  function fitted(text, most) {
    if (context.measureText(text).width <= most) return text;
    let count = text.length - 1;
    while (count > 1 && context.measureText(`${text.slice(0, count)}…`).width > most) count--;
    return `${text.slice(0, count)}…`;
  }

  function describe() {
    canvas.setAttribute("aria-valuemin", 0);
    canvas.setAttribute("aria-valuemax", ethogram.seconds.toFixed(2));
    canvas.setAttribute("aria-valuenow", player.time.toFixed(2));
    const now = ethogram.classes.filter((_, label) => standing[label].at(player.time));
    canvas.setAttribute(
      "aria-valuetext",
      [clock(player.time), ...(now.length ? now : ["nothing"])].join(", "),
    );
  }

  // ----------------------------------------------------------------------------------- pointers

  function placeOf(event) {
    const frame = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    if (y < MAP_HEIGHT + 4) return { zone: "map", x, y };
    if (y < HEADER) return { zone: "axis", x, y };
    const inside = y - HEADER + node.scrollTop;
    const index = countUpTo(tops, inside) - 1;
    if (index < 0 || index >= state.rows.length) return { zone: "axis", x, y };
    const label = state.rows[index];
    const named = narrow ? inside - tops[index] < ROW.name : x < left;
    if (named) return { zone: "name", x, y, label };
    const barTop = tops[index + 1] - 5 - ROW.bar;
    const events = hasEvents && inside < barTop - 1 && inside >= barTop - ROW.events - 4;
    return { zone: "rows", x, y, label, ...boutAt(label, x, events) };
  }

  function boutAt(label, x, events) {
    const gap = (3 / (width - left - right)) * span();
    const [from, to] = [timeOf(x) - gap, timeOf(x) + gap];
    const found = (events ? [ethogram.eventIndex[label]] : [standing[label], rejected[label]])
      .flatMap((index) => index.bouts.slice(...index.between(from, to)))
      .filter((bout) => bout.stop >= from);
    const selected = found.find((bout) => !bout.person && bout.id === state.selected);
    return { bout: selected ?? found[0] ?? null };
  }

  // The end of the selected bout that a place is at: "start", "stop" or null.
  function gripAt(place) {
    const bout = state.selected === null ? null : edits.get(state.selected);
    if (place.zone !== "rows" || !bout || bout.label !== place.label) return null;
    const gaps = [Math.abs(place.x - xOf(bout.start)), Math.abs(place.x - xOf(bout.stop))];
    if (Math.min(...gaps) > GRIP) return null;
    return gaps[0] < gaps[1] ? "start" : "stop";
  }

  function press(place) {
    if (place.zone === "map") {
      const wide = span();
      const time = ((place.x - left) / (width - left - right)) * ethogram.seconds;
      const inside = time >= view.from && time <= view.to;
      drag = { kind: "map", offset: inside ? time - view.from : wide / 2 };
      moveMap(place);
    } else if (place.zone === "name") {
      drag = { kind: "name", label: place.label };
    } else {
      const grip = gripAt(place);
      if (grip) {
        const { start, stop } = edits.get(state.selected);
        drag = { kind: "end", grip, id: state.selected, ends: { start, stop } };
        return;
      }
      drag = { kind: "head" };
      if (place.label !== undefined) act.chooseRow(place.label);
      act.select(place.bout && !place.bout.person ? place.bout.id : null);
      act.seek(clampTime(timeOf(place.x)));
    }
  }

  function moveMap(place) {
    const wide = span();
    const time = ((place.x - left) / (width - left - right)) * ethogram.seconds;
    const from = Math.max(0, Math.min(time - drag.offset, ethogram.seconds - wide));
    show(from, from + wide);
  }

  function pinch(event) {
    const [a, b] = [...pointers.values()].map((each) => each.clientX);
    pointers.set(event.pointerId, event);
    const frame = canvas.getBoundingClientRect().left;
    const [c, d] = [...pointers.values()].map((each) => each.clientX);
    const factor = Math.max(8, Math.abs(a - b)) / Math.max(8, Math.abs(c - d));
    const at = timeOf((a + b) / 2 - frame);
    const to = timeOf((c + d) / 2 - frame);
    pan(at - to);
    zoom(factor, at);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    tip.clear();
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, event);
    const place = placeOf(event);
    if (pointers.size > 1) drag = { kind: "pinch" };
    // A finger may be about to scroll: it acts when it is lifted, or moves sideways.
    else if (event.pointerType === "touch" && place.zone === "rows")
      drag = { kind: "touch", place, x: event.clientX };
    else press(place);
  });
  canvas.addEventListener("pointermove", (event) => {
    const place = placeOf(event);
    if (drag?.kind === "pinch" && pointers.has(event.pointerId)) return pinch(event);
    if (drag?.kind === "touch" && Math.abs(event.clientX - drag.x) > 6) press(drag.place);
    if (drag?.kind === "map") moveMap(place);
    else if (drag?.kind === "head") act.seek(clampTime(timeOf(place.x)));
    else if (drag?.kind === "end") {
      const time = clampTime(timeOf(place.x));
      const least = ethogram.frameSeconds;
      if (drag.grip === "start") drag.ends.start = Math.min(time, drag.ends.stop - least);
      else drag.ends.stop = Math.max(time, drag.ends.start + least);
      draw();
    } else if (!drag) point(place, event);
  });
  canvas.addEventListener("pointerup", (event) => {
    pointers.delete(event.pointerId);
    if (drag?.kind === "touch") press(drag.place);
    if (drag?.kind === "name" && placeOf(event).label === drag.label) {
      act.chooseRow(drag.label);
      act.toggleCurve(drag.label);
    }
    if (drag?.kind === "end") {
      const { id, ends } = drag;
      drag = null;
      act.moved(id, ends.start, ends.stop);
    }
    if (!pointers.size) drag = null;
    draw();
  });
  canvas.addEventListener("pointercancel", (event) => {
    pointers.delete(event.pointerId);
    drag = null;
  });
  canvas.addEventListener("pointerleave", () => {
    hover = null;
    tip.hide();
    draw();
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      const place = placeOf(event);
      const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
      const unit = event.deltaMode === 1 ? 16 : 1;
      if (event.ctrlKey || event.metaKey || place.zone === "map" || place.zone === "axis") {
        event.preventDefault();
        zoom(
          Math.exp(Math.max(-60, Math.min(60, event.deltaY * unit)) / 120),
          clampTime(timeOf(place.x)),
        );
      } else if (sideways) {
        event.preventDefault();
        const delta = (event.deltaX || event.deltaY) * unit;
        pan((delta / (width - left - right)) * span());
      }
    },
    { passive: false },
  );
  node.addEventListener("scroll", draw, { passive: true });

  // The read-out beside the pointer.
  function point(place, event) {
    hover = place.label === undefined ? null : { label: place.label };
    canvas.style.cursor = gripAt(place)
      ? "ew-resize"
      : place.zone === "name" || place.zone === "map"
        ? "pointer"
        : "";
    draw();
    if (event.pointerType === "touch" || place.zone === "map") return tip.hide();
    const rows = [];
    let title = null;
    if (place.zone === "rows") {
      const time = clampTime(timeOf(place.x));
      title = ethogram.classes[place.label];
      rows.push(tip.row(null, "time", clock(time, 2)));
      const score = ethogram.scoreAt(place.label, time);
      if (score !== null) rows.push(tip.row(null, "score here", score.toFixed(2)));
      if (place.bout) rows.push(...boutFacts(place.bout).map(([k, v]) => tip.row(null, k, v)));
    } else if (place.zone === "name") {
      title = ethogram.classes[place.label];
      rows.push(
        box(
          null,
          state.curves.has(place.label) ? "Click: hide the scores" : "Click: show the scores",
        ),
      );
    } else {
      title = clock(clampTime(timeOf(place.x)), 2);
      rows.push(box(null, "Wheel: zoom"));
    }
    tip.show(event.clientX, event.clientY, () => tip.hide(), el("strong", {}, title), rows);
  }

  // --------------------------------------------------------------------------------------------

  gather();
  new ResizeObserver(() => {
    if (node.clientWidth !== width) layout();
  }).observe(node);
  addEventListener("resize", layout);
  const recolour = () => {
    readTones();
    draw();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
  new MutationObserver(recolour).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-theme"],
  });

  return {
    node,
    canvas,
    view,
    timings,
    draw,
    moveHead,
    seenAt: (label, time) => standing[label].at(time) !== null,
    layout,
    zoom,
    pan,
    show,
    all: () => show(0, ethogram.seconds),
    span,
    start() {
      readTones();
      layout();
    },
    // After bouts have changed.
    refresh() {
      joined = null;
      gather();
      draw();
    },
    // Moves the view so that the play head is in it.
    follow() {
      if (player.time < view.from || player.time > view.to) {
        const wide = span();
        show(player.time - wide * 0.1, player.time + wide * 0.9);
      }
    },
    reveal(label, from, to) {
      const index = state.rows.indexOf(label);
      if (index >= 0) {
        const y = tops[index];
        const room = height - HEADER;
        if (y < node.scrollTop || y + rowHeights[index] > node.scrollTop + room)
          node.scrollTop = y - room / 3;
      }
      if (from < view.from || to > view.to) {
        const wide = Math.max(span(), (to - from) * 1.2);
        const middle = (from + to) / 2;
        show(middle - wide / 2, middle + wide / 2);
      }
      draw();
    },
    // For tests: the middle of a bout, in pixels of the canvas.
    placeOfBout(bout) {
      const index = state.rows.indexOf(bout.label);
      return {
        x: xOf((bout.start + bout.stop) / 2),
        left: xOf(bout.start),
        right: xOf(bout.stop),
        y: HEADER + tops[index + 1] - node.scrollTop - 5 - ROW.bar / 2,
      };
    },
  };
}

function boutFacts(bout) {
  const facts = [
    [bout.person ? "person" : "bout", `${clock(bout.start, 2)} – ${clock(bout.stop, 2)}`],
    ["length", length(bout.stop - bout.start)],
  ];
  if (isNumber(bout.mean)) facts.push(["mean score", bout.mean.toFixed(2)]);
  if (isNumber(bout.peak)) facts.push(["highest score", bout.peak.toFixed(2)]);
  if (bout.subject) facts.push(["subject", bout.subject]);
  if (bout.review) facts.push(["review", bout.review]);
  return facts;
}
