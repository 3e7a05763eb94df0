"""The state of training: the task with its network, the optimizer, the scaler, the average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.starting_weights import Start, load_train_checkpoint
from slowfast.engine.average import AveragedWeights
from slowfast.engine.device.runtime import Precision, get_device
from slowfast.engine.device.speed import prepare_device
from slowfast.engine.norm_groups import NormGrouping
from slowfast.models.optimizer import construct_optimizer
from slowfast.tasks import Task, build_task
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap

logger = logging.get_logger(__name__)


@dataclass
class Learner:
    """The state that training changes and checkpoints hold.

    Attributes:
        task: on its device.
        precision: in which the network computes.
        scaler: of the loss; one that is not enabled does nothing.
        average: of the weights; None: no average is kept.
        norms: groups the clips of norm layers; None: the groups do not change.
    """

    task: Task
    optimizer: torch.optim.Optimizer
    precision: Precision
    scaler: torch.amp.GradScaler
    average: AveragedWeights | None = None
    norms: NormGrouping | None = None

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Learner:
        """Builds the learner on the device of the run, with random weights and no average."""
        prepare_device(cfg)
        device = get_device(cfg)
        task, precision = build_task(cfg, device), Precision.from_cfg(cfg, device)
        optimizer = construct_optimizer(task.network, cfg)
        return cls(
            task, optimizer, precision, precision.make_scaler(), norms=NormGrouping.from_cfg(cfg)
        )

    def load(self, cfg: CfgNode) -> Start:
        """Loads the state that training starts from: weights, optimizer, scaler, average, task.

        Raises:
            UserError: as `load_train_checkpoint`; or the task's state or the average does not fit.
        """
        start = load_train_checkpoint(cfg, self.network, self.optimizer, self.scaler)
        self.task.begin_epoch(start.epoch)
        if cfg.SOLVER.EMA_DECAY:
            self.average = AveragedWeights(self.network, cfg.SOLVER.EMA_DECAY)
        # Taken out of `start`, so that the copies do not live as long as the run.
        names = [name for name, _ in self.task.named_children() if name in start.extra]
        states = {name: start.extra.pop(name) for name in names}
        average = start.extra.pop("ema_state", None)
        try:
            self.task.load_state(states)
            if self.average and average is not None:
                self.average.load_state_dict(average)
        except RuntimeError as error:
            raise UserError(
                f"{start.path or cfg.TRAIN.CHECKPOINT_FILE_PATH}: the saved state "
                f"({', '.join([*states, *(['average'] if average else [])])}) does not fit the "
                f"configured run ({str(error).strip()}). Restore the settings that the warning "
                "above names; or, to take only the weights, name the file in "
                "TRAIN.CHECKPOINT_FILE_PATH, with TRAIN.CHECKPOINT_EPOCH_RESET True and another "
                "OUTPUT_DIR."
            ) from None
        if self.average and average is None and start.path:
            logger.info(
                f"{start.path}: holds no averaged weights; the average starts from its weights."
            )
        return start

    def regroup_norms(self, epoch: int) -> None:
        """Groups the clips of norm layers as an epoch (from 0) has them."""
        if self.norms:
            self.norms.begin_epoch(epoch, self.networks)

    @property
    def network(self) -> nn.Module:
        """The network that is trained, wrapped or not."""
        return self.task.network

    @property
    def networks(self) -> list[nn.Module]:
        """The network that is trained, unwrapped, and the averaged network if there is one."""
        return [unwrap(self.network), *([self.average.network] if self.average else [])]

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated: the averaged network if there is one."""
        return self.networks[-1]

    def average_state(self) -> dict[str, Any] | None:
        """The state dict of the average; None if there is no average."""
        return self.average.state_dict() if self.average else None
