"""Stops a run whose loss grows suddenly (TRAIN.KILL_LOSS_EXPLOSION_FACTOR)."""

from __future__ import annotations

from collections import deque

from fvcore.common.config import CfgNode

from slowfast.engine.device.pending import DivergedError, ReadStep

_REMEMBERED = 5


class LossWatch:
    """Compares measurements of the loss with the measurements before them.

    A measurement is the mean loss of `period` steps, so that a single hard batch stops no run. A
    measurement above `factor` times the mean of the five before it stops the run. Nothing is
    compared until there are five; a run that is resumed begins anew.

    Args:
        factor: 0: nothing is compared.
        period: steps of a measurement (LOG_PERIOD).
    """

    def __init__(self, factor: float, period: int) -> None:
        self._factor, self._period = factor, period
        self._losses: list[float] = []
        self._measured: deque[float] = deque(maxlen=_REMEMBERED)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> LossWatch:
        return cls(cfg.TRAIN.KILL_LOSS_EXPLOSION_FACTOR, cfg.LOG_PERIOD)

    def add(self, step: ReadStep, where: str) -> None:
        """Adds the loss of a step, which is the same on all processes.

        Args:
            where: the epoch in words, for messages.

        Raises:
            DivergedError: the loss has grown too much.
        """
        if not self._factor:
            return
        self._losses.append(step.values["loss"])
        if len(self._losses) < self._period:
            return
        now, self._losses = sum(self._losses) / len(self._losses), []
        if len(self._measured) == _REMEMBERED:
            before = sum(self._measured) / _REMEMBERED
            if now > self._factor * before:
                raise DivergedError(
                    f"{where}, iteration {step.iteration + 1}: the loss rose to {now:.4g}, the "
                    f"mean of {self._period} steps; TRAIN.KILL_LOSS_EXPLOSION_FACTOR "
                    f"{self._factor:g} times the mean before, {before:.4g}, is the most. Lower "
                    "SOLVER.BASE_LR, lengthen SOLVER.WARMUP_EPOCHS, or set "
                    "SOLVER.CLIP_GRAD_L2NORM; then start the same command again: it goes on from "
                    "the last checkpoint."
                )
        self._measured.append(now)
