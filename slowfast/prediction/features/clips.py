"""Features of the clips of a data set, and a configuration that trains a probe on them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from fvcore.common.config import CfgNode
from torch import Tensor
from torch.utils.data import Dataset

from slowfast.ak.clips.bad_clips import from_meta
from slowfast.ak.clips.dataset import ClipDataset, Item
from slowfast.ak.clips.from_cfg import clip_dataset_arguments, sampling
from slowfast.ak.clips.loader import make_loader, settings_from_cfg
from slowfast.ak.clips.sampling import even_frame_sampler
from slowfast.ak.clips.views import UniformCrops
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import facts_for, has_test_list
from slowfast.ak.registries.losses import LOSSES
from slowfast.config.dotted import get
from slowfast.data_tools.feature_files import (
    UNREADABLE,
    WRITTEN,
    FeatureSet,
    RowWriter,
    write_list,
)
from slowfast.prediction.features.vectors import Wanted, created, vectors_of
from slowfast.prediction.model import Model
from slowfast.prediction.scoring import Scorer
from slowfast.prediction.sharing import is_last
from slowfast.prediction.videos.stream import Block
from slowfast.utils import logging
from slowfast.utils.plural import count
from slowfast.utils.processes.launch import DEFAULT_INIT_METHOD, launch_job
from slowfast.utils.progress import progress_bar

logger = logging.get_logger(__name__)

SPLITS = ("train", "val", "test")
PROBE = "probe.yaml"
CLASSES = "classes.csv"


@dataclass(frozen=True)
class _Split:
    """A split of the data set, and its features.

    Attributes:
        views: of each clip: windows times crops.
    """

    clips: ClipDataset
    features: FeatureSet
    views: int


def splits_of(cfg: CfgNode) -> list[str]:
    """The splits that have clips of their own; a test on val.csv has none."""
    return list(SPLITS if has_test_list(cfg) or cfg.AK.HOLDOUT else SPLITS[:2])


def extract_clips(model: Model, splits: Sequence[str], folder: Path, wanted: Wanted) -> int:
    """Extracts the features of the clips of some splits that have none yet.

    Each clip gives the windows that a test takes, spread evenly, each with PREDICT.SPATIAL_CROPS
    crops; one window is the centre. Each view has a row.

    Returns:
        The exit status: 0; or 1 if a clip could not be read.

    Raises:
        UserError: the lists cannot be read, or the folder has other features.
    """
    facts = facts_for(model.cfg)
    if not facts.list_format or facts.gives_features:
        raise UserError(
            f"TRAIN.DATASET {model.cfg.TRAIN.DATASET}: has no lists of clips with frames. Name "
            "videos instead of --split, or the configuration of the clips as --cfg."
        )
    if facts.label_columns:
        raise UserError(
            f"TRAIN.DATASET {model.cfg.TRAIN.DATASET}: has the labels "
            f"{', '.join(facts.label_columns)}, and lists of features have one set. Name "
            "the videos instead of --split."
        )
    shape = wanted.shape(model)
    opened = [_open(model, split, folder, wanted, shape) for split in splits]
    for each in opened:
        if not (each.features.states() == WRITTEN).all():
            job = partial(_extract_part, model, each, wanted)
            launch_job(model.cfg, DEFAULT_INIT_METHOD, job)
    if not is_last("extracted"):
        return 0
    unread = sum(_finish(model, each) for each in opened)
    _write_probe(model, folder, wanted, shape)
    return 1 if unread else 0


def _open(model: Model, split: str, folder: Path, wanted: Wanted, shape: tuple[int, ...]) -> _Split:
    """Opens the clips of a split, and creates the files of their features."""
    cfg = model.cfg
    facts = facts_for(cfg)
    arguments = clip_dataset_arguments(cfg, split, facts)
    frames = sampling(cfg, facts), cfg.DATA.NUM_FRAMES, cfg.DATA.SAMPLING_RATE
    crops = cfg.PREDICT.SPATIAL_CROPS
    arguments |= {
        "frame_sampler": even_frame_sampler(*frames, count=wanted.windows),
        "transform": UniformCrops(cfg.DATA.TEST_CROP_SIZE, crops),
        "span_labels": False,
        "replace_bad": False,
        "windows": 1,
        "crops": 1,
    }
    clips = ClipDataset(**arguments)
    lines = [
        (clips.clip_name(clip), window, crop)
        for clip in range(len(clips))
        for window in range(wanted.windows)
        for crop in range(crops)
    ]
    wanted.log_size(f"{split}, {count(len(clips), 'clip')}", len(lines), shape)
    settings = {**wanted.settings(model), "windows": wanted.windows}
    columns = "clip", "window", "crop"
    make = partial(FeatureSet.create, folder, split, shape, wanted.dtype, settings, columns, lines)
    return _Split(clips, created(split, make), wanted.windows * crops)


class _Todo(Dataset):
    """The clips of a data set that have no features yet."""

    def __init__(self, clips: ClipDataset, numbers: Sequence[int]) -> None:
        self._clips, self._numbers = clips, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, key: tuple[int, ...]) -> Item:
        return self._clips[(key[0], self._numbers[key[1]])]

    def clip_name(self, index: int) -> str:
        return self._clips.clip_name(index)


@torch.no_grad()
def _extract_part(model: Model, split: _Split, wanted: Wanted, cfg: CfgNode) -> None:
    """Extracts the features of the clips of this process."""
    logging.setup_logging(split.features.folder)
    states = split.features.states().reshape(-1, split.views)
    numbers = np.flatnonzero((states != WRITTEN).any(axis=1)).tolist()
    if len(numbers) < len(states):
        done = len(states) - len(numbers)
        logger.info(f"{done} of {count(len(states), 'clip')} have features already.")
    loader = make_loader(_Todo(split.clips, numbers), "test", **settings_from_cfg(cfg, "test"))
    task, precision = model.load()
    unread: set[int] = set()

    def clips() -> Iterator[tuple[int, Block | None]]:
        for (views,), _, clip, _, meta in loader:
            for problem in from_meta(meta):
                logger.warning(problem.message())
                if problem.kind == "missing":
                    unread.add(clip)
            yield clip, Block(0, len(views.temporal), views)
            yield clip, None

    vectors = vectors_of(task, precision, wanted.tokens)
    batch = cfg.PREDICT.BATCH_SIZE
    writer, place = RowWriter(split.features), dict.fromkeys(numbers, 0)
    with progress_bar(len(loader), split.features.name, unit="clip") as bar:
        for clip, found in Scorer(vectors, precision.device, batch, _as_it_is).run(clips()):
            if found is None:
                bar.update()
            elif clip in unread:
                writer.leave_out(clip * split.views, split.views)
            else:
                rows = found.reshape(-1, *split.features.shape).numpy()
                writer.put(clip * split.views + place[clip], rows)
                place[clip] += len(rows)
    writer.close()


def _as_it_is(crops: Tensor) -> Tensor:
    return crops


def _finish(model: Model, split: _Split) -> int:
    """Writes the list of a split. Returns how many of its clips could not be read."""
    features, clips = split.features, split.clips
    features.finish()
    unread = (features.states().reshape(-1, split.views) == UNREADABLE).any(axis=1)
    labels, rule = clips.label_matrix() > 0, model.cfg.AK.CLIP_LABEL
    repeats = clips.repeats()

    def lines() -> Iterator[tuple[str, list[int]]]:
        for clip in np.flatnonzero(~unread).tolist():
            own = (
                np.flatnonzero(labels[clip]).tolist()
                if clips.multi_label
                else [clips.clips.one_label(clip, rule)]
            )
            yield from [(clips.clip_name(clip), own)] * int(repeats[clip])

    write_list(features, lines())
    if unread.any():
        names = [clips.clip_name(clip) for clip in np.flatnonzero(unread)[:5]]
        logger.warning(
            f"{features.name}: {count(int(unread.sum()), 'clip')} could not be read and are not in "
            f"{features.name}.csv: {', '.join(names)}. The same command tries them again."
        )
    return int(unread.sum())


def _write_probe(model: Model, folder: Path, wanted: Wanted, shape: tuple[int, ...]) -> None:
    """Writes a configuration that trains a probe, if there are clips to train and evaluate on."""
    if not all((folder / f"{split}.csv").is_file() for split in SPLITS[:2]):
        return
    cfg, features = model.cfg, FeatureSet.open(folder, SPLITS[0])
    has_test = (folder / "test.csv").is_file()
    clips = features.rows // (wanted.windows * cfg.PREDICT.SPATIAL_CROPS)
    rows = [[number, name] for number, name in enumerate(model.classes.names)]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([["index", "action"], *rows])
    features.write(CLASSES, text.getvalue().encode("utf-8", "surrogateescape"))
    settings: dict[str, Any] = {
        "TRAIN": {
            "ENABLE": True,
            "DATASET": "features",
            "BATCH_SIZE": max(1, min(64, clips)),
            "EVAL_PERIOD": 1,
        },
        "TEST": {
            "ENABLE": True,
            "DATASET": "features",
            "BATCH_SIZE": 64,
            "NUM_ENSEMBLE_VIEWS": wanted.windows,
            "NUM_SPATIAL_CROPS": cfg.PREDICT.SPATIAL_CROPS,
        },
        "DATA": {
            "PATH_TO_DATA_DIR": str(folder.resolve()),
            "MULTI_LABEL": cfg.DATA.MULTI_LABEL,
            "ENSEMBLE_METHOD": cfg.DATA.ENSEMBLE_METHOD,
        },
        "AK": {
            "CLASSES": str((folder / CLASSES).resolve()),
            "TEST_LIST": "test.csv" if has_test else "val.csv",
            "HEAD_MIN": cfg.AK.HEAD_MIN,
            "TAIL_MAX": cfg.AK.TAIL_MAX,
        },
        "MODEL": {
            "MODEL_NAME": "Probe",
            "NUM_CLASSES": cfg.MODEL.NUM_CLASSES,
            "HEAD_ACT": cfg.MODEL.HEAD_ACT,
            "LOSS_FUNC": cfg.MODEL.LOSS_FUNC,
            "DROPOUT_RATE": 0.0,
        },
        "LOSS": _loss_settings(cfg),
        "PROBE": {
            "KIND": "attentive" if wanted.tokens else "linear",
            "CHANNELS": shape[-1],
            "TOKENS": shape[0] if wanted.tokens else 1,
        },
        "SOLVER": {
            "OPTIMIZING_METHOD": "adamw",
            "BASE_LR": 0.001,
            "WEIGHT_DECAY": 0.05,
            "LR_POLICY": "cosine",
            "MAX_EPOCH": 20,
            "WARMUP_EPOCHS": 0.0,
        },
        "BN": {"USE_PRECISE_STATS": False},
        "DATA_LOADER": {"NUM_WORKERS": 0},
        "NUM_GPUS": 0,
        "RNG_SEED": cfg.RNG_SEED,
        "OUTPUT_DIR": str((folder / "probe").resolve()),
    }
    command = f"python tools/run_net.py --cfg {folder / PROBE}"
    head = f"# Trains a probe on these features: {command}\n"
    body = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    features.write(PROBE, (head + body).encode("utf-8", "surrogateescape"))


def _loss_settings(cfg: CfgNode) -> dict[str, Any]:
    """The settings of the loss, as nested dicts below LOSS."""
    found: dict[str, Any] = {}
    own = LOSSES.facts(cfg.MODEL.LOSS_FUNC).keys
    for key in ("LOSS.CLASS_COUNTS", "LOSS.LABEL_SMOOTHING", *own):
        *groups, leaf = key.split(".")[1:]
        node = found
        for group in groups:
            node = node.setdefault(group, {})
        value = get(cfg, key)
        node[leaf] = list(value) if isinstance(value, tuple) else value
    return found
