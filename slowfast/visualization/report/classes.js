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

// The value of a measure of a class, as text; a class without a test clip has none.
const measureText = (row, key) =>
  row.test ? perCent(row[key]) : el("span", { class: "absent" }, "no test clip");

// The table of classes. Its first measure is the main one, shown as a bar.
function classTable(run) {
  const [main, ...others] = run.measures;
  const rows = run.classes.map((row) => ({ ...row, key: row.id }));
  return dataTable({
    caption: `${capital(main.title)} of each class`,
    rows,
    search: classSearch,
    hint: "Name, id or segment",
    groups: segmentsOf(rows),
    sort: [2, "descending"],
    columns: classColumns(
      {
        name: `${capital(main.name)} in %`,
        number: true,
        title: "The mark in the bar is chance, what random scores reach",
        value: (row) => row[main.key],
        cell: (row) =>
          row[main.key] === null
            ? measureText(row, main.key)
            : bar(row[main.key], perCent(row[main.key]), {
                tone: toneOf(row.segment),
                tick: row.chance,
              }),
      },
      ...others.map((measure) => ({
        name: capital(measure.name),
        number: true,
        title: `${capital(measure.title)}, in %`,
        value: (row) => row[measure.key],
        cell: (row) => (row.test ? perCent(row[measure.key]) : "–"),
      })),
    ),
  });
}

function classSections(run, table) {
  const [main] = run.measures;
  const rows = run.classes.map((row) => ({ ...row, key: row.id }));
  const counted = rows.some((row) => row.train !== null);
  const points = rows
    .filter((row) => row[main.key] !== null)
    .map((row) => ({
      x: counted ? row.train : row.test,
      y: row[main.key],
      segment: row.segment,
      key: row.key,
      name: row.name,
      rows: [
        ...classRows(row),
        ...run.measures.map((measure) => [measure.name, perCentSign(row[measure.key])]),
        ["chance", perCentSign(row.chance)],
      ],
    }));
  const without = rows.length - points.length;
  const title = capital(main.title);
  return [
    section(
      idOf(run, "counts"),
      titled(run, counted ? `${title} and training clips` : `${title} and test clips`),
      "Each point is a class; click one to find it in the table." +
        (without
          ? ` Without a test clip there is no ${main.name}: ${plural(without, "class", "classes")}, counted nowhere.`
          : ""),
      scatterChart({
        label: `${title} of each class against its number of clips`,
        points,
        log: true,
        xLabel: counted ? "training clips (log)" : "test clips (log)",
        yLabel: `${capital(main.name)} in %`,
        pick: table.find,
      }),
    ),
    section(
      idOf(run, "classes"),
      titled(run, "Classes"),
      "Click a heading to sort. The mark in a bar is what random scores reach." +
        (run.measures.length > 1 ? " All measures are in per cent." : ""),
      table.node,
    ),
  ];
}
