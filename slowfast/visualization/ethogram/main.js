"use strict";
// Reads the data of the page and draws a video or the overview.

const pageData = JSON.parse(document.getElementById("data").textContent);
document
  .getElementById("page")
  .replaceChildren(...(pageData.videos ? drawOverview(pageData) : drawVideo(pageData)));
