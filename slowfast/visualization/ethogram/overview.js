"use strict";
// The overview of all videos: their bouts as strips, the time budget, and the agreement.

function stripOf(video, classes) {
  const node = el("canvas", {
    class: "raster",
    role: "img",
    "aria-label": `Bouts of ${video.name}`,
  });
  const present = [...new Set(video.bouts.map(([label]) => label))].sort((a, b) => a - b);
  const draw = () => {
    const width = node.clientWidth;
    if (!width) return;
    const dots = Math.min(2, devicePixelRatio || 1);
    const tall = node.clientHeight;
    [node.width, node.height] = [width * dots, tall * dots];
    const context = node.getContext("2d");
    context.scale(dots, dots);
    const dark =
      getComputedStyle(node).getPropertyValue("color-scheme") === "dark" ||
      (!document.documentElement.dataset.theme &&
        matchMedia("(prefers-color-scheme: dark)").matches);
    const row = tall / Math.max(1, present.length);
    for (const [label, start, stop] of video.bouts) {
      context.fillStyle = `oklch(${dark ? "0.74 0.12" : "0.58 0.13"} ${hue(label)})`;
      const x = (start / video.seconds) * width;
      context.fillRect(
        x,
        present.indexOf(label) * row,
        Math.max(1, ((stop - start) / video.seconds) * width),
        Math.max(1, row - (row > 3 ? 1 : 0)),
      );
    }
  };
  new ResizeObserver(draw).observe(node);
  new MutationObserver(draw).observe(document.documentElement, { attributes: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  node.title = present.map((label) => classes[label]).join(", ");
  return node;
}

// What to review first, of all videos. A link leads to the place on the page of its video.
function placesSection(record) {
  const place = new Map(record.places.map((row, index) => [row, index + 1]));
  const table = dataTable({
    caption: "Review first",
    columns: [
      { name: "Order", number: true, value: (row) => place.get(row) },
      {
        name: "Class",
        value: (row) => row.class,
        cell: (row) => classCell(row.class, record.classes.indexOf(row.class)),
        wide: true,
        heading: true,
      },
      {
        name: "Where",
        value: (row) => `${row.video} ${row.start.toFixed(2).padStart(12)}`,
        cell: (row) =>
          el("a", { href: addressOf(row) }, ...breakable(row.video), ` ${clock(row.start)}`),
        wide: true,
      },
      {
        name: "Length",
        number: true,
        value: (row) => row.stop - row.start,
        cell: (row) => length(row.stop - row.start),
      },
      {
        name: "Score",
        number: true,
        value: (row) => row.score,
        cell: (row) => row.score.toFixed(2),
      },
      {
        name: "What",
        value: (row) => (row.missed ? "perhaps missed" : "bout"),
      },
    ],
    rows: record.places,
    search: (row) => `${row.class} ${row.video}`,
    hint: "Class or video",
    sort: [0, "ascending"],
  }).node;
  return section(
    "places",
    "Review first",
    "Bouts, and times without a bout, whose scores are near the threshold of the class. Classes with few training clips come before common ones. What was reviewed is not listed.",
    record.places.length ? table : nothing("Nothing is left to review."),
  );
}

function drawOverview(record) {
  const total = record.videos.reduce((sum, video) => sum + video.seconds, 0);
  const bouts = record.videos.reduce((sum, video) => sum + video.bouts.length, 0);
  const byClass = (of, videos = record.videos) => {
    const lists = record.classes.map(() => []);
    for (const video of videos)
      for (const [label, start, stop] of video[of]) lists[label].push({ start, stop });
    return lists;
  };
  const lists = byClass("bouts");
  // A person's time budget stands beside that of the same videos.
  const hasPeople = record.videos.some((video) => video.events.length);
  const budgeted = record.videos.filter((video) => !hasPeople || video.compared);
  const budgetTime = budgeted.reduce((sum, video) => sum + video.seconds, 0);
  const figure = (name, value) => box("figure", box("name", name), box("value", value));
  const videos = dataTable({
    caption: "Videos",
    columns: [
      {
        name: "Video",
        value: (row) => row.name,
        cell: (row) => el("a", { href: row.page }, breakable(row.name)),
        wide: true,
        heading: true,
      },
      {
        name: "When",
        value: (row) => row.bouts.length,
        cell: (row) => stripOf(row, record.classes),
      },
      {
        name: "Length",
        number: true,
        value: (row) => row.seconds,
        cell: (row) => length(row.seconds),
      },
      {
        name: "Bouts",
        number: true,
        value: (row) => row.bouts.length,
        cell: (row) => whole(row.bouts.length),
      },
      {
        name: "Classes",
        number: true,
        value: (row) => new Set(row.bouts.map(([label]) => label)).size,
        cell: (row) => whole(new Set(row.bouts.map(([label]) => label)).size),
      },
      record.agreement && {
        name: "F1",
        title: "Of frames, mean over the classes that a person saw",
        number: true,
        value: (row) => row.f1,
        cell: (row) => orDash(row.f1, (value) => (100 * value).toFixed(1)),
      },
      record.places && {
        name: "To review",
        title:
          "Places whose scores are near a threshold and that are not reviewed yet, each counted by how near",
        number: true,
        value: (row) => row.to_review,
      },
      record.places && {
        name: "Checked",
        title: "Time that is marked as checked",
        number: true,
        value: (row) => row.checked,
        cell: (row) => length(row.checked),
      },
      record.places && {
        name: "Corrections",
        number: true,
        value: (row) => row.corrections,
        cell: (row) => whole(row.corrections),
      },
    ].filter(Boolean),
    rows: record.videos,
    search: record.videos.length > 8 ? (row) => row.name : null,
    hint: "Name of a video",
    sort: record.places ? [record.agreement ? 6 : 5, "descending"] : [0, "ascending"],
  }).node;
  const parts = [
    record.places ? placesSection(record) : null,
    section(
      "videos",
      "Videos",
      "A row of a strip is a class; its colours are those of the pages.",
      videos,
    ),
    section(
      "budget",
      "Time budget",
      budgeted.length < record.videos.length
        ? `Of the ${plural(budgeted.length, "video")} that a person labelled, ${length(budgetTime)}.`
        : `Of all videos together, ${length(total)}.`,
      budgetTable(
        record.classes,
        byClass("bouts", budgeted),
        hasPeople ? byClass("events", budgeted) : null,
        budgetTime,
      ),
    ),
    record.agreement ? agreementSection(record.agreement) : null,
  ].filter(Boolean);
  return [
    pageTop("Ethogram", record.title, record.what),
    navigation(parts),
    box(
      "figures overview-figures",
      figure("Videos", whole(record.videos.length)),
      figure("Length", length(total)),
      figure("Bouts", whole(bouts)),
      figure(
        "Classes found",
        `${lists.filter((each) => each.length).length} of ${record.classes.length}`,
      ),
    ),
    ...parts,
  ];
}
