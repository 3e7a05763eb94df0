"""The data set ``features``: what tools/extract_features.py wrote, in place of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from slowfast.ak.clips.from_cfg import read_clips
from slowfast.ak.clips.views import FeatureViews
from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.ak.lists.notes import check_has_labels
from slowfast.ak.registries.datasets import DATASETS, list_name
from slowfast.ak.registries.networks import feature_shape
from slowfast.data_tools.feature_files import FeatureSet


def _problems(cfg) -> Iterator[Finding]:
    if not cfg.TRAIN.ENABLE:
        return
    if cfg.AUG.ENABLE:
        yield "AUG.ENABLE", "features have no frames to augment; set it to False"
    if cfg.MIXUP.ENABLE and cfg.MIXUP.CUTMIX_ALPHA:
        yield "MIXUP.CUTMIX_ALPHA", "features have no area to cut out; set it to 0"


@DATASETS.register(
    "Features",
    list_format="header",
    has_test_list=True,
    gives_features=True,
    own_keys=(),
    problems=_problems,
)
class Features(Dataset):
    """Features of clips. DATA.PATH_TO_DATA_DIR has train.csv, train.npy and so on.

    Items are `([features], labels, index, time, {})`:

        features: float16 or float32 (P, C). In training, a view that the epoch draws at random; in
            validation, the view in the middle; in a test, all views as `FeatureViews`.
        labels: float32 (classes,), 0 or 1, or the class; as DATA.MULTI_LABEL says.
        time: float32, the number of the view, or the numbers of all views.

    The list of a split may have fewer clips than its array, and AK.HOLDOUT can divide train.csv.

    Args:
        split: train, val or test.

    Raises:
        UserError: a file is missing, a clip of the list has no features, or PROBE.CHANNELS,
            PROBE.TOKENS or the number of views of a test differ from those of the features.
    """

    def __init__(self, cfg, split: str) -> None:
        facts = DATASETS.facts("Features")
        self.clips = read_clips(cfg, split, facts)
        self._multi_label, self._num_classes = cfg.DATA.MULTI_LABEL, cfg.MODEL.NUM_CLASSES
        self._clip_label, self._seed, self._split = cfg.AK.CLIP_LABEL, cfg.RNG_SEED, split
        if split == "train":
            check_has_labels(self.clips)
        if not self._multi_label:
            self.clips.check_one_label()
        held_out = cfg.AK.HOLDOUT and split == "val"
        name = Path(list_name(cfg, "train" if held_out else split, facts)).stem
        self._set = FeatureSet.open(cfg.DATA.PATH_TO_DATA_DIR, name)
        self._check_shape(cfg)
        self._rows = self._rows_of_clips()
        views = cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS
        if split == "test" and self._rows.shape[1] != views:
            raise UserError(
                f"{self._set.path('.npy')}: has {self._rows.shape[1]} views of each clip, and the "
                f"test asks for {views}: TEST.NUM_ENSEMBLE_VIEWS {cfg.TEST.NUM_ENSEMBLE_VIEWS} x "
                f"TEST.NUM_SPATIAL_CROPS {cfg.TEST.NUM_SPATIAL_CROPS}. Set these two as the "
                "features were extracted."
            )
        self._array: np.ndarray | None = None

    def _check_shape(self, cfg) -> None:
        shape = self._set.shape if len(self._set.shape) == 2 else (1, *self._set.shape)
        expected = feature_shape(cfg)
        if expected and shape != expected:
            raise UserError(
                f"{self._set.path('.json')}: each row has {shape[0]} x {shape[1]} features "
                f"(positions x channels); set PROBE.TOKENS {shape[0]} PROBE.CHANNELS {shape[1]} "
                f"(found {expected[0]} and {expected[1]})."
            )

    def _rows_of_clips(self) -> np.ndarray:
        """(clips, views) rows of the array."""
        found: dict[str, list[int]] = {}
        for row, line in enumerate(self._set.index()):
            found.setdefault(line["clip"], []).append(row)
        names = [self.clips.name(clip) for clip in range(len(self.clips))]
        if missing := [name for name in names if name not in found]:
            raise UserError(
                f"{self.clips.path}: {len(missing)} clips are not in "
                f"{self._set.path('_rows.csv').name}, such as {missing[0]}. Extract their "
                "features, or remove their lines."
            )
        rows = np.array([found[name] for name in names])
        states = self._set.states()[rows]
        if (bad := (states != 1).any(axis=1)).any():
            raise UserError(
                f"{self._set.path('.npy')}: {int(bad.sum())} clips of the list have no features "
                f"yet, such as {names[int(bad.argmax())]}. Start tools/extract_features.py again, "
                "with the same command."
            )
        return rows

    def __len__(self) -> int:
        return len(self._rows)

    def clip_name(self, index: int) -> str:
        """The name of a clip in the list."""
        return self.clips.name(index)

    def repeats(self) -> np.ndarray:
        """(clips,) int64: how often an epoch of training draws each clip, as the list has it."""
        return self.clips.repeats()

    def label_matrix(self) -> np.ndarray:
        """(clips, classes) float32: 1 if a clip has a class."""
        return self.clips.multi_hot(self._num_classes)

    def __getitem__(self, key: int | tuple[int, ...]) -> tuple[Any, ...]:
        """The item of (epoch, index), (epoch, index, repeat), or of an index."""
        key = key if isinstance(key, tuple) else (int(torch.randint(2**31, ())), key)
        index, views = key[1], self._rows.shape[1]
        if self._split == "test":
            rows = self._features(self._rows[index])
            return [FeatureViews(rows)], self._labels(index), index, torch.arange(views).float(), {}
        view = views // 2
        if self._split == "train" and views > 1:
            view = int(np.random.Generator(np.random.PCG64([self._seed, *key])).integers(views))
        features = self._features(self._rows[index, view : view + 1])[0]
        return [features], self._labels(index), index, torch.tensor([view]).float(), {}

    def _features(self, rows: np.ndarray) -> torch.Tensor:
        """(rows, P, C)."""
        if self._array is None:
            self._array = self._set.array()
        found = torch.from_numpy(np.array(self._array[rows]))
        return found if found.ndim == 3 else found[:, None]

    def _labels(self, clip: int) -> torch.Tensor:
        if not self._multi_label:
            return torch.tensor(self.clips.one_label(clip, self._clip_label))
        hot = torch.zeros(self._num_classes)
        hot[self.clips.labels(clip)] = 1
        return hot

    def __getstate__(self) -> dict[str, Any]:
        """Without the array, which a worker maps into memory itself."""
        return {**self.__dict__, "_array": None}
