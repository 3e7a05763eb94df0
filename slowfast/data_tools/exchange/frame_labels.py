"""Labels of single frames, which DeepEthogram and FERAL have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools.exchange.film import Film
from slowfast.data_tools.exchange.report import Report


def frame_labels(film: Film, classes: Sequence[str], report: Report) -> np.ndarray:
    """Returns (T, K) bool: whether frame t shows class k. A bout shows in one frame at least.

    Raises:
        UserError: the number of frames, or the rate, is not known.
    """
    frames = film.frame_count
    if frames is None:
        raise UserError(
            f"{film.place or film.name}: the number of frames of {film.name} is not known; give "
            "the folder of the videos as --videos FOLDER"
            + ("" if film.rate or film.length is None else ", or --frame-rate R")
        )
    number = {name: at for at, name in enumerate(classes)}
    labels = np.zeros((frames, len(classes)), dtype=bool)
    for event in film.events:
        if event.label not in number:
            continue
        first, stop = film.frame_span(event)
        if first >= frames:
            report.lost("events after the last frame of their video", event.place)
        labels[first:stop, number[event.label]] = True
    return labels


def unlabelled_frames(film: Film) -> np.ndarray:
    """Returns (T,) bool: the frames that nobody labelled.

    Raises:
        UserError: a rate is needed and not known.
    """
    unknown = np.zeros(film.frame_count or 0, dtype=bool)
    for first, stop in film.unknown:
        unknown[first:stop] = True
    if film.span is not None or film.only_events:
        for start, stop in film.unlabelled():
            unknown[film.frame_of(film.place, start) : film.frame_of(film.place, stop)] = True
    return unknown
