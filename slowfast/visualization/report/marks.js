"use strict";
// What only the report has: sets of labels, figures in percent, marks of runs and segments.

// The label sets of a run: the run itself, or for several sets the run with the part of each set.
const setsOf = (run) =>
  run.parts?.length
    ? run.parts.map((part) => ({ ...run, ...part, name: run.name, set: part.name, parts: null }))
    : [run];
const idOf = (run, id) => (run.set ? `${id}-${run.set}` : id);
// A first capital letter, unless the text has capitals of its own, such as mAP.
const capital = (text) =>
  text === text.toLowerCase() ? text.slice(0, 1).toUpperCase() + text.slice(1) : text;
const titled = (run, title) => (run.set ? `${capital(run.set)}: ${title.toLowerCase()}` : title);
// The segment of a figure such as map_head; undefined for others.
const segmentOf = (key) => SEGMENT_NAMES.find((name) => key.endsWith(`_${name}`));

// Two decimals: fewer would hide differences, more would show noise.
const perCent = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));
const perCentSign = (value) => (isNumber(value) ? `${perCent(value)} %` : "–");

const signed = (value) =>
  value === null ? "–" : (value > 0 ? "+" : value < 0 ? "−" : "±") + Math.abs(value).toFixed(2);
// Four significant digits, without many zeros: 0.4123, 3.75e-3, 0.1.
const short = (value) =>
  value === null || value === undefined
    ? "–"
    : value !== 0 && Math.abs(value) < 0.001
      ? value.toExponential(2)
      : String(Number(value.toPrecision(4)));

const runTone = (index) => `var(--run${index})`;
const RUN_DASHES = [null, "7 4", "2 4", "10 3 2 3", "12 5", "5 2"];

const stroke = (tone, dash) =>
  svg(
    "svg",
    { class: "swatch", width: 22, height: 10, viewBox: "0 0 22 10", "aria-hidden": "true" },
    svg("path", {
      d: "M1 5H21",
      class: "curve",
      style: `stroke: ${tone}`,
      "stroke-dasharray": dash,
    }),
  );

const segmentCell = (segment) =>
  segment ? el("span", { class: "segment" }, shape(segment), segment) : "";

// A difference as a bar to the left or the right of the middle. Both have one colour: a sign is no
// judgement.
function differenceBar(value, most) {
  const width = `${Math.min(50, (50 * Math.abs(value)) / (most || 1))}%`;
  const side = value < 0 ? "right: 50%; left: auto" : "left: 50%";
  return box(
    "bar",
    el(
      "div",
      {
        class: "track both",
        "aria-hidden": "true",
        style: "--tone: var(--accent)",
      },
      el("i", { style: `width: ${width}; ${side}` }),
      el("b", { style: "left: calc(50% - 1px); background: var(--line)" }),
    ),
    el("span", { class: "text" }, signed(value)),
  );
}

function selector(label, names, chosen, changed) {
  const select = el(
    "select",
    { onchange: () => changed(select.selectedIndex) },
    names.map((name, index) => el("option", { selected: index === chosen ? "" : null }, name)),
  );
  return el("label", {}, label, select);
}
