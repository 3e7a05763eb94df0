"use strict";
// The bouts of a video as a person corrects them, and the times that the person has checked. Each
// correction is kept, and can be undone.

const CHECKED = "checked"; // the id of a step that changes the checked times
const TOUCH = 1e-3; // seconds: the tables have milliseconds

/* review: "" (not looked at), accepted, rejected, moved, added. A rejected bout stays visible, and is
   in no budget and in no file. Every change replaces a bout: undo puts the former one back. Checked
   times [start, stop] are ascending and apart; a change replaces all of them. */
function makeEdits(ethogram, storage, changed) {
  const record = ethogram.record;
  const bouts = new Map();
  let checked = [];
  let done = [];
  let undone = [];

  record.bouts.forEach(([label, start, stop, first, last, mean, peak, subject], id) =>
    bouts.set(id, { id, label, start, stop, first, last, mean, peak, subject, review: "" }),
  );
  function put(id, value) {
    if (id === CHECKED) checked = value;
    else if (value) bouts.set(id, value);
    else bouts.delete(id);
  }

  const save = () =>
    storage.save(done, bouts.size, () => boutsAsCsv(ethogram, edits.standing, checked));

  function apply(id, after) {
    const before = id === CHECKED ? checked : (bouts.get(id) ?? null);
    put(id, after);
    done.push({ id, before, after });
    undone = [];
    save();
    changed();
  }

  // A bout with other ends, within the video and at least one frame long.
  function withEnds(bout, start, stop) {
    const least = ethogram.frameSeconds;
    start = Math.max(0, Math.min(start, ethogram.seconds - least));
    stop = Math.min(ethogram.seconds, Math.max(stop, start + least));
    const [mean, peak] = ethogram.scoresIn(bout.label, start, stop);
    const first = ethogram.frameAt(start);
    const last = Math.max(first, ethogram.frameAt(stop) - 1);
    return { ...bout, start, stop, first, last, mean, peak };
  }

  const edits = {
    get all() {
      return [...bouts.values()];
    },
    // In the order of time.
    get standing() {
      return edits.all
        .filter((bout) => bout.review !== "rejected")
        .sort((a, b) => a.start - b.start || a.label - b.label);
    },
    get count() {
      return done.length;
    },
    get canRedo() {
      return undone.length > 0;
    },
    get: (id) => bouts.get(id) ?? null,
    get checked() {
      return checked;
    },
    isChecked: (start, stop) =>
      checked.some(([from, to]) => from <= start + TOUCH && to >= stop - TOUCH),
    // Marks a time as looked through, or takes the mark away where all of it has one.
    check(start, stop) {
      start = Math.max(0, start);
      stop = Math.min(ethogram.seconds, stop);
      const others = checked
        .flatMap(([from, to]) => [
          [from, Math.min(to, start)],
          [Math.max(from, stop), to],
        ])
        .filter(([from, to]) => to - from > TOUCH);
      if (edits.isChecked(start, stop)) return apply(CHECKED, others);
      const joined = [];
      for (const [from, to] of [...others, [start, stop]].sort((a, b) => a[0] - b[0])) {
        const last = joined.at(-1);
        if (last && from <= last[1] + TOUCH) last[1] = Math.max(last[1], to);
        else joined.push([from, to]);
      }
      apply(CHECKED, joined);
    },
    review(id, state) {
      const bout = bouts.get(id);
      if (bout) apply(id, { ...bout, review: bout.review === state ? "" : state });
    },
    move(id, start, stop) {
      const bout = bouts.get(id);
      if (!bout || (bout.start === start && bout.stop === stop)) return;
      const review = bout.review === "added" ? "added" : "moved";
      apply(id, { ...withEnds(bout, start, stop), review });
    },
    rename(id, label) {
      const bout = bouts.get(id);
      if (!bout || bout.label === label) return;
      const review = bout.review === "added" ? "added" : "moved";
      apply(id, { ...withEnds({ ...bout, label }, bout.start, bout.stop), review });
    },
    add(label, start, stop) {
      const id = Math.max(-1, ...bouts.keys(), ...done.map((step) => step.id).filter(isNumber)) + 1;
      apply(id, { ...withEnds({ id, label, subject: "" }, start, stop), review: "added" });
      return id;
    },
    remove(id) {
      if (bouts.has(id)) apply(id, null);
    },
    undo() {
      const step = done.pop();
      if (!step) return null;
      put(step.id, step.before);
      undone.push(step);
      save();
      changed();
      return step.id;
    },
    redo() {
      const step = undone.pop();
      if (!step) return null;
      put(step.id, step.after);
      done.push(step);
      save();
      changed();
      return step.id;
    },
  };
  done = storage.load();
  for (const step of done) put(step.id, step.after);
  if (storage.isBehind) save();
  return edits;
}
