"""Label files of FERAL: a JSON file with the labels of each frame of several videos.

    {"is_multilabel": false, "class_names": {"0": "other", "1": "walking"},
     "labels": {"fox.mp4": [0, 0, 1, ...]}, "splits": {"train": ["fox.mp4"], "val": [], ...}}

With `is_multilabel` a frame has a list of 0 and 1 for all classes. The class "other" is background.
Videos of the split `inference` have no labels and are left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.content import Content
from slowfast.data_tools.events.event import EventTable, Place, ReadOptions, add_frame_labels
from slowfast.data_tools.events.formats import add_format

_SPLITS = ("train", "val", "test")


def _recognises(content: Content, options: ReadOptions) -> bool:
    found = content.json
    return found is not None and ({"class_names", "labels"} <= found.keys() or "preds" in found)


def read_feral(content: Content, options: ReadOptions) -> EventTable:
    """Returns the bouts of all labelled videos.

    Raises:
        UserError: the file holds predictions, or it is damaged as a whole.
    """
    data = content.json or {}
    if "labels" not in data and "preds" in data:
        raise UserError(
            f"{content.path}: holds predictions of FERAL (scores without class names), and no "
            "labels; give the labels JSON"
        )
    try:
        numbers = {int(number): str(name) for number, name in data["class_names"].items()}
        names = [numbers[number] for number in range(len(numbers))]
        of_video = _splits(data)
        labelled = dict(data["labels"])
        several = bool(data.get("is_multilabel"))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(
            f"{content.path}: is not a labels JSON of FERAL ({error!r}); expected class_names from "
            '"0" on, labels for each video, and splits'
        ) from None
    found = EventTable(classes=tuple(names))
    found.background = "other" if "other" in names else ""
    for rank, (video, frames) in enumerate(labelled.items()):
        place = Place(content.path, 0, rank, f"video {video!r}")
        splits = of_video.get(video, [])
        if len(splits) > 1:
            found.wrong(place, f"is in the splits {' and '.join(splits)}; expected one")
            continue
        if splits == ["inference"] or (of_video and not splits):
            where = "in the split inference" if splits else "in no split"
            found.notes.append(f"{place}: is {where} and is left out")
            continue
        try:
            labels = _to_array(frames, len(names), several)
        except UserError as error:
            found.wrong(place, str(error))
            continue
        split = splits[0] if splits else ""
        add_frame_labels(found, place, video, labels, names, options, split=split)
    for video in of_video.keys() - labelled.keys():
        if of_video[video] != ["inference"]:
            place = Place(content.path, 0, len(labelled), f"video {video!r}")
            found.wrong(place, f"is in the split {of_video[video][0]} and has no labels")
    return found


def _splits(data: dict[str, Any]) -> dict[str, list[str]]:
    """The splits of each video."""
    found: dict[str, list[str]] = {}
    for split, videos in (data.get("splits") or {}).items():
        if split not in (*_SPLITS, "inference"):
            raise ValueError(f"split {split!r}")
        for video in videos:
            found.setdefault(video, []).append(split)
    return found


def _to_array(frames: Any, classes: int, several: bool) -> np.ndarray:
    """The labels of a video as (T, K) bool.

    Raises:
        UserError: a label is not a class, or not one value for each class.
    """
    try:
        values = np.asarray(frames, dtype=float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if several:
        if values.ndim != 2 or values.shape[1] != classes or not len(values):
            raise UserError(f"expected {classes} values for each frame, one for each class")
        if not ((values >= 0) & (values <= 1)).all():
            raise UserError("expected values from 0 to 1")
        return values >= 0.5
    if values.ndim != 1 or not len(values):
        raise UserError("expected one class number for each frame")
    wrong = (values < 0) | (values >= classes) | (values != np.floor(values))
    if wrong.any():
        frame = int(wrong.argmax())
        raise UserError(
            f"frame {frame}: {values[frame]:g} is no class number; expected 0 to {classes - 1}"
        )
    return values[:, None] == np.arange(classes)


add_format("feral", "a labels JSON of FERAL", _recognises, read_feral)
