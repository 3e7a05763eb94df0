"""The registry of data sets, which TRAIN.DATASET and TEST.DATASET name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.ak.registries.registry import Facts, Registry

# Keys of upstream that choose how clips are read and sampled. Its Kinetics reads them.
# Its Charades has one way and reads none.
WAYS_TO_MAKE_CLIPS = (
    "DATA.TRAIN_JITTER_FPS",
    "DATA.TIME_DIFF_PROB",
    *("DATA.SKIP_ROWS", "DATA.LOADER_CHUNK_", "DATA.DUMMY_LOAD", "AUG.GEN_MASK_LOADER"),
)

# Keys whose values, multiplied, are the clips that training takes of a video. Data sets that are
# built on `ClipDataset` read them.
CLIPS_OF_A_VIDEO = (
    "AUG.NUM_SAMPLE",
    "DATA.TRAIN_CROP_NUM_TEMPORAL",
    "DATA.TRAIN_CROP_NUM_SPATIAL",
)


@dataclass(frozen=True)
class DatasetFacts(Facts):
    """Facts about a data set. Code reads them, and never compares the name of a data set.

    The defaults fit a data set that does not read lists of this project.

    Args:
        list_format: how its lists in DATA.PATH_TO_DATA_DIR are written. ``header``: a frame list or
            a light list, as the first line says. ``pairs``: a path and its labels in each line.
            ``class_folders``: in place of a list, a folder of the split with a folder of images for
            each class. Empty: it has no such lists.
        label_columns: names of the label columns, if each line of ``pairs`` has one label for each
            of them. An item then has a dict of labels, and `classes_key` names the key of the
            number of classes. Empty: all labels belong to the classes of MODEL.NUM_CLASSES.
        complete_list: adds to a list what is in other files. It takes the folder of the lists, the
            split and the `slowfast.ak.lists.clip_list.ClipList`, and returns the complete list.
            None: the lists have everything.
        has_test_list: whether test.csv lists its test clips. Otherwise val.csv is the test set.
        frames: where its frames come from: ``image`` files, a ``video`` for each clip, or
            ``AK.FRAMES`` if that key decides.
        videos_in_prefix: whether its videos are below DATA.PATH_PREFIX. Otherwise they are in
            AK.VIDEO_PREFIX, or in the folder ``video`` beside DATA.PATH_PREFIX.
        sampling: which frames of a clip the network sees: dense, uniform or segments
            (`slowfast.ak.clips.sampling`). Empty: DATA.SAMPLING decides.
        frame_rate_key: the key of the rate at which the frames of its videos are counted; empty:
            each video has its own rate.
        spreads_windows: whether the frames of a dense window are spread evenly over NUM_FRAMES x
            SAMPLING_RATE frames, as upstream's Kinetics does it, and not SAMPLING_RATE apart
            (`slowfast.ak.clips.sampling`).
        random_validation: whether validation during training takes random frames and a random crop,
            as upstream does. Otherwise it takes the centre.
        gives_images: whether each clip is an image: it has one frame, and in a test one view.
        transform: makes, by the configuration and the split, the transform of the frames of an item
            (`slowfast.ak.clips.dataset.ClipDataset`). None: clips are scaled and cropped as the
            keys of the data say.
        always_rgb: whether the network gets RGB, whatever DATA.REVERSE_INPUT_CHANNEL says.
        gives_features: whether its items have features, which only networks with a `feature_shape`
            take, in place of pixels.
        own_keys: names, or beginnings of names, of the keys that only data sets read that name
            them, here or in upstream. None: it is not known which keys the data set reads.
        ignored_keys: names of keys that other data sets of pixels read, and this one does not.
    """

    list_format: str = ""
    label_columns: tuple[str, ...] = ()
    complete_list: Callable[[str, str, Any], Any] | None = None
    has_test_list: bool = False
    frames: str = "image"
    videos_in_prefix: bool = False
    sampling: str = ""
    frame_rate_key: str = ""
    spreads_windows: bool = False
    random_validation: bool = False
    gives_images: bool = False
    transform: Callable[[Any, str], Any] | None = None
    always_rgb: bool = False
    gives_features: bool = False
    own_keys: tuple[str, ...] | None = None
    ignored_keys: tuple[str, ...] = ()

    def list_name(self, split: str) -> str:
        """The file name of the list of split train, val or test; of its folder of class folders."""
        name = "val" if split == "test" and not self.has_test_list else split
        return list_file(name, self.list_format == "class_folders")

    def reads(self, key: str) -> bool | None:
        """Whether `key` is a key of this data set; None if that is not known."""
        if key == "DATA.SAMPLING":
            return not self.sampling
        if key == "DATA.USE_OFFSET_SAMPLING":
            return self.spreads_windows
        if key == self.frame_rate_key or key.startswith(self.own_keys or ()):
            return True
        return None if self.own_keys is None else False


def list_file(split: str, is_tree: bool) -> str:
    """The file name of the list of a split; in a tree of class folders, the folder of the split."""
    return split if is_tree else f"{split}.csv"


_NOT_BUILT = "this data set is not built here yet"

# In the configuration `ak` names the entry Ak, as upstream's data sets are named.
DATASETS: Registry[DatasetFacts] = Registry(
    "data set",
    "TRAIN.DATASET",
    DatasetFacts,
    not_built={
        "ava": _NOT_BUILT,
        "imagenetprefetch": "imagenet reads the same images, always some batches ahead",
    },
    ignores_case=True,
)


def facts_for(cfg, split: str = "train") -> DatasetFacts:
    """The facts about TRAIN.DATASET, or about TEST.DATASET for split test.

    Raises:
        UserError: no data set is registered, so that nothing is known about any.
    """
    if not len(DATASETS):
        raise UserError("No data set is registered; import slowfast.datasets first.")
    return DATASETS.facts((cfg.TEST if split == "test" else cfg.TRAIN).DATASET)


def windows_and_crops(cfg) -> tuple[int, int]:
    """The windows that training draws of a video, and the crops that it makes of each window.

    A key that a branch of upstream lacks, or that has no value, counts as 1.
    """
    samples, windows, crops = (
        cfg.get(group, {}).get(name, 1) or 1
        for group, _, name in (key.partition(".") for key in CLIPS_OF_A_VIDEO)
    )
    return samples * windows, crops


def clips_of_a_video(cfg) -> int:
    """The clips that training takes of a video; 1 for a data set that does not read the keys."""
    if DATASETS.facts(cfg.TRAIN.DATASET).reads(CLIPS_OF_A_VIDEO[0]) is False:
        return 1
    windows, crops = windows_and_crops(cfg)
    return windows * crops


def names_with(has: Callable[[DatasetFacts], bool]) -> list[str]:
    """The data sets of pixels with certain facts, as a configuration names them."""
    facts_by_name = {name: DATASETS.facts(name) for name in DATASETS.shown_names()}
    return [n for n, facts in facts_by_name.items() if not facts.gives_features and has(facts)]


def classes_key(column: str = "") -> str:
    """The key of the number of classes of a label column; "": of a data set without columns."""
    return f"MODEL.NUM_CLASSES_{column.upper()}" if column else "MODEL.NUM_CLASSES"


def num_classes(cfg, facts: DatasetFacts) -> int | dict[str, int]:
    """The number of classes of a data set; with label columns, of each column by its name."""
    if not facts.label_columns:
        return cfg.MODEL.NUM_CLASSES
    return numbers_of_classes(cfg, facts.label_columns)


def numbers_of_classes(cfg, columns: Iterable[str]) -> dict[str, int]:
    """The number of classes of label columns by their names."""
    keys = {name: classes_key(name).rpartition(".")[2] for name in columns}
    return {name: cfg.MODEL[key] for name, key in keys.items()}


def list_name(cfg, split: str, facts: DatasetFacts | None = None) -> str:
    """The file name of the list of split train, val or test; AK.TEST_LIST can name that of a test.

    Args:
        facts: facts about the data set; None: the facts of TRAIN.DATASET or TEST.DATASET.
    """
    own = facts or facts_for(cfg, split)
    return (cfg.AK.TEST_LIST if split == "test" else "") or own.list_name(split)


def spatial_views(cfg) -> int:
    """The number of crops of a window in a test: TEST.NUM_SPATIAL_CROPS, or one of an image."""
    return 1 if facts_for(cfg, "test").gives_images else cfg.TEST.NUM_SPATIAL_CROPS


def has_test_list(cfg) -> bool:
    """Whether the test has a list of its own, so that val.csv is not the test set."""
    return list_name(cfg, "test", facts_for(cfg)) != list_name(cfg, "val")
