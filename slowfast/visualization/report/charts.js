"use strict";
// Line and scatter charts in SVG. A chart is drawn again when its width changes, so that text keeps
// its size. The keyboard reaches it as one element; arrow keys move the read-out.

const MARGIN = { top: 30, right: 14, bottom: 42, left: 46 };

function linearTicks(low, high, about) {
  const rough = (high - low) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10]
    .map((factor) => factor * power)
    .find((size) => size >= rough * 0.999);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++)
    ticks.push(k * step);
  return ticks.map((tick) => Number(tick.toPrecision(10)));
}

function linearScale(low, high, from, to) {
  const scale = (value) => from + ((value - low) / (high - low || 1)) * (to - from);
  scale.ticks = (about) => linearTicks(low, high, about).map((value) => [value, String(value)]);
  return scale;
}

// A logarithmic scale, with an extra place for 0 where it is needed.
function logScale(low, high, from, to, withNought) {
  const start = withNought ? from + 28 : from;
  const bottom = Math.log10(low);
  const span = Math.log10(high) - bottom || 1;
  const scale = (value) =>
    value <= 0 ? from + 6 : start + ((Math.log10(value) - bottom) / span) * (to - start);
  scale.ticks = () => {
    const ticks = withNought ? [[0, "0"]] : [];
    const factors = span > 1.6 ? [1] : [1, 2, 5];
    for (let power = Math.floor(bottom); power <= Math.ceil(Math.log10(high)); power++) {
      for (const factor of factors) {
        const value = factor * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) ticks.push([value, whole(value)]);
      }
    }
    return ticks;
  };
  return scale;
}

// An SVG as wide as its container. draw(node, width, height) fills it, and is called again on resize.
function canvas(label, height, kind, draw) {
  const node = svg("svg", { role: "img", tabindex: 0, "aria-label": label, height });
  const host = el("div", { class: `chart ${kind}` }, node);
  let known = 0;
  const redraw = () => {
    const width = Math.floor(host.clientWidth);
    if (!width) return;
    known = width;
    node.setAttribute("viewBox", `0 0 ${width} ${height}`);
    node.replaceChildren();
    draw(node, width, height);
  };
  new ResizeObserver(() => {
    if (Math.floor(host.clientWidth) !== known) redraw();
  }).observe(host);
  return { host, node, redraw };
}

// The read-out stays after a touch, and disappears with the mouse or the focus.
function letGo(node, clear) {
  node.onblur = clear;
  node.onpointerleave = (event) => {
    if (event.pointerType !== "touch") clear();
  };
}

function drawAxes(node, x, y, width, height, xLabel, yLabel) {
  const floor = height - MARGIN.bottom;
  const right = width - MARGIN.right;
  for (const [value, text] of y.ticks(Math.max(3, Math.round((floor - MARGIN.top) / 48)))) {
    node.append(
      svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: y(value), y2: y(value) }),
      svg("text", { x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, text),
    );
  }
  for (const [value, text] of x.ticks(Math.max(2, Math.round((right - MARGIN.left) / 90)))) {
    node.append(
      svg("line", { class: "axis", x1: x(value), x2: x(value), y1: floor, y2: floor + 5 }),
      svg("text", { x: x(value), y: floor + 18, "text-anchor": "middle" }, text),
    );
  }
  node.append(
    svg("line", { class: "axis", x1: MARGIN.left, x2: right, y1: floor, y2: floor }),
    svg("text", { x: (MARGIN.left + right) / 2, y: height - 4, "text-anchor": "middle" }, xLabel),
    svg("text", { x: 0, y: 12 }, yLabel),
  );
}

/* Curves over epochs. series: [{name, tone, dash, points: [[epoch, value]]}]; a value may be null.
   `format` writes a value in the read-out; `floor` and `top` are the ends of the axis, where it has
   them; `withLegend`: a single curve has a legend too. */
function lineChart({ label, series, yLabel, format, floor = null, top = null, withLegend = false }) {
  const known = series.filter((one) => one.points.some(([, value]) => isNumber(value)));
  if (!known.length) return nothing("There is nothing to draw here yet.");
  for (const one of known) one.mark = () => stroke(one.tone, one.dash);
  let at = null;
  let select = () => {};

  const chart = canvas(label, 280, "lines", (node, width, height) => {
    const shown = known.filter((one) => !one.hidden);
    const epochs = [...new Set(known.flatMap((one) => one.points.map(([epoch]) => epoch)))].sort(
      (a, b) => a - b,
    );
    const values = (shown.length ? shown : known)
      .flatMap((one) => one.points.map(([, v]) => v))
      .filter(isNumber);
    let low = Math.min(...values);
    let high = Math.max(...values);
    const air = (high - low || Math.abs(high) || 1) * 0.08;
    low = floor === null ? low - air : Math.max(floor, low - air);
    high = top === null ? high + air : Math.min(top, high + air);
    if (high <= low) high = low + 1;
    // A single epoch is drawn in the middle.
    const one = epochs.length === 1 ? 1 : 0;
    const x = linearScale(
      epochs[0] - one,
      epochs[epochs.length - 1] + one,
      MARGIN.left + 6,
      width - MARGIN.right - 6,
    );
    const y = linearScale(low, high, height - MARGIN.bottom, MARGIN.top);
    const ticks = x.ticks;
    x.ticks = (about) =>
      one
        ? [[epochs[0], String(epochs[0])]]
        : ticks(about).filter(([value]) => Number.isInteger(value));
    drawAxes(node, x, y, width, height, "epoch", yLabel);
    for (const curve of shown) {
      const points = curve.points.filter(([, value]) => isNumber(value));
      node.append(
        svg("path", {
          class: "curve",
          style: `stroke: ${curve.tone}`,
          "stroke-dasharray": curve.dash,
          d: points
            .map(
              ([epoch, value], k) =>
                `${k ? "L" : "M"}${x(epoch).toFixed(1)} ${y(value).toFixed(1)}`,
            )
            .join(""),
        }),
      );
      if (points.length <= 40) {
        for (const [epoch, value] of points) {
          node.append(
            svg("circle", {
              class: "dot",
              style: `fill: ${curve.tone}`,
              r: points.length > 1 ? 3.2 : 5,
              cx: x(epoch),
              cy: y(value),
            }),
          );
        }
      }
    }
    const guide = svg("line", {
      class: "guide",
      y1: MARGIN.top,
      y2: height - MARGIN.bottom,
      visibility: "hidden",
    });
    node.append(guide);
    select = (epoch, clientY) => {
      at = epoch;
      guide.setAttribute("visibility", epoch === null ? "hidden" : "visible");
      if (epoch === null) return tip.hide();
      guide.setAttribute("x1", x(epoch));
      guide.setAttribute("x2", x(epoch));
      const box = node.getBoundingClientRect();
      const rows = shown.map((curve) => {
        const point = curve.points.find(([other]) => other === epoch);
        return point && isNumber(point[1])
          ? tip.row(curve.mark(), curve.name, format(point[1]))
          : null;
      });
      tip.show(
        box.left + x(epoch),
        clientY ?? box.top + MARGIN.top,
        () => select(null),
        el("strong", {}, `Epoch ${epoch}`),
        rows.filter(Boolean),
      );
    };
    node.onpointermove = node.onpointerdown = (event) => {
      const px = event.clientX - node.getBoundingClientRect().left;
      select(
        epochs.reduce((best, epoch) =>
          Math.abs(x(epoch) - px) < Math.abs(x(best) - px) ? epoch : best,
        ),
        event.clientY,
      );
    };
    node.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const place = at === null ? (step > 0 ? -1 : epochs.length) : epochs.indexOf(at);
      select(epochs[Math.max(0, Math.min(epochs.length - 1, place + step))]);
    };
  });
  letGo(chart.node, () => select(null));
  return box(null, withLegend || known.length > 1 ? legend(known, chart.redraw) : null, chart.host);
}

/* A point a class. points: [{x, y, segment, name, rows: [[name, value]], key}]; `pick(key)` is
   called on a click. `log`: of the x axis; `diagonal`: x and y are of one kind, and equal on a line. */
function scatterChart({ label, points, xLabel, yLabel, log = false, diagonal = false, pick }) {
  if (!points.length) return nothing("No class has a figure to draw here.");
  const present = [...SEGMENT_NAMES, ""].filter((name) =>
    points.some((point) => point.segment === name),
  );
  const segments = present.map((name) => ({
    name: name || "classes",
    segment: name,
    mark: () => shape(name),
  }));
  let at = null;
  let select = () => {};

  const chart = canvas(
    label,
    diagonal ? 460 : 380,
    diagonal ? "scatter square" : "scatter",
    (node, width, height) => {
      const off = segments.filter((one) => one.hidden).map((one) => one.segment);
      const shown = points
        .filter((point) => !off.includes(point.segment))
        .sort((a, b) => a.x - b.x || a.y - b.y);
      const left = MARGIN.left + 8;
      const right = width - MARGIN.right - 8;
      const xs = points.map((point) => point.x);
      const counts = xs.filter((value) => value > 0);
      const x = log
        ? logScale(
            counts.length ? Math.min(...counts) : 1,
            Math.max(...counts, 2),
            left,
            right,
            xs.some((value) => value <= 0),
          )
        : linearScale(0, 100, left, right);
      const y = linearScale(0, 100, height - MARGIN.bottom - 4, MARGIN.top + 4);
      drawAxes(node, x, y, width, height, xLabel, yLabel);
      if (diagonal)
        node.append(svg("line", { class: "diagonal", x1: x(0), y1: y(0), x2: x(100), y2: y(100) }));
      const dots = shown.map((point) =>
        svg("path", {
          class: "dot",
          "data-class": point.key,
          style: `fill: ${toneOf(point.segment)}`,
          d: shapePath(point.segment, width < 500 ? 4.4 : 5),
          transform: `translate(${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)})`,
        }),
      );
      const ring = svg("path", { class: "ring", visibility: "hidden" });
      node.append(...dots, ring);
      select = (index, clientX, clientY) => {
        at = index;
        node.style.cursor = index === null ? "" : "pointer";
        ring.setAttribute("visibility", index === null ? "hidden" : "visible");
        if (index === null) return tip.hide();
        const point = shown[index];
        for (const name of ["d", "transform", "style"])
          ring.setAttribute(name, dots[index].getAttribute(name));
        const box = node.getBoundingClientRect();
        tip.show(
          clientX ?? box.left + x(point.x),
          clientY ?? box.top + y(point.y),
          () => select(null),
          el("strong", {}, point.name),
          point.rows.map(([name, value]) => tip.row(null, name, value)),
        );
      };
      const nearest = (event) => {
        const box = node.getBoundingClientRect();
        let best = null;
        let least = (event.pointerType === "touch" ? 30 : 18) ** 2;
        shown.forEach((point, index) => {
          const gap =
            (x(point.x) - event.clientX + box.left) ** 2 +
            (y(point.y) - event.clientY + box.top) ** 2;
          if (gap < least) [best, least] = [index, gap];
        });
        return best;
      };
      // A touch screen has no hover: the first tap names the class, the second finds it.
      let tapped = null;
      node.onpointerdown = (event) => {
        tapped = event.pointerType === "touch" ? at : nearest(event);
        select(nearest(event), event.clientX, event.clientY);
      };
      node.onpointermove = (event) => select(nearest(event), event.clientX, event.clientY);
      node.onclick = () => {
        if (at !== null && at === tapped) pick(shown[at].key);
      };
      node.onkeydown = (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (event.key === "Enter" && at !== null) pick(shown[at].key);
        if (!step || !shown.length) return;
        event.preventDefault();
        const place = at === null ? (step > 0 ? -1 : shown.length) : at;
        select(Math.max(0, Math.min(shown.length - 1, place + step)));
      };
      at = null;
    },
  );
  letGo(chart.node, () => select(null));
  return box(null, segments.length > 1 ? legend(segments, chart.redraw) : null, chart.host);
}
