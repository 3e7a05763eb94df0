"use strict";
// The page of one run.

const figureKeys = (run) => Object.keys(run.names).filter((key) => key in run.figures);

function figureTiles(run) {
  return box(
    "figures",
    figureKeys(run).map((key) => {
      const segment = segmentOf(key);
      const interval = intervalOf(run, key);
      const chance = run.chance[key];
      return el(
        "div",
        {
          class: "figure",
          style: segment ? `--tone: ${toneOf(segment)}` : null,
        },
        box("name", segment ? shape(segment) : null, `${run.names[key]} ${run.quantity}`),
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

// The tiles of a run, a row for each label set, and what they mean.
function figuresOf(run) {
  const sets = setsOf(run).filter((one) => figureKeys(one).length);
  if (!sets.length) return [];
  const tested = sets.some((one) => one.classes.length);
  const macro = sets.some((one) => one.quantity === "accuracy");
  return [
    ...sets.flatMap((one) => [
      one.set ? el("h3", { class: "set" }, capital(one.set)) : null,
      figureTiles(one),
    ]),
    el(
      "p",
      { class: "note under" },
      `${capital(sets[0].quantity)} in per cent` +
        `${tested && sets.some((one) => Object.keys(one.chance).length) ? "; chance is what random scores reach" : ""}.` +
        (macro ? " Macro, head, middle and tail are means over classes of top-1 accuracies." : "") +
        rangesNote(sets),
    ),
  ];
}

const rangesNote = (runs) =>
  runs.some((run) => Object.keys(run.names).some((key) => intervalOf(run, key)))
    ? " Ranges are 95 % bootstrap intervals over the test clips."
    : "";

// In the words of `slowfast.checkpoints.best`; nothing about a choice that is not known.
const isOptimistic = (best) => best.chosen_on && best.chosen_on.startsWith("the test set");
const bestText = (best) =>
  `epoch ${best.epoch} with ${best.metric?.name ?? "mAP"} ` +
  `${perCent(best[best.metric?.key ?? "map"])}${best.metric?.sign ?? " %"}, ` +
  `chosen on ${best.chosen_on || "clips that are not known"}` +
  (isOptimistic(best) ? ", for which its figures are optimistic" : "");

// Metrics beside the figures in the tiles; `run.metrics` has their names, explanations and signs.
function moreTable(run) {
  const rows = Object.entries(run.more || {}).map(([key, value]) => {
    const { name = key, explanation = "", sign = "" } = run.metrics?.[key] || {};
    return { name, explanation, value: isNumber(value) ? perCent(value) + sign : "–" };
  });
  return rows.length
    ? dataTable({
        caption: titled(run, "Further figures"),
        plain: true,
        rows,
        columns: [
          { name: titled(run, "Further figures"), heading: true, value: (row) => row.name },
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

function classFacts(run) {
  const withClips = run.classes.filter((row) => row.test).length;
  return [
    [
      titled(run, "Classes"),
      run.classes.length
        ? `${run.classes.length}, ${withClips} of them with test clips; ` +
          `${short(run.labels_per_clip)} ${run.labels_per_clip === 1 ? "label" : "labels"} a clip`
        : null,
    ],
    [titled(run, "Segments"), run.segments],
  ];
}

function runFacts(run) {
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
    ...setsOf(run).flatMap(classFacts),
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
  return dataTable({
    caption: titled(run, "Figures by number of views"),
    plain: true,
    rows: run.tests,
    columns: [
      { name: titled(run, "Views"), value: (test) => test.views, heading: true },
      ...figureKeys(run).map((key) => ({
        name: run.names[key],
        number: true,
        value: (test) => perCent(test.figures[key]),
      })),
    ],
  }).node;
}

const figureCurve = (run, key) => {
  const name = run.set ? `${run.set}/${key}` : key;
  return (run.curves?.val || []).map((point) => [point.epoch, point[name] ?? null]);
};
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

// Tones and dashes of curves: of segments, of the first figure, and of others.
const SEGMENT_DASHES = { head: "8 3", middle: "4 3", tail: "1.5 4" };
const OTHER_STYLES = [
  ["var(--ink)", null],
  ["var(--soft)", "10 3 2 3"],
  ["var(--accent)", "12 5"],
];

function figureChart(run) {
  let others = 0;
  const series = Object.keys(run.names)
    .filter((key) => figureCurve(run, key).some(([, value]) => isNumber(value)))
    .map((key) => {
      const segment = segmentOf(key);
      const [tone, dash] = segment
        ? [toneOf(segment), SEGMENT_DASHES[segment]]
        : OTHER_STYLES[others++ % OTHER_STYLES.length];
      return { name: run.names[key], tone, dash, points: figureCurve(run, key) };
    });
  return box(
    "whole",
    el("h3", {}, titled(run, `${capital(run.quantity)} at evaluations`)),
    lineChart({
      label: `${run.set ? `${run.set} ` : ""}${run.quantity} by epoch`,
      yLabel: `${run.quantity} in %`,
      format: perCent,
      floor: 0,
      top: 100,
      series,
    }),
  );
}

function curvesSection(run) {
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
      setsOf(run).map(figureChart),
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

// The sections of the classes of a label set.
function testedSections(run) {
  if (!run.classes.length) return [];
  const table = classTable(run);
  return [
    ...classSections(run, table),
    matrixSection(run, table.find),
    ...(run.ranks_only ? [] : [pairsSection(run), worstSection(run)]),
  ];
}

function drawRun(run) {
  const sets = setsOf(run);
  const tested = sets.some((one) => one.classes.length);
  const parts = [
    curvesSection(run),
    ...sets.flatMap(testedSections),
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
    ...figuresOf(run),
    navigation(parts),
    section(
      "run",
      "What was run",
      null,
      runFacts(run),
      sets.map((one) => [viewsTable(one), moreTable(one)]),
    ),
    ...parts,
  ];
}
