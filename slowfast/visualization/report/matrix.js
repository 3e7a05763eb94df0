"use strict";
// The confusion matrix of a run with one class a clip. Rows are true classes.

/* The tone of a cell is the share of the clips of its row. Names stand beside the cells where they
   fit; the read-out has them everywhere. A click on a cell calls pick(id) with its true class. */
function matrixChart(run, order, pick) {
  const place = new Map(
    run.classes
      .map((row) => [order(row), row.id])
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .map(([, id], index) => [id, index]),
  );
  const ids = [...place.keys()];
  const size = ids.length;
  const clips = new Map(run.matrix.map(([row, column, count]) => [row * size + column, count]));
  let at = null;
  let select = () => {};
  const label = "Confusion matrix: arrow keys move through the cells";
  const chart = canvas(label, 10, "matrix", (node, width) => {
    const roomy = Math.min(180, Math.round(width * 0.3));
    const named = (Math.min(width, 820) - roomy) / size >= 11;
    const left = named ? roomy : 24;
    const top = named ? Math.min(roomy, 130) : 24;
    const cell = Math.max(2, (Math.min(width, 820) - left - 2) / size);
    const [x, y] = [(column) => left + column * cell, (row) => top + row * cell];
    const height = Math.ceil(top + size * cell + 2);
    node.setAttribute("height", height);
    node.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const side = size * cell;
    node.append(
      svg("rect", { class: "matrix-ground", x: left, y: top, width: side, height: side }),
      svg("text", { x: left, y: 12 }, "predicted →"),
      svg("text", { x: 0, y: 0, transform: `translate(12 ${top + 70}) rotate(-90)` }, "true class →"),
    );
    const letters = Math.floor((left - 26) / 6.4);
    const cut = (name, most) => (name.length > most ? `${name.slice(0, most - 1)}…` : name);
    for (const [id, index] of named ? place : []) {
      const name = run.classes[id].name;
      const middle = cell / 2 + 4;
      node.append(
        svg("text", { x: left - 6, y: y(index) + middle, "text-anchor": "end" }, cut(name, letters)),
        svg(
          "text",
          { transform: `translate(${x(index) + middle} ${top - 6}) rotate(-90)` },
          cut(name, Math.floor((top - 24) / 6.4)),
        ),
      );
    }
    for (const [row, column, count] of run.matrix) {
      const share = count / run.classes[row].test;
      node.append(
        svg("rect", {
          class: row === column ? "matrix-cell right" : "matrix-cell",
          x: x(place.get(column)).toFixed(2),
          y: y(place.get(row)).toFixed(2),
          width: Math.max(1.5, cell - (cell > 6 ? 1 : 0)).toFixed(2),
          height: Math.max(1.5, cell - (cell > 6 ? 1 : 0)).toFixed(2),
          "fill-opacity": (0.15 + 0.85 * share).toFixed(3),
        }),
      );
      if (cell >= 26)
        node.append(
          svg(
            "text",
            {
              class: share > 0.55 ? "matrix-count strong" : "matrix-count",
              x: x(place.get(column)) + cell / 2,
              y: y(place.get(row)) + cell / 2 + 4,
              "text-anchor": "middle",
            },
            count > 9999 ? `${Math.round(count / 1000)}k` : String(count),
          ),
        );
    }
    const ring = svg("rect", { class: "ring", fill: "none", visibility: "hidden" });
    node.append(ring);
    select = (place, clientX, clientY) => {
      at = place;
      ring.setAttribute("visibility", place === null ? "hidden" : "visible");
      node.style.cursor = place === null ? "" : "pointer";
      if (place === null) return tip.hide();
      const [row, column] = place;
      for (const [name, value] of Object.entries({ x: x(column), y: y(row) }))
        ring.setAttribute(name, value);
      ring.setAttribute("width", cell);
      ring.setAttribute("height", cell);
      const [truth, predicted] = [run.classes[ids[row]], run.classes[ids[column]]];
      const count = clips.get(truth.id * size + predicted.id) || 0;
      const frame = node.getBoundingClientRect();
      tip.show(
        clientX ?? frame.left + x(column) + cell,
        clientY ?? frame.top + y(row) + cell,
        () => select(null),
        el("strong", {}, truth.name),
        tip.row(null, "predicted", predicted.name),
        tip.row(null, "clips", `${whole(count)} of ${whole(truth.test)}`),
        truth.test ? tip.row(null, "share", perCentSign((100 * count) / truth.test)) : null,
      );
    };
    const under = (event) => {
      const frame = node.getBoundingClientRect();
      const column = Math.floor((event.clientX - frame.left - left) / cell);
      const row = Math.floor((event.clientY - frame.top - top) / cell);
      const inside = row >= 0 && column >= 0 && row < size && column < size;
      return inside ? [row, column] : null;
    };
    // As in a scatter chart, the first tap names a cell and the second finds its class.
    let tapped = null;
    node.onpointerdown = (event) => {
      tapped = event.pointerType === "touch" ? at : under(event);
      select(under(event), event.clientX, event.clientY);
    };
    node.onpointermove = (event) => select(under(event), event.clientX, event.clientY);
    node.onclick = () => {
      if (at && tapped && at.join() === tapped.join()) pick(ids[at[0]]);
    };
    node.onkeydown = (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
      if (event.key === "Enter" && at) pick(ids[at[0]]);
      if (!step[event.key]) return;
      event.preventDefault();
      const next = at ? at.map((value, axis) => value + step[event.key][axis]) : [0, 0];
      select(next.map((value) => Math.max(0, Math.min(size - 1, value))));
    };
    at = null;
  });
  letGo(chart.node, () => select(null));
  return chart.host;
}

function matrixSection(run, pick) {
  if (!run.matrix) return null;
  const host = el("div");
  const [main] = run.measures;
  const orders = [
    ["class id", (row) => row.id],
    ["test clips, most first", (row) => -row.test],
    [`${main.name}, lowest first`, (row) => row[main.key] ?? 101],
    ...(segmentsOf(run.classes).length
      ? [["segment", (row) => SEGMENT_NAMES.indexOf(row.segment)]]
      : []),
  ];
  const draw = (index) => host.replaceChildren(matrixChart(run, orders[index][1], pick));
  draw(0);
  return section(
    idOf(run, "matrix"),
    titled(run, "Confusion matrix"),
    "A row is a true class, a column the class with the highest score. A cell is as dark as the " +
      "share of the clips of its row; right predictions are on the diagonal. Point at a cell for " +
      "names and numbers; click it to find the true class in the table.",
    box(
      "picks",
      selector(
        "Order by",
        orders.map(([name]) => name),
        0,
        draw,
      ),
    ),
    host,
  );
}
