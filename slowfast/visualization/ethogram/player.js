"use strict";
// The video. Without a video that plays, the time line still has a play head.

/* moved(): called whenever the time has changed. Returns {node, time, seek, toggle, play, ...}. */
function makePlayer(record, moved) {
  let time = 0;
  let wanted = null; // where the video shall be; null once it is there
  let asked = null; // where it was last told to go
  let stopAt = null;
  let ready = false;

  const video = el("video", {
    controls: true,
    playsinline: true,
    preload: "auto",
    "aria-label": `Video ${record.name}`,
    onloadedmetadata() {
      ready = true;
      host.classList.remove("lacking");
      player.seek(time);
    },
    onerror() {
      ready = false;
      host.classList.add("lacking");
    },
    onseeked() {
      if (video.seeking) return; // an earlier seek has ended
      if (wanted !== null && wanted !== asked) go();
      else {
        wanted = null;
        if (video.paused) follow();
      }
    },
    ontimeupdate: () => follow(),
    onplay: () => {
      requestAnimationFrame(tick);
      moved();
    },
    onpause: () => moved(),
  });

  const chosen = el("input", {
    type: "file",
    accept: "video/*",
    class: "unseen",
    onchange() {
      if (chosen.files.length) video.src = URL.createObjectURL(chosen.files[0]);
    },
  });
  const host = el(
    "div",
    { class: "player" },
    video,
    el(
      "div",
      { class: "no-video" },
      el(
        "p",
        {},
        record.media
          ? "This browser cannot show the video: it is not beside the page, or its format does not play in browsers."
          : "This page has no video that a browser can play.",
      ),
      el("label", { class: "button" }, "Open a video file …", chosen),
    ),
  );

  function go() {
    asked = wanted;
    video.currentTime = wanted;
  }

  function follow() {
    if (!ready || wanted !== null || video.seeking) return;
    time = video.currentTime;
    if (stopAt !== null && time >= stopAt) {
      video.pause();
      stopAt = null;
    }
    moved();
  }

  function tick() {
    if (video.paused) return;
    follow();
    requestAnimationFrame(tick);
  }

  // A pause that follows at once ends the start with an error, which is none.
  const start = () => video.play().catch(() => moved());

  const player = {
    node: host,
    get time() {
      return time;
    },
    get isPlaying() {
      return ready && !video.paused;
    },
    get isReady() {
      return ready;
    },
    seek(to) {
      time = Math.max(0, Math.min(record.seconds, to));
      wanted = time;
      if (ready && !video.seeking) go();
      moved();
    },
    toggle() {
      if (!ready) return;
      stopAt = null;
      if (video.paused) start();
      else video.pause();
    },
    playBout(bout) {
      player.seek(bout.start);
      if (!ready) return;
      stopAt = bout.stop;
      start();
    },
    pause: () => video.pause(),
    set speed(value) {
      video.playbackRate = value;
    },
  };
  if (record.media) video.src = record.media;
  else host.classList.add("lacking");
  return player;
}
