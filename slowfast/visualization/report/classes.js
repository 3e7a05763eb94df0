"use strict";
// The classes of a run: a point and a row each.

const classRows = (run) => [
  ["segment", run.segment || "–"],
  ["training clips", whole(run.train)],
  ["test clips", whole(run.test)],
];

function classColumns(...figures) {
  return [
    { name: "Id", number: true, value: (row) => row.id },
    { name: "Class", value: (row) => row.name, wide: true, heading: true },
    ...figures,
    {
      name: "Segment",
      value: (row) => SEGMENT_NAMES.indexOf(row.segment),
      cell: (row) => segmentCell(row.segment),
    },
    {
      name: "Training clips",
      number: true,
      value: (row) => row.train,
      cell: (row) => whole(row.train),
    },
    { name: "Test clips", number: true, value: (row) => row.test, cell: (row) => whole(row.test) },
  ];
}

const classSearch = (row) => `${row.id} ${row.name} ${row.segment}`;
const segmentsOf = (rows) =>
  SEGMENT_NAMES.filter((name) => rows.some((row) => row.segment === name));

function classSections(run) {
  const rows = run.classes.map((row) => ({ ...row, key: row.id }));
  const table = dataTable({
    caption: "Average precision of each class",
    rows,
    search: classSearch,
    hint: "Name, id or segment",
    groups: segmentsOf(rows),
    sort: [2, "descending"],
    columns: classColumns({
      name: "AP in %",
      number: true,
      title: "The mark in the bar is chance, what random scores reach",
      value: (row) => row.ap,
      cell: (row) =>
        row.ap === null
          ? el("span", { class: "absent" }, "no test clip")
          : bar(row.ap, perCent(row.ap), { tone: toneOf(row.segment), tick: row.chance }),
    }),
  });
  const counted = rows.some((row) => row.train !== null);
  const points = rows
    .filter((row) => row.ap !== null)
    .map((row) => ({
      x: counted ? row.train : row.test,
      y: row.ap,
      segment: row.segment,
      key: row.key,
      name: row.name,
      rows: [...classRows(row), ["AP", perCentSign(row.ap)], ["chance", perCentSign(row.chance)]],
    }));
  const without = rows.length - points.length;
  return [
    section(
      "counts",
      counted ? "Average precision and training clips" : "Average precision and test clips",
      "Each point is a class; click one to find it in the table." +
        (without
          ? ` Without a test clip there is no AP: ${plural(without, "class", "classes")}, counted nowhere.`
          : ""),
      scatterChart({
        label: "Average precision of each class against its number of clips",
        points,
        log: true,
        xLabel: counted ? "training clips (log)" : "test clips (log)",
        yLabel: "AP in %",
        pick: table.find,
      }),
    ),
    section(
      "classes",
      "Classes",
      "Click a heading to sort. The mark in a bar is what random scores reach.",
      table.node,
    ),
  ];
}
