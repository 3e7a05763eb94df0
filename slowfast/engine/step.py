"""One step of training: a batch on the device becomes new weights.

A step waits for no device. Its measurements stay on the device and are read later (`pending`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from fvcore.common.config import CfgNode
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from slowfast.engine.learner import Learner
from slowfast.models.optimizer import clip_gradients, set_lr
from slowfast.tasks import Batch, Moment


class TrainStep:
    """Takes steps of training.

    Args:
        learner: the state that the steps change.
        parts: a process takes its clips in this many equal parts, one after the other. The mean
            loss over clips has the same gradients as without parts, as long as no layer looks at
            other clips; batch norm does, unless it is frozen.
        clip_value, clip_norm: limits of the gradient, as in `clip_gradients`.

    Attributes:
        learner: as given.
        show: called once, with the first prepared batch; None: nothing is called.
    """

    def __init__(
        self, learner: Learner, parts: int, clip_value: float | None, clip_norm: float | None
    ) -> None:
        self.learner, self._parts = learner, parts
        self._clip_value, self._clip_norm = clip_value, clip_norm
        self._forward = learner.precision.run(learner.network)
        self.show: Callable[[Batch], None] | None = None

    @classmethod
    def from_cfg(cls, cfg: CfgNode, learner: Learner) -> TrainStep:
        solver = cfg.SOLVER
        return cls(learner, solver.ACCUMULATE_STEPS, solver.CLIP_GRAD_VAL, solver.CLIP_GRAD_L2NORM)

    @property
    def skips_bad_gradients(self) -> bool:
        """Whether a step whose gradient is not finite leaves the weights as they are."""
        return self.learner.scaler.is_enabled()

    def __call__(self, batch: Batch, lr: float, moment: Moment) -> dict[str, Tensor]:
        """Changes the weights once.

        Args:
            batch: on the device, as the loader gives it.
            lr: the learning rate.
            moment: the place of the step in the run.

        Returns:
            Scalars on the device: ``loss``; ``grad_norm``, the norm of the gradient before it is
            clipped; and the further figures of the task's loss.
        """
        learner = self.learner
        optimizer, scaler = learner.optimizer, learner.scaler
        set_lr(optimizer, lr)
        batch = learner.task.prepare(batch, moment)
        if self.show:
            self.show(batch)
            self.show = None
        optimizer.zero_grad(set_to_none=True)
        loss, figures = self._gradients(batch)
        scaler.unscale_(optimizer)
        grad_norm = clip_gradients(learner.network, self._clip_value, self._clip_norm)
        scaler.step(optimizer)
        scaler.update()
        if learner.average:
            learner.average.update()
        learner.task.after_step(batch)
        return {"loss": loss, "grad_norm": grad_norm, **figures}

    def _gradients(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Adds up the gradients of a batch; returns its loss and the figures of the task."""
        losses, figures = [], []
        for number, part in enumerate(batch.split(self._parts), start=1):
            with self._exchange(number == self._parts):
                loss = self.learner.task.compute_loss(self._forward, part)
                value = loss.value / self._parts
                self.learner.scaler.scale(value).backward()
            losses.append(value.detach())
            figures.append(loss.figures)
        means = {n: torch.stack([each[n] for each in figures]).mean() for n in figures[0]}
        return torch.stack(losses).sum(), means

    def _exchange(self, is_last: bool) -> AbstractContextManager:
        """Lets processes exchange gradients only in the backward pass of the last part."""
        network = self.learner.network
        if is_last or not isinstance(network, DistributedDataParallel):
            return nullcontext()
        return network.no_sync()
