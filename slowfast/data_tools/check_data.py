"""Checks a whole data set: its lists, its files, and the sheet that it came with.

A fault would stop training or falsify its results. A note is information for a person: for example,
the pairs of AR_metadata.xlsx can name other actions than its labels, and the labels decide.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from torch.utils.data import Dataset

from slowfast.ak.checks.clips import (
    Fault,
    check_clip,
    check_labels,
    fault,
    sample_warnings,
    shared_clips,
)
from slowfast.ak.classes.table import count_classes, find_sheet
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import image_range, kind_of_frames, list_form, video_folder
from slowfast.ak.errors import UserError
from slowfast.ak.frames.images import JpegFrames, ValueRange
from slowfast.ak.frames.open_reader import open_reader
from slowfast.ak.frames.reader import FrameReader
from slowfast.ak.lists.clip_list import ClipList, NumClasses, find_list
from slowfast.ak.lists.lines import ListForm
from slowfast.ak.lists.notes import check_has_labels, list_notes, notes_on_classes
from slowfast.ak.paths import is_remote, join
from slowfast.ak.registries.datasets import (
    DATASETS,
    classes_key,
    facts_for,
    list_file,
    list_name,
    num_classes,
)
from slowfast.data_tools.metadata_sheet import (
    METADATA,
    SheetClip,
    pair_differences,
    read_sheet_of_clips,
)
from slowfast.data_tools.parallel import run_all
from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)

# Kinds of faults and notes, in the order of the report.
KINDS = {
    "list": "the list cannot be used",
    "both_splits": "the clip is in both lists, so a training clip is measured",
    "label": "a label is out of range",
    "missing": "the file does not exist",
    "empty": "the file has no bytes",
    "unreadable": "the file cannot be read",
    "truncated": "the file was cut off",
    "no_frames": "the clip has no frame",
    "few_levels": "an image with more than 8 bits becomes almost one grey",
    "frame_count": "the number of frames differs from the list",
    "extra_frames": "there are frames that are not in the list",
    "sheet_split": "the split differs from the sheet",
    "sheet_labels": "the labels differ from the sheet",
    "not_in_sheet": "the clip is not in the sheet",
    "not_listed": "the clip of the sheet is in no list",
    "rotated": "the image states a rotation, which is not applied",
    "sheet_pairs": "the (animal, action) pairs differ from the sheet's labels; the labels decide",
}
NOTES = ("rotated", "not_in_sheet", "not_listed", "sheet_pairs")


@dataclass(frozen=True)
class DataPlaces:
    """The folders and the properties of a data set.

    Attributes:
        lists: folder of the lists.
        images, videos: folders of the frames and of the videos.
        frames: which of the two is checked: auto, image, video or both.
        num_classes: None if it is unknown; labels are then not checked. With label columns, the
            number of classes of each column by its name.
        sheet: a sheet of clips, or None.
        form: how the lines of the lists are read.
        clip_label: as for `slowfast.ak.lists.notes.list_notes`.
        value_range: the values that become black and white, in images with more than 8 bits.
        splits: the splits that have a list.
        complete: adds to the list of a split what is in other files of the folder of lists
            (`slowfast.ak.registries.datasets.DatasetFacts.complete_list`).
    """

    lists: str
    images: str
    videos: str
    frames: str = "auto"
    num_classes: NumClasses | None = None
    sheet: Path | None = None
    form: ListForm = field(default_factory=ListForm)
    clip_label: str = ""
    value_range: ValueRange = None
    splits: tuple[str, ...] = ("train", "val")
    complete: Callable[[str, str, ClipList], ClipList] | None = None

    @classmethod
    def from_cfg(cls, cfg, **given) -> DataPlaces:
        """Returns what a run of the configuration would read; `given` attributes replace it.

        Raises:
            UserError: the data set of the configuration has no lists, or its label columns have
                numbers of classes and one number is given.
        """
        facts, data = facts_for(cfg), cfg.DATA
        if not facts.list_format:
            known = [name.lower() for name, _ in DATASETS if DATASETS.facts(name).list_format]
            raise UserError(
                f"TRAIN.DATASET is {cfg.TRAIN.DATASET}; expected a data set whose lists can be "
                f"read here: {', '.join(known)}."
            )
        if facts.gives_features:
            raise UserError(
                f"TRAIN.DATASET is {cfg.TRAIN.DATASET}, which has features and no files of frames. "
                "Check the data set from which they were extracted."
            )
        if facts.label_columns and given.get("num_classes") is not None:
            keys = ", ".join(classes_key(name) for name in facts.label_columns)
            raise UserError(
                f"--num-classes {given['num_classes']}: the lists of {cfg.TRAIN.DATASET} have the "
                f"labels {', '.join(facts.label_columns)}; set {keys} instead."
            )
        usual = {
            "lists": data.PATH_TO_DATA_DIR,
            "images": data.PATH_PREFIX,
            "videos": video_folder(cfg, facts),
            "frames": kind_of_frames(cfg, facts),
            "num_classes": num_classes(cfg, facts),
            "form": list_form(cfg, facts),
            "clip_label": "" if data.MULTI_LABEL else cfg.AK.CLIP_LABEL,
            "value_range": image_range(cfg),
            "splits": ("train", "val", "test")[
                : 3 if list_name(cfg, "test", facts) == "test.csv" else 2
            ],
            "complete": facts.complete_list,
        }
        return cls._of(usual, given)

    @classmethod
    def beside(cls, lists: Path, **given) -> DataPlaces:
        """Returns a data set with the layout of `data/ak`; `given` attributes replace it."""
        sheet = find_sheet("", str(lists))
        usual = {
            "lists": lists,
            "images": str(lists.parent / "image"),
            "videos": str(lists.parent / "video"),
            "num_classes": count_classes(sheet) if sheet else None,
            "form": ListForm(several=True),
        }
        return cls._of(usual, given)

    @classmethod
    def _of(cls, usual: dict, given: dict) -> DataPlaces:
        places = usual | {key: value for key, value in given.items() if value is not None}
        beside = Path(places["lists"], METADATA)
        sheet = {"sheet": beside if beside.is_file() else None}
        return cls(**(sheet | places | {"lists": str(places["lists"])}))


@dataclass
class DataReport:
    """The result of a check.

    Attributes:
        lists: the number of clips and of frames of each list; frames None if not listed.
        files: which files were checked, in words.
        level: of `slowfast.ak.checks.clips.LEVELS`.
        looked_at: clips that were checked; images and videos of a clip count separately.
        complete: False if the check was stopped.
        remarks: further sentences.
    """

    lists: dict[str, dict[str, int | None]]
    files: list[str]
    level: str
    looked_at: int = 0
    complete: bool = True
    faults: list[Fault] = field(default_factory=list)
    notes: list[Fault] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, found: list[Fault]) -> None:
        """Adds faults and notes."""
        self.faults += [one for one in found if one.kind not in NOTES]
        self.notes += [one for one in found if one.kind in NOTES]

    def as_json(self) -> str:
        """Returns the whole report for programs."""
        counts = Counter(one.kind for one in self.faults + self.notes)
        content = {"sound": self.complete and not self.faults, "counts": counts} | asdict(self)
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

    def as_text(self, shown: int = 5) -> str:
        """Returns a summary for people, which shows at most `shown` clips of each kind."""
        lines = [
            f"{path}: {count['clips']} clips, "
            + ("frames not listed" if count["frames"] is None else f"{count['frames']} frames")
            for path, count in self.lists.items()
        ]
        lines += [f"Checked: {text}" for text in self.files]
        lines += self.remarks
        if not self.complete:
            total = sum(count["clips"] for count in self.lists.values()) * len(self.files)
            lines.append(
                f"STOPPED after {self.looked_at} of {total} clips; the report covers these clips."
            )
        bad = len({(one.list, one.clip) for one in self.faults})
        count = f"Faults: {len(self.faults)}; clips with faults: {bad}."
        lines += ["", count if self.faults else "No fault."]
        lines += _by_kind(self.faults, shown)
        if self.notes:
            lines += ["", "Notes, which are not faults:", *_by_kind(self.notes, shown)]
        return "\n".join(lines)


def _by_kind(found: list[Fault], shown: int) -> list[str]:
    lines = []
    for kind, words in KINDS.items():
        of_kind = [one for one in found if one.kind == kind]
        if of_kind:
            lines.append(f"  {kind}: {words} ({len(of_kind)})")
            lines += [f"    {_as_line(one)}" for one in of_kind[:shown]]
            if len(of_kind) > shown:
                lines.append(f"    ... and {len(of_kind) - shown} more")
    return lines


def _as_line(one: Fault) -> str:
    place = f"{one.list}:{one.line}" if one.line else one.list
    return ": ".join(filter(None, (place, one.clip, one.path, one.text)))


def check_data(places: DataPlaces, level: str = "files") -> DataReport:
    """Checks lists, sheet and files, with a progress bar on a terminal.

    After Ctrl-C, the report has the faults that were found so far.

    Args:
        level: of `slowfast.ak.checks.clips.LEVELS`.

    Raises:
        UserError: no list can be read, or the sheet cannot be read.
    """
    lists, unread = _read_lists(places)
    sheet = read_sheet_of_clips(places.sheet) if places.sheet else None
    readers = [reader for clips in lists.values() for reader in _readers(places, clips)]
    report = DataReport(_sizes(lists), _files_in_words(readers, level), level)
    report.add(unread + _unusable_labels(lists, places))
    if places.num_classes is None:
        report.remarks.append("Labels are not checked, because the number of classes is unknown.")
    for split, clips in lists.items():
        if places.num_classes is not None:
            report.add(check_labels(clips, places.num_classes))
        report.remarks += list_notes(clips, places.num_classes, places.clip_label, split)
    if places.num_classes is not None and {"train", "val"} <= lists.keys():
        report.remarks += notes_on_classes(lists["train"], lists["val"], places.num_classes)
    for split, clips in lists.items():
        if split != "train" and "train" in lists:
            report.add(shared_clips(lists["train"], clips))
    if sheet:
        report.add(compare_with_sheet(lists, sheet, places.sheet))

    jobs = [(reader, clip) for reader in readers for clip in range(len(reader.clips))]
    found: dict[int, list[Fault]] = {}

    def look(job: int) -> None:
        found[job] = check_clip(*jobs[job], level)

    try:
        run_all(range(len(jobs)), look, "checking")
    except KeyboardInterrupt:
        report.complete = False
    report.looked_at = len(found)
    report.add([one for job in sorted(found) for one in found[job]])
    return report


def warn_before_training(cfg, train: Dataset, val: Dataset) -> None:
    """Logs, in one process of a run, what is seldom meant in its data and what its test lacks."""
    if distributed.is_master_proc():
        found = warnings_before_training(train, val, cfg.DATA.READ_TIMEOUT)
        for warning in found + missing_for_test(cfg):
            logger.warning(warning)


def warnings_before_training(train: Dataset, val: Dataset, seconds: float) -> list[str]:
    """Returns warnings about the classes of the lists and about the files of a sample of clips.

    There are none for data sets that are not a `ClipDataset`.
    """
    if not (isinstance(train, ClipDataset) and isinstance(val, ClipDataset)):
        return []
    warnings = sample_warnings(train.reader, val.reader, seconds)
    return [
        *notes_on_classes(train.clips, val.clips, train.num_classes),
        *(f"{warning} tools/check_data.py checks all of the data." for warning in warnings),
    ]


def missing_for_test(cfg) -> list[str]:
    """Returns warnings about files that the test after the training reads and that do not exist.

    Remote files are not looked for. The training itself may still make the weights to test.
    """
    facts, weights = facts_for(cfg, "test"), cfg.TEST.CHECKPOINT_FILE_PATH
    list_path = join(cfg.DATA.PATH_TO_DATA_DIR, list_name(cfg, "test", facts))
    missing = []
    is_here = facts.list_format and not is_remote(list_path)
    if is_here and find_list(list_path, list_form(cfg, facts)) is None:
        missing.append(f"{list_path}: there is no such list")
    if weights and not is_remote(weights) and not Path(weights).is_file():
        missing.append(f"TEST.CHECKPOINT_FILE_PATH {weights}: there is no such file yet")
    then = "The test after the training needs it."
    return [f"{words}. {then}" for words in missing] if cfg.TEST.ENABLE else []


def _read_lists(places: DataPlaces) -> tuple[dict[str, ClipList], list[Fault]]:
    """Returns the lists that can be read, and a fault for each other list."""
    lists, errors = {}, []
    for split in places.splits:
        path = join(places.lists, list_file(split, places.form.is_tree))
        try:
            clips = ClipList.read(path, form=places.form, folder=places.images)
            lists[split] = places.complete(places.lists, split, clips) if places.complete else clips
        except UserError as error:
            errors.append(error)
    if not lists:
        raise errors[0]
    return lists, [Fault("list", "", "", 0, "", str(error).splitlines()[0]) for error in errors]


def _unusable_labels(lists: dict[str, ClipList], places: DataPlaces) -> list[Fault]:
    """A fault for each list with labels that a run refuses."""
    found = []
    for split, clips in lists.items():
        try:
            if split == "train":
                check_has_labels(clips)
            if places.clip_label and not clips.columns:
                clips.check_one_label()
        except UserError as error:
            found.append(Fault("list", "", "", 0, "", str(error)))
    return found


def _readers(places: DataPlaces, clips: ClipList) -> list[FrameReader]:
    kinds = ("image", "video") if places.frames == "both" else (places.frames,)
    folders = places.images, places.videos
    return [open_reader(clips, kind, *folders, None, places.value_range) for kind in kinds]


def _sizes(lists: dict[str, ClipList]) -> dict[str, dict[str, int | None]]:
    sizes = {}
    for clips in lists.values():
        frames = [clips.num_frames(clip) for clip in range(len(clips))]
        sizes[str(clips.path)] = {
            "clips": len(clips),
            "frames": None if None in frames else sum(frames),
        }
    return sizes


def _files_in_words(readers: list[FrameReader], level: str) -> list[str]:
    kinds = {type(reader): reader for reader in readers}
    return [
        f"{'images' if kind is JpegFrames else 'videos'} below {reader.folder}, at level {level}"
        for kind, reader in kinds.items()
    ]


def compare_with_sheet(
    lists: dict[str, ClipList], sheet: list[SheetClip], path: Path
) -> list[Fault]:
    """Returns a fault for each difference between the lists, by split, and a sheet of clips."""
    in_sheet = {clip.name: clip for clip in sheet}
    found, listed = [], set()
    for split, clips in lists.items():
        for clip in range(len(clips)):
            name = clips.name(clip)
            listed.add(name)
            entry = in_sheet.get(name)
            if entry is None:
                found.append(fault(clips, clip, "not_in_sheet", f"it is not in {path}"))
                continue
            if entry.split != split:
                text = f"row {entry.row} of {path} has the split {entry.split}"
                found.append(fault(clips, clip, "sheet_split", text))
            labels = tuple(clips.labels(clip))
            if labels != entry.labels:
                text = f"it has labels {_ids(labels)}, and row {entry.row} of {path} has "
                text += _ids(entry.labels)
                found.append(fault(clips, clip, "sheet_labels", text))
    for entry in sheet:
        if entry.name not in listed and entry.split in lists:
            text = f"its split is {entry.split}, and it is in no list"
            found.append(Fault("not_listed", entry.name, str(path), entry.row, "", text))
    for one in pair_differences(sheet):
        parts = [f"labels {_ids(one.clip.labels)}"]
        parts += [f"not in the pairs: {_ids(one.only_labels)}"] if one.only_labels else []
        parts += [f"only in the pairs: {_ids(one.only_pairs)}"] if one.only_pairs else []
        parts += [f"unknown actions: {', '.join(one.unknown)}"] if one.unknown else []
        text = "; ".join(parts)
        found.append(Fault("sheet_pairs", one.clip.name, str(path), one.clip.row, "", text))
    return found


def _ids(labels: tuple[int, ...]) -> str:
    return ",".join(map(str, labels)) or "none"
