"use strict";
// Where the corrections of a video are kept: in the browser, or by tools/review.py in a file.

const PREFIX = "ethogram ";
const RETRY = 2000; // milliseconds
const MOST_KEPT = 5000; // bouts of a table that is kept in the browser, which has some megabytes

/* told(): called when it is known whether the corrections were kept. Returns load() -> steps,
   save(steps, bouts, csv()), isSaved, isSaving, problem, isBehind, place, earlier() -> [{csv, forget()}]. */
const makeStorage = (record, told) =>
  record.review ? fileStorage(record, told) : browserStorage(record);

function browserStorage(record) {
  const key = PREFIX + record.digest;
  const storage = {
    place: "in this browser",
    isSaved: true,
    isSaving: false,
    isBehind: false,
    problem: "",
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

/* Each save names the state that it follows, so that two windows do not overwrite each other. What
   the program has not taken yet stays in the browser too, and is sent when the page is opened again. */
function fileStorage(record, told) {
  const review = record.review;
  const key = `review ${record.path} ${record.digest}`;
  let revision = review.revision;
  let [waiting, sending] = [null, false];
  const storage = {
    place: `in ${review.file}`,
    isSaved: true,
    get isSaving() {
      return sending;
    },
    isBehind: false, // whether the steps of load() have to be saved
    problem: "",
    load() {
      try {
        const kept = JSON.parse(localStorage.getItem(key));
        if (kept?.revision === revision) {
          storage.isBehind = true;
          return kept.steps;
        }
      } catch {
        // There is nothing that the program lacks.
      }
      return review.steps;
    },
    save(steps, bouts, csv) {
      waiting = { steps: [...steps], csv: csv() };
      keepHere(waiting.steps);
      if (!sending) send();
    },
    earlier: () => [],
  };

  function keepHere(steps) {
    try {
      if (steps) localStorage.setItem(key, JSON.stringify({ revision, steps }));
      else localStorage.removeItem(key);
    } catch {
      // The file is what counts.
    }
  }

  // Returns whether it makes sense to send the same again.
  async function put(content) {
    try {
      const answer = await fetch(record.review.address, {
        method: "PUT",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ digest: record.digest, revision, ...content }),
      });
      storage.isSaved = answer.ok;
      storage.problem = answer.ok ? "" : await answer.text();
      if (answer.ok) revision += 1;
      return answer.status >= 500;
    } catch {
      storage.isSaved = false;
      storage.problem = "the program does not answer";
      return true;
    }
  }

  async function send() {
    sending = true;
    while (waiting) {
      const content = waiting;
      waiting = null;
      const again = await put(content);
      if (storage.isSaved && !waiting) keepHere(null);
      if (again) {
        waiting ??= content;
        told();
        await new Promise((resume) => setTimeout(resume, RETRY));
      }
    }
    sending = false;
    told();
  }

  addEventListener("beforeunload", (event) => {
    if (sending || !storage.isSaved) event.preventDefault();
  });
  return storage;
}
