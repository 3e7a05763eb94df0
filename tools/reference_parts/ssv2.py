"""Measures the data set ssv2: which frames it takes, and how it joins its lists.

Only the public data set is used. The bounds of a random frame are the smallest and the largest of
many draws: with `_DRAWS` draws for each frame between the bounds, an end is missed with a
probability of e^-40.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from torch import Tensor

from slowfast.datasets import build_dataset

from .files import Made
from .settings import configured

HEADER = "original_vido_id video_id frame_id path labels"
_DRAWS = 40


def ssv2_sampling(existing: Any, name: str) -> Made:
    """Makes the frames of each case, the order and labels of a set, and the items of tests."""
    with tempfile.TemporaryDirectory() as folder:
        cases = _frames(existing["cases"], Path(folder))
    given = existing["list_reading"]
    with tempfile.TemporaryDirectory() as folder:
        views = [_views(view, given, Path(folder)) for view in existing["test_views"]]
        reading = _reading(given, Path(folder))
    made = {"cases": cases, "list_reading": reading, "test_views": views}
    places = [
        f"test_views[{number}].spatial_idx_of_items"
        for number, view in enumerate(views)
        if view["TEST.NUM_SPATIAL_CROPS"] == 1
    ]
    content = {"about": existing["about"]} | made
    return Made(content, corrected={"upstream's single crop is the left one": places})


def write_set(
    folder: Path, lengths: dict[str, int], videos: list[dict[str, str]], classes: dict[str, str]
) -> None:
    """Writes the files of the data set; a video's frames have the greys 0 to 216, left to right.

    Args:
        lengths: the number of frames of each video, by its id, in the order of the lists.
        videos: the id and the template of each video, in the order of the JSON files.
        classes: the number of each class, by its name.
    """
    picture = np.tile(np.arange(0, 217, 3, dtype=np.uint8)[None, :72, None], (24, 1, 3))
    lines = [HEADER]
    for number, (video, length) in enumerate(lengths.items()):
        (folder / video).mkdir()
        for frame in range(length):
            path = f"{video}/{frame:04d}.jpg"
            cv2.imwrite(str(folder / path), picture, [cv2.IMWRITE_JPEG_QUALITY, 100])
            lines.append(f'{video} {number} {frame} {path} ""')
    for part, split in (("train", "train"), ("val", "validation")):
        (folder / f"{part}.csv").write_text("\n".join(lines) + "\n")
        (folder / f"something-something-v2-{split}.json").write_text(json.dumps(videos))
    (folder / "something-something-v2-labels.json").write_text(json.dumps(classes))


def _set(folder: Path, mode: str, **settings: Any) -> Any:
    usual = {
        "TRAIN.DATASET": "ssv2",
        "TEST.DATASET": "ssv2",
        "DATA.PATH_TO_DATA_DIR": str(folder),
        "DATA.PATH_PREFIX": str(folder),
        "DATA.MEAN": [0.0] * 3,
        "DATA.STD": [1.0] * 3,
        "MODEL.NUM_CLASSES": 2,
    }
    return build_dataset("ssv2", configured(usual | settings), mode)


def _frames(cases: list[dict], folder: Path) -> list[dict]:
    lengths = sorted({case["video_frames"] for case in cases})
    videos = [{"id": str(length), "template": "holding [something]"} for length in lengths]
    write_set(folder, {str(n): n for n in lengths}, videos, {"holding something": "0"})
    sets = {
        (mode, count): _set(folder, mode, **{"DATA.NUM_FRAMES": count})
        for count in {case["num_frames"] for case in cases}
        for mode in ("train", "val")
    }
    made = []
    for case in cases:
        count, length = case["num_frames"], case["video_frames"]
        video, draws = lengths.index(length), _DRAWS * (length // count + 2)
        train, val = sets["train", count], sets["val", count]
        drawn = np.array([train.get_seq_frames(video) for _ in range(draws)])
        bounds = np.stack([drawn.min(0), drawn.max(0)], axis=1).tolist()
        made.append(
            {
                "video_frames": length,
                "num_frames": count,
                "train_bounds": bounds,
                "val_and_test": [int(frame) for frame in val.get_seq_frames(video)],
            }
        )
    return made


def _reading(given: dict, folder: Path) -> dict:
    """The order of the videos by their numbers of frames, which differ, and their labels."""
    dataset = _set(folder, "val", **{"DATA.NUM_FRAMES": 1})
    # The middle frame of a video of n frames, which `_views` has written.
    lengths = {(n - 1) // 2: place for place, n in enumerate((5, 9, 13))}
    order = [lengths[dataset.get_seq_frames(item)[0]] for item in range(len(dataset))]
    measured = {
        "data_set_order": [f"v{place}" for place in order],
        "data_set_labels": [int(dataset[item][1]) for item in range(len(dataset))],
    }
    return given | measured


def _views(case: dict, given: dict, folder: Path) -> dict:
    if not any(folder.iterdir()):
        lengths = dict(zip(given["frame_list_ids_in_order"], (5, 9, 13), strict=True))
        names = zip(given["json_ids_in_order"], given["templates"], strict=True)
        videos = [{"id": video, "template": template} for video, template in names]
        write_set(folder, lengths, videos, given["labels_file"])
    views = {key: case[key] for key in ("TEST.NUM_ENSEMBLE_VIEWS", "TEST.NUM_SPATIAL_CROPS")}
    dataset = _set(folder, "test", **views, **case["with"], **{"DATA.NUM_FRAMES": 4})
    crops, labels = [], []
    for index in range(len(dataset)):
        clips, label, *_ = dataset[index]
        fast = clips[-1]
        shown = [fast] if isinstance(fast, Tensor) else list(fast.batch(0, len(fast)) / 255)
        labels += [int(label)] * len(shown)
        crops += [_place(view) for view in shown]
    return views | {
        "videos": case["videos"],
        "num_videos": dataset.num_videos,
        "spatial_idx_of_items": crops,
        "short_side": case["short_side"],
        "crop": shown[0].shape[-1],
        "with": case["with"],
        "labels_of_items": labels,
    }


def _place(view: Tensor) -> int:
    """Which crop a view (3, T, 24, 24) of 0..1 shows: 0, 1 or 2, from the grey of its left side."""
    return round(float(view[0, 0, 12, 1]) * 255 / 3 / 24)
