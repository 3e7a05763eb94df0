"""Made-up data in the form of each data set of the published configurations: 8 training clips."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import TRAIN, VAL, TinyAk
from tests.media import write_image_tree, write_ssv2

Settings = dict[str, Any]
CLASSES = 6


def write_data(dataset: str, folder: Path, tiny_ak: TinyAk) -> Settings:
    """Writes a set in the form of a data set of upstream.

    Args:
        dataset: the value of TRAIN.DATASET.

    Returns:
        The settings that name the set, by dotted key.
    """
    folder.mkdir()
    return _WRITERS[dataset.removeprefix("ptv")](folder, tiny_ak)


def _kinetics(folder: Path, tiny_ak: TinyAk) -> Settings:
    """Lists of videos with a class each."""
    for split, clips in {"train": TRAIN, "val": VAL, "test": VAL}.items():
        lines = [f"{name}.mp4 {number % CLASSES}" for number, (name, *_) in enumerate(clips)]
        (folder / f"{split}.csv").write_text("\n".join(lines))
    return _settings(folder, tiny_ak.video)


def _charades(folder: Path, tiny_ak: TinyAk) -> Settings:
    """Lists of frames with several classes a clip."""
    return _settings(tiny_ak.annot, tiny_ak.image)


def _ssv2(folder: Path, tiny_ak: TinyAk) -> Settings:
    """Lists of frames without labels, and JSON files with the classes."""
    splits = {"train": {f"1{n}": 9 + n for n in range(8)}, "val": {f"2{n}": 12 for n in range(4)}}
    words = write_ssv2(folder, splits)
    written = dict(zip(words[::2], words[1::2], strict=True))
    return _settings(folder, folder / "image", written["MODEL.NUM_CLASSES"])


def _imagenet(folder: Path, tiny_ak: TinyAk) -> Settings:
    """Folders of images."""
    names = ("ant", "bee", "cow", "dog")
    write_image_tree(folder, {"train": dict.fromkeys(names, 2), "val": dict.fromkeys(names, 1)})
    return _settings(folder, "", len(names))


def _settings(lists: Path, prefix: Path | str, classes: int = CLASSES) -> Settings:
    return {
        "DATA.PATH_TO_DATA_DIR": str(lists),
        "DATA.PATH_PREFIX": str(prefix),
        "MODEL.NUM_CLASSES": classes,
    }


_WRITERS: dict[str, Callable[[Path, TinyAk], Settings]] = {
    "kinetics": _kinetics,
    "charades": _charades,
    "ssv2": _ssv2,
    "imagenet": _imagenet,
}
