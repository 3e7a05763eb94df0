"use strict";
// The page of one video: the player, the time line, what is seen now, and the lists below.

const KEYS = [
  ["Space", "play, pause"],
  ["← →", "1 second; with Shift 10 seconds"],
  [", .", "one frame"],
  ["↑ ↓", "class"],
  ["N P", "next and previous bout of the class"],
  ["+ − 0", "zoom in, out, whole video; or the wheel on the axis, Ctrl and wheel, two fingers"],
  ["S", "scores of the class"],
  ["/", "search classes"],
  ["Enter", "play the selected bout"],
  ["A R", "accept, reject the selected bout"],
  ["[ ]", "selected bout starts, ends at the play head; or drag its ends"],
  ["B", "new bout of the class at the play head"],
  ["C", "what the time line shows is checked; again: it is not"],
  ["Shift C", "the time of the selected bout is checked"],
  ["Delete", "remove the selected bout"],
  ["Ctrl Z, Ctrl Y", "undo, redo"],
  ["Home End", "beginning and end"],
];

function drawVideo(record) {
  const ethogram = makeEthogram(record);
  const state = { rows: [], curves: new Set(), selected: null, row: null };
  let [text, filter, allCurves] = ["", null, false];
  let pending = false;

  const storage = makeStorage(record, () => showPanel());
  const edits = makeEdits(ethogram, storage, () => {
    if (pending) return;
    pending = true;
    setTimeout(() => {
      pending = false;
      afterEdit();
    }, 0);
  });
  const player = makePlayer(record, () => {
    if (player.isPlaying) timeline.follow();
    timeline.moveHead();
    showNow();
  });
  const act = {
    seek: (time) => player.seek(time),
    select(id) {
      if (state.selected === id) return;
      state.selected = id;
      showPanel();
      timeline.draw();
    },
    chooseRow(label) {
      if (state.row === label) return;
      state.row = label;
      showPanel();
      timeline.draw();
    },
    toggleCurve(label) {
      if (!ethogram.hasScores(label)) return;
      if (!state.curves.delete(label)) state.curves.add(label);
      timeline.layout();
    },
    moved: (id, start, stop) => edits.move(id, start, stop),
    viewed: () => showChecking(),
  };
  const timeline = makeTimeline(ethogram, edits, player, state, act);
  const selected = () => (state.selected === null ? null : edits.get(state.selected));

  // ----------------------------------------------------------------------------- rows and filter

  const seen = () => {
    const found = new Set(edits.all.map((bout) => bout.label));
    for (const [label] of record.events) found.add(label);
    return found;
  };

  function chooseRows() {
    const found = seen();
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    state.rows = ethogram.classes
      .map((_, label) => label)
      .filter(
        (label) =>
          (filter.value === "all" || words.length || found.has(label)) &&
          words.every((word) => ethogram.classes[label].toLowerCase().includes(word)),
      );
    if (filter.value === "first") {
      const begin = ethogram.classes.map(() => Infinity);
      for (const bout of edits.all) begin[bout.label] = Math.min(begin[bout.label], bout.start);
      state.rows.sort((a, b) => begin[a] - begin[b] || a - b);
    }
    if (allCurves) state.curves = new Set(state.rows);
    empty.hidden = state.rows.length > 0;
    count.textContent = `${state.rows.length} of ${plural(ethogram.classes.length, "class", "classes")}`;
    timeline.layout();
  }

  const search = el("input", {
    type: "search",
    placeholder: "Search classes",
    "aria-label": "Search classes",
    autocomplete: "off",
    oninput() {
      text = search.value;
      chooseRows();
    },
  });
  filter = el(
    "select",
    { "aria-label": "Classes shown", onchange: chooseRows },
    el("option", { value: "found" }, "classes that were found"),
    el("option", { value: "first" }, "found, by first bout"),
    el("option", { value: "all" }, "all classes"),
  );
  if (!seen().size) filter.value = "all";
  const count = el("span", { class: "soft", role: "status" });
  const empty = nothing("No class matches.");

  // --------------------------------------------------------------------------------------- tools

  const button = (name, title, onclick, more = {}) =>
    el(
      "button",
      { type: "button", class: "button", title, "aria-label": title, onclick, ...more },
      name,
    );
  const play = button("Play", "Play or pause (Space)", () => player.toggle());
  const time = el("output", { class: "time" });
  const curves = button("Scores", "Show the scores of all classes", () => {
    allCurves = !allCurves;
    state.curves = new Set(allCurves ? state.rows : []);
    curves.setAttribute("aria-pressed", String(allCurves));
    timeline.layout();
  });
  curves.setAttribute("aria-pressed", "false");
  const speed = el(
    "select",
    { "aria-label": "Speed", onchange: () => (player.speed = Number(speed.value)) },
    [0.1, 0.25, 0.5, 1, 2, 4, 8].map((value) =>
      el("option", { value, selected: value === 1 && "" }, `${value}×`),
    ),
  );
  const tools = box(
    "tools strip",
    play,
    time,
    speed,
    el(
      "span",
      { class: "group" },
      button("−", "Zoom out (−)", () => timeline.zoom(2)),
      button("+", "Zoom in (+)", () => timeline.zoom(0.5)),
      button("All", "Show the whole video (0)", () => timeline.all()),
    ),
    curves,
    search,
    filter,
    count,
  );

  // -------------------------------------------------------------------------- what is seen now

  const now = box("now");
  let nowAt = 0;
  function showNow() {
    time.textContent = `${clock(player.time, 2)} / ${clock(ethogram.seconds, 2)}`;
    play.textContent = player.isPlaying ? "Pause" : "Play";
    play.disabled = !player.isReady;
    const at = performance.now();
    if (player.isPlaying && at - nowAt < 120) return; // text that changes faster cannot be read
    nowAt = at;
    const rows = ethogram.classes
      .map((name, label) => ({ name, label, score: ethogram.scoreAt(label, player.time) }))
      .map((row) => ({
        ...row,
        person: ethogram.eventIndex[row.label].at(player.time) !== null,
        shown: timeline.seenAt(row.label, player.time),
      }))
      .sort((a, b) => b.shown - a.shown || b.person - a.person || (b.score ?? -1) - (a.score ?? -1))
      .slice(0, 6);
    now.replaceChildren(
      ...rows.map((row) =>
        el(
          "button",
          {
            type: "button",
            class: `now-row${row.shown ? " shown" : ""}`,
            "aria-label": [
              row.name,
              row.score === null ? "no score" : `score ${row.score.toFixed(2)}`,
              ...(row.person ? ["seen by the person"] : []),
            ].join(", "),
            style: `--hue: ${hue(row.label)}`,
            onclick: () => revealClass(row.label),
          },
          el(
            "span",
            { class: "now-name", title: row.name },
            swatch(row.label),
            el("span", {}, row.name),
          ),
          row.person ? el("span", { class: "chip" }, "person") : null,
          bar(row.score ?? 0, row.score === null ? "–" : row.score.toFixed(2), { most: 1 }),
        ),
      ),
    );
  }

  let boutsOf = [];
  function gather() {
    boutsOf = ethogram.classes.map(() => []);
    for (const bout of edits.standing) boutsOf[bout.label].push(bout);
  }

  function revealClass(label) {
    if (!state.rows.includes(label)) {
      search.value = text = "";
      filter.value = seen().has(label) ? filter.value : "all";
      chooseRows();
    }
    state.row = label;
    timeline.reveal(label, player.time, player.time);
    showPanel();
  }

  function revealBout(bout) {
    revealClass(bout.label);
    act.select(bout.id);
    player.seek(bout.start);
    timeline.reveal(bout.label, bout.start, bout.stop);
  }

  // ----------------------------------------------------------------------------------- the editor

  const panel = box("panel");
  const withBout = (todo) => () => {
    const bout = selected();
    if (bout) todo(bout);
  };
  const commands = {
    accept: withBout((bout) => edits.review(bout.id, "accepted")),
    reject: withBout((bout) => edits.review(bout.id, "rejected")),
    remove: withBout((bout) => {
      state.selected = null;
      edits.remove(bout.id);
    }),
    startHere: withBout((bout) => {
      if (player.time < bout.stop) edits.move(bout.id, player.time, bout.stop);
    }),
    stopHere: withBout((bout) => {
      if (player.time > bout.start) edits.move(bout.id, bout.start, player.time);
    }),
    play: withBout((bout) => player.playBout(bout)),
    add() {
      if (state.row === null) return;
      // A tenth of what is visible, and at most two seconds: its ends are moved afterwards.
      const wide = Math.min(2, timeline.span() / 10);
      state.selected = edits.add(state.row, player.time, player.time + wide);
    },
    undo() {
      const id = edits.undo();
      if (id !== null) state.selected = edits.get(id) ? id : null;
    },
    redo() {
      const id = edits.redo();
      if (id !== null) state.selected = edits.get(id) ? id : null;
    },
    check: () => edits.check(timeline.view.from, timeline.view.to),
    checkBout: withBout((bout) => edits.check(bout.start, bout.stop)),
    next() {
      const next = places.next(edits);
      if (next) location.assign(next);
    },
    save: () => download(boutsAsCsv(ethogram, edits.standing, edits.checked), record.csv_name),
  };

  // What the time line shows can be marked as checked; a review goes on to the next place from there.
  const places = makePlaces(record.review);
  if (places.isServed) KEYS.push(["J", "next place to review"]);
  const checking = box("tools checking");
  function showChecking() {
    const { from, to } = timeline.view;
    const what = `${clock(from)} – ${clock(to)}`;
    const seconds = edits.checked.reduce((sum, [start, stop]) => sum + stop - start, 0);
    checking.replaceChildren(
      button(
        edits.isChecked(from, to) ? `${what} is checked: unmark it` : `Mark ${what} as checked`,
        "All bouts in this time are right, and none is missing (C)",
        commands.check,
      ),
      places.isServed
        ? button("Next place", "Go to the next place to review (J)", commands.next, {
            disabled: places.next(edits) ? null : "",
          })
        : "",
      el(
        "span",
        { class: "soft" },
        seconds ? `${length(seconds)} checked` : "Nothing is checked yet",
      ),
    );
  }

  function download(text, name) {
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    el("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  // Corrections of the same video that belong to other bouts, such as those of other thresholds.
  const earlier = box(null);
  function showEarlier() {
    earlier.replaceChildren(
      ...storage.earlier().map(({ csv, forget }) =>
        el(
          "div",
          { class: "warning earlier" },
          el("p", {}, "This browser keeps corrections of an earlier prediction on this video."),
          button("Download them", "Download the earlier corrections", () =>
            download(csv, `earlier_${record.csv_name}`),
          ),
          button("Forget them", "Remove the earlier corrections from this browser", () => {
            forget();
            showEarlier();
          }),
        ),
      ),
    );
  }

  function keptWords(changes) {
    const many = plural(changes, "correction");
    if (!storage.isSaved) {
      const why = storage.problem && ` (${storage.problem})`;
      return `${many} cannot be kept ${storage.place}${why}: download the CSV before you close the page.`;
    }
    if (storage.isSaving) return `${many}, being saved ${storage.place} …`;
    return changes
      ? `${many}, kept ${storage.place}. Download the CSV to use them elsewhere.`
      : `Corrections are kept ${storage.place}.`;
  }

  function showPanel() {
    const bout = selected();
    const changes = edits.count;
    const row = state.row;
    const head = bout
      ? el(
          "p",
          { class: "panel-head" },
          classCell(ethogram.classes[bout.label], bout.label),
          ` ${clock(bout.start, 2)} – ${clock(bout.stop, 2)} (${length(bout.stop - bout.start)})`,
          isNumber(bout.mean) ? `, mean score ${bout.mean.toFixed(2)}` : "",
          bout.review ? el("strong", {}, ` ${bout.review}`) : null,
        )
      : el(
          "p",
          { class: "panel-head soft" },
          "Select a bout on the time line to correct it, or a class to add one.",
        );
    const labels = bout
      ? el(
          "select",
          {
            "aria-label": "Class of the bout",
            onchange: (event) => edits.rename(bout.id, Number(event.target.value)),
          },
          ethogram.classes.map((name, label) =>
            el("option", { value: label, selected: label === bout.label && "" }, name),
          ),
        )
      : null;
    const toggled = (value) => ({ "aria-pressed": String(bout?.review === value) });
    showChecking();
    panel.replaceChildren(
      head,
      box(
        "tools",
        bout
          ? [
              button("Accept", "Accept the bout (A)", commands.accept, toggled("accepted")),
              button("Reject", "Reject the bout (R)", commands.reject, toggled("rejected")),
              button(
                "Time is checked",
                "All bouts in the time of this bout are right, and none is missing (Shift C)",
                commands.checkBout,
                { "aria-pressed": String(edits.isChecked(bout.start, bout.stop)) },
              ),
              button("Start here", "The bout starts at the play head ([)", commands.startHere),
              button("End here", "The bout ends at the play head (])", commands.stopHere),
              button("Play bout", "Play the bout (Enter)", commands.play),
              button("Delete", "Delete the bout (Delete)", commands.remove),
              labels,
            ]
          : row === null
            ? null
            : button(
                `Add ${brief(ethogram.classes[row])} here`,
                "New bout at the play head (B)",
                commands.add,
              ),
        el(
          "span",
          { class: "group end" },
          button("Undo", "Undo (Ctrl Z)", commands.undo, { disabled: changes ? null : "" }),
          button("Redo", "Redo (Ctrl Y)", commands.redo, { disabled: edits.canRedo ? null : "" }),
          button(
            "Download CSV",
            "Download the bouts that stand, with your corrections",
            commands.save,
          ),
        ),
      ),
      checking,
      el("p", { class: storage.isSaved ? "soft under" : "warning" }, keptWords(changes)),
    );
  }

  // -------------------------------------------------------------------------------------- lists

  const people = record.events.length ? ethogram.events : null;
  const budget = box(null);
  let cards = null;
  function showLists() {
    budget.replaceChildren(budgetTable(ethogram.classes, boutsOf, people, ethogram.seconds));
    cards?.show();
  }

  let listing = null;
  function afterEdit() {
    gather();
    if (state.selected !== null && !edits.get(state.selected)) state.selected = null;
    const missing = edits.all.some((bout) => !state.rows.includes(bout.label));
    timeline.refresh();
    if (missing) chooseRows();
    showNow();
    showPanel();
    clearTimeout(listing);
    listing = setTimeout(showLists, 150);
  }

  // ----------------------------------------------------------------------------------- keyboard

  function step(direction) {
    const bouts = state.row === null ? edits.standing : boutsOf[state.row];
    const here = selected()?.start ?? player.time;
    const next =
      direction > 0
        ? bouts.find((bout) => bout.start > here + 1e-6)
        : bouts.findLast((bout) => bout.start < here - 1e-6);
    if (next) revealBout(next);
  }

  function moveRow(direction) {
    const at = state.rows.indexOf(state.row);
    const next =
      state.rows[at < 0 ? 0 : Math.max(0, Math.min(state.rows.length - 1, at + direction))];
    if (next === undefined) return;
    state.selected = null;
    state.row = next;
    timeline.reveal(next, timeline.view.from, timeline.view.to);
    showPanel();
  }

  const keys = {
    " ": () => player.toggle(),
    ArrowLeft: (event) => player.seek(player.time - (event.shiftKey ? 10 : 1)),
    ArrowRight: (event) => player.seek(player.time + (event.shiftKey ? 10 : 1)),
    ArrowUp: () => moveRow(-1),
    ArrowDown: () => moveRow(1),
    ",": () => player.seek(player.time - ethogram.frameSeconds),
    ".": () => player.seek(player.time + ethogram.frameSeconds),
    Home: () => player.seek(0),
    End: () => player.seek(ethogram.seconds),
    n: () => step(1),
    p: () => step(-1),
    "+": () => timeline.zoom(0.5),
    "=": () => timeline.zoom(0.5),
    "-": () => timeline.zoom(2),
    0: () => timeline.all(),
    s: () => state.row !== null && act.toggleCurve(state.row),
    "/": () => search.focus(),
    Enter: commands.play,
    a: commands.accept,
    r: commands.reject,
    "[": commands.startHere,
    "]": commands.stopHere,
    b: commands.add,
    c: (event) => (event.shiftKey ? commands.checkBout() : commands.check()),
    j: commands.next,
    Delete: commands.remove,
    Backspace: commands.remove,
    Escape: () => act.select(null),
  };
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (target.matches("input:not([type=file]), select, textarea")) {
      if (key === "Escape" && target === search) timeline.canvas.focus();
      return;
    }
    if ((event.ctrlKey || event.metaKey) && !event.altKey) {
      const again = key.toLowerCase() === "y" || (key.toLowerCase() === "z" && event.shiftKey);
      if (again) commands.redo();
      else if (key.toLowerCase() === "z") commands.undo();
      else return;
      event.preventDefault();
      return;
    }
    if (event.altKey) return;
    // Buttons, tables and the player have keys of their own.
    if (target.closest("button, a, summary, .scroll, video") && !/^[a-z0[\]+/=-]$/.test(key))
      return;
    const todo = keys[key] ?? keys[key.toLowerCase()];
    if (!todo) return;
    event.preventDefault();
    const before = player.time;
    todo(event);
    if (player.time !== before) timeline.follow();
  });

  // The address can name a place: #at=12.5&class=walking.
  function goToHash() {
    const asked = new URLSearchParams(location.hash.slice(1));
    if (!asked.has("at")) return;
    const time = Number(asked.get("at")) || 0;
    const label = ethogram.classes.indexOf(asked.get("class"));
    player.seek(time);
    if (label < 0) return;
    revealClass(label);
    act.select(boutsOf[label].find((bout) => bout.start <= time && time < bout.stop)?.id ?? null);
    timeline.show(time - 10, time + 20);
  }

  // --------------------------------------------------------------------------------- the page

  gather();
  cards = boutCards(ethogram, edits, (bout) => {
    revealBout(bout);
    watch.scrollIntoView({ block: "start" });
  });
  const watch = section(
    "watch",
    "Video and time line",
    null,
    box("stage", player.node, box("beside-video", el("h3", {}, "Now"), now)),
    tools,
    timeline.node,
    empty,
    record.events.length
      ? el(
          "p",
          { class: "soft under" },
          "Thick bars are predicted bouts. Thin bars above them are a person's.",
        )
      : null,
    panel,
    earlier,
  );
  const parts = [
    watch,
    section(
      "budget",
      "Time budget",
      `Shares are of ${length(ethogram.seconds)}, the length of the video.`,
      budget,
    ),
    section(
      "bouts",
      "Bouts",
      "A picture is the frame with the highest score. A click leads to the bout.",
      cards.node,
    ),
    record.agreement ? agreementSection(record.agreement) : null,
    section(
      "keys",
      "Keys",
      null,
      el(
        "dl",
        { class: "facts" },
        KEYS.map(([name, what]) => [el("dt", {}, el("kbd", {}, name)), el("dd", {}, what)]),
      ),
    ),
  ].filter(Boolean);
  const found = new Set(edits.standing.map((bout) => bout.label)).size;
  const top = pageTop(
    "Ethogram",
    record.name,
    `${length(ethogram.seconds)}, ${plural(edits.standing.length, "bout")} of ` +
      `${plural(found, "class", "classes")} out of ${ethogram.classes.length}`,
  );
  if (record.overview)
    top
      .querySelector(".kicker")
      .replaceChildren(el("a", { href: record.overview }, "← All videos"));
  requestAnimationFrame(() => {
    timeline.start();
    chooseRows();
    showNow();
    showPanel();
    showEarlier();
    showLists();
    goToHash();
  });
  addEventListener("hashchange", goToHash);
  drawVideo.parts = { ethogram, edits, player, timeline, state }; // for tests, and for the curious
  return [top, navigation(parts), ...parts];
}
