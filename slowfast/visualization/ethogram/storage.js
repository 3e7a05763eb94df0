"use strict";
// Where the corrections of a video are kept: in the browser, or by tools/review.py in a file.

const PREFIX = "ethogram ";
const MOST_KEPT = 5000; // bouts of a table that is kept in the browser, which has some megabytes

/* told(): called when it is known whether the corrections were kept. Returns load() -> steps,
   save(steps, bouts, csv()), isSaved, place, and earlier() -> [{csv, forget()}]. */
const makeStorage = (record, told) =>
  record.review ? fileStorage(record, told) : browserStorage(record);

function browserStorage(record) {
  const key = PREFIX + record.digest;
  const storage = {
    place: "in this browser",
    isSaved: true,
    load() {
      try {
        return JSON.parse(localStorage.getItem(key))?.steps ?? [];
      } catch {
        return [];
      }
    },
    save(steps, bouts, csv) {
      try {
        if (steps.length) {
          // The table is for a later page of the same video, whose bouts are others.
          const table = bouts <= MOST_KEPT ? csv() : null;
          localStorage.setItem(key, JSON.stringify({ path: record.path, steps, csv: table }));
        } else localStorage.removeItem(key);
        storage.isSaved = true;
      } catch {
        storage.isSaved = false; // no room, or the browser keeps nothing for this page
      }
    },
    // Corrections of other predictions on this video.
    earlier() {
      const found = [];
      try {
        for (const other of Object.keys(localStorage)) {
          if (!other.startsWith(PREFIX) || other === key) continue;
          const { path, csv } = JSON.parse(localStorage.getItem(other));
          if (path === record.path && csv)
            found.push({ csv, forget: () => localStorage.removeItem(other) });
        }
      } catch {
        return []; // the browser keeps nothing for this page, or something else has such a key
      }
      return found;
    },
  };
  return storage;
}

function fileStorage(record, told) {
  let [waiting, sending] = [null, false];
  const storage = {
    place: `in ${record.review.file}`,
    isSaved: true,
    load: () => record.review.steps,
    save(steps, bouts, csv) {
      waiting = { digest: record.digest, steps: [...steps], csv: csv() };
      if (!sending) send();
    },
    earlier: () => [],
  };
  async function send() {
    sending = true;
    while (waiting) {
      const body = JSON.stringify(waiting);
      waiting = null;
      try {
        const headers = { "Content-Type": "application/json" };
        const answer = await fetch(record.review.address, { method: "PUT", headers, body });
        storage.isSaved = answer.ok;
      } catch {
        storage.isSaved = false; // the program has ended
      }
    }
    sending = false;
    told();
  }
  return storage;
}
