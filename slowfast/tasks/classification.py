"""Classification of clips: one label or several per clip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.classes.table import ClassTable
from slowfast.ak.clips.from_cfg import has_list, read_clips
from slowfast.ak.clips.mixing.frame_stack import FrameStack
from slowfast.ak.clips.mixing.mixup import BatchMixer, are_positive
from slowfast.ak.clips.network_input import FeatureInput, InputTransform, input_from_cfg
from slowfast.ak.keys import Finding
from slowfast.ak.losses import check_targets
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.ak.metrics.top_k import topk_errors
from slowfast.ak.registries.metrics import figure_keys, problem_with_figure
from slowfast.ak.registries.networks import NETWORKS
from slowfast.ak.registries.tasks import TASKS
from slowfast.config.derived import is_supervised
from slowfast.models import build_model
from slowfast.models.losses import build_loss, set_loss_epoch
from slowfast.models.memory_format import channels_last
from slowfast.tasks.batch import Batch
from slowfast.tasks.best_figure import check_best_figure
from slowfast.tasks.clip_input import clips_to_input
from slowfast.tasks.label_set_checks import label_set_problems
from slowfast.tasks.running_precision import RunningPrecision
from slowfast.tasks.task import Loss, Moment, Network, Rows, Task


def _problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from label_set_problems(cfg)
    metric = cfg.TRAIN.BEST_METRIC
    if metric and (words := problem_with_figure(metric, figure_keys(cfg.DATA.MULTI_LABEL))):
        yield "TRAIN.BEST_METRIC", words


@TASKS.register("classification", problems=_problems)
class Classification(Task):
    """Gives each clip a score per class.

    The targets of a batch are (N, C), 0 or 1 per class, or (N,), one class per clip.

    Args:
        network: of MODEL.MODEL_NAME.
        loss: a function of logits (N, C) and targets, a mean over clips; None: no training.
        to_input: turns pixels or features into the input of the network.
        mix: mixes the clips of a training batch and smooths its targets.
        stack: mixes the frames of a training batch, by the AP of the classes; None: it does not.
        multi_label: whether a clip can have several classes.
        frames: T, of an example.
        crops: sides of the clips in training and in scoring, pixels.
        classes: names and segments of the classes; None: not known.
        best: key of the figure that chooses the best evaluation; empty: mAP, or with one class a
            clip the top-1 error.
        evaluation: what evaluations during training compute.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: nn.Module | None,
        to_input: InputTransform | FeatureInput,
        mix: BatchMixer,
        stack: FrameStack | None = None,
        *,
        multi_label: bool,
        frames: int,
        crops: tuple[int, int],
        classes: ClassTable | None = None,
        best: str = "",
        evaluation: TestOptions | None = None,
    ) -> None:
        super().__init__()
        self.network, self.loss, self.to_input = network, loss, to_input
        self._mix, self._stack, self._multi_label = mix, stack, multi_label
        self.precision = RunningPrecision(stack.num_classes) if stack else None
        self._frames, self._crops, self.classes = frames, crops, classes
        self.best = best or ("map" if multi_label else "top1_err")
        self._evaluation = evaluation

    @staticmethod
    def applies(cfg: CfgNode) -> bool:
        label_sets = NETWORKS.facts(cfg.MODEL.MODEL_NAME).label_sets
        return is_supervised(cfg) and not (cfg.DETECTION.ENABLE or label_sets)

    @classmethod
    def from_cfg(cls, cfg: CfgNode, device: torch.device, trains: bool) -> Classification:
        classes = read_class_table(cfg)
        if cfg.TRAIN.ENABLE and cfg.TRAIN.BEST_METRIC:
            clips = read_clips(cfg, "val") if has_list(cfg, "val") else None
            counts = clips and clips.class_counts(cfg.MODEL.NUM_CLASSES)
            check_best_figure(cfg.TRAIN.BEST_METRIC, classes, counts)
        task = cls(
            build_model(cfg),
            build_loss(cfg).to(device) if trains else None,
            input_from_cfg(cfg, channels_last(cfg)),
            BatchMixer.from_cfg(cfg),
            FrameStack.from_cfg(cfg) if trains else None,
            multi_label=cfg.DATA.MULTI_LABEL,
            frames=cfg.DATA.NUM_FRAMES,
            crops=(cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.TEST_CROP_SIZE),
            classes=classes,
            best=cfg.TRAIN.BEST_METRIC,
            evaluation=TestOptions.of_evaluation(cfg),
        )
        if task.precision is not None:
            task.precision.to(device)
        return task

    def check(self, batch: Batch) -> None:
        """Checks that multi-hot labels are from 0 to 1.

        Raises:
            UserError: names the first other value.
        """
        if batch.targets.ndim == 2:
            check_targets(batch.targets)

    def prepare(self, batch: Batch, moment: Moment | None = None) -> Batch:
        if self._stack and moment is not None:
            (clips,) = batch.inputs
            stacked = self._stack(
                clips, batch.targets, self.precision.of_class, moment, batch.samples
            )
            batch = replace(
                batch, inputs=[stacked.clips], targets=stacked.targets, is_mixed=stacked.is_mixed
            )
        return clips_to_input(batch, self.to_input, self._mix, moment)

    def example(self, clips: int, training: bool, device: torch.device) -> Batch:
        side = self._crops[0 if training else 1]
        inputs = self.to_input.example(clips, self._frames, side, device)
        shape = (clips, self._mix.num_classes) if self._multi_label else (clips,)
        labels = torch.zeros(shape, device=device)
        return Batch([inputs], labels if self._multi_label else labels.long(), torch.arange(clips))

    def begin_epoch(self, epoch: int) -> None:
        """Passes the epoch to the loss, which can change weights or margins with it (DRW).

        FrameStack then uses the AP of the clips of the last epoch that were not mixed.
        """
        set_loss_epoch(self.loss, epoch)
        if self.precision is not None:
            self.precision.begin_epoch()

    def compute_loss(self, network: Network, batch: Batch) -> Loss:
        logits = network(batch.inputs).float()
        value = self.loss(logits, batch.targets)
        if batch.is_mixed is not None:
            scores = logits if self._multi_label else logits.log_softmax(dim=1)
            labels = are_positive(batch.targets, self._mix.smoothing)
            self.precision.add(scores, labels, ~batch.is_mixed)
        if self._multi_label:
            return Loss(value, {})
        # A mixed clip counts for the class with the larger share.
        classes = batch.targets if batch.targets.ndim == 1 else batch.targets.argmax(dim=1)
        top1, top5 = topk_errors(logits.detach(), classes, (1, 5))
        return Loss(value, {"top1_err": top1, "top5_err": top5})

    def after_step(self, batch: Batch) -> None:
        if self.precision is not None:
            self.precision.finish_step()

    def rows(self, network: Network, batch: Batch) -> Rows:
        return Rows(batch.clips[:, None], network(batch.inputs).float(), batch.targets)

    def figures(self, rows: Rows, options: TestOptions | None = None) -> Figures:
        segments = self.classes.segments if self.classes else None
        return Figures(rows.scores, rows.targets, segments, options or self._evaluation)

    def draw_input(self, board: Any, batch: Batch) -> None:
        if self.to_input.is_pixels:
            board.add_clips(batch.inputs, batch.targets)

    def draw_evaluation(self, board: Any, epoch: int, figures: Figures) -> None:
        board.add_evaluation(epoch, figures)
