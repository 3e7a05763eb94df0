"use strict";
// Where a run fails: confused pairs of classes, and clips of the weakest classes.

function pairsSection(run) {
  const name = (id) => run.classes[id]?.name ?? String(id);
  const single = Boolean(run.matrix);
  const note = single
    ? "Clips of the first class for which the second one has the highest score. The share is of " +
      "all test clips of the first class."
    : "The k highest scores of a clip with k labels are its predictions. The clip counts for a pair " +
    "if it carries the first class, which is not predicted, and the second is predicted although " +
    "the clip does not carry it. The share is of all test clips that carry the first class.";
  const most = Math.max(...run.pairs.map((pair) => pair.share));
  const table = run.pairs.length
    ? dataTable({
        caption: "Most confused pairs of classes",
        rows: run.pairs,
        search: (pair) => `${name(pair.missed)} ${name(pair.taken)}`,
        hint: "Name of either class",
        sort: [2, "descending"],
        columns: [
          {
            name: single ? "True class" : "Carried, but missed",
            value: (pair) => name(pair.missed),
            wide: true,
            heading: true,
          },
          { name: single ? "Predicted" : "Ranked in its place", value: (pair) => name(pair.taken), wide: true },
          {
            name: "Clips",
            number: true,
            value: (pair) => pair.clips,
            cell: (pair) => whole(pair.clips),
          },
          {
            name: "Share in %",
            number: true,
            value: (pair) => pair.share,
            cell: (pair) => bar(pair.share, (100 * pair.share).toFixed(1), { most }),
          },
        ],
      }).node
    : nothing("No class took the place of another in two clips or more.");
  return section(idOf(run, "pairs"), titled(run, "Most confused pairs"), note, table);
}

function still(run, id, entry) {
  const clip = run.clips[entry.clip];
  const name = (label) => run.classes[label]?.name ?? String(label);
  const topped = clip.top.map(([label]) => label);
  const others = clip.labels.filter((label) => !topped.includes(label) && label !== id);
  return el(
    "figure",
    { class: "still" },
    box(
      "frame",
      clip.still
        ? el("img", { src: clip.still, alt: `Middle frame of clip ${clip.name}` })
        : el("span", {}, "no picture"),
    ),
    el(
      "figcaption",
      {},
      box("clip", clip.name),
      box(
        "rank",
        `score ${entry.score.toFixed(3)}`,
        el("br"),
        `rank ${whole(entry.rank)} of ${whole(run.clips_tested)}`,
      ),
      el(
        "ul",
        { "aria-label": "Highest scores; classes that the clip carries are ticked" },
        clip.top.map(([label, score]) =>
          el(
            "li",
            {
              class: `${clip.labels.includes(label) ? "true" : ""} ${label === id ? "asked" : ""}`,
            },
            el("span", {}, name(label)),
            el("span", {}, score.toFixed(2)),
          ),
        ),
      ),
      others.length ? box("soft", `Also carries ${others.map(name).join(", ")}`) : null,
    ),
  );
}

function worstSection(run) {
  const [main] = run.measures;
  const strip = (title, gloss, id, entries) =>
    entries.length
      ? box(
          null,
          el("h4", {}, title, " ", el("span", {}, gloss)),
          box(
            "stills",
            entries.map((entry) => still(run, id, entry)),
          ),
        )
      : null;
  const cards = run.worst.map((weak) => {
    const row = run.classes[weak.class];
    return el(
      "article",
      { class: "weak" },
      el(
        "header",
        {},
        el("h3", {}, row.name),
        el("p", {}, segmentCell(row.segment)),
        el(
          "p",
          {},
          `${capital(main.name)} ${perCentSign(row[main.key])}, `,
          row.train === null ? "" : `${whole(row.train)} training, `,
          plural(row.test, "test clip"),
        ),
      ),
      box(
        "strips",
        strip("Missed:", "clips with the class, lowest scores", weak.class, weak.missed),
        strip("Taken for it:", "clips without the class, highest scores", weak.class, weak.taken),
      ),
    );
  });
  return section(
    idOf(run, "worst"),
    titled(run, "Weakest classes"),
    `The classes of lowest ${main.name} in each segment, with the middle frames of clips that show why. ` +
      "Below each frame: the highest scores of the clip. Classes that it carries are ticked, the " +
      "class of the row is underlined.",
    cards.length
      ? box(null, cards)
      : nothing(
          run.classes.some((row) => row.test)
            ? "No class failed in any clip."
            : "No test clip carries a class, so none could fail.",
        ),
  );
}
