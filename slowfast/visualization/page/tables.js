"use strict";
// A table that is sorted by its headings and searched by a text field.

const headOf = (column) =>
  column.run ? el("span", {}, breakable(brief(column.name))) : column.name;

/* columns: [{name, value(row), cell(row), title, number, wide, heading, run}]; value sorts (null
   always last) and cell shows it; number: right-aligned, wide: of names, heading: of its row, run:
   headed by the name of a run. search: a text for each row that typing looks in. sort: [column, "ascending"].
   groups: names of segments that can be switched off, of rows with `segment`.
   Returns {node, find}: find(key) shows, marks and focuses the row whose `key` it is. */
function dataTable({
  caption,
  columns,
  rows,
  search = null,
  hint = "",
  sort,
  groups = [],
  plain = false,
}) {
  let [sorted, direction] = sort || [null, null];
  let text = "";
  const chips = groups.map((name) => ({ name, mark: () => shape(name) }));
  const body = el("tbody");
  const status = el("span", { class: "soft", role: "status" });
  const heads = columns.map((column, index) =>
    el(
      "th",
      {
        scope: "col",
        class: [column.number && "number", column.run && "run"].filter(Boolean).join(" ") || null,
        title: column.run ? column.name : column.title,
        "aria-sort": sort ? "none" : null,
      },
      sort
        ? el("button", { type: "button", onclick: () => order(index) }, headOf(column))
        : el("span", {}, headOf(column)),
    ),
  );
  const nodes = new Map(
    rows.map((row) => [
      row,
      el(
        "tr",
        { tabindex: "key" in row ? -1 : null, "data-key": row.key },
        columns.map((column) =>
          el(
            column.heading ? "th" : "td",
            {
              class:
                [column.number && "number", column.wide && "name"].filter(Boolean).join(" ") ||
                null,
              scope: column.heading && "row",
            },
            column.cell ? column.cell(row) : String(column.value(row) ?? "–"),
          ),
        ),
      ),
    ]),
  );

  function order(index) {
    const first = columns[index].number ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    direction = sorted === index && direction === first ? other : first;
    sorted = index;
    show();
  }

  function compare(a, b) {
    const [x, y] = [columns[sorted].value(a), columns[sorted].value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    const sign = direction === "ascending" ? 1 : -1;
    return sign * (typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y);
  }

  function show() {
    const off = chips.filter((chip) => chip.hidden).map((chip) => chip.name);
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const matching = rows.filter(
      (row) =>
        !off.includes(row.segment) &&
        (!search || words.every((word) => search(row).toLowerCase().includes(word))),
    );
    if (sorted !== null) matching.sort(compare);
    body.replaceChildren(...matching.map((row) => nodes.get(row)));
    if (!matching.length)
      body.append(
        el("tr", {}, el("td", { colspan: columns.length, class: "absent" }, "Nothing matches.")),
      );
    status.textContent =
      matching.length === rows.length
        ? `${rows.length} rows`
        : `${matching.length} of ${rows.length} rows`;
    heads.forEach(
      (head, index) =>
        sort && head.setAttribute("aria-sort", index === sorted ? direction : "none"),
    );
  }

  const input =
    search &&
    el("input", {
      type: "search",
      placeholder: hint,
      "aria-label": hint,
      autocomplete: "off",
      oninput() {
        text = input.value;
        show();
      },
    });
  const chosen = chips.length ? legend(chips, show) : null;
  show();

  function find(key) {
    const row = rows.find((one) => one.key === key);
    if (!row) return;
    if (!nodes.get(row).isConnected) {
      text = input.value = "";
      chosen?.querySelectorAll('[aria-pressed="false"]').forEach((button) => button.click());
      show();
    }
    body.querySelectorAll(".found").forEach((node) => node.classList.remove("found"));
    const node = nodes.get(row);
    node.classList.add("found");
    node.focus({ preventScroll: true });
    node.scrollIntoView({ block: "center", inline: "nearest" });
  }

  const node = box(
    null,
    search ? box("tools", input, chosen, status) : null,
    el(
      "div",
      {
        class: plain ? "scroll plain" : "scroll",
        tabindex: 0,
        role: "region",
        "aria-label": caption,
      },
      el(
        "table",
        {},
        el("caption", { class: "unseen" }, caption),
        el("thead", {}, el("tr", {}, heads)),
        body,
      ),
    ),
  );
  return { node, find };
}
