"""Checkpoints: when one is due, and what it holds.

Notable: all that has to do with them can be imported from here. What files are called stands in
``slowfast.checkpoints.names``, how one is written and read in ``checkpoint_file``, which of
them are whole and which are removed in ``checkpoint_folder``, what a file hands on to a model in
``loading``, and which weights a run starts from in ``starting_weights``.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import fingerprint
from slowfast.checkpoints import starting_weights
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.file import (
    check_writable,
    read_checkpoint,
    write_json,
    write_whole,
)
from slowfast.checkpoints.folder import decided_once, find_resumable, remove_outdated
from slowfast.checkpoints.loading import LoadedWeights, load_checkpoint
from slowfast.checkpoints.names import (
    get_checkpoint_dir,
    get_last_checkpoint,
    get_path_to_best,
    get_path_to_checkpoint,
    get_path_to_evaluations,
    get_path_to_unfinished,
    has_checkpoint,
)
from slowfast.checkpoints.starting_weights import (
    Start,
    initialisation,
    load_test_checkpoint,
    load_train_checkpoint,
)
from slowfast.checkpoints.weights import to_plain_batch_norm
from slowfast.config.combinations import resumes
from slowfast.utils import distributed, logging
from slowfast.utils.distributed import unwrap

__all__ = [
    "LoadedWeights",
    "Start",
    "check_writable",
    "evaluations_so_far",
    "find_resumable",
    "get_checkpoint_dir",
    "get_last_checkpoint",
    "get_path_to_best",
    "get_path_to_checkpoint",
    "has_checkpoint",
    "initialisation",
    "is_checkpoint_epoch",
    "load_checkpoint",
    "load_test_checkpoint",
    "load_train_checkpoint",
    "read_checkpoint",
    "save_checkpoint",
    "save_evaluation",
    "save_unfinished",
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
    holdout: str | None = None,
    average_state: Mapping[str, torch.Tensor] | None = None,
) -> str:
    """Writes the state of a run after an epoch, and removes what it makes superfluous: states of
    epochs under way, and all checkpoints but the last TRAIN.CHECKPOINT_KEEP. The first process
    writes; the others return.

    Args:
        path_to_job: OUTPUT_DIR.
        epoch: the finished epoch, 0-based.
        extra: plain values, tensors, lists and dicts of these to keep too.
        initialisation: where the run's first weights came from; None: found out anew, for which
            the checkpoint before is looked into.
        holdout: fingerprint of the clips that the run holds out; None: of what AK.HOLDOUT names.
        average_state: running average of the weights, by the names of ``model_state``.

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
    if holdout is None:
        holdout = fingerprint(cfg)
    content = _state(model, optimizer, scaler, average_state)
    content |= _provenance(epoch, cfg, initialisation, holdout) | _checked(extra or {})
    write_whole(content, Path(path))
    remove_outdated(Path(path), cfg.TRAIN.CHECKPOINT_KEEP, cfg.TASK)
    logger.info(f"Checkpoint written: {path}")
    return path


def save_unfinished(
    cfg: CfgNode,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
    epoch: int,
    iteration: int,
    extra: Mapping[str, Any],
    initialisation: str,
    holdout: str,
    average_state: Mapping[str, torch.Tensor] | None = None,
) -> str:
    """Writes the state of a run in the middle of an epoch, in place of those before. The first
    process writes; the others return.

    Args:
        epoch: the one under way, 0-based.
        iteration: steps done in it.
        extra: plain values, tensors, lists and dicts of these to have back with `Start`.
        initialisation, holdout, average_state: as in :func:`save_checkpoint`.

    Returns:
        The file.

    Raises:
        UserError: it cannot be written. What was saved before is whole then.
    """
    path = get_path_to_unfinished(cfg.OUTPUT_DIR, epoch + 1, iteration, cfg.TASK)
    if not distributed.is_master_proc():
        return path
    content = _state(model, optimizer, scaler, average_state)
    content |= _provenance(epoch - 1, cfg, initialisation, holdout)
    content |= {"iteration": iteration, "extra": _checked(extra)}
    write_whole(content, Path(path))
    remove_outdated(Path(path), cfg.TRAIN.CHECKPOINT_KEEP, cfg.TASK)
    logger.debug(f"State of the unfinished epoch written: {path}")
    return path


def save_evaluation(
    cfg: CfgNode,
    model: nn.Module,
    best: Best,
    initialisation: str,
    holdout: str,
    average_state: Mapping[str, torch.Tensor] | None = None,
) -> None:
    """Writes down that an evaluation was made, and, where it is the best so far and
    TRAIN.KEEP_BEST, its weights in place of those before: the running average, where there is one,
    since that is what was evaluated. They are there to be tested: no optimizer comes along.

    Raises:
        UserError: it cannot be written. What was there before is whole then.
    """
    if not distributed.is_master_proc():
        return
    if cfg.TRAIN.KEEP_BEST and best.epoch == best.evaluated:
        averaged = average_state is not None
        content = _weights(average_state if averaged else unwrap(model).state_dict())
        content |= _provenance(best.epoch - 1, cfg, initialisation, holdout)
        content |= {"best": best.saved(), "averaged": averaged}
        write_whole(content, Path(get_path_to_best(cfg.OUTPUT_DIR)))
    # After the weights: stopped between the two, a run makes this evaluation again.
    write_json(best.saved(), Path(get_path_to_evaluations(cfg.OUTPUT_DIR)))


def evaluations_so_far(cfg: CfgNode) -> Best | None:
    """Best and last evaluation of the run that this one takes up; None where it takes up none.

    All processes call this.

    Raises:
        UserError: the file that tells them cannot be read.
    """
    return decided_once(lambda: _evaluations_so_far(cfg))


def _evaluations_so_far(cfg: CfgNode) -> Best | None:
    if not resumes(cfg):
        return None
    path = Path(get_path_to_evaluations(cfg.OUTPUT_DIR))
    try:
        saved = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        return Best.of_run(cfg, saved)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: cannot be read as a record of evaluations: {error}. Move it away to go on: "
            "the next evaluation is then the best so far."
        ) from None


def _state(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
    average_state: Mapping[str, torch.Tensor] | None,
) -> dict[str, Any]:
    """All that a run is gone on with."""
    content = _weights(unwrap(model).state_dict())
    content["optimizer_state"] = optimizer.state_dict()
    if scaler is not None:
        content["scaler_state"] = scaler.state_dict()
    if average_state is not None:
        content["ema_state"] = dict(average_state)
    return content


def _weights(state: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    content = {"model_state": to_plain_batch_norm(state)}
    if splits := {name: value for name, value in state.items() if ".split_bn." in name}:
        content["split_bn_state"] = splits
    return content


def _provenance(epoch: int, cfg: CfgNode, initialisation: str, holdout: str) -> dict[str, Any]:
    """What each file of weights says of the run that made them."""
    return {
        "epoch": epoch,
        "cfg": cfg.dump(),
        "initialisation": initialisation,
        "holdout": holdout,
    }


def _checked(extra: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in extra.items():
        if not _is_plain(value):
            raise TypeError(f"extra[{name!r}]: only plain values and tensors can be read back")
    return dict(extra)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(_is_plain(part) for part in value)
    return isinstance(value, str | bytes | int | float | None | torch.Tensor)
