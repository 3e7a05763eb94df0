"""A hold-out: training clips to choose on, since `val.csv` is the set that results are told of.

Notable: clips have many labels, and most classes few clips, so that a plain random share would
leave many classes out. Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the
Stratification of Multi-Label Data", 2011) deals out the clips of the rarest class first, each to
the side that lacks most of that class. Here each class of two clips or more moreover keeps one on
either side, as far as its clips' other classes allow; a class of one clip is trained.

A hold-out is a text file of clip names, one a line. Lines that begin with a hash and a space are
remarks, so that a name may begin with a hash.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.registries.datasets import facts_for

_NAMED = 5


def chosen_on(cfg) -> str:
    """What evaluations during training, and so the best of them, are made on, in words."""
    if cfg.AK.HOLDOUT:
        return f"hold-out {cfg.AK.HOLDOUT}"
    name = "validation" if facts_for(cfg).has_test_list else "test"
    return f"the {name} set (val.csv)"


def fingerprint(cfg) -> str:
    """Tells hold-outs apart by the clips they name, wherever their files lie; "" without one.

    Raises UserError where the file cannot be read.
    """
    if not cfg.AK.HOLDOUT:
        return ""
    names = "\n".join(sorted(_read_names(cfg.AK.HOLDOUT)))
    return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()[:16]


def stratified_holdout(labels: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """Chooses about a share of the clips, and of the clips of each class.

    Args:
        labels: (N, C) of 0 and 1.
        share: of the clips, above 0 and below 1; rare classes shift it a little.

    Returns:
        (N,) bool, True for what is held out; the same for the same arguments.
    """
    labels = np.asarray(labels, dtype=bool)
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(labels))
    counts = labels.sum(axis=0)
    held_out = np.where(counts > 1, np.clip(share * counts, 1, np.maximum(1, counts - 1)), 0)
    # Clips that each side lacks, of each class and in all; side 1 is held out.
    lacks = np.stack([counts - held_out, held_out])
    lacks_in_all = np.array([1 - share, share]) * len(labels)
    side = np.full(len(labels), -1)
    while (waiting := labels[side < 0].sum(axis=0)).any():
        # By clips that wait, and of equals by all clips, so that a class of one clip comes first.
        rarest = min(waiting.nonzero()[0], key=lambda index: (waiting[index], counts[index]))
        for clip in order[labels[order, rarest] & (side[order] < 0)]:
            wishes = list(zip(lacks[:, rarest], lacks_in_all, strict=True))
            side[clip] = wishes[1] > wishes[0]
            lacks[side[clip]] -= labels[clip]
            lacks_in_all[side[clip]] -= 1
    unlabelled = order[side[order] < 0]
    side[unlabelled] = np.arange(len(unlabelled)) < round(max(0, lacks_in_all[1]))
    return _complete(labels, side == 1)


def _complete(labels: np.ndarray, held_out: np.ndarray) -> np.ndarray:
    """Moves clips until every class of two clips or more has one on either side, where a clip can
    go over without taking the last one of another class along."""
    counts = labels.sum(axis=0)
    for wanted in (False, True):
        for index in (counts > 1).nonzero()[0]:
            if labels[held_out == wanted, index].any():
                continue
            left = labels[held_out != wanted].sum(axis=0)
            # A class of one clip may not be held out, and does not mind being trained.
            needed = counts > 1 if not wanted else counts > 0
            movable = labels[:, index] & ~(labels & (needed & (left < 2))).any(axis=1)
            if movable.any():
                free = movable.nonzero()[0]
                held_out[free[labels[free].sum(axis=1).argmin()]] = wanted
    return held_out


def write_holdout(path: Path, names: list[str], remarks: list[str]) -> None:
    """Writes the names of the clips below the remarks.

    Raises:
        UserError: there is another hold-out at the path, it cannot be written, or a name would not
            be read as it is.
    """
    text = "".join(f"# {remark}\n" for remark in remarks) + "".join(f"{n}\n" for n in names)
    if lost := sorted(set(names) - _names_in(text)):
        raise UserError(
            f"{path}: the clip {lost[0]!r} cannot stand in a hold-out: a name may not begin with a "
            "hash and a space, nor with or end in a blank. Rename it in the training list."
        )
    try:
        if path.exists() and path.read_text(encoding="utf-8", errors="surrogateescape") != text:
            raise UserError(
                f"{path}: there is another file already, which a run may rest on. Name another "
                "with --out, or move it away."
            )
        path.write_text(text, encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None


def read_holdout(path: str | Path, clips: ClipList) -> np.ndarray:
    """Which clips of the training list a hold-out names.

    Returns:
        (clips,) bool.

    Raises:
        UserError: there is no such file, it names none of the clips, all of them, or others.
    """
    names = _read_names(path)
    held_out = np.array([clips.name(i) in names for i in range(len(clips))])
    if unknown := names - {clips.name(i) for i in held_out.nonzero()[0]}:
        some = ", ".join(sorted(unknown)[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
        raise UserError(
            f"AK.HOLDOUT: {path}: {len(unknown)} of its {len(names)} clips are not in "
            f"{clips.path}: {some}. It belongs to another list; tools/make_holdout.py makes one "
            "for this."
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
            "one; empty, the key holds nothing out."
        ) from None
    names = _names_in(text)
    if not names:
        raise UserError(f"AK.HOLDOUT: {path} names no clip; tools/make_holdout.py makes one.")
    return names


def _names_in(text: str) -> set[str]:
    # At newlines alone: `splitlines` also parts names at signs such as U+2028.
    lines = [line for line in text.split("\n") if not line.startswith("# ")]
    return {name for line in lines if (name := line.strip(" \t\r"))}
