"""Checkpoints: when one is due, and what it holds.

Notable: all that has to do with them can be imported from here. Where files lie and how they are
written and read stands in ``checkpoint_file``, what a file hands on to a model in ``loading``, and
which weights a run starts from in ``starting_weights``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.utils import distributed, logging, starting_weights
from slowfast.utils.checkpoint_file import (
    check_writable,
    get_checkpoint_dir,
    get_last_checkpoint,
    get_path_to_checkpoint,
    has_checkpoint,
    read_checkpoint,
    write_whole,
)
from slowfast.utils.loading import LoadedWeights, load_checkpoint
from slowfast.utils.starting_weights import (
    initialisation,
    load_test_checkpoint,
    load_train_checkpoint,
)
from slowfast.utils.weights import to_plain_batch_norm, unwrap

__all__ = [
    "LoadedWeights",
    "check_writable",
    "get_checkpoint_dir",
    "get_last_checkpoint",
    "get_path_to_checkpoint",
    "has_checkpoint",
    "initialisation",
    "is_checkpoint_epoch",
    "load_checkpoint",
    "load_test_checkpoint",
    "load_train_checkpoint",
    "read_checkpoint",
    "save_checkpoint",
]

logger = logging.get_logger(__name__)


def is_checkpoint_epoch(cfg: CfgNode, cur_epoch: int, multigrid_schedule: None = None) -> bool:
    """Whether a checkpoint is due after this epoch (0-based): each period's end, and the last.

    Args:
        multigrid_schedule: unused; upstream's callers pass it.
    """
    finished = cur_epoch + 1
    return finished == cfg.SOLVER.MAX_EPOCH or finished % cfg.TRAIN.CHECKPOINT_PERIOD == 0


def save_checkpoint(
    path_to_job: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    epoch: int,
    cfg: CfgNode,
    scaler: torch.amp.GradScaler | None = None,
    extra: Mapping[str, Any] | None = None,
    initialisation: str | None = None,
) -> str:
    """Writes the state of a run after an epoch. The first process writes; the others return.

    Args:
        path_to_job: OUTPUT_DIR.
        epoch: the finished epoch, 0-based.
        extra: plain values, tensors, lists and dicts of these to keep too.
        initialisation: where the run's first weights came from; None: found out anew, for which
            the checkpoint before is looked into.

    Returns:
        The file.

    Raises:
        UserError: it cannot be written. The previous checkpoint is whole then.
    """
    path = get_path_to_checkpoint(path_to_job, epoch + 1, cfg.TASK)
    if not distributed.is_master_proc():
        return path
    if initialisation is None:
        initialisation = starting_weights.initialisation(cfg)
    state = unwrap(model).state_dict()
    checkpoint = {
        "epoch": epoch,
        "model_state": to_plain_batch_norm(state),
        "optimizer_state": optimizer.state_dict(),
        "cfg": cfg.dump(),
        "initialisation": initialisation,
    }
    if scaler is not None:
        checkpoint["scaler_state"] = scaler.state_dict()
    if splits := {name: value for name, value in state.items() if ".split_bn." in name}:
        checkpoint["split_bn_state"] = splits
    for name, value in (extra or {}).items():
        if not _is_plain(value):
            raise TypeError(f"extra[{name!r}]: only plain values and tensors can be read back")
        checkpoint[name] = value
    write_whole(checkpoint, Path(path))
    logger.info(f"Checkpoint written: {path}")
    return path


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(_is_plain(part) for part in value)
    return isinstance(value, str | bytes | int | float | None | torch.Tensor)
