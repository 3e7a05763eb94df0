"""Reads a tree of images: a folder for each split, and in it a folder for each class.

    train/<class>/<image>      val/<class>/<image>

ImageNet is unpacked so. The classes are the folders of ``train``, numbered in the order of their
names; the folders of another split are among them. Each image is a clip of one frame. Its name is
its path below the folder that holds the splits, such as ``train/n01440764/n01440764_10026.JPEG``.

A tree is listed with `os.scandir`, which asks for no file. Names and labels go into flat arrays,
as those of a list do (`slowfast.ak.lists.clip_list.ClipIndex`).
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.lines import ListForm, Source, encode
from slowfast.ak.paths import is_folder, is_remote

TRAIN = "train"
# Endings of images that the reader of frames decodes.
ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_MOST_NAMES = 5  # in a message

_HOW_TO_SORT = """\
Expected a folder for each class below DATA.PATH_TO_DATA_DIR: train/<class>/<image>, and, for
validation and test, val/<class>/<image> with the same names of classes."""


def class_labels(folder: str) -> tuple[tuple[str, int], ...]:
    """Pairs of a class folder and its class, for the tree of a split.

    The classes are the folders of ``train`` beside `folder`; without it, the folders of `folder`.

    Raises:
        UserError: a folder cannot be listed, or has no class folder.
    """
    train = Path(folder).parent / TRAIN
    source = str(train) if is_folder(str(train)) else folder
    return tuple((name, label) for label, name in enumerate(_folders(source)))


def tree_source(folder: str, form: ListForm) -> Source:
    """The source of a tree. Its key changes when an image comes, goes or is renamed.

    The key has the name and the time of each class folder. The content of an image is not in it.

    Raises:
        UserError: the folder cannot be listed, or has class folders that `form` does not name.
    """
    if is_remote(folder):
        raise UserError(f"{folder}: class folders are read from this machine only; copy them here.")
    names = _folders(folder)
    known = dict(form.folder_labels)
    if unknown := [name for name in names if name not in known]:
        raise UserError(
            f"{folder}: {len(unknown)} of its {len(names)} class folders are not in "
            f"{Path(folder).parent / TRAIN}: {_some(unknown)}. Rename or remove them, so that both "
            "have the same classes."
        )
    digest = hashlib.blake2b(digest_size=16)
    for name in names:
        changed = Path(folder, name).stat().st_mtime_ns
        digest.update(encode(f"{name}\0{changed}\0"))
    return Source(folder, folder, form, f"{digest.hexdigest()} {form}")


def read_tree(source: Source) -> dict[str, np.ndarray]:
    """The arrays of a `ClipIndex` of the images of a tree, sorted by class and by name.

    Names that begin with a dot, and files with another ending than `ENDINGS`, are left out.

    Raises:
        UserError: no class folder has an image, or a class folder cannot be listed.
    """
    labels = dict(source.form.folder_labels)
    split = Path(source.file).name
    text, sizes, label_of = bytearray(), array("q"), array("q")
    for name in _folders(source.file):
        start = encode(f"{split}/{name}/")
        for image in sorted(_images(f"{source.file}/{name}")):
            text += start + image
            sizes.append(len(start) + len(image))
        label_of.extend([labels[name]] * (len(sizes) - len(label_of)))
    if not sizes:
        raise UserError(f"{source.name}: no class folder has an image.\n{_HOW_TO_SORT}")
    texts = np.frombuffer(bytes(text), np.uint8)
    bounds = np.concatenate(([0], np.cumsum(np.frombuffer(sizes, np.int64))))
    places, classes = np.arange(len(sizes) + 1), np.arange(len(labels) + 1)
    return {
        "names": texts,
        "name_bounds": bounds,
        "clip_runs": places,
        "run_frames": places,
        "run_labels": np.frombuffer(label_of, np.int64),
        "run_lines": np.zeros(len(sizes), np.int64),  # a tree has no lines
        "run_paths": places[:-1],
        "paths": texts,
        "path_bounds": bounds,
        "labels": classes[:-1],
        "label_bounds": classes,
        "label_lines": np.zeros(len(labels), np.int64),
        "stated_frames": np.zeros(0, np.int64),
    }


def check_number_of_classes(folder: str, form: ListForm, num_classes: int) -> None:
    """Checks that the classes of a tree are those of the network.

    Raises:
        UserError: there are more class folders than classes, or fewer in a tree whose class
            folders alone say which class is which.
    """
    names = [name for name, _ in form.folder_labels]
    train = Path(folder).parent / TRAIN
    has_train = is_folder(str(train))
    words = f"{train if has_train else folder}: has {len(names)} class folders"
    if len(names) > num_classes:
        raise UserError(
            f"{words}, {_some(names)}, and MODEL.NUM_CLASSES is {num_classes}. Set "
            f"MODEL.NUM_CLASSES {len(names)}, or remove class folders."
        )
    if len(names) < num_classes and not has_train:
        raise UserError(
            f"{words}, MODEL.NUM_CLASSES is {num_classes}, and there is no folder {train}, whose "
            "class folders number the classes. Add the missing class folders; they can be empty."
        )


def _folders(folder: str) -> list[str]:
    """The names of the class folders in a folder, sorted. Raises UserError if there is none."""
    try:
        with os.scandir(folder) as entries:
            found = [(each.name, each.is_dir()) for each in entries if each.name[0] != "."]
    except OSError as error:
        raise UserError(
            f"{folder}: this folder of class folders cannot be read: {error.strerror}.\n"
            f"{_HOW_TO_SORT}"
        ) from None
    names = sorted(name for name, is_dir in found if is_dir)
    if not names:
        images = sum(name.lower().endswith(ENDINGS) for name, _ in found)
        raise UserError(
            f"{folder}: has no class folder, and {images} images of its own.\n{_HOW_TO_SORT}"
        )
    return names


def _images(folder: str) -> Iterator[bytes]:
    """The file names of the images in a class folder, in any order."""
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                if each.name.lower().endswith(ENDINGS) and each.name[0] != ".":
                    yield encode(each.name)
    except OSError as error:
        raise UserError(f"{folder}: this class folder cannot be read: {error.strerror}.") from None


def _some(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
