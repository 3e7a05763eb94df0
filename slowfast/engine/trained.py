"""All that training changes: built once for whoever takes steps, and loaded as a run has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.starting_weights import Start, load_train_checkpoint
from slowfast.engine.average import AveragedWeights
from slowfast.engine.device.runtime import get_device, make_scaler
from slowfast.engine.device.speed import prepare_device
from slowfast.models import build_model
from slowfast.models.losses import build_loss, set_loss_epoch
from slowfast.models.optimizer import construct_optimizer
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap

logger = logging.get_logger(__name__)


@dataclass
class Trained:
    """All that training changes, and so all that is saved.

    Attributes:
        model: on its device, wrapped or not.
        scaler: of the loss; one that is not enabled does nothing.
        loss_function: of logits (N, C) and targets, a mean over clips.
        average: of the weights, where one is kept.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    loss_function: nn.Module
    average: AveragedWeights | None = None

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> Trained:
        """Builds it on the run's device, which is made ready; the weights are random, and not
        averaged yet."""
        prepare_device(cfg)
        device, model = get_device(cfg), build_model(cfg)
        optimizer, scaler = construct_optimizer(model, cfg), make_scaler(cfg, device)
        return cls(model, optimizer, scaler, build_loss(cfg).to(device))

    def load(self, cfg: CfgNode) -> Start:
        """Takes up what training starts from: weights, optimizer and scaler; loss and average.

        Raises:
            UserError: as of `load_train_checkpoint`; or the state of the loss, or the average, does
                not fit.
        """
        start = load_train_checkpoint(cfg, self.model, self.optimizer, self.scaler)
        set_loss_epoch(self.loss_function, start.epoch)
        if cfg.SOLVER.EMA_DECAY:
            self.average = AveragedWeights(self.model, cfg.SOLVER.EMA_DECAY)
        # Taken out: a copy of the weights need not live as long as the run.
        loss, average = start.extra.pop("loss", None), start.extra.pop("ema_state", None)
        try:
            if loss is not None:
                self.loss_function.load_state_dict(loss)
            if self.average and average is not None:
                self.average.load_state_dict(average)
        except RuntimeError as error:
            raise UserError(
                f"{start.path or cfg.TRAIN.CHECKPOINT_FILE_PATH}: what it holds of the loss or of "
                f"averaged weights does not fit the configured ones ({str(error).strip()}). Set "
                "what the warning above names as it was; or, to take the weights alone, name the "
                "file in TRAIN.CHECKPOINT_FILE_PATH, with TRAIN.CHECKPOINT_EPOCH_RESET True and "
                "another OUTPUT_DIR."
            ) from None
        if self.average and average is None and start.path:
            logger.info(
                f"{start.path}: holds no averaged weights; the average starts from its weights."
            )
        return start

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
