"use strict";
// The places that a person should review, where tools/review.py shows the pages.

/* review: that of the record of a page, with `places`: [{page, own, class, start, stop, bout}] of all
   videos, the most rewarding first; nothing if the page is opened from disk. */
function makePlaces(review) {
  const all = review?.places ?? [];
  const isJudged = (id, edits) => id !== null && (edits.get(id)?.review ?? "removed") !== "";
  const isDone = (place, edits) =>
    place.own && (edits.isChecked(place.start, place.stop) || isJudged(place.bout, edits));
  const isHere = (place) => {
    const asked = new URLSearchParams(location.hash.slice(1));
    const [at, label] = [Number(asked.get("at")), asked.get("class")];
    return place.own && label === place.class && Math.abs(at - place.start) < 2e-3;
  };
  return {
    isServed: Boolean(review),
    // The address of the first place after the present one that is still open; null if there is none.
    next(edits) {
      const here = all.findIndex(isHere);
      const open = [...all.slice(here + 1), ...all.slice(0, Math.max(0, here))];
      const next = open.find((place) => !isDone(place, edits));
      return next ? addressOf(next) : null;
    },
  };
}

const addressOf = (place) =>
  `${place.page}#${new URLSearchParams({ at: (place.start + 1e-3).toFixed(3), class: place.class })}`;
