"""When a run's state is saved, and what of an unfinished epoch goes with it.

Notable: whatever the loop needs to go on in the midst of an epoch, bit for bit, is gathered here
and given back here: how far it is, what its meter and its ledger hold, and of each process the
buffers of its network, since norm layers of different processes see other clips. No generator is
saved: what a step draws is a function of its place (`seed_everything`), as is the order of clips.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.loader import ClipLoader
from slowfast.engine.average import AveragedWeights
from slowfast.models.optimizer import set_lr
from slowfast.utils import checkpoint, distributed, logging
from slowfast.utils.meters import TrainMeter
from slowfast.utils.weights import unwrap

logger = logging.get_logger(__name__)


@dataclass
class Trained:
    """All that training changes, and so all that is saved. `average`: of the weights, if any."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    loss_function: nn.Module
    average: AveragedWeights | None = None

    @property
    def networks(self) -> list[nn.Module]:
        """The network that is trained, and the averaged one where there is one."""
        return [unwrap(self.model), *([self.average.network] if self.average else [])]

    @property
    def evaluated(self) -> nn.Module:
        """The last of them, which is evaluated."""
        return self.networks[-1]

    def extra(self) -> dict[str, Any]:
        """What a checkpoint holds beyond weights, optimizer and scaler."""
        return {"loss": self.loss_function.state_dict()}

    def average_state(self) -> dict[str, Any] | None:
        return self.average.state_dict() if self.average else None

    def take_up(self, extra: Mapping[str, Any]) -> None:
        """Goes on with what a checkpoint of this run holds."""
        if "loss" in extra:
            self.loss_function.load_state_dict(extra["loss"])
        if self.average:
            self.average.load_state_dict(extra.get("ema_state") or unwrap(self.model).state_dict())


@dataclass
class Saver:
    """Writes the checkpoints of a run.

    Args:
        cfg: TRAIN.CHECKPOINT_* and OUTPUT_DIR are read.
        initialisation, holdout: what all checkpoints of the run tell of where it came from.
    """

    cfg: CfgNode
    trained: Trained
    initialisation: str
    holdout: str
    _saved_at: float = field(default_factory=monotonic)

    def epoch(self, epoch: int) -> None:
        """Saves a finished epoch, 0-based."""
        checkpoint.save_checkpoint(
            self.cfg.OUTPUT_DIR,
            self.trained.model,
            self.trained.optimizer,
            epoch,
            self.cfg,
            self.trained.scaler,
            extra={"extra": self.trained.extra()},
            initialisation=self.initialisation,
            holdout=self.holdout,
            average_state=self.trained.average_state(),
        )
        self._saved_at = monotonic()

    def unfinished(self, epoch: int, done: int, loader: ClipLoader, meter: TrainMeter) -> None:
        """Saves an epoch, 0-based, of which so many iterations are done; all processes call it."""
        own = [[buffer.cpu() for buffer in of.buffers()] for of in self.trained.networks]
        buffers = distributed.all_gather_unaligned(own)
        place = {
            "clips_a_step": loader.batch_size * distributed.get_world_size(),
            "meter": meter.state(),
            "flaws": [list(flaw) for flaw in loader.ledger.state()],
            "buffers": buffers if len(buffers) > 1 else [],
        }
        checkpoint.save_unfinished(
            self.cfg,
            self.trained.model,
            self.trained.optimizer,
            self.trained.scaler,
            epoch,
            done,
            extra=self.trained.extra() | place,
            initialisation=self.initialisation,
            holdout=self.holdout,
            average_state=self.trained.average_state(),
        )
        self._saved_at = monotonic()

    def is_due_by_number(self, done: int) -> bool:
        """Whether TRAIN.CHECKPOINT_ITERATIONS asks for a file after so many iterations."""
        every = self.cfg.TRAIN.CHECKPOINT_ITERATIONS
        return every > 0 and done % every == 0

    def is_due_by_time(self) -> bool:
        """Whether TRAIN.CHECKPOINT_MINUTES have passed since the last file, by this clock."""
        minutes = self.cfg.TRAIN.CHECKPOINT_MINUTES
        return minutes > 0 and monotonic() - self._saved_at >= 60 * minutes


def take_up(
    start: checkpoint.Start, trained: Trained, loader: ClipLoader, meter: TrainMeter
) -> int:
    """Goes on where a file of this run was saved.

    Returns:
        Iterations of the epoch that are done.
    """
    trained.take_up(start.extra)
    if not start.iteration:
        return 0
    meter.take_up(start.extra["meter"])
    set_lr(trained.optimizer, start.extra["meter"]["lr"])
    loader.ledger.take_up(start.extra["flaws"])
    buffers = start.extra["buffers"]
    if len(buffers) == distributed.get_world_size():
        for network, saved in zip(trained.networks, buffers[distributed.get_rank()], strict=True):
            for own, value in zip(network.buffers(), saved, strict=True):
                own.copy_(value)
    elif buffers or distributed.get_world_size() > 1:
        logger.warning(
            f"This epoch was begun by {len(buffers) or 1} processes, and is gone on with by "
            f"{distributed.get_world_size()}: norm layers go on with the statistics of the first."
        )
    clips = start.extra["clips_a_step"]
    now = loader.batch_size * distributed.get_world_size()
    if now == clips:
        return start.iteration
    done = start.iteration * clips // now
    logger.warning(
        f"{start.iteration} steps of {clips} clips were done of this epoch; with {now} clips a "
        f"step it goes on after step {done}. Up to {now - 1} clips come twice."
    )
    return done
