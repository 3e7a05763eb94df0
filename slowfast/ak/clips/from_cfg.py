"""Builds the parts of a data set from the configuration: its clips, frames and crops."""

from __future__ import annotations

import logging
from typing import Any

from slowfast.ak.clips.augmentation import Augmented, StrongColourJitter
from slowfast.ak.clips.bad_clips import allowed_bad_clips
from slowfast.ak.clips.resized_crop import RandomResizedCrop
from slowfast.ak.clips.sampling import (
    CentreCrop,
    FrameSampler,
    RandomCrop,
    SquareCrop,
    even_frame_sampler,
    random_frame_sampler,
)
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.frames.images import ValueRange
from slowfast.ak.frames.open_reader import open_reader
from slowfast.ak.frames.reader import FrameReader
from slowfast.ak.frames.video import Decoding
from slowfast.ak.lists.clip_list import ClipList, find_list
from slowfast.ak.lists.holdout import read_holdout
from slowfast.ak.lists.lines import ListForm
from slowfast.ak.lists.notes import check_has_labels, list_notes
from slowfast.ak.paths import beside, join
from slowfast.ak.registries.datasets import (
    DatasetFacts,
    facts_for,
    list_name,
    num_classes,
    windows_and_crops,
)

logger = logging.getLogger(__name__)


def clip_dataset_arguments(cfg, split: str, facts: DatasetFacts) -> dict[str, Any]:
    """The arguments of `ClipDataset` for split train, val or test.

    It also warns of what is unusual in the list, and if a few files are missing.

    Raises:
        UserError: a list does not fit, no training clip has a label, or more clips have missing
            files than DATA.MAX_BAD_FRACTION allows; in a test, all clips have.
    """
    clips, classes = read_clips(cfg, split, facts), num_classes(cfg, facts)
    if split == "train":
        check_has_labels(clips)
    if split != "val" or not cfg.AK.HOLDOUT:  # else the training clips have told it
        clip_label = "" if cfg.DATA.MULTI_LABEL else cfg.AK.CLIP_LABEL
        for note in list_notes(clips, classes, clip_label, split):
            logger.warning(note)
    frame_sampler, transform = _sampler_and_transform(cfg, split, facts)
    windows, crops = windows_and_crops(cfg) if split == "train" else (1, 1)
    return {
        "clips": clips,
        "reader": _checked_reader(cfg, split, facts, clips),
        "frame_sampler": frame_sampler,
        "transform": transform,
        "num_classes": classes,
        "multi_label": cfg.DATA.MULTI_LABEL,
        "clip_label": cfg.AK.CLIP_LABEL,
        "span_labels": split == "train",
        "seed": cfg.RNG_SEED,
        "replace_bad": split == "train",
        "fps": frame_rate(cfg, facts),
        "windows": windows,
        "crops": crops,
        "read_timeout": cfg.DATA.READ_TIMEOUT,
    }


def read_clips(cfg, split: str, facts: DatasetFacts | None = None) -> ClipList:
    """The clips of split train, val or test. With AK.HOLDOUT, train.csv gives both train and val.

    Args:
        facts: facts about the data set; None: the facts of TRAIN.DATASET or TEST.DATASET.

    Raises:
        UserError: the list or the hold-out cannot be read, or does not fit.
    """

    def read(split: str) -> ClipList:
        own = facts or facts_for(cfg, split)
        folder, classes = cfg.DATA.PATH_TO_DATA_DIR, num_classes(cfg, own)
        path, form = join(folder, list_name(cfg, split, own)), list_form(cfg, own)
        if not own.complete_list:
            return ClipList.read(path, classes, form, cfg.DATA.PATH_PREFIX)
        clips = ClipList.read(path, None, form, cfg.DATA.PATH_PREFIX)
        clips = own.complete_list(folder, split, clips)
        clips.check_labels(classes)
        return clips

    if not cfg.AK.HOLDOUT or split == "test":
        return read(split)
    clips = read("train")
    held_out = read_holdout(cfg.AK.HOLDOUT, clips)
    return clips.select(held_out if split == "val" else ~held_out)


def list_form(cfg, facts: DatasetFacts) -> ListForm:
    """How the lines of the lists of a data set are read."""
    is_pairs = facts.list_format == "pairs"
    return ListForm(
        separator=cfg.DATA.PATH_LABEL_SEPARATOR if is_pairs else None,
        columns=facts.label_columns,
        several=cfg.DATA.MULTI_LABEL,
        first_label=cfg.AK.FIRST_LABEL,
        is_tree=facts.list_format == "class_folders",
    )


def has_list(cfg, split: str) -> bool:
    """Whether the list of split train, val or test exists, packed or not."""
    path = join(cfg.DATA.PATH_TO_DATA_DIR, list_name(cfg, split))
    return find_list(path, list_form(cfg, facts_for(cfg, split))) is not None


def sampling(cfg, facts: DatasetFacts) -> str:
    """Which frames of a clip the network sees: dense, uniform or segments."""
    return facts.sampling or cfg.DATA.SAMPLING


def video_folder(cfg, facts: DatasetFacts | None = None) -> str:
    """The folder of the videos of a data set; without `facts`, of TRAIN.DATASET."""
    if (facts or facts_for(cfg)).videos_in_prefix:
        return cfg.DATA.PATH_PREFIX
    return cfg.AK.VIDEO_PREFIX or beside(cfg.DATA.PATH_PREFIX, "video")


def kind_of_frames(cfg, facts: DatasetFacts) -> str:
    """Where the frames of a data set come from: image, video or auto."""
    return cfg.AK.FRAMES if facts.frames == "AK.FRAMES" else facts.frames


def image_range(cfg) -> ValueRange:
    """AK.IMAGE_RANGE: the values that become black and white; None if it is not set."""
    return tuple(cfg.AK.IMAGE_RANGE) or None


def frame_rate(cfg, facts: DatasetFacts) -> float:
    """Frames a second that windows count in the videos of a data set; 0: each video's own rate."""
    group, _, key = facts.frame_rate_key.partition(".")
    return cfg[group][key] if group else 0


def decoding_from_cfg(cfg, facts: DatasetFacts) -> Decoding:
    """How videos are decoded for a network that was trained on a data set, and how their frames
    are counted: at the rate of its windows."""
    return Decoding.from_cfg(cfg, frame_rate(cfg, facts))


def centre_crop_problems(cfg):
    """Finds a training crop that does not fit the frames of validation; for data sets without
    random validation.

    Yields:
        (key, what is wrong with its value).
    """
    crop, scale = cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.TEST_CROP_SIZE
    if cfg.TRAIN.ENABLE and not facts_for(cfg).random_validation and crop > scale:
        yield (
            "DATA.TRAIN_CROP_SIZE",
            f"validation crops it out of frames scaled to DATA.TEST_CROP_SIZE {scale}; make that "
            f"at least {crop}",
        )


def _sampler_and_transform(
    cfg, split: str, facts: DatasetFacts
) -> tuple[FrameSampler, SquareCrop | Augmented | UniformCrops]:
    data, test = cfg.DATA, cfg.TEST
    way = sampling(cfg, facts)
    if way == "dense" and facts.spreads_windows:
        way = "spread"
    frames = (way, data.NUM_FRAMES, data.SAMPLING_RATE)
    if facts.transform:
        return even_frame_sampler(*frames), facts.transform(cfg, split)
    if split == "test":
        views = UniformCrops(data.TEST_CROP_SIZE, test.NUM_SPATIAL_CROPS)
        windows = test.NUM_ENSEMBLE_VIEWS, data.get("USE_OFFSET_SAMPLING", False)
        return even_frame_sampler(*frames, *windows), views
    if split == "val" and not facts.random_validation:
        return even_frame_sampler(*frames), CentreCrop(data.TEST_CROP_SIZE, data.TRAIN_CROP_SIZE)
    crop = _random_crop(data, split)
    if split == "train" and data.get("SSL_COLOR_JITTER", False):
        crop = Augmented(crop, (StrongColourJitter.from_cfg(cfg),))
    augments = cfg.AUG.ENABLE and split == "train"
    longest_rate = cfg.MULTIGRID.LONG_CYCLE_SAMPLING_RATE if split == "train" else 0
    sampler = random_frame_sampler(*frames, longest_rate)
    return sampler, Augmented.from_cfg(cfg, crop) if augments else crop


def _random_crop(data, split: str) -> RandomCrop | RandomResizedCrop:
    """The random crop of the keys DATA. Only training has relative crops, as upstream has it."""
    if split == "train" and data.TRAIN_JITTER_SCALES_RELATIVE:
        return RandomResizedCrop(
            scales=tuple(data.TRAIN_JITTER_SCALES_RELATIVE),
            ratios=tuple(data.TRAIN_JITTER_ASPECT_RELATIVE),
            side=data.TRAIN_CROP_SIZE,
            flip=data.RANDOM_FLIP,
            moves=data.TRAIN_JITTER_MOTION_SHIFT,
        )
    return RandomCrop(
        scales=tuple(data.TRAIN_JITTER_SCALES),
        side=data.TRAIN_CROP_SIZE,
        inverse_uniform=data.INV_UNIFORM_SAMPLE,
        flip=data.RANDOM_FLIP,
    )


def _checked_reader(cfg, split: str, facts: DatasetFacts, clips: ClipList) -> FrameReader:
    decoding = Decoding.from_cfg(cfg)
    folders = cfg.DATA.PATH_PREFIX, video_folder(cfg, facts)
    reader = open_reader(clips, kind_of_frames(cfg, facts), *folders, decoding, image_range(cfg))
    if clips.is_tree:
        return reader  # the images were found by listing their folders
    if split == "test":
        reader.check(allowed_bad_clips(len(clips), 1), "a test")
    else:
        reader.check(allowed_bad_clips(len(clips), cfg.DATA.MAX_BAD_FRACTION))
    return reader
