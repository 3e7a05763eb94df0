"""Label files of FERAL, written: a JSON file with the labels of each frame of all videos.

With one class at a time in all videos, a frame has one class number, and 0 is "other", which is
FERAL's background. Otherwise a frame has a list of 0 and 1 for all classes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePath

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools.exchange.film import Film, classes_of
from slowfast.data_tools.exchange.frame_labels import frame_labels
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import add_writer, put

_BACKGROUND = "other"
_SPLITS = ("train", "val", "test", "inference")


def write_feral(
    films: Sequence[Film], classes: Sequence[str], path: Path, report: Report
) -> list[Path]:
    """Writes the labels of all films. Videos without a split become videos for training.

    Raises:
        UserError: the number of frames, or the rate, of a video is not known, two videos have one
            name, or the file cannot be written.
    """
    names = [name for name in classes_of(films, classes) if name != _BACKGROUND]
    labels: dict[str, np.ndarray] = {}
    splits: dict[str, list[str]] = {split: [] for split in _SPLITS}
    places = {}
    for film in films:
        name = PurePath(film.name.replace("\\", "/")).name
        if name in labels:
            raise UserError(
                f"{film.place}: {film.name} and a video of {places[name]} have the same name, "
                f"{name}, and FERAL knows videos by their name; rename one of them, or choose one "
                "with --observation"
            )
        places[name] = film.place
        labels[name] = frame_labels(film, names, report)
        if not film.split:
            report.note(
                f"{path}: videos without a split are in the split train; FERAL needs a split for "
                "each"
            )
        splits[film.split or "train"].append(name)
    several = any((of_video.sum(axis=1) > 1).any() for of_video in labels.values())
    if several:
        values = {name: of_video.astype(int).tolist() for name, of_video in labels.items()}
    else:
        names = [_BACKGROUND, *names]
        values = {
            name: np.where(of_video.any(axis=1), of_video.argmax(axis=1) + 1, 0).tolist()
            for name, of_video in labels.items()
        }
    data = {
        "is_multilabel": several,
        "class_names": {str(number): name for number, name in enumerate(names)},
        "labels": values,
        "splits": splits,
    }
    return [put(path, json.dumps(data).encode())]


add_writer(
    "feral",
    "a labels JSON of FERAL",
    reads_as="feral",
    endings=(".json",),
    keeps=("splits", "empty videos"),
    write=write_feral,
)
