"""Classification of clips in several label sets, such as behaviour and animal.

The network has one trunk and a head for each label set. The loss is the mean of the losses of the
heads. Each label set has figures of its own. The figures of the composition are about all sets
together: a clip is right among the k best if each of its labels is among the k best of its set
(MammalNet, Chen et al., CVPR 2023).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.classes.table import ClassTable, named_sheet, read_sheet
from slowfast.ak.clips.from_cfg import has_list, read_clips
from slowfast.ak.clips.mixing.mixup import BatchMixer
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.keys import Finding
from slowfast.ak.metrics.figure_sets import FigureSets
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.ak.metrics.ranks import Ranks
from slowfast.ak.metrics.top_k import topk_errors
from slowfast.ak.registries.datasets import classes_key, numbers_of_classes
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.metrics import METRICS, figure_keys, metric_of, problem_with_figure
from slowfast.ak.registries.networks import NETWORKS
from slowfast.ak.registries.tasks import TASKS
from slowfast.config.derived import draws_pictures, is_supervised
from slowfast.config.dotted import key_and_value
from slowfast.models import build_model
from slowfast.models.losses import build_loss, set_loss_epoch
from slowfast.models.memory_format import channels_last
from slowfast.tasks.batch import Batch
from slowfast.tasks.best_figure import check_best_figure
from slowfast.tasks.clip_input import clips_to_input
from slowfast.tasks.label_set_checks import label_set_problems
from slowfast.tasks.task import Loss, Moment, Network, Rows, Task

COMPOSITION = "composition"
_TOP_K = (1, 5)


def _label_sets(cfg: CfgNode) -> tuple[str, ...]:
    return NETWORKS.facts(cfg.MODEL.MODEL_NAME).label_sets


def _problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from label_set_problems(cfg)
    for name, count in numbers_of_classes(cfg, _label_sets(cfg)).items():
        if count < 1:
            yield classes_key(name), "expected the number of classes, which the lists do not say"
    for name in (*_label_sets(cfg), COMPOSITION):
        first, second = cfg.COMPOSITION[f"SEGMENTS_{name.upper()}"]
        if first < second:
            words = "expected the larger number first"
            yield f"COMPOSITION.SEGMENTS_{name.upper()}", words
    if cfg.DATA.MULTI_LABEL:
        yield "DATA.MULTI_LABEL", "the lists have one class a clip in each label set; take False"
    if cfg.TRAIN.ENABLE and LOSSES.facts(cfg.MODEL.LOSS_FUNC).needs_counts is not False:
        words = "may need the number of clips of one set of classes, and there are several sets"
        yield "MODEL.LOSS_FUNC", f"{words}; take cross_entropy"
    if cfg.TRAIN.ENABLE and cfg.FRAMESTACK.ENABLE:
        words = "uses the average precision of one set of classes, and there are several sets"
        yield "FRAMESTACK.ENABLE", f"{words}; set it to False (MIXUP.ENABLE mixes clips here)"
    if draws_pictures(cfg):
        yield (
            "TENSORBOARD.ENABLE",
            "pictures of wrong predictions and of the network show one set of classes, and "
            f"{key_and_value(cfg, 'MODEL.MODEL_NAME')} scores several; set MODEL_VIS.ENABLE and "
            "WRONG_PRED_VIS.ENABLE False and leave PREDICTIONS_PATH empty",
        )
    metric = cfg.TRAIN.BEST_METRIC
    if metric and (words := problem_with_figure(metric, _figure_keys(_label_sets(cfg)))):
        yield "TRAIN.BEST_METRIC", words


def _figure_keys(label_sets: Sequence[str]) -> list[str]:
    """The keys of all figures that can be computed."""
    keys = figure_keys(many_labels=False)
    of_ranks = [key for key in keys if METRICS.facts(metric_of(key)).takes == "ranks"]
    found = [f"{name}/{key}" for name in label_sets for key in keys]
    return found + [f"{COMPOSITION}/{key}" for key in of_ranks]


@dataclass(frozen=True)
class Compositions:
    """The compositions that occur in the lists of a run, each a class of its own.

    Attributes:
        labels: (P, S) the class of each composition in each of S label sets; rows ascend.
    """

    labels: np.ndarray

    def ids(self, labels: np.ndarray) -> np.ndarray:
        """(N,) the number of the composition of labels (N, S); -1: it is none of these."""
        sizes = np.maximum(self.labels.max(axis=0, initial=0), labels.max(axis=0, initial=0)) + 1
        known, asked = (np.ravel_multi_index(tuple(x.T), sizes) for x in (self.labels, labels))
        places = np.searchsorted(known, asked).clip(max=max(0, len(known) - 1))
        return np.where(known[places] == asked, places, -1) if len(known) else -1 + 0 * asked

    def ranks(self, sets: Sequence[Ranks]) -> Ranks:
        """The ranks of compositions: a clip stands where the worst of its labels stands.

        Args:
            sets: the ranks of the same clips in each label set.
        """
        classes, predicted = (
            self.ids(np.stack([getattr(ranks, field) for ranks in sets], axis=1))
            for field in ("classes", "predicted")
        )
        places = np.max([ranks.places for ranks in sets], axis=0)
        sizes = tuple(ranks.count for ranks in sets)
        return Ranks(classes, places, predicted, len(self.labels), sets[0].clips, sizes)


@TASKS.register("composition", problems=_problems)
class Composition(Task):
    """Gives each clip a score per class of each label set.

    The targets of a batch are a dict of classes (N,) by label set.

    Args:
        network: returns a tuple of scores (N, classes), one for each label set.
        loss: a function of logits (N, C) and targets, a mean over clips; None: no training.
        to_input: turns pixels into the input of the network.
        mix: mixes the clips of a training batch and smooths its targets.
        num_classes: number of classes of each label set, in the order of the outputs.
        compositions: those of the lists.
        classes: names and segments of the classes of each label set and of the compositions.
        frames: T, of an example.
        crops: sides of the clips in training and in scoring, pixels.
        logit_scale: factor of the logits in the loss.
        best: key of the figure that chooses the best evaluation.
        evaluation: what evaluations during training compute.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module | None,
        to_input: InputTransform,
        mix: BatchMixer,
        *,
        num_classes: Mapping[str, int],
        compositions: Compositions,
        classes: Mapping[str, ClassTable | None],
        frames: int,
        crops: tuple[int, int],
        logit_scale: float = 1.0,
        best: str = f"{COMPOSITION}/top1_micro",
        evaluation: TestOptions | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.to_input = network, loss, to_input
        self._mix, self._num_classes, self._compositions = mix, dict(num_classes), compositions
        self.classes, self._frames, self._crops = dict(classes), frames, crops
        self._logit_scale, self.best, self._evaluation = logit_scale, best, evaluation

    @staticmethod
    def applies(cfg: CfgNode) -> bool:
        return is_supervised(cfg) and not cfg.DETECTION.ENABLE and bool(_label_sets(cfg))

    @classmethod
    def from_cfg(cls, cfg: CfgNode, device: torch.device, trains: bool) -> Composition:
        num_classes = numbers_of_classes(cfg, _label_sets(cfg))
        compositions, classes = read_tables(cfg, tuple(num_classes))
        if cfg.TRAIN.ENABLE:
            check_best_figure(cfg.TRAIN.BEST_METRIC, classes)
        return cls(
            build_model(cfg),
            build_loss(cfg).to(device) if trains else None,
            InputTransform.from_cfg(cfg, channels_last(cfg)),
            BatchMixer.from_cfg(cfg, num_classes),
            num_classes=num_classes,
            compositions=compositions,
            classes=classes,
            frames=cfg.DATA.NUM_FRAMES,
            crops=(cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.TEST_CROP_SIZE),
            logit_scale=cfg.COMPOSITION.LOGIT_SCALE,
            evaluation=TestOptions.of_evaluation(cfg),
            **({"best": cfg.TRAIN.BEST_METRIC} if cfg.TRAIN.BEST_METRIC else {}),
        )

    def prepare(self, batch: Batch, moment: Moment | None = None) -> Batch:
        return clips_to_input(batch, self.to_input, self._mix, moment)

    def example(self, clips: int, training: bool, device: torch.device) -> Batch:
        side = self._crops[0 if training else 1]
        pixels = torch.zeros(clips, 3, self._frames, side, side, dtype=torch.uint8, device=device)
        labels = {name: torch.zeros(clips).long().to(device) for name in self._num_classes}
        return Batch([pixels], labels, torch.arange(clips))

    def begin_epoch(self, epoch: int) -> None:
        set_loss_epoch(self.loss, epoch)

    def compute_loss(self, network: Network, batch: Batch) -> Loss:
        losses, figures = [], {}
        for name, logits in self._outputs(network, batch).items():
            targets = batch.targets[name]
            losses.append(self.loss(self._logit_scale * logits, targets))
            # A mixed clip counts for the class with the larger share.
            classes = targets if targets.ndim == 1 else targets.argmax(dim=1)
            errors = topk_errors(logits.detach(), classes, _TOP_K)
            named = zip(_TOP_K, errors, strict=True)
            figures |= {f"{name}/top{k}_err": error for k, error in named}
        return Loss(torch.stack(losses).mean(), figures)

    def rows(self, network: Network, batch: Batch) -> Rows:
        return Rows(batch.clips[:, None], self._outputs(network, batch), batch.targets)

    def figures(self, rows: Rows, options: TestOptions | None = None) -> FigureSets:
        options = options or self._evaluation
        sets = {
            name: Figures(rows.scores[name], rows.targets[name], self._segments(name), options)
            for name in self._num_classes
        }
        ranks = self._compositions.ranks([figures.ranks for figures in sets.values()])
        sets[COMPOSITION] = Figures(
            None, ranks.classes, self._segments(COMPOSITION), options, ranks
        )
        # The names that MammalNet's test logs for means over classes.
        names = {f"perclass_{name}_top1_acc": f"{name}/top1_macro" for name in sets}
        return FigureSets(sets, names)

    def draw_evaluation(self, board: Any, epoch: int, figures: FigureSets) -> None:
        for name, own in figures.sets.items():
            table = self.classes[name]
            names = table.names if table else [str(number) for number in range(own.ranks.count)]
            board.add_evaluation_of_set(epoch, name, own, names)

    def _outputs(self, network: Network, batch: Batch) -> dict[str, Tensor]:
        outputs = network(batch.inputs)
        return {
            name: output.float() for name, output in zip(self._num_classes, outputs, strict=True)
        }

    def _segments(self, name: str) -> list[str] | None:
        table = self.classes[name]
        return table.segments if table else None


def read_tables(
    cfg: CfgNode, label_sets: tuple[str, ...]
) -> tuple[Compositions, dict[str, ClassTable | None]]:
    """The compositions of the lists of a run, and the classes of each label set.

    Segments follow from the clips of the training list, including those that AK.HOLDOUT keeps from
    training. Without a training list they are not known.
    """
    labels = {
        split: _labels(cfg, split, label_sets)
        for split in ("train", "val", "test")
        if has_list(cfg, split)
    }
    nothing = np.zeros((0, len(label_sets)), np.int64)
    found = np.unique(np.concatenate([nothing, *labels.values()]), axis=0)
    compositions = Compositions(found)
    trained = [labels[split] for split in ("train", "val") if split in labels]
    trained = trained[: 2 if cfg.AK.HOLDOUT else 1] if "train" in labels else []
    tables: dict[str, ClassTable | None] = {}
    for place, (name, count) in enumerate(numbers_of_classes(cfg, label_sets).items()):
        counts = [np.bincount(each[:, place], minlength=count) for each in trained]
        tables[name] = _named(cfg, name, _table(cfg, name, counts))
    counts = [np.bincount(compositions.ids(each), minlength=len(found)) for each in trained]
    table = _table(cfg, COMPOSITION, counts)
    if table:
        own = [tables[name].names for name in label_sets]
        names = [
            " + ".join(each[label] for each, label in zip(own, row, strict=True))
            for row in found.tolist()
        ]
        table = replace(table, names=names)
    return compositions, tables | {COMPOSITION: table}


def _labels(cfg: CfgNode, split: str, label_sets: tuple[str, ...]) -> np.ndarray:
    """(clips, sets) int64 classes of the clips of a list."""
    clips = read_clips(cfg, split)
    numbers = numbers_of_classes(cfg, label_sets)
    columns = [clips.column(name).multi_hot(numbers[name]).argmax(axis=1) for name in label_sets]
    return np.stack(columns, axis=1).astype(np.int64)


def _named(cfg: CfgNode, name: str, table: ClassTable | None) -> ClassTable | None:
    """The table of a label set with the names, and segments if there are some, of its sheet."""
    key = f"COMPOSITION.CLASSES_{name.upper()}"
    if table is None or not (path := cfg.COMPOSITION[key.rpartition(".")[2]]):
        return table
    sheet = named_sheet(path, key)
    names, segments, source = read_sheet(sheet, len(table.names), key, classes_key(name))
    table = replace(table, names=names)
    return replace(table, segments=segments, source=source) if segments else table


def _table(cfg: CfgNode, name: str, counts: Sequence[np.ndarray]) -> ClassTable | None:
    """Names and segments of classes with these numbers of training clips, and held-out clips."""
    if not counts:
        return None
    head_above, middle_above = cfg.COMPOSITION[f"SEGMENTS_{name.upper()}"]
    limits = head_above + 1, middle_above
    return ClassTable.make(None, len(counts[0]), counts[0], *limits, *counts[1:])
