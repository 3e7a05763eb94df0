"use strict";
// The data of a video: classes, scores of cells, bouts of the prediction, events of a person.

const fromBase64 = (text, Type) =>
  new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

const BLOCK = 16; // cells whose highest score is known without looking at each
const NO_SCORE = 255;
const CSV_COLUMNS = [
  ...["video", "subject", "class", "start_s", "stop_s", "first_frame", "last_frame"],
  ...["mean_score", "peak_score", "review"],
];

// The number of entries of an ascending array that are at most a value.
function countUpTo(values, value) {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/* Bouts in the order of their starts, which are found without looking at all of them.
   between(from, to) gives the numbers [first, end) of bouts, among which are all that overlap a time;
   at(time) gives a bout that contains a moment, or null. */
function makeIndex(bouts) {
  const sorted = [...bouts].sort((a, b) => a.start - b.start);
  const starts = Float64Array.from(sorted, (bout) => bout.start);
  const longest = sorted.reduce((most, bout) => Math.max(most, bout.stop - bout.start), 0);
  const index = {
    bouts: sorted,
    between: (from, to) => [countUpTo(starts, from - longest - 1e-9), countUpTo(starts, to)],
    at(time) {
      const [first, end] = index.between(time, time);
      for (let k = first; k < end; k++) if (time < sorted[k].stop) return sorted[k];
      return null;
    },
  };
  return index;
}

// Seconds as 1:02:03.4, with as many decimals as asked for.
function clock(seconds, decimals = 1) {
  const rounded = Number(Math.max(0, seconds).toFixed(decimals));
  const whole = Math.floor(rounded + 1e-9);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const rest = decimals ? (rounded - whole).toFixed(decimals).slice(1) : "";
  const two = (number) => String(number).padStart(2, "0");
  return (h ? `${h}:${two(m)}` : String(m)) + `:${two(s)}${rest}`;
}

// A length of time in words: 0.8 s, 12.5 s, 3 min 20 s, 2 h 5 min.
function length(seconds) {
  if (seconds < 60) return `${Number(seconds.toFixed(seconds < 10 ? 2 : 1))} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  return s ? `${m} min ${s} s` : `${m} min`;
}

const hue = (label) => Math.round((label * 137.508 + 225) % 360);

function makeEthogram(record) {
  const edges = fromBase64(record.edges, Float32Array);
  const frameEdges = fromBase64(record.frame_edges, Uint32Array);
  const scores = fromBase64(record.scores, Uint8Array);
  const cells = edges.length - 1;
  const scored = cells ? scores.length / cells : 0;
  const blocks = Math.ceil(cells / BLOCK);
  const highest = new Uint8Array(scored * blocks).fill(NO_SCORE);
  for (let label = 0; label < scored; label++) {
    for (let cell = 0; cell < cells; cell++) {
      const value = scores[label * cells + cell];
      const at = label * blocks + Math.floor(cell / BLOCK);
      if (value !== NO_SCORE && (highest[at] === NO_SCORE || value > highest[at]))
        highest[at] = value;
    }
  }
  const ethogram = {
    record,
    classes: record.classes,
    seconds: record.seconds,
    edges,
    // Whether a class has scores; classes of a person alone have none.
    hasScores: (label) => label < scored,
    cellAt: (time) => Math.min(cells - 1, Math.max(0, countUpTo(edges, time) - 1)),
    // The highest score of cells first..end - 1 from 0 to 254, or NO_SCORE.
    peak(label, first, end) {
      let best = -1;
      const see = (value) => {
        if (value !== NO_SCORE && value > best) best = value;
      };
      let cell = first;
      while (cell < end) {
        if (cell % BLOCK === 0 && cell + BLOCK <= end) {
          see(highest[label * blocks + cell / BLOCK]);
          cell += BLOCK;
        } else see(scores[label * cells + cell++]);
      }
      return best < 0 ? NO_SCORE : best;
    },
    // A score from 0 to 1; null where nothing was scored.
    scoreAt(label, time) {
      if (label >= scored || !cells) return null;
      const value = scores[label * cells + ethogram.cellAt(time)];
      return value === NO_SCORE ? null : value / 254;
    },
    // The mean and the highest score in a time; null where nothing was scored.
    scoresIn(label, start, stop) {
      if (label >= scored || !cells) return [null, null];
      let [sum, weight, best] = [0, 0, null];
      for (let cell = ethogram.cellAt(start); cell < cells && edges[cell] < stop; cell++) {
        const value = scores[label * cells + cell];
        if (value === NO_SCORE) continue;
        const part = Math.min(stop, edges[cell + 1]) - Math.max(start, edges[cell]);
        sum += value * part;
        weight += part;
        best = Math.max(best ?? 0, value);
      }
      return weight > 0 ? [sum / weight / 254, best / 254] : [null, null];
    },
    // The frame, from 0, that is nearest to the beginning at a time.
    frameAt(time) {
      const cell = ethogram.cellAt(time);
      const share = (time - edges[cell]) / (edges[cell + 1] - edges[cell] || 1);
      return Math.round(
        frameEdges[cell] + Math.min(1, share) * (frameEdges[cell + 1] - frameEdges[cell]),
      );
    },
    frameSeconds: record.frames ? record.seconds / record.frames : 0.04,
    events: record.classes.map(() => []),
  };
  for (const [label, start, stop, subject] of record.events)
    ethogram.events[label].push({ label, start, stop, subject, person: true });
  ethogram.eventIndex = ethogram.events.map(makeIndex);
  return ethogram;
}

const csvCell = (value) => (/[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);

// The bouts that stand, with the columns of bouts.csv and what became of each; then the checked times.
function boutsAsCsv(ethogram, bouts, checked) {
  const number = (value, decimals) =>
    isNumber(value) ? String(Number(value.toFixed(decimals))) : "";
  const rows = bouts.map((bout) => [
    ...[ethogram.record.path, bout.subject, ethogram.classes[bout.label]],
    ...[number(bout.start, 3), number(bout.stop, 3), String(bout.first), String(bout.last)],
    ...[number(bout.mean, 4), number(bout.peak, 4), bout.review],
  ]);
  for (const [start, stop] of checked) {
    const first = ethogram.frameAt(start);
    const last = Math.max(first, ethogram.frameAt(stop) - 1);
    rows.push([
      ...[ethogram.record.path, "", "", number(start, 3), number(stop, 3)],
      ...[String(first), String(last), "", "", "checked"],
    ]);
  }
  return [CSV_COLUMNS, ...rows].map((row) => row.map(csvCell).join(",") + "\r\n").join("");
}
