"use strict";
// The page of one run.

function figureTiles(run) {
  const keys = Object.keys(FIGURE_NAMES).filter((key) => key in run.figures);
  return el("div", { class: "figures" }, keys.map((key) => {
    const segment = key.replace("map_", "");
    const interval = intervalOf(run, key);
    const chance = run.chance[key];
    return el("div", { class: "figure", style: SEGMENT_NAMES.includes(segment) ? `--tone: ${toneOf(segment)}` : null },
      el("div", { class: "name" }, SEGMENT_NAMES.includes(segment) ? shape(segment) : null, `${FIGURE_NAMES[key]} mAP`),
      el("div", { class: "value" }, perCent(run.figures[key]), isNumber(run.figures[key]) ? el("small", {}, "%") : null),
      interval ? el("div", { class: "beside" }, interval) : null,
      isNumber(chance) ? el("div", { class: "beside" }, `chance ${perCent(chance)}`) : null);
  }));
}

function intervalOf(run, key) {
  const [low, high] = run.intervals?.[key] || [];
  return isNumber(low) && isNumber(high) ? `${perCent(low)} – ${perCent(high)}` : null;
}

const rangesNote = (runs) =>
  runs.some((run) => intervalOf(run, "map")) ? " Ranges are 95 % bootstrap intervals over the test clips." : "";

const bestText = (best) => `epoch ${best.epoch} with mAP ${perCent(best.map)} %, chosen on ${best.chosen_on}`;

const MORE_NAMES = {
  f1_macro: ["F1", "mean over classes, threshold 0.5"], f1_micro: ["F1", "all clips and classes together, threshold 0.5"],
  best_f1_macro: ["F1", "mean over classes, each at its best threshold (found on these clips: optimistic)"],
  best_f1_micro: ["F1", "all together, at the best threshold (found on these clips: optimistic)"],
  roc_auc: ["ROC AUC", "mean over classes"],
  calibration_error_macro: ["Calibration error", "mean over classes"], calibration_error_micro: ["Calibration error", "all together"],
  coverage: ["Coverage", "how far down the ranking the last label of a clip stands, in classes"],
};

function moreTable(run) {
  const known = Object.keys(MORE_NAMES).filter((key) => key in (run.more || {}));
  const rows = known.map((key) => ({ name: MORE_NAMES[key][0], what: MORE_NAMES[key][1], value: perCent(run.more[key]) + (key === "coverage" ? "" : " %") }));
  return rows.length ? dataTable({
    caption: "Further figures", plain: true, rows,
    columns: [{ name: "Further figures", heading: true, value: (row) => row.name },
      { name: "Of what", wide: true, value: (row) => row.what },
      { name: "Value", number: true, value: (row) => row.value }],
  }).node : null;
}

function runFacts(run) {
  const withClips = run.classes.filter((row) => row.test).length;
  const trained = run.curves?.train.length ? run.curves.train[run.curves.train.length - 1].epoch : null;
  const facts = [
    ["Model", run.model],
    ["Loss", run.loss],
    ["Weights", run.initialisation],
    ["Checkpoint", run.checkpoint],
    ["Trained", trained ? plural(trained, "epoch") : null],
    ["Tested", run.best ? `the best evaluation, ${bestText(run.best)}` : null],
    ["Tested on", run.clips_tested ? `${plural(run.clips_tested, "clip")} of ${run.data}, ${run.views}, ${run.ensemble} of the views' scores` : run.data],
    ["Classes", run.classes.length ? `${run.classes.length}, ${withClips} of them with test clips; ${short(run.labels_per_clip)} labels a clip` : null],
    ["Segments", run.segments],
  ];
  return el("dl", { class: "facts" }, facts.filter(([, value]) => value).map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]));
}

function viewsTable(run) {
  if (run.tests.length < 2) return null;
  const keys = Object.keys(FIGURE_NAMES).filter((key) => key in run.figures);
  return dataTable({
    caption: "Figures by number of views", plain: true,
    rows: run.tests,
    columns: [{ name: "Views", value: (test) => test.views, heading: true },
      ...keys.map((key) => ({ name: FIGURE_NAMES[key], number: true, value: (test) => perCent(test.figures[key]) }))],
  }).node;
}

const mapCurve = (run, key) => (run.curves?.val || []).map((point) => [point.epoch, point[key] ?? null]);
const trainCurve = (run, key) => (run.curves?.train || []).map((point) => [point.epoch, point[key]]);

function curvesSection(run) {
  const tones = { map: "var(--ink)", map_head: toneOf("head"), map_middle: toneOf("middle"), map_tail: toneOf("tail"), map_micro: "var(--soft)" };
  const dashes = { map_head: "8 3", map_middle: "4 3", map_tail: "1.5 4", map_micro: "10 3 2 3" };
  const maps = Object.keys(FIGURE_NAMES).map((key) => ({ name: FIGURE_NAMES[key], tone: tones[key], dash: dashes[key], points: mapCurve(run, key) }));
  const evaluations = run.curves?.val.length || 0;
  return section("curves", "Curves",
    evaluations ? `Evaluated ${evaluations === 1 ? "once" : `${evaluations} times`} during training, on one view a clip.`
      + (run.curves.best ? ` Best: ${bestText(run.curves.best)}.` : "") : null,
    el("div", { class: "pair" },
      el("div", { class: "whole" }, el("h3", {}, "mAP at evaluations"), lineChart({ label: "mAP by epoch", yLabel: "mAP in %", format: perCent, floor: 0, top: 100, series: maps })),
      el("div", {}, el("h3", {}, "Training loss"), lineChart({ label: "Training loss by epoch", yLabel: "mean of the epoch", format: short,
        series: [{ name: "loss", tone: "var(--accent)", points: trainCurve(run, "loss") }] })),
      el("div", {}, el("h3", {}, "Learning rate"), lineChart({ label: "Learning rate by epoch", yLabel: "at the epoch's end", format: short, floor: 0,
        series: [{ name: "learning rate", tone: "var(--accent)", points: trainCurve(run, "lr") }] }))));
}

const classRows = (run) => [
  ["segment", run.segment || "–"], ["training clips", whole(run.train)], ["test clips", whole(run.test)],
];

function classColumns(...figures) {
  return [
    { name: "Id", number: true, value: (row) => row.id },
    { name: "Class", value: (row) => row.name, wide: true, heading: true },
    ...figures,
    { name: "Segment", value: (row) => SEGMENT_NAMES.indexOf(row.segment), cell: (row) => segmentCell(row.segment) },
    { name: "Training clips", number: true, value: (row) => row.train, cell: (row) => whole(row.train) },
    { name: "Test clips", number: true, value: (row) => row.test, cell: (row) => whole(row.test) },
  ];
}

const classSearch = (row) => `${row.id} ${row.name} ${row.segment}`;
const segmentsOf = (rows) => SEGMENT_NAMES.filter((name) => rows.some((row) => row.segment === name));

function classSections(run) {
  const rows = run.classes.map((row) => ({ ...row, key: row.id }));
  const table = dataTable({
    caption: "Average precision of each class", rows, search: classSearch, hint: "Name, id or segment", groups: segmentsOf(rows), sort: [2, "descending"],
    columns: classColumns(
      { name: "AP in %", number: true, title: "The mark in the bar is chance, what random scores reach", value: (row) => row.ap,
        cell: (row) => (row.ap === null ? el("span", { class: "absent" }, "no test clip") : bar(row.ap, perCent(row.ap), { tone: toneOf(row.segment), tick: row.chance })) }),
  });
  const counted = rows.some((row) => row.train !== null);
  const points = rows.filter((row) => row.ap !== null).map((row) => ({ x: counted ? row.train : row.test, y: row.ap, segment: row.segment, key: row.key,
    name: row.name, rows: [...classRows(row), ["AP", `${perCent(row.ap)} %`], ["chance", `${perCent(row.chance)} %`]] }));
  const without = rows.length - points.length;
  return [
    section("counts", counted ? "Average precision and training clips" : "Average precision and test clips",
      "Each point is a class; click one to find it in the table." + (without ? ` ${plural(without, "class", "classes")} without a test clip ${without === 1 ? "has" : "have"} no AP and count${without === 1 ? "s" : ""} nowhere.` : ""),
      scatterChart({ label: "Average precision of each class against its number of clips", points, log: true,
        xLabel: counted ? "training clips (log)" : "test clips (log)", yLabel: "AP in %", pick: table.find })),
    section("classes", "Classes", null, table.node),
  ];
}

function pairsSection(run) {
  const name = (id) => run.classes[id]?.name ?? String(id);
  const note = "A clip with k labels is held to its k highest scores. It counts for a pair where it carries the first class, which is not among those k, "
    + "and the second is among them, though the clip does not carry it. The share is of all test clips that carry the first class.";
  const most = Math.max(...run.pairs.map((pair) => pair.share));
  const table = run.pairs.length
    ? dataTable({
      caption: "Most confused pairs of classes", rows: run.pairs, search: (pair) => `${name(pair.missed)} ${name(pair.taken)}`, hint: "Name of either class", sort: [2, "descending"],
      columns: [
        { name: "Carried, but missed", value: (pair) => name(pair.missed), wide: true, heading: true },
        { name: "Ranked in its place", value: (pair) => name(pair.taken), wide: true },
        { name: "Clips", number: true, value: (pair) => pair.clips, cell: (pair) => whole(pair.clips) },
        { name: "Share in %", number: true, value: (pair) => pair.share, cell: (pair) => bar(pair.share, (100 * pair.share).toFixed(1), { most }) },
      ],
    }).node
    : nothing("No class took the place of another in two clips or more.");
  return section("pairs", "Most confused pairs", note, table);
}

function still(run, id, entry) {
  const clip = run.clips[entry.clip];
  const name = (label) => run.classes[label]?.name ?? String(label);
  const topped = clip.top.map(([label]) => label);
  const others = clip.labels.filter((label) => !topped.includes(label) && label !== id);
  return el("figure", { class: "still" },
    el("div", { class: "frame" }, clip.still
      ? el("img", { src: clip.still, alt: `Middle frame of clip ${clip.name}` }) : el("span", {}, "no picture")),
    el("figcaption", {},
      el("div", { class: "clip" }, clip.name),
      el("div", { class: "rank" }, `score ${entry.score.toFixed(3)}`, el("br"), `rank ${whole(entry.rank)} of ${whole(run.clips_tested)}`),
      el("ul", { "aria-label": "Highest scores; those that the clip carries are ticked" },
        clip.top.map(([label, score]) => el("li", { class: `${clip.labels.includes(label) ? "true" : ""} ${label === id ? "asked" : ""}` }, el("span", {}, name(label)), el("span", {}, score.toFixed(2))))),
      others.length ? el("div", { class: "soft" }, `Also carries ${others.map(name).join(", ")}`) : null));
}

function worstSection(run) {
  const strip = (title, gloss, id, entries) => entries.length
    ? el("div", {}, el("h4", {}, title, " ", el("span", {}, gloss)), el("div", { class: "stills" }, entries.map((entry) => still(run, id, entry)))) : null;
  const cards = run.worst.map((weak) => {
    const row = run.classes[weak.class];
    return el("article", { class: "weak" },
      el("header", {}, el("h3", {}, row.name), el("p", {}, segmentCell(row.segment)),
        el("p", {}, `AP ${perCent(row.ap)} %, ${row.train === null ? "" : `${whole(row.train)} training, `}${plural(row.test, "test clip")}`)),
      el("div", { class: "strips" },
        strip("Missed:", "they show it, and score lowest", weak.class, weak.missed),
        strip("Taken for it:", "they do not, and score highest", weak.class, weak.taken)));
  });
  return section("worst", "Weakest classes",
    "The classes of lowest AP in each segment, with the middle frame of clips that tell why. Below each: the clip's highest scores over all classes, ticked where it carries the class.",
    cards.length ? el("div", {}, cards) : nothing("No class failed in any clip."));
}

function settingsSection(run) {
  const rows = Object.entries(run.settings).map(([key, [value, usual]]) => ({ key, value, usual }));
  if (!rows.length) return null;
  const columns = [
    { name: "Key", value: (row) => row.key, cell: (row) => el("code", {}, row.key), heading: true },
    { name: "Value", value: (row) => row.value, wide: true, cell: (row) => el("code", {}, row.value || "empty") },
    { name: "Default", value: (row) => row.usual, wide: true, cell: (row) => el("code", { class: "soft" }, row.usual || "empty") },
  ];
  const changed = rows.filter((row) => row.value !== row.usual);
  const part = (title, list) => el("details", { class: "weak" }, el("summary", {}, title),
    dataTable({ caption: title, rows: list, columns, search: (row) => `${row.key} ${row.value}`, hint: "Key or value", sort: [0, "ascending"] }).node);
  return section("settings", "Settings", null,
    el("div", {}, part(`${changed.length} that differ from the defaults`, changed), part(`All ${rows.length}`, rows)));
}

function drawRun(run) {
  const tested = run.classes.length > 0;
  const parts = [
    curvesSection(run),
    ...(tested ? [...classSections(run), pairsSection(run), worstSection(run)] : []),
    settingsSection(run),
  ].filter(Boolean);
  return [
    pageTop("Run report", run.name, [run.model, run.initialisation && `weights ${run.initialisation}`, run.views].filter(Boolean).join(", ")),
    tested ? null : el("p", { class: "warning" }, "No test has left a report in this run's folder, so there are no classes to show."),
    Object.keys(run.figures).length ? figureTiles(run) : null,
    tested ? el("p", { class: "note under" }, `mAP in per cent; chance is what random scores reach.${rangesNote([run])}`) : null,
    navigation(parts),
    section("run", "What was run", null, runFacts(run), viewsTable(run), moreTable(run)),
    ...parts,
  ];
}
