"""The pages of a prediction as they are served."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ethograms.ranking import Place, places, ranked
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.visualization.ethogram.page import render_page
from slowfast.visualization.page.render import data_of
from slowfast.visualization.review.corrections import FOLDER, Corrections, State

INDEX = "index.html"
SUMMARY = "summary.json"
_TOUCH = 1e-3  # seconds: the tables have milliseconds
MOST_PLACES = 300  # of the list of what to review first
_POLICY = "media-src 'self' blob:; connect-src 'self'"


class ServedPages:
    """The pages below a folder.

    Args:
        folder: with index.html and the pages, as `tools/predict.py` writes them.
        corrections: where corrections are kept; None: a folder below it.

    Raises:
        UserError: there are no such pages.
    """

    def __init__(self, folder: Path, corrections: Path | None = None) -> None:
        self.folder = folder
        self.corrections = corrections or folder / FOLDER
        index = self._read(INDEX)
        self.names = {unquote(video["page"]): video["name"] for video in index["videos"]}
        for page in self.names:
            self.kept(page).complete()

    def _read(self, name: str) -> dict[str, Any]:
        path = self.folder / name
        try:
            return data_of(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, UnicodeError):
            raise UserError(
                f"{path}: is not a page of predictions; name the folder that tools/predict.py "
                "wrote, with its pages"
            ) from None

    def kept(self, page: str) -> Corrections:
        """The corrections of a page."""
        return Corrections(self.corrections, Path(page).stem)

    def media(self, page: str, record: dict[str, Any] | None = None) -> Path | None:
        """The file that a page plays; None if it is not there.

        Args:
            record: of the page, if it has been read.
        """
        address = (record or self._read(page))["media"]
        path = (self.folder / unquote(address)).resolve() if address else None
        return path if path and path.is_file() else None

    def video(self, page: str) -> str:
        """Returns the HTML of the page of a video."""
        record = self._read(page)
        number = list(self.names).index(page)
        record["media"] = f"/media/{number}" if self.media(page, record) else None
        state = self.kept(page).state(record["digest"])
        record["review"] = {
            "address": f"/corrections/{quote(page)}",
            "file": str(self.kept(page).table),
            "revision": state.revision,
            "steps": state.steps,
            "places": [one | {"own": one["page"] == quote(page)} for one in self._to_review(page)],
        }
        return render_page(f"{record['name']} - review", record, _POLICY)

    def overview(self) -> str:
        """Returns the HTML of the overview, with what to review first."""
        record = self._read(INDEX)
        for video in record["videos"]:
            page = unquote(video["page"])
            found = self._content[page]
            state = self.kept(page).state(found.digest)
            left = (place for place in found.places if not found.is_reviewed(place, state))
            video["to_review"] = round(sum(place.doubt for place in left), 1)
            video["corrections"] = len(state.steps)
            video["checked"] = sum(stop - start for start, stop in state.checked)
        record["places"] = self._to_review()
        return render_page(f"{record['title']} - review", record, _POLICY)

    def _to_review(self, present: str = "") -> list[dict[str, Any]]:
        """What to review first, without what was reviewed already.

        Args:
            present: a page whose reviewed places stay; it knows them itself.
        """
        states = {
            page: self.kept(page).state(found.digest)
            for page, found in self._content.items()
            if page != present
        }
        pages = {found.video: page for page, found in self._content.items()}
        listed = []
        for place in self._first:
            page = pages[place.video]
            content = self._content[page]
            if page in states and content.is_reviewed(place, states[page]):
                continue
            listed.append(
                {
                    "page": quote(page),
                    "video": self.names[page],
                    "class": place.label,
                    "start": place.start,
                    "stop": place.stop,
                    "score": round(place.score, 3),
                    "missed": place.missed,
                    "bout": content.bout_at(place),
                }
            )
        return listed

    @cached_property
    def _content(self) -> dict[str, _Content]:
        """What the pages propose to review."""
        return {page: _content_of(self._read(page)) for page in self.names}

    @cached_property
    def _first(self) -> list[Place]:
        found = (place for content in self._content.values() for place in content.places)
        return ranked(found, MOST_PLACES, self._training_clips())

    def _training_clips(self) -> dict[str, int] | None:
        """Training clips of each class, as the prediction states them; None: not known."""
        try:
            summary = json.loads((self.folder / SUMMARY).read_text(encoding="utf-8"))
            return {str(name): int(clips) for name, clips in summary["training_clips"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True)
class _Content:
    """What is reviewed on a page.

    Attributes:
        video, digest: as the page has them.
        numbers: of the bouts, by class, start and stop.
    """

    video: str
    digest: str
    places: list[Place]
    numbers: dict[tuple[str, float, float], int]

    def bout_at(self, place: Place) -> int | None:
        """The number of the bout that a place is; None for a time without a bout."""
        if place.missed:
            return None
        return self.numbers[place.label, place.start, place.stop]

    def is_reviewed(self, place: Place, state: State) -> bool:
        """Whether a place lies in a checked time, or its bout was judged."""
        inside = (a <= place.start + _TOUCH and b >= place.stop - _TOUCH for a, b in state.checked)
        bout = self.bout_at(place)
        return any(inside) or (bout is not None and state.has_seen(bout))


def _content_of(record: dict[str, Any]) -> _Content:
    named = zip(record["classes"], record["thresholds"], strict=True)
    thresholds = {name: value for name, value in named if value is not None}
    bouts = bouts_of(record)
    numbers = {(bout.label, bout.start, bout.stop): k for k, bout in enumerate(bouts)}
    found = places(scores_of(record), bouts, thresholds)
    return _Content(record["path"], record["digest"], found, numbers)


def scores_of(record: dict[str, Any]) -> VideoScores:
    """Returns the scores in the record of a page, in steps of 1/254."""
    times = np.frombuffer(base64.b64decode(record["edges"]), "<f4").astype(np.float64)
    frames = np.frombuffer(base64.b64decode(record["frame_edges"]), "<u4").astype(np.int64)
    packed = np.frombuffer(base64.b64decode(record["scores"]), "u1")
    cells = len(times) - 1
    packed = packed.reshape(len(packed) // cells if cells else 0, cells).T
    values = np.where(packed == 255, np.nan, packed / np.float32(254)).astype(np.float32)
    classes = tuple(record["classes"][: values.shape[1]])
    return VideoScores(record["path"], classes, times, frames, values)


def bouts_of(record: dict[str, Any]) -> list[Bout]:
    """Returns the predicted bouts in the record of a page."""
    return [
        Bout(
            record["path"], record["classes"][label], start, stop, first, last, subject, mean, peak
        )
        for label, start, stop, first, last, mean, peak, subject in record["bouts"]
    ]
