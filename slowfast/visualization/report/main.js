"use strict";
// Reads the data of the page and draws one run or a comparison.

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

const runs = JSON.parse(document.getElementById("data").textContent);
document
  .getElementById("page")
  .replaceChildren(
    ...(runs.length === 1 ? drawRun(runs[0]) : drawComparison(runs)).filter(Boolean),
  );
addEventListener(
  "scroll",
  () => {
    if (Math.abs(scrollY - tip.shownAt) > 40) tip.clear();
  },
  { passive: true },
);
