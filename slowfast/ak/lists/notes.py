"""What in a list can be read, and is seldom what was meant."""

from __future__ import annotations

from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList, NumClasses
from slowfast.ak.lists.video_lines import CLASSES_BY_FOLDER
from slowfast.ak.registries.datasets import classes_key, names_with

_SHOWN = 3  # names in a message


def check_has_labels(clips: ClipList) -> None:
    """Checks a list that is to be trained with.

    Raises:
        UserError: no line of the list has a label.
    """
    if clips.highest_label < 0:
        names = names_with(lambda facts: facts.complete_list is not None)
        reads = f" TRAIN.DATASET {' or '.join(names)} reads such files." if names else ""
        raise UserError(
            f"{clips.path}: none of its {len(clips)} clips has a label, so there is nothing to "
            "learn. AVA and Something-Something V2 have such lists: their labels are in other "
            f"files (AVA's boxes, something-something-v2-train.json).{reads} Otherwise write the "
            "labels of each frame or clip into the list."
        )


def list_notes(
    clips: ClipList,
    num_classes: NumClasses | None = None,
    clip_label: str = "",
    split: str = "train",
) -> list[str]:
    """Sentences about a list that is read, but is seldom what was meant; each names the list.

    Args:
        num_classes: as for `ClipList.check_labels`; None: unknown.
        clip_label: how a clip whose frames have different classes gets one (AK.CLIP_LABEL); empty:
            a clip can have several.
        split: what the list is for, train, val or test. A list for validation may lack a class.
    """
    if clips.highest_label < 0:
        return [f"{clips.path}: no clip has a label."]
    notes = [*clips.remarks, _split_numbers(clips, num_classes)]
    if split != "val":
        notes.append(_unused_first_class(clips, num_classes))
    notes += [_repeated_lines(clips, split), _repeated_frames(clips)]
    if clip_label:
        notes.append(_changing_clips(clips, clip_label))
    return [note for note in notes if note]


def notes_on_classes(
    train: ClipList, val: ClipList, num_classes: NumClasses, column: str = ""
) -> list[str]:
    """A sentence on the classes that no training clip has; with label columns, one for each.

    Args:
        num_classes: as for `ClipList.check_labels`.
        column: the label column that the lists are of; empty: none.
    """
    if train.columns:
        return [
            note
            for name in train.columns
            for note in notes_on_classes(
                train.column(name), val.column(name), num_classes[name], name
            )
        ]
    missing = set(range(num_classes)) - train.classes()
    if not missing:
        return []
    also = len(missing - val.classes())
    return [
        f"{train.path}: {len(missing)} of {num_classes} classes ({classes_key(column)} "
        f"{num_classes}) have no training clip: {_some(sorted(missing))}; {also} of them have none "
        f"in {val.path} either. The highest label is {train.highest_label + train.form.first_label}"
        ". A class without clips cannot be learnt."
    ]


def _unused_first_class(clips: ClipList, num_classes: NumClasses | None, column: str = "") -> str:
    for name in clips.columns:
        own = None if num_classes is None else num_classes[name]
        if note := _unused_first_class(clips.column(name), own, name):
            return note
    if clips.columns or clips.lowest_label < 1 or num_classes == 1:
        return ""
    start = clips.form.first_label
    lowest = clips.lowest_label + start
    what = column or "label"
    words = f"{clips.path}: the lowest {what} is {lowest}; no clip has {what} {start}."
    if start:
        return words
    if 1 in dict(clips.form.folder_labels).values():
        words += f" {CLASSES_BY_FOLDER} beside the list counts classes from 1."
    of = (
        ""
        if num_classes is None
        else f" of 0..{num_classes - 1} ({classes_key(column)} {num_classes})"
    )
    return (
        f"{words} Labels are taken as classes{of}. If the list counts from 1, set AK.FIRST_LABEL 1."
    )


def _split_numbers(clips: ClipList, num_classes: NumClasses | None) -> str:
    """HMDB51's split files look like lists of videos: their numbers are 0, 1 and 2."""
    if clips.form.separator is None or clips.columns or not isinstance(num_classes, int):
        return ""
    if (
        clips.highest_label > 2
        or num_classes < 10
        or any("/" in clips.name(clip) for clip in range(len(clips)))
    ):
        return ""
    return (
        f"{clips.path}: its labels are only {_some(sorted(clips.classes()))} of {num_classes} "
        "classes, and no path has a folder. A split file of HMDB51 is so: 1 there means training, "
        "2 test, 0 neither, and the class is the name of the file. Write path and class instead."
    )


def _repeated_lines(clips: ClipList, split: str) -> str:
    repeats = clips.repeats()
    if (repeats == 1).all():
        return ""
    most = int(repeats.argmax())
    words = (
        f"{clips.path}: lines that repeat a clip: {repeats.sum() - len(clips)}; "
        f"{clips.name(most)} has {repeats[most]} lines."
    )
    if split != "train":
        return f"{words} Each clip counts once."
    return (
        f"{words} An epoch draws a clip as often as it is listed: {repeats.sum()} draws of "
        f"{len(clips)} clips."
    )


def _repeated_frames(clips: ClipList) -> str:
    twice = clips.clips_with_repeated_frames()
    if not twice:
        return ""
    names = _some([clips.name(clip) for clip in twice])
    return (
        f"{clips.path}: {len(twice)} of {len(clips)} clips list a frame more than once ({names}), "
        "so that a clip shows the same pictures again. To give a frame several labels, write them "
        "in one line. To draw a clip more often, set DATA_LOADER.SAMPLER, or repeat its line in a "
        "list with one line a clip."
    )


def _changing_clips(clips: ClipList, clip_label: str) -> str:
    if not clips.has_frames or not clips.has_clips_of_several_runs:
        return ""
    changing = [clip for clip in range(len(clips)) if len(clips.labels(clip)) > 1]
    if not changing:
        return ""
    frames = "most of its frames have" if clip_label == "majority" else "its middle frame has"
    names = _some([clips.name(clip) for clip in changing])
    return (
        f"{clips.path}: the class changes within {len(changing)} of {len(clips)} clips ({names}). "
        f"A clip counts for the class that {frames} (AK.CLIP_LABEL {clip_label}); in training, of "
        "the frames that are shown."
    )


def _some(values: list) -> str:
    shown = ", ".join(map(str, values[:_SHOWN]))
    return f"{shown}, ..." if len(values) > _SHOWN else shown
