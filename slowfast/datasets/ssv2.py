"""The data set ``ssv2``: Something-Something V2, whose classes are in JSON files beside its lists.

Goyal et al., "The 'Something Something' Video Database for Learning and Evaluating Visual Common
Sense", ICCV 2017. The folder DATA.PATH_TO_DATA_DIR has

    train.csv, val.csv                            the frames of each video, without labels
    something-something-v2-labels.json            {"Holding something": "52", ...}
    something-something-v2-train.json             [{"id": "78687", "template": "Holding [something]"
    something-something-v2-validation.json        ...}, ...]

A template without its brackets is the name of a class.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from slowfast.ak import paths
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.clips.sampling import EvenSegments
from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.registries.datasets import CLIPS_OF_A_VIDEO, DATASETS

CLASSES = "something-something-v2-labels.json"
VIDEOS = {
    "train": "something-something-v2-train.json",
    "val": "something-something-v2-validation.json",
    "test": "something-something-v2-validation.json",
}


class _File(NamedTuple):
    """A JSON file: its path, its local copy, and what changes when it is written again."""

    path: str
    local: str
    version: tuple[int, int]

    @classmethod
    def find(cls, folder: str, name: str) -> _File:
        """The file of a folder. Raises UserError if it is not there."""
        path = paths.join(folder, name)
        try:
            local = paths.local_path(path)
            stat = Path(local).stat()
        except OSError as error:
            raise UserError(
                f"{path}: this file cannot be read ({error.strerror or error}). The labels of "
                "Something-Something V2 come with its videos; put "
                f"{', '.join(dict.fromkeys((CLASSES, *VIDEOS.values())))} beside train.csv and "
                "val.csv, the lists of frames."
            ) from None
        return cls(path, local, (stat.st_mtime_ns, stat.st_size))

    def content(self) -> Any:
        """What the file holds. Raises UserError if it is not JSON."""
        try:
            return json.loads(Path(self.local).read_text(encoding="utf-8-sig"))
        except (OSError, ValueError) as error:
            raise UserError(f"{self.path}: is not a JSON file: {error}.") from None


def _read_classes(file: _File) -> dict[str, int]:
    """The number of each class by its name."""
    content = file.content()
    try:
        return {str(name): int(number) for name, number in content.items()}
    except (AttributeError, TypeError, ValueError):
        raise UserError(
            f"{file.path}: expected an object of names and numbers of classes, such as "
            f'{{"Holding something": "52"}}, found {str(content)[:80]}.'
        ) from None


def _read_labels(file: _File, classes: dict[str, int], classes_path: str) -> dict[str, int]:
    """The class of each video by its id, in the order of the file."""
    labels: dict[str, int] = {}
    content = file.content()
    for number, entry in enumerate(content if isinstance(content, list) else [content]):
        try:
            video, template = str(entry["id"]), entry["template"]
            name = template.replace("[", "").replace("]", "")
        except (TypeError, KeyError, AttributeError):
            raise UserError(
                f"{file.path}: entry {number}: expected an object with id and template, such as "
                f'{{"id": "78687", "template": "Holding [something]"}}, found {str(entry)[:80]}.'
            ) from None
        if name not in classes:
            raise UserError(
                f"{file.path}: video {video}: {classes_path} has no class {name!r}. Take both "
                "files from the same release."
            )
        if labels.setdefault(video, classes[name]) != classes[name]:
            raise UserError(
                f"{file.path}: video {video} is there twice, with the classes {labels[video]} and "
                f"{classes[name]}. Keep one of them."
            )
    return labels


def _with_labels(folder: str, split: str, clips: ClipList) -> ClipList:
    """The videos of a list of frames with the classes of the JSON files, in their order."""
    return _joined(clips, _File.find(folder, CLASSES), _File.find(folder, VIDEOS[split]))


@lru_cache(maxsize=16)
def _joined(clips: ClipList, classes: _File, videos: _File) -> ClipList:
    labels = _read_labels(videos, _read_classes(classes), classes.path)
    return clips.with_labels(labels, videos.path)


def _warnings(cfg) -> Iterator[Finding]:
    if cfg.TRAIN.ENABLE and cfg.DATA.RANDOM_FLIP:
        yield (
            "DATA.RANDOM_FLIP",
            "mirrors clips, and some classes of Something-Something V2 differ only in left and "
            "right; the published recipes set it to False",
        )


@DATASETS.register(
    "Ssv2",
    list_format="header",
    complete_list=_with_labels,
    frames="AK.FRAMES",
    sampling="segments",
    random_validation=True,
    own_keys=CLIPS_OF_A_VIDEO,
    warnings=_warnings,
    aliases=("ptvssv2",),
)
class Ssv2(ClipDataset):
    """Videos with one class each. A clip has one frame of each of NUM_FRAMES segments of the video.

    Training takes a random frame of each segment. Validation during training takes the middle
    frame and, as upstream does, a random crop. View v of V of a test takes the frame at
    (v + 1/2) / V of each segment; upstream's temporal views are all alike, and a single view is the
    same in both. A single crop is in the centre; upstream's is the left one.

    Args:
        mode: train, val or test.
        num_retries: not used; upstream's callers pass it.
    """

    def __init__(self, cfg, mode: str, num_retries: int = 10):
        arguments = clip_dataset_arguments(cfg, mode, DATASETS.facts("Ssv2"))
        if mode == "val":
            arguments["frame_sampler"] = EvenSegments(cfg.DATA.NUM_FRAMES)
        super().__init__(**arguments)
