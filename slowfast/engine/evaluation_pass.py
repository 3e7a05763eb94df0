"""Evaluation during training: one deterministic view of every validation clip, each clip once.

A black clip replaces a clip that cannot be read, so that batches keep their shape. Its scores are
thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.ak.clips.loader import ClipLoader
from slowfast.checkpoints.best import Best
from slowfast.datasets.loader import shuffle_dataset
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.queue import DeviceQueue
from slowfast.engine.learner import Learner
from slowfast.engine.meters import ValMeter
from slowfast.engine.stopping import StopRequests
from slowfast.schedules.multigrid import Shape
from slowfast.schedules.plan import RunPlan
from slowfast.tasks import Rows
from slowfast.tasks.batch import joined, mapped
from slowfast.utils import distributed
from slowfast.utils.progress import progress_bar


@dataclass
class EvaluationPass:
    """Evaluates the network after epochs of a run.

    Attributes:
        batches: of the loader, on the device.
        best: the best evaluation so far, among those of clips of the same shape.
        shape_of: a function of the epoch: the shape of the clips, which multigrid training changes.
        board: a TensorBoard board; None: nothing is drawn.
    """

    learner: Learner
    loader: ClipLoader
    batches: DeviceBatches
    meter: ValMeter
    stop: StopRequests
    best: Best
    shape_of: Callable[[int], Shape]
    board: object | None = None

    @classmethod
    def from_cfg(
        cls, cfg: CfgNode, learner: Learner, loader: ClipLoader, stop: StopRequests, best: Best
    ) -> EvaluationPass:
        device, check = learner.precision.device, learner.task.check
        batches = DeviceBatches(loader, device, cfg.SPEED.PREFETCH, check)
        plan = RunPlan.from_cfg(cfg)
        meter = ValMeter(loader.counts(plan.epochs), cfg)
        return cls(
            learner, loader, batches, meter, stop, best, lambda epoch: plan.phase(epoch).shape
        )

    @torch.no_grad()
    def run(self, epoch: int) -> dict:
        """Scores the validation clips; logs and returns the figures of the task.

        Args:
            epoch: counted from 0.

        Raises:
            Stopped: the run was asked to stop. Nothing of the evaluation is kept.
        """
        task, meter, device = self.learner.task, self.meter, self.learner.precision.device
        forward = self.learner.precision.run(self.learner.evaluated.eval())
        shuffle_dataset(self.loader, epoch)
        scored: list[Rows] = []
        queue = DeviceQueue(device)
        bar = progress_bar(len(self.loader), "evaluation")
        meter.iter_tic()
        for iteration, batch in enumerate(self.batches):
            meter.data_toc(queue.is_idle())
            if self.stop.asked:
                break
            scored.append(task.rows(forward, task.prepare(batch)))
            queue.add()
            meter.iter_toc()
            meter.log_iter_stats(epoch, iteration)
            bar.update()
            meter.iter_tic()
        bar.close()
        self.stop.stop_if_asked(device)
        clips = self.loader.bad_clips
        clips.share()
        clips.stop_if_none_read(len(self.loader.dataset))
        rows = gather_rows(scored, clips.clips("missing"))
        figures = task.figures(rows)
        line = figures.evaluation_line()
        self.best = self._comparable_best(epoch).after_evaluation(epoch + 1, line)
        if self.board:
            task.draw_evaluation(self.board, epoch, figures)
        meter.counts = clips.counts("missing", "incomplete")
        stats = meter.log_figures(epoch, {**line, **self.best.stats()})
        meter.reset()
        return stats

    def _comparable_best(self, epoch: int) -> Best:
        """The best evaluation so far; a new record if its clips had another shape."""
        best = self.best
        if best.epoch and self.shape_of(best.epoch - 1) != self.shape_of(epoch):
            return replace(best, epoch=0, value=None)
        return best


def gather_rows(parts: list[Rows], missing: Collection[int] = ()) -> Rows:
    """Joins the rows of all processes on the CPU, ordered by key, each key once.

    Args:
        parts: rows of this process, in any number of parts.
        missing: numbers of clips to leave out.
    """
    own = mapped(list(_joined(parts)), Tensor.cpu) if parts else None
    shards = [shard for shard in distributed.all_gather_unaligned(own) if shard is not None]
    keys, scores, targets = _joined(shards)
    keys, where = keys.unique(dim=0, return_inverse=True)
    # The first of several rows with one key is kept.
    backwards = torch.arange(len(where)).flip(0)
    first = torch.empty(len(keys), dtype=torch.int64).scatter_(0, where.flip(0), backwards)
    read = ~torch.isin(keys[:, 0], torch.tensor(sorted(missing), dtype=keys.dtype))
    kept = first[read]
    return Rows(
        keys[read], *(mapped(field, lambda rows: rows[kept]) for field in (scores, targets))
    )


def _joined(parts: Sequence[Sequence[Any]]) -> Rows:
    return Rows(*(joined(field) for field in zip(*parts, strict=True)))
