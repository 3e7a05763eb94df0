"""The pages of a prediction as they are served."""

from __future__ import annotations

import base64
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
from slowfast.visualization.review.corrections import FOLDER, Corrections

INDEX = "index.html"
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
        record["review"] = {
            "address": f"/corrections/{quote(page)}",
            "file": str(self.kept(page).table),
            "steps": self.kept(page).steps(record["digest"]),
        }
        return render_page(f"{record['name']} - review", record, _POLICY)

    def overview(self) -> str:
        """Returns the HTML of the overview, with what to review first."""
        record = self._read(INDEX)
        for video in record["videos"]:
            page = unquote(video["page"])
            digest, own = self._content[page]
            video["to_review"] = round(sum(place.doubt for place in own), 1)
            video["corrections"] = len(self.kept(page).steps(digest))
        pages = {own[0].video: page for page, (_, own) in self._content.items() if own}
        record["places"] = [
            {
                "page": quote(pages[place.video]),
                "video": self.names[pages[place.video]],
                "class": place.label,
                "start": place.start,
                "stop": place.stop,
                "score": round(place.score, 3),
                "missed": place.missed,
            }
            for place in self._first
        ]
        return render_page(f"{record['title']} - review", record, _POLICY)

    @cached_property
    def _content(self) -> dict[str, tuple[str, list[Place]]]:
        """The digest of the bouts, and the places to review, by page."""
        return {page: _places_of(self._read(page)) for page in self.names}

    @cached_property
    def _first(self) -> list[Place]:
        found = (place for _, own in self._content.values() for place in own)
        return ranked(found, MOST_PLACES)


def _places_of(record: dict[str, Any]) -> tuple[str, list[Place]]:
    """Returns the digest and the places to review of a page."""
    named = zip(record["classes"], record["thresholds"], strict=True)
    thresholds = {name: value for name, value in named if value is not None}
    return record["digest"], places(scores_of(record), bouts_of(record), thresholds)


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
