"""What the page of a video shows, as values of JSON; arrays are base64."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import PurePath

import numpy as np

from slowfast.ethograms.agreement.figures import FIGURES
from slowfast.ethograms.agreement.intervals import FEW_VIDEOS, Agreement
from slowfast.ethograms.scores import Bout, VideoScores
from slowfast.visualization.page.pictures import data_uri

MOST_CELLS = 30_000  # of a page: a quarter of a second in a video of two hours
NO_SCORE = 255


def video_record(
    scores: VideoScores,
    bouts: Sequence[Bout],
    events: Sequence[Bout],
    stills: Mapping[Bout, bytes],
    thresholds: Mapping[str, float],
    agreement: Agreement | None,
) -> dict:
    """Returns what the page of one video shows.

    Args:
        bouts, events: of this video; events are a person's. Classes that the scores lack follow
            those that they have.
        stills: JPEG files of bouts.
        thresholds: by class; a class may be missing.
        agreement: of all videos; the page shows that of this one.
    """
    classes = list(dict.fromkeys((*scores.classes, *(each.label for each in (*bouts, *events)))))
    place = {name: index for index, name in enumerate(classes)}
    values, times, frames = pooled(scores)
    rows = [
        [
            *(place[each.label], each.start, each.stop, each.first_frame, each.last_frame),
            *(_number(each.mean), _number(each.peak), each.subject),
        ]
        for each in bouts
    ]
    whole = agreement and agreement.of_video(scores.video)
    return {
        "name": PurePath(scores.video).name or scores.video,
        "path": scores.video,
        "csv_name": f"{PurePath(scores.video).stem or 'video'}_bouts.csv",
        "digest": _digest([scores.video, classes, rows]),
        "seconds": scores.seconds,
        "frames": int(scores.frames[-1]),
        "classes": classes,
        "thresholds": [_number(thresholds.get(name)) for name in classes],
        "edges": _base64(times, "<f4"),
        "frame_edges": _base64(frames, "<u4"),
        "scores": _base64(as_bytes(values).T, "u1"),
        "bouts": rows,
        "events": [[place[each.label], each.start, each.stop, each.subject] for each in events],
        "stills": {
            str(number): data_uri(stills[each])
            for number, each in enumerate(bouts)
            if each in stills
        },
        "agreement": whole and agreement_record(whole),
    }


def overview_entry(
    scores: VideoScores,
    bouts: Sequence[Bout],
    events: Sequence[Bout],
    place: Mapping[str, int],
    agreement: Agreement | None,
) -> dict:
    """Returns what the overview shows of a video; `place` has the number of each class there."""
    whole = agreement and agreement.of_video(scores.video)
    return {
        "name": PurePath(scores.video).name or scores.video,
        "seconds": scores.seconds,
        "bouts": [[place[each.label], each.start, each.stop] for each in bouts],
        "events": [[place[each.label], each.start, each.stop] for each in events],
        "f1": _number(whole.mean["f1"]) if whole else None,
        "compared": agreement is None or whole is not None,
    }


def agreement_record(agreement: Agreement) -> dict:
    """Returns the figures of an agreement and what they mean, without the confusion matrix."""
    record = agreement.to_record()
    del record["confusion"]
    record["figures"] = [
        {
            "key": figure.key,
            "title": figure.title,
            "unit": figure.unit,
            "explanation": figure.explanation,
        }
        for figure in FIGURES
    ]
    record["few"] = FEW_VIDEOS
    record["pairs"] = [list(pair) for pair in agreement.confused_pairs(12)]
    return record


def pooled(scores: VideoScores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns scores (G, C), times and frames (G + 1,) of at most MOST_CELLS cells.

    Of cells that become one the highest score stays, so that no peak is lost.
    """
    cells = len(scores.scores)
    step = -(-cells // MOST_CELLS) or 1
    if step == 1:
        return scores.scores, scores.times, scores.frames
    starts = np.arange(0, cells, step)
    lowest = np.where(np.isnan(scores.scores), -np.inf, scores.scores)
    highest = np.maximum.reduceat(lowest, starts, axis=0)
    edges = np.append(starts, cells)
    return np.where(np.isinf(highest), np.nan, highest), scores.times[edges], scores.frames[edges]


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Returns scores from 0 to 1 as uint8 from 0 to 254; nan is NO_SCORE."""
    whole = np.rint(np.clip(np.nan_to_num(values), 0, 1) * 254).astype(np.uint8)
    return np.where(np.isnan(values), np.uint8(NO_SCORE), whole)


def _base64(values: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=dtype).tobytes()).decode("ascii")


def _digest(values: object) -> str:
    """Returns a name under which a browser keeps corrections of exactly these bouts."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:24]


def _number(value: float | None) -> float | None:
    return round(float(value), 6) if value is not None and isfinite(value) else None


def page_name(video: str, taken: set[str]) -> str:
    """Returns a file name for the page of a video, and adds it to the names that are taken.

    It is the name of the video without its ending, with a number where that is taken. Names that
    differ in case only are the same file on some systems.
    """
    stem = PurePath(video).stem or "video"
    name, number = stem, 1
    while name.casefold() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.casefold())
    return f"{name}.html"
