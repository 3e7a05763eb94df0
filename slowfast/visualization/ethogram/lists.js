"use strict";
// The time budget, the bouts with their pictures, and the agreement with a person.

const swatch = (label) => el("i", { class: "swatch dab", style: `--hue: ${hue(label)}` });
const classCell = (name, label) => el("span", { class: "segment long" }, swatch(label), name);
const share = (value) => (isNumber(value) ? `${(100 * value).toFixed(1)} %` : "–");
const orDash = (value, format) => (isNumber(value) ? format(value) : "–");

/* How long, how often and in how long bouts each class was seen. lists: by class, bouts of the
   prediction, and of a person or null. total: seconds of all videos. */
function budgetTable(classes, lists, people, total) {
  const sum = (bouts) => bouts.reduce((all, bout) => all + bout.stop - bout.start, 0);
  const rows = classes
    .map((name, label) => ({
      name,
      label,
      bouts: lists[label].length,
      seconds: sum(lists[label]),
      longest: Math.max(0, ...lists[label].map((bout) => bout.stop - bout.start)),
      person: people ? sum(people[label]) : null,
    }))
    .filter((row) => row.bouts || row.person);
  if (!rows.length) return nothing("No class was found in this time.");
  const most = Math.max(...rows.map((row) => Math.max(row.seconds, row.person ?? 0))) / total;
  const columns = [
    {
      name: "Class",
      value: (row) => row.name,
      cell: (row) => classCell(row.name, row.label),
      wide: true,
      heading: true,
    },
    {
      name: people ? "Share, and a person's" : "Share",
      title: people ? "The mark on a bar is the share that a person saw" : null,
      number: true,
      value: (row) => row.seconds,
      cell: (row) => {
        const tick = row.person === null ? null : row.person / total;
        const node = bar(row.seconds / total, share(row.seconds / total), { most, tick });
        node.classList.add("hued");
        node.style.setProperty("--hue", hue(row.label));
        return node;
      },
    },
    people && {
      name: "Person",
      number: true,
      value: (row) => row.person,
      cell: (row) => share(row.person / total),
    },
    { name: "Time", number: true, value: (row) => row.seconds, cell: (row) => length(row.seconds) },
    { name: "Bouts", number: true, value: (row) => row.bouts, cell: (row) => whole(row.bouts) },
    {
      name: "Mean bout",
      number: true,
      value: (row) => (row.bouts ? row.seconds / row.bouts : null),
      cell: (row) => (row.bouts ? length(row.seconds / row.bouts) : "–"),
    },
    {
      name: "Longest",
      number: true,
      value: (row) => (row.bouts ? row.longest : null),
      cell: (row) => (row.bouts ? length(row.longest) : "–"),
    },
  ].filter(Boolean);
  return dataTable({
    caption: "Time budget",
    columns,
    rows,
    search: rows.length > 12 ? (row) => row.name : null,
    hint: "Class",
    sort: [1, "descending"],
  }).node;
}

const PAGE_OF_BOUTS = 48;

/* The bouts as cards, with the frame of the highest score. `pick(bout)` is called on a click. */
function boutCards(ethogram, edits, pick) {
  let [text, order, many] = ["", "time", PAGE_OF_BOUTS];
  const stills = ethogram.record.stills;
  const cards = box("cards");
  const status = el("span", { class: "soft", role: "status" });
  const more = el(
    "button",
    {
      type: "button",
      class: "button",
      onclick() {
        many += PAGE_OF_BOUTS;
        show();
      },
    },
    "Show more",
  );
  const orders = {
    time: ["in the order of time", (a, b) => a.start - b.start || a.label - b.label],
    sure: ["highest score first", (a, b) => (b.peak ?? -1) - (a.peak ?? -1)],
    unsure: ["lowest score first", (a, b) => (a.peak ?? 2) - (b.peak ?? 2)],
    long: ["longest first", (a, b) => b.stop - b.start - (a.stop - a.start)],
  };
  const chosen = el(
    "select",
    {
      "aria-label": "Order of the bouts",
      onchange() {
        order = chosen.value;
        show();
      },
    },
    Object.entries(orders).map(([value, [name]]) => el("option", { value }, name)),
  );
  const input = el("input", {
    type: "search",
    placeholder: "Search classes",
    "aria-label": "Bouts of a class",
    autocomplete: "off",
    oninput() {
      text = input.value.toLowerCase();
      many = PAGE_OF_BOUTS;
      show();
    },
  });

  function card(bout) {
    const name = ethogram.classes[bout.label];
    const still = stills[bout.id];
    return el(
      "button",
      {
        type: "button",
        class: `card ${bout.review}`,
        "data-bout": bout.id,
        onclick: () => pick(bout),
      },
      still ? el("img", { src: still, alt: "", loading: "lazy", decoding: "async" }) : null,
      el("span", { class: "card-name" }, swatch(bout.label), name),
      el(
        "span",
        { class: "soft" },
        `${clock(bout.start)} – ${clock(bout.stop)}`,
        isNumber(bout.peak) ? ` · ${bout.peak.toFixed(2)}` : "",
        bout.review ? ` · ${bout.review}` : "",
      ),
    );
  }

  function show() {
    const all = edits.all;
    const found = all
      .filter((bout) => ethogram.classes[bout.label].toLowerCase().includes(text))
      .sort(orders[order][1]);
    cards.replaceChildren(...found.slice(0, many).map(card));
    status.textContent =
      found.length === all.length
        ? plural(all.length, "bout")
        : `${found.length} of ${plural(all.length, "bout")}`;
    more.hidden = found.length <= many;
    if (!found.length) cards.append(nothing("No bout here."));
  }
  show();
  return { node: box(null, box("tools", input, chosen, status), cards, more), show };
}

// ----------------------------------------------------------------------------------- agreement

const SHOWN_FIGURES = [
  "ap",
  "f1",
  "precision",
  "recall",
  "kappa",
  "segment_f1_10",
  "segment_f1_25",
  "segment_f1_50",
  "onset",
];

function agreementParts(agreement) {
  const figures = agreement.figures.filter((figure) => SHOWN_FIGURES.includes(figure.key));
  const write = (figure, value) =>
    !isNumber(value)
      ? "–"
      : figure.unit === "%"
        ? (100 * value).toFixed(1)
        : `${value.toFixed(2)} s`;
  const ends = (figure, one) =>
    isNumber(one.low) ? `${write(figure, one.low)} to ${write(figure, one.high)}` : "";
  const cards = box(
    "figures",
    figures.map((figure) => {
      const one = agreement.mean[figure.key];
      return el(
        "div",
        { class: "figure", title: figure.explanation },
        box("name", figure.title),
        box(
          "value",
          write(figure, one.value),
          figure.unit === "%" && isNumber(one.value) ? el("small", {}, "%") : null,
        ),
        box("beside", ends(figure, one)),
      );
    }),
  );
  const rows = agreement.classes
    .map((row, label) => ({ ...row, label }))
    .filter((row) => row.frames || row.predicted_frames);
  const table = dataTable({
    caption: "Agreement of each class",
    columns: [
      {
        name: "Class",
        value: (row) => row.name,
        cell: (row) => row.name,
        wide: true,
        heading: true,
      },
      {
        name: "Frames",
        title: "Frames that a person gave the class",
        number: true,
        value: (row) => row.frames,
        cell: (row) => whole(row.frames),
      },
      {
        name: "Bouts",
        title: "Bouts of a person",
        number: true,
        value: (row) => row.bouts,
        cell: (row) => whole(row.bouts),
      },
      ...figures.map((figure) => ({
        name: figure.title,
        title: figure.explanation,
        number: true,
        value: (row) => row[figure.key].value,
        cell: (row) =>
          el(
            "span",
            { title: ends(figure, row[figure.key]) && `95 %: ${ends(figure, row[figure.key])}` },
            write(figure, row[figure.key].value),
          ),
      })),
    ],
    rows,
    search: rows.length > 12 ? (row) => row.name : null,
    hint: "Class",
    sort: [1, "descending"],
  }).node;
  const parts = [cards, table];
  if (agreement.pairs.length)
    parts.push(
      el("h3", {}, "Most confused classes"),
      dataTable({
        caption: "Most confused classes",
        columns: [
          { name: "A person saw", value: (row) => row[0], wide: true, heading: true },
          { name: "Predicted instead", value: (row) => row[1], wide: true },
          { name: "Frames", number: true, value: (row) => row[2], cell: (row) => whole(row[2]) },
          {
            name: "Share",
            title: "Of the frames that the person gave the class",
            number: true,
            value: (row) => row[3],
            cell: (row) => share(row[3]),
          },
        ],
        rows: agreement.pairs,
        sort: [2, "descending"],
        plain: true,
      }).node,
    );
  return parts;
}

function agreementSection(agreement) {
  const many = agreement.videos.length > 1;
  return section(
    "agreement",
    "Agreement with a person",
    `Means over the classes that the person saw, in ${plural(agreement.videos.length, "video")} with ` +
      `${whole(agreement.frames)} frames. AP takes the scores, all other figures take the bouts. ` +
      (isNumber(agreement.random_scores.ap)
        ? `Random scores have an AP of ${(100 * agreement.random_scores.ap).toFixed(1)} % on average. `
        : "") +
      (many
        ? `The ranges below the means are 95 % intervals over ${whole(agreement.resamples)} resamples of the videos` +
          (agreement.videos.length < agreement.few
            ? "; with so few videos they are too narrow."
            : ".")
        : "One video alone has no interval."),
    ...agreementParts(agreement),
  );
}
