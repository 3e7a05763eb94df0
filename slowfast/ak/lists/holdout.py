"""A hold-out: training clips for choosing weights and settings, since `val.csv` is the test set.

Clips have many labels, and most classes have few clips, so a random share would leave many classes
out. Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the Stratification of
Multi-Label Data", 2011) assigns the clips of the rarest class first, each to the side that lacks
most of that class. In addition, each class with two or more clips keeps a clip on both sides, as
far as the other classes of its clips allow. A class with one clip is trained on.

A hold-out is a text file with one clip name a line. Lines that begin with a hash and a space are
comments; a name can begin with a hash.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.registries.datasets import has_test_list, list_name

_MOST_NAMES = 5  # in a message


def chosen_on(cfg) -> str:
    """Names, for messages, the clips on which training is evaluated and the best is chosen."""
    if cfg.AK.HOLDOUT:
        return f"hold-out {cfg.AK.HOLDOUT}"
    name = "validation" if has_test_list(cfg) else "test"
    return f"the {name} set ({list_name(cfg, 'val')})"


def fingerprint(cfg) -> str:
    """A text that is equal for hold-outs with the same clips; "" without a hold-out.

    Raises:
        UserError: the file cannot be read.
    """
    if not cfg.AK.HOLDOUT:
        return ""
    names = "\n".join(sorted(_read_names(cfg.AK.HOLDOUT)))
    return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()[:16]


def stratified_holdout(labels: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """Chooses a share of the clips, with about the same share of the clips of each class.

    Args:
        labels: (N, C) of 0 and 1.
        share: the share of the clips, above 0 and below 1; rare classes change it a little.

    Returns:
        (N,) bool, True for a clip that is held out; the same for the same arguments.
    """
    labels = np.asarray(labels, dtype=bool)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    counts = labels.sum(axis=0)
    held_out = np.where(counts > 1, np.clip(share * counts, 1, np.maximum(1, counts - 1)), 0)
    # The clips that each side still needs, for each class and in total. Side 1 is held out.
    lacks = np.stack([counts - held_out, held_out])
    lacks_in_all = np.array([1 - share, share]) * len(labels)
    side = np.full(len(labels), -1)
    while (waiting := labels[side < 0].sum(axis=0)).any():
        # The class with the fewest unassigned clips; among equal ones, with the fewest clips.
        rarest = min(waiting.nonzero()[0], key=lambda index: (waiting[index], counts[index]))
        for clip in order[labels[order, rarest] & (side[order] < 0)]:
            needs = list(zip(lacks[:, rarest], lacks_in_all, strict=True))
            side[clip] = needs[1] > needs[0]
            lacks[side[clip]] -= labels[clip]
            lacks_in_all[side[clip]] -= 1
    unlabelled = order[side[order] < 0]
    side[unlabelled] = np.arange(len(unlabelled)) < round(max(0, lacks_in_all[1]))
    return _complete(labels, side == 1)


def _complete(labels: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Moves clips until every class with two or more clips has a clip on both sides.

    A clip is only moved if it is not the last clip of another class on its side.
    """
    counts = labels.sum(axis=0)
    for wanted in (False, True):
        for index in (counts > 1).nonzero()[0]:
            if labels[held_out == wanted, index].any():
                continue
            left = labels[held_out != wanted].sum(axis=0)
            # A class with one clip must stay in training, and can be moved there.
            needed = counts > 1 if not wanted else counts > 0
            movable = labels[:, index] & ~(labels & (needed & (left < 2))).any(axis=1)
            if movable.any():
                free = movable.nonzero()[0]
                held_out[free[labels[free].sum(axis=1).argmin()]] = wanted
    return held_out


def write_holdout(path: Path, names: list[str], comments: list[str]) -> None:
    """Writes comments and then the names of the clips.

    Raises:
        UserError: the path has another hold-out or cannot be written, or a name would be read
            differently.
    """
    text = "".join(f"# {comment}\n" for comment in comments) + "".join(f"{n}\n" for n in names)
    if lost := sorted(set(names) - _names_in(text)):
        raise UserError(
            f"{path}: the clip {lost[0]!r} cannot be in a hold-out: a name may not begin with a "
            "hash and a space, and not begin or end with a blank. Rename it in the training list."
        )
    try:
        if path.exists() and path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            raise UserError(
                f"{path}: there is another file already, which a run may use. Name another "
                "file with --out, or move this one."
            )
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None


def read_holdout(path: str | Path, clips: ClipList) -> np.ndarray:
    """Finds the clips of the training list that a hold-out names.

    Returns:
        (clips,) bool.

    Raises:
        UserError: there is no such file, or it names no clip, all clips, or clips of another list.
    """
    names = _read_names(path)
    held_out = np.array([clips.name(i) in names for i in range(len(clips))])
    if unknown := names - {clips.name(i) for i in held_out.nonzero()[0]}:
        some = ", ".join(sorted(unknown)[:_MOST_NAMES]) + (
            ", ..." if len(unknown) > _MOST_NAMES else ""
        )
        raise UserError(
            f"AK.HOLDOUT: {path}: {len(unknown)} of its {len(names)} clips are not in "
            f"{clips.path}: {some}. It belongs to another list; tools/make_holdout.py makes one "
            "for this list."
        )
    if held_out.all():
        raise UserError(f"AK.HOLDOUT: {path} holds out all clips of {clips.path}; none is left.")
    return held_out


def _read_names(path: str | Path) -> set[str]:
    try:
        text = Path(path).read_bytes().decode("utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise UserError(
            f"AK.HOLDOUT: {path} cannot be read ({error.strerror}). tools/make_holdout.py makes "
            "one; an empty key holds nothing out."
        ) from None
    names = _names_in(text)
    if not names:
        raise UserError(f"AK.HOLDOUT: {path} names no clip; tools/make_holdout.py makes one.")
    return names


def _names_in(text: str) -> set[str]:
    # `splitlines` would also split names at characters such as U+2028.
    lines = [line for line in text.split("\n") if not line.startswith("# ")]
    return {name for line in lines if (name := line.strip(" \t\r"))}
