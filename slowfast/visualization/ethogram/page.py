"""Writing the pages of videos and their overview."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from slowfast.ethograms.agreement.intervals import Agreement
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.visualization.ethogram.picture import Panel, draw_ethogram
from slowfast.visualization.ethogram.record import (
    agreement_record,
    overview_entry,
    page_name,
    video_record,
)
from slowfast.visualization.page.render import render, write

_HERE = Path(__file__).parent
_SCRIPTS = (
    *("data.js", "storage.js", "edits.js", "player.js", "timeline.js", "lists.js"),
    *("places.js", "video.js", "overview.js", "main.js"),
)
# The page loads the video alone: beside it, or from the computer that serves it.
_POLICY = "media-src 'self' file: blob:"


def write_ethogram(
    folder: Path,
    videos: Iterable[VideoScores],
    bouts: Iterable[Bout],
    *,
    events: Iterable[Bout] = (),
    stills: Mapping[Bout, bytes] | None = None,
    thresholds: Mapping[str, float] | None = None,
    agreement: Agreement | None = None,
    media: Mapping[str, Path | None] | None = None,
    title: str = "Predictions",
    what: str = "",
    picture: str = "ethogram.png",
) -> Path:
    """Writes the page of each video, the overview, and the picture of all videos.

    Args:
        folder: where ``index.html``, the pages and the picture go.
        videos: one after another, so that no more than one has to be in memory.
        bouts: of all videos, each with the `video` of its scores.
        events: the events of a person, likewise.
        stills: JPEG files, of the frame with the highest score of a bout. They are part of the
            page: 300 pixels wide are enough.
        thresholds: by class; curves of scores show them.
        agreement: of all videos; each page shows that of its video.
        media: files that the pages play in place of a video, such as copies in a format that
            browsers play; None: the video is not played. A folder of frames is not played.
        title, what: heading of the overview, and a line below it.
        picture: its file name, whose ending says the format; "": no picture.

    Returns:
        The path of ``index.html``.

    Raises:
        UserError: a file cannot be written, or matplotlib does not know the ending of the picture.
    """
    found, seen = _by_video(bouts), _by_video(events)
    entries: list[dict] = []
    panels: list[Panel] = []
    classes: dict[str, int] = {}
    taken = {"index"}
    for scores in videos:
        own = sorted(found[scores.video], key=lambda bout: (bout.start, bout.label))
        labelled = sorted(seen[scores.video], key=lambda bout: (bout.start, bout.label))
        for name in (*scores.classes, *(bout.label for bout in (*own, *labelled))):
            classes.setdefault(name, len(classes))
        page = page_name(scores.video, taken)
        record = video_record(scores, own, labelled, stills or {}, thresholds or {}, agreement)
        record["media"] = _media(folder, scores.video, media or {})
        record["overview"] = "index.html"
        _write(folder / page, f"{record['name']} - ethogram", record)
        entry = overview_entry(scores, own, labelled, classes, agreement)
        entries.append(entry | {"page": quote(page, errors="surrogateescape")})
        panels.append(Panel(record["name"], scores.seconds, own, labelled))
    overview = {
        "title": title,
        "what": what,
        "classes": list(classes),
        "videos": entries,
        "agreement": agreement and agreement_record(agreement),
    }
    if picture and panels:
        draw_ethogram(folder / picture, panels, list(classes))
    return _write(folder / "index.html", f"{title} - ethogram", overview)


def _by_video(bouts: Iterable[Bout]) -> dict[str, list[Bout]]:
    found = defaultdict(list)
    for bout in bouts:
        found[bout.video].append(bout)
    return found


def _write(path: Path, title: str, record: dict) -> Path:
    return write(path, render_page(title, record))


def render_page(title: str, record: dict, policy: str = _POLICY) -> str:
    """Returns the HTML of a video or of the overview, from its record."""
    scripts = [_HERE / name for name in _SCRIPTS]
    return render(title, record, [_HERE / "style.css"], scripts, policy)


def _media(folder: Path, video: str, media: Mapping[str, Path | None]) -> str | None:
    """Returns the address of the file that a page plays, relative to the page."""
    path = media[video] if video in media else Path(video)
    if path is None or not path.is_file():
        return None
    try:
        address = Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:  # on another drive of Windows
        return path.absolute().as_uri()
    return quote(address, errors="surrogateescape")
