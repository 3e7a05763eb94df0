"use strict";
// Elements, formats, the tooltip and the theme. Elements are never written as markup, so that data
// stay text.

function element(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

const el = (tag, attributes, ...children) =>
  element(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  element(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const box = (name, ...children) => el("div", { class: name }, ...children);

const SEGMENT_NAMES = ["head", "middle", "tail"];

const whole = (value) =>
  value === null || value === undefined ? "–" : value.toLocaleString("en-US");
const isNumber = (value) => typeof value === "number";
// A name that fits beside a chart.
const brief = (name) => (name.length > 32 ? `${name.slice(0, 31)}…` : name);
// A name that may be broken into lines after _ - . and / only.
const breakable = (name) => name.split(/(?<=[_\-./])/).flatMap((part) => [part, el("wbr")]);
const plural = (count, one, many = one + "s") => `${whole(count)} ${count === 1 ? one : many}`;

const toneOf = (segment) => `var(--${SEGMENT_NAMES.includes(segment) ? segment : "none"})`;

// Circle, diamond, triangle: segments differ in shape as well as in colour.
function shapePath(segment, size) {
  const r = size;
  if (segment === "middle") return `M0 ${-1.2 * r}L${1.2 * r} 0L0 ${1.2 * r}L${-1.2 * r} 0Z`;
  if (segment === "tail") return `M0 ${-1.15 * r}L${1.1 * r} ${0.85 * r}H${-1.1 * r}Z`;
  return `M${-r} 0A${r} ${r} 0 1 0 ${r} 0A${r} ${r} 0 1 0 ${-r} 0Z`;
}

const shape = (segment) =>
  svg(
    "svg",
    { class: "swatch", width: 12, height: 12, viewBox: "-6 -6 12 12", "aria-hidden": "true" },
    svg("path", { d: shapePath(segment, 4.4), style: `fill: ${toneOf(segment)}` }),
  );

function bar(value, text, { tone = null, most = 100, tick = null } = {}) {
  const place = (number) => `${Math.max(0, Math.min(100, (100 * number) / most))}%`;
  return box(
    "bar",
    el(
      "div",
      { class: "track", "aria-hidden": "true", style: tone && `--tone: ${tone}` },
      el("i", { style: `width: ${place(value)}` }),
      tick === null ? null : el("b", { style: `left: ${place(tick)}` }),
    ),
    el("span", { class: "text" }, text),
  );
}

// The read-out of a chart, beside a place in the window. `clear` removes the marks of the chart.
const tip = {
  clear: () => {},
  shownAt: 0,
  show(x, y, clear, ...content) {
    tip.clear = clear;
    tip.shownAt = scrollY;
    const node = document.getElementById("tip");
    node.replaceChildren(...content.flat(Infinity));
    node.hidden = false;
    const box = node.getBoundingClientRect();
    const left = x + 14 + box.width > innerWidth - 8 ? x - 14 - box.width : x + 14;
    const top = y + 14 + box.height > innerHeight - 8 ? y - 14 - box.height : y + 14;
    node.style.left = `${Math.max(8, Math.min(left, innerWidth - 8 - box.width))}px`;
    node.style.top = `${Math.max(8, top)}px`;
  },
  hide() {
    document.getElementById("tip").hidden = true;
  },
  row: (mark, name, value) => box("row", el("span", {}, mark, name), el("span", {}, value)),
};

function themeButton() {
  const root = document.documentElement;
  const isDark = () =>
    (root.dataset.theme ||
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const label = () => (isDark() ? "Light" : "Dark");
  const button = el(
    "button",
    {
      class: "button",
      type: "button",
      "aria-label": "Switch light and dark",
      onclick() {
        root.dataset.theme = isDark() ? "light" : "dark";
        button.textContent = label();
      },
    },
    label(),
  );
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    button.textContent = label();
  });
  return button;
}

function section(id, title, note, ...content) {
  return el(
    "section",
    { id, "aria-labelledby": `${id}-title` },
    el("h2", { id: `${id}-title` }, title),
    note ? el("p", { class: "note" }, note) : null,
    ...content,
  );
}

const nothing = (text) => box("empty", text);

// Buttons that show and hide parts; `items` are {name, mark, hidden}.
function legend(items, changed) {
  return box(
    "legend",
    items.map((item) => {
      const button = el(
        "button",
        {
          type: "button",
          "aria-pressed": String(!item.hidden),
          onclick() {
            item.hidden = !item.hidden;
            button.setAttribute("aria-pressed", String(!item.hidden));
            changed();
          },
        },
        item.mark(),
        item.name,
      );
      return button;
    }),
  );
}

function pageTop(kicker, title, what) {
  return el(
    "header",
    { class: "top" },
    box(
      null,
      el("p", { class: "kicker" }, kicker),
      el("h1", {}, title),
      what ? el("p", { class: "what" }, what) : null,
    ),
    themeButton(),
  );
}

const navigation = (parts) =>
  el(
    "nav",
    { "aria-label": "Sections" },
    parts.map((part) => el("a", { href: `#${part.id}` }, part.querySelector("h2").textContent)),
  );

addEventListener(
  "scroll",
  () => {
    if (Math.abs(scrollY - tip.shownAt) > 40) tip.clear();
  },
  { passive: true },
);
