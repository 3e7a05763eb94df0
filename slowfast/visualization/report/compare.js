"use strict";
// The page of several runs. All others are compared with the first.

const ofFirst = (run, first, key) =>
  isNumber(run.figures[key]) && isNumber(first.figures[key])
    ? run.figures[key] - first.figures[key]
    : null;

const runMark = (runs, run) => stroke(runTone(runs.indexOf(run)), RUN_DASHES[runs.indexOf(run)]);

// Warnings about differences between the runs that make their figures hard to compare.
function cautions(runs) {
  const tested = runs.filter((run) => run.classes.length);
  const texts = [];
  const missing = runs.filter((run) => !run.classes.length).map((run) => run.name);
  if (missing.length)
    texts.push(
      `No test has left a report in ${missing.join(", ")}; only curves and figures are shown, ` +
        "and it is not known whether they are from the same clips.",
    );
  const sizes = tested.map((run) => `${run.name}: ${whole(run.clips_tested)}`);
  if (new Set(tested.map((run) => run.test_set)).size > 1) {
    texts.push(
      `The runs were not tested on the same clips (${sizes.join("; ")}). ` +
        "Differences may come from the clips.",
    );
  }
  if (new Set(tested.map((run) => run.classes.map((row) => row.segment).join())).size > 1) {
    texts.push(
      "Head, middle and tail have different classes in these runs, so their figures cannot be " +
        "compared. Colours follow the first run.",
    );
  }
  if (new Set(tested.map((run) => run.views)).size > 1) {
    texts.push(`Views differ: ${tested.map((run) => `${run.name} ${run.views}`).join("; ")}.`);
  }
  return [...texts, ...choices(runs)].map((text) => el("p", { class: "warning" }, text));
}

// Warnings about the clips on which the weights were chosen and the curves were measured.
function choices(runs) {
  const texts = [];
  const list = (part, choice) => part.map((run) => `${run.name}: ${choice(run)}`).join("; ");
  const chosen = (run) => (run.best ? run.best.chosen_on || "not known" : "not chosen, or not known");
  const optimistic = runs.filter((run) => run.best && isOptimistic(run.best));
  if (optimistic.length)
    texts.push(
      "These runs were tested with weights that were chosen on the test clips themselves, so their " +
        `figures are optimistic: ${optimistic.map((run) => run.name).join(", ")}.`,
    );
  if (new Set(runs.filter((run) => Object.keys(run.figures).length).map(chosen)).size > 1)
    texts.push(`The tested weights were not chosen on the same clips (${list(runs, chosen)}).`);
  const evaluated = runs.filter((run) => run.curves?.best);
  const measured = (run) => run.curves.best.chosen_on;
  if (new Set(evaluated.map(measured)).size > 1)
    texts.push(
      "The evaluations during training were made on different clips, so their curves cannot be " +
        `compared (${list(evaluated, measured)}).`,
    );
  return texts;
}

// The names of the figures of several runs of one label set.
const namesOfRuns = (runs) => Object.assign({}, ...runs.map((run) => run.names));

function figuresSection(runs) {
  const names = namesOfRuns(runs);
  const keys = Object.keys(names).filter((key) => runs.some((run) => key in run.figures));
  const [first] = runs;
  const cell = (run, key) => {
    const difference = run === first ? null : ofFirst(run, first, key);
    const interval = intervalOf(run, key);
    return [
      perCent(run.figures[key]),
      difference === null ? null : el("span", { class: "delta" }, signed(difference)),
      interval ? el("span", { class: "delta soft" }, interval) : null,
    ];
  };
  // Chance depends on the clips: runs with different clips have no common chance.
  const chance =
    new Set(runs.map((run) => run.test_set)).size === 1 && first.test_set ? first.chance : null;
  const rows = [...runs, ...(chance ? [{ name: "chance", figures: chance, isChance: true }] : [])];
  return section(
    idOf(first, "figures"),
    titled(first, `${capital(first.quantity)} in %`),
    `Differences are to ${first.name}, in points. Differences may be noise: ` +
      "tools/compare_results.py shows whether the test clips support them (paired interval), and " +
      `only other seeds show how much training itself varies.${rangesNote(runs)}`,
    dataTable({
      caption: titled(first, `${capital(first.quantity)} of each run`),
      rows,
      plain: true,
      columns: [
        {
          name: "Run",
          wide: true,
          heading: true,
          value: (run) => run.name,
          cell: (run) =>
            run.isChance
              ? el("span", { class: "soft" }, run.name)
              : el(
                  "span",
                  { class: "run-name" },
                  runMark(runs, run),
                  el("span", {}, breakable(run.name)),
                ),
        },
        ...keys.map((key) => ({
          name: names[key],
          number: true,
          value: () => null,
          cell: (run) => (run.isChance ? perCent(run.figures[key]) : cell(run, key)),
        })),
      ],
    }).node,
  );
}

// A curve of each run, of a figure that the reader chooses.
function comparedFigures(runs) {
  const series = (points) => coloured(runs, points);
  const names = namesOfRuns(runs);
  const { quantity } = runs[0];
  const keys = Object.keys(names).filter((key) =>
    runs.some((run) => figureCurve(run, key).some(([, value]) => isNumber(value))),
  );
  const place = el("div");
  const draw = (key) =>
    place.replaceChildren(
      lineChart({
        label: `${names[key]} ${quantity} by epoch`,
        yLabel: `${names[key].toLowerCase()} ${quantity} in %`,
        format: perCent,
        floor: 0,
        top: 100,
        withLegend: true,
        series: series((run) => figureCurve(run, key)),
      }),
    );
  if (keys.length) draw(keys[0]);
  else place.replaceChildren(nothing("There is nothing to draw here yet."));
  return box(
    null,
    el("h3", {}, titled(runs[0], `${capital(quantity)} at evaluations`)),
    keys.length > 1
      ? box(
          "picks",
          selector(
            "Figure",
            keys.map((key) => names[key]),
            0,
            (index) => draw(keys[index]),
          ),
        )
      : null,
    place,
  );
}

function coloured(runs, points) {
  return runs.map((run, index) => ({
    name: run.name,
    tone: runTone(index),
    dash: RUN_DASHES[index],
    points: points(run),
  }));
}

function comparedCurves(groups) {
  const [runs] = groups;
  const series = (points) => coloured(runs, points);
  return section(
    "curves",
    "Curves",
    null,
    box(
      "pair",
      box(
        null,
        el("h3", {}, "Training loss"),
        lossChart(
          series((run) => trainCurve(run, "loss")),
          { withLegend: true },
        ),
        new Set(runs.map((run) => run.loss).filter(Boolean)).size > 1
          ? el(
              "p",
              { class: "note" },
              "The runs have different losses, whose values cannot be compared.",
            )
          : null,
      ),
      groups.map(comparedFigures),
    ),
  );
}

function comparedClasses(runs) {
  const tested = runs.filter((run) => run.classes.length);
  if (tested.length < 2) return [];
  const [{ key: main, name: measure, title }] = tested[0].measures;
  const tablePlace = el("div");
  const chartPlace = el("div");
  let pair = [0, 1];

  function draw() {
    const [a, b] = pair.map((index) => tested[index]);
    const rows = a.classes.map((row, index) => {
      const values = tested.map((run) => run.classes[index][main]);
      const [x, y] = pair.map((place) => values[place]);
      return { ...row, key: row.id, values, difference: x === null || y === null ? null : y - x };
    });
    const most = Math.max(1, ...rows.map((row) => Math.abs(row.difference ?? 0)));
    const table = dataTable({
      caption: `${capital(title)} of each class in each run`,
      rows,
      search: classSearch,
      hint: "Name, id or segment",
      groups: segmentsOf(rows),
      sort: [2, "descending"],
      columns: classColumns(
        {
          name: "Difference",
          number: true,
          title: `${b.name} less ${a.name}, in points`,
          value: (row) => row.difference,
          cell: (row) => (row.difference === null ? "–" : differenceBar(row.difference, most)),
        },
        ...tested.map((run, index) => ({
          name: run.name,
          number: true,
          run: true,
          value: (row) => row.values[index],
          cell: (row) =>
            row.values[index] === null
              ? el("span", { class: "absent" }, "no test clip")
              : perCent(row.values[index]),
        })),
      ),
    });
    tablePlace.replaceChildren(table.node);
    const points = rows
      .filter((row) => row.difference !== null)
      .map((row) => ({
        x: row.values[pair[0]],
        y: row.values[pair[1]],
        segment: row.segment,
        key: row.key,
        name: row.name,
        rows: [
          ...classRows(row),
          [a.name, perCentSign(row.values[pair[0]])],
          [b.name, perCentSign(row.values[pair[1]])],
          ["difference", signed(row.difference)],
        ],
      }));
    chartPlace.replaceChildren(
      scatterChart({
        label: `${capital(title)} of each class in two runs`,
        points,
        diagonal: true,
        xLabel: `${capital(measure)} in %, ${brief(a.name)}`,
        yLabel: `${capital(measure)} in %, ${brief(b.name)}`,
        pick: table.find,
      }),
    );
  }
  draw();
  const names = tested.map((run) => run.name);
  const picks = box(
    "picks",
    ["First", "Second"].map((label, place) =>
      selector(label, names, place, (index) => {
        pair[place] = index;
        draw();
      }),
    ),
  );
  return [
    section(
      idOf(runs[0], "scatter"),
      titled(runs[0], "Class by class"),
      "Each point is a class: above the line the second run is better. Click one to find it in " +
        "the table.",
      picks,
      chartPlace,
    ),
    section(
      idOf(runs[0], "classes"),
      titled(runs[0], "Classes"),
      `The difference is the ${measure} of the second run minus that of the first, in points.`,
      tablePlace,
    ),
  ];
}

// Settings that differ, for the runs whose settings are known.
function comparedSettings(runs) {
  const known = runs.filter((run) => Object.keys(run.settings).length);
  if (known.length < 2) return null;
  const keys = [...new Set(known.flatMap((run) => Object.keys(run.settings)))].sort();
  const value = (run, key) => run.settings[key]?.[0] ?? "–";
  const rows = keys
    .filter((key) => new Set(known.map((run) => value(run, key))).size > 1)
    .map((key) => ({ key }));
  return section(
    "settings",
    "Settings that differ",
    null,
    rows.length
      ? dataTable({
          caption: "Settings that differ",
          rows,
          search: (row) => `${row.key} ${known.map((run) => value(run, row.key)).join(" ")}`,
          hint: "Key or value",
          sort: [0, "ascending"],
          columns: [
            {
              name: "Key",
              heading: true,
              value: (row) => row.key,
              cell: (row) => el("code", {}, row.key),
            },
            ...known.map((run) => ({
              name: run.name,
              wide: true,
              run: true,
              value: (row) => value(run, row.key),
              cell: (row) => el("code", {}, value(run, row.key) || "empty"),
            })),
          ],
        }).node
      : nothing("All settings are the same."),
  );
}

// The runs once for each label set. A run without a test has no classes of any set.
function runsBySet(runs) {
  const parted = runs.find((run) => run.parts?.length);
  if (!parted) return [runs];
  return setsOf(parted).map(({ set, names, quantity }) =>
    runs.map(
      (run) =>
        setsOf(run).find((one) => one.set === set) ?? {
          ...run,
          ...{ set, names, quantity, figures: {}, classes: [] },
        },
    ),
  );
}

function drawComparison(runs) {
  const groups = runsBySet(runs);
  const parts = [
    ...groups.map(figuresSection),
    comparedCurves(groups),
    ...groups.flatMap(comparedClasses),
    comparedSettings(runs),
  ].filter(Boolean);
  return [
    pageTop(
      "Comparison",
      runs.length === 2 ? `${runs[0].name} and ${runs[1].name}` : `${runs.length} runs`,
      null,
    ),
    ...cautions(groups[0]),
    navigation(parts),
    ...parts,
  ];
}
