"use strict";
// The page of one run.

function figureTiles(run) {
  const keys = Object.keys(FIGURE_NAMES).filter((key) => key in run.figures);
  return box(
    "figures",
    keys.map((key) => {
      const segment = key.replace("map_", "");
      const interval = intervalOf(run, key);
      const chance = run.chance[key];
      return el(
        "div",
        {
          class: "figure",
          style: SEGMENT_NAMES.includes(segment) ? `--tone: ${toneOf(segment)}` : null,
        },
        box(
          "name",
          SEGMENT_NAMES.includes(segment) ? shape(segment) : null,
          `${FIGURE_NAMES[key]} mAP`,
        ),
        box(
          "value",
          perCent(run.figures[key]),
          isNumber(run.figures[key]) ? el("small", {}, "%") : null,
        ),
        interval ? box("beside", interval) : null,
        isNumber(chance) ? box("beside", `chance ${perCent(chance)}`) : null,
      );
    }),
  );
}

function intervalOf(run, key) {
  const [low, high] = run.intervals?.[key] || [];
  return isNumber(low) && isNumber(high) ? `${perCent(low)} – ${perCent(high)}` : null;
}

const rangesNote = (runs) =>
  runs.some((run) => intervalOf(run, "map"))
    ? " Ranges are 95 % bootstrap intervals over the test clips."
    : "";

// In the words of `slowfast.checkpoints.best`; nothing about a choice that is not known.
const isOptimistic = (best) => best.chosen_on && !best.chosen_on.startsWith("hold-out");
const bestText = (best) =>
  `epoch ${best.epoch} with mAP ${perCentSign(best.map)}, ` +
  `chosen on ${best.chosen_on || "clips that are not known"}` +
  (isOptimistic(best) ? ", for which its figures are optimistic" : "");

// Metrics beside mAP; `run.metrics` has their names, explanations and signs.
function moreTable(run) {
  const rows = Object.entries(run.more || {}).map(([key, value]) => {
    const { name = key, explanation = "", sign = "" } = run.metrics?.[key] || {};
    return { name, explanation, value: isNumber(value) ? perCent(value) + sign : "–" };
  });
  return rows.length
    ? dataTable({
        caption: "Further figures",
        plain: true,
        rows,
        columns: [
          { name: "Further figures", heading: true, value: (row) => row.name },
          { name: "Of what", wide: true, value: (row) => row.explanation },
          { name: "Value", number: true, value: (row) => row.value },
        ],
      }).node
    : null;
}

// The number of clips in `missing_clips`, and the first names.
function clipNames(clips, remark) {
  const names = Object.keys(clips || {});
  if (!names.length) return null;
  const more = names.length > 10 ? ", ..." : "";
  return `${plural(names.length, "clip")}${remark}: ${names.slice(0, 10).join(", ")}${more}`;
}

function runFacts(run) {
  const withClips = run.classes.filter((row) => row.test).length;
  const trained = run.curves?.train.length
    ? run.curves.train[run.curves.train.length - 1].epoch
    : null;
  const facts = [
    ["Model", run.model],
    ["Loss", run.loss],
    ["Weights", run.initialisation],
    ["Checkpoint", run.checkpoint],
    ["Trained", trained ? plural(trained, "epoch") : null],
    ["Tested", run.best ? `the best evaluation, ${bestText(run.best)}` : null],
    [
      "Tested on",
      run.clips_tested
        ? [
            `${plural(run.clips_tested, "clip")}${run.data ? ` of ${run.data}` : ""}`,
            run.views,
            `${run.ensemble} of the views' scores`,
          ].join(", ")
        : run.data,
    ],
    ["Not read", clipNames(run.missing_clips, ", in no figure")],
    ["Read in part", clipNames(run.incomplete_clips, "")],
    [
      "Classes",
      run.classes.length
        ? `${run.classes.length}, ${withClips} of them with test clips; ` +
          `${short(run.labels_per_clip)} labels a clip`
        : null,
    ],
    ["Segments", run.segments],
  ];
  return el(
    "dl",
    { class: "facts" },
    facts
      .filter(([, value]) => value)
      .map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value))]),
  );
}

function viewsTable(run) {
  if (run.tests.length < 2) return null;
  const keys = Object.keys(FIGURE_NAMES).filter((key) => key in run.figures);
  return dataTable({
    caption: "Figures by number of views",
    plain: true,
    rows: run.tests,
    columns: [
      { name: "Views", value: (test) => test.views, heading: true },
      ...keys.map((key) => ({
        name: FIGURE_NAMES[key],
        number: true,
        value: (test) => perCent(test.figures[key]),
      })),
    ],
  }).node;
}

const mapCurve = (run, key) =>
  (run.curves?.val || []).map((point) => [point.epoch, point[key] ?? null]);
const trainCurve = (run, key) =>
  (run.curves?.train || []).map((point) => [point.epoch, point[key]]);

const lossChart = (series, options) =>
  lineChart({
    label: "Training loss by epoch",
    yLabel: "mean of the epoch",
    format: short,
    series,
    ...options,
  });

function curvesSection(run) {
  const tones = {
    map: "var(--ink)",
    map_head: toneOf("head"),
    map_middle: toneOf("middle"),
    map_tail: toneOf("tail"),
    map_micro: "var(--soft)",
  };
  const dashes = { map_head: "8 3", map_middle: "4 3", map_tail: "1.5 4", map_micro: "10 3 2 3" };
  const maps = Object.keys(FIGURE_NAMES).map((key) => ({
    name: FIGURE_NAMES[key],
    tone: tones[key],
    dash: dashes[key],
    points: mapCurve(run, key),
  }));
  const evaluations = run.curves?.val.length || 0;
  return section(
    "curves",
    "Curves",
    evaluations
      ? `${plural(evaluations, "evaluation")} during training, on one view a clip.` +
          (run.curves.best ? ` Best: ${bestText(run.curves.best)}.` : "")
      : null,
    box(
      "pair",
      box(
        "whole",
        el("h3", {}, "mAP at evaluations"),
        lineChart({
          label: "mAP by epoch",
          yLabel: "mAP in %",
          format: perCent,
          floor: 0,
          top: 100,
          series: maps,
        }),
      ),
      box(
        null,
        el("h3", {}, "Training loss"),
        lossChart([{ name: "loss", tone: "var(--accent)", points: trainCurve(run, "loss") }]),
      ),
      box(
        null,
        el("h3", {}, "Learning rate"),
        lineChart({
          label: "Learning rate by epoch",
          yLabel: "at the epoch's end",
          format: short,
          floor: 0,
          series: [{ name: "learning rate", tone: "var(--accent)", points: trainCurve(run, "lr") }],
        }),
      ),
    ),
  );
}

function settingsSection(run) {
  const rows = Object.entries(run.settings).map(([key, [value, usual]]) => ({ key, value, usual }));
  if (!rows.length) return null;
  const columns = [
    { name: "Key", value: (row) => row.key, cell: (row) => el("code", {}, row.key), heading: true },
    {
      name: "Value",
      value: (row) => row.value,
      wide: true,
      cell: (row) => el("code", {}, row.value || "empty"),
    },
    {
      name: "Default",
      value: (row) => row.usual,
      wide: true,
      cell: (row) => el("code", { class: "soft" }, row.usual || "empty"),
    },
  ];
  const changed = rows.filter((row) => row.value !== row.usual);
  const part = (title, list) =>
    el(
      "details",
      { class: "weak" },
      el("summary", {}, title),
      dataTable({
        caption: title,
        rows: list,
        columns,
        search: (row) => `${row.key} ${row.value}`,
        hint: "Key or value",
        sort: [0, "ascending"],
      }).node,
    );
  return section(
    "settings",
    "Settings",
    null,
    box(
      null,
      part(`${changed.length} that differ from the defaults`, changed),
      part(`All ${rows.length}`, rows),
    ),
  );
}

function drawRun(run) {
  const tested = run.classes.length > 0;
  const parts = [
    curvesSection(run),
    ...(tested ? [...classSections(run), pairsSection(run), worstSection(run)] : []),
    settingsSection(run),
  ].filter(Boolean);
  return [
    pageTop(
      "Run report",
      run.name,
      [run.model, run.initialisation && `weights ${run.initialisation}`, run.views]
        .filter(Boolean)
        .join(", "),
    ),
    tested
      ? null
      : el(
          "p",
          { class: "warning" },
          "No test has left a report in the folder of this run, so there are no classes to show.",
        ),
    Object.keys(run.figures).length ? figureTiles(run) : null,
    Object.keys(run.figures).length
      ? el(
          "p",
          { class: "note under" },
          `mAP in per cent${tested ? "; chance is what random scores reach" : ""}.${rangesNote([run])}`,
        )
      : null,
    navigation(parts),
    section("run", "What was run", null, runFacts(run), viewsTable(run), moreTable(run)),
    ...parts,
  ];
}
