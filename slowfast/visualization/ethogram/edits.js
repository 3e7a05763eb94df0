"use strict";
// The bouts of a video as a person corrects them. Each correction is kept, and can be undone.

/* review: "" (not looked at), accepted, rejected, moved, added. A rejected bout stays visible, and is
   in no budget and in no file. Every change replaces a bout: undo puts the former one back. */
function makeEdits(ethogram, storage, changed) {
  const record = ethogram.record;
  const bouts = new Map();
  let done = [];
  let undone = [];

  record.bouts.forEach(([label, start, stop, first, last, mean, peak, subject], id) =>
    bouts.set(id, { id, label, start, stop, first, last, mean, peak, subject, review: "" }),
  );
  const put = (id, bout) => (bout ? bouts.set(id, bout) : bouts.delete(id));

  const save = () => storage.save(done, bouts.size, () => boutsAsCsv(ethogram, edits.standing));

  function apply(id, after) {
    const step = { id, before: bouts.get(id) ?? null, after };
    put(id, after);
    done.push(step);
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
      const id = Math.max(-1, ...bouts.keys(), ...done.map((step) => step.id)) + 1;
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
  return edits;
}
