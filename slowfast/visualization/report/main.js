"use strict";
// Reads the data of the page and draws one run or a comparison.

const runs = JSON.parse(document.getElementById("data").textContent);
document
  .getElementById("page")
  .replaceChildren(
    ...(runs.length === 1 ? drawRun(runs[0]) : drawComparison(runs)).filter(Boolean),
  );
