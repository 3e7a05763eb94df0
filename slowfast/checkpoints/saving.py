"""Writing checkpoints: what a file contains, and when an epoch's checkpoint is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.classes.label_sets import Classes, by_set
from slowfast.ak.lists.holdout import fingerprint
from slowfast.checkpoints import starting_weights
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.evaluations import write_evaluations
from slowfast.checkpoints.file import write_checkpoint
from slowfast.checkpoints.folder import remove_outdated
from slowfast.checkpoints.names import (
    get_path_to_best,
    get_path_to_checkpoint,
    get_path_to_unfinished,
)
from slowfast.checkpoints.namings.sub_batch_norm import to_plain_batch_norm
from slowfast.schedules.plan import RunPlan, UpstreamSchedule, is_due
from slowfast.utils import distributed, logging
from slowfast.utils.distributed import unwrap

logger = logging.get_logger(__name__)

State = Mapping[str, torch.Tensor]


def is_checkpoint_epoch(
    cfg: CfgNode, cur_epoch: int, multigrid_schedule: UpstreamSchedule | None = None
) -> bool:
    """Returns whether an epoch (from 0) ends with a checkpoint, as `RunPlan.is_saved` says.

    Args:
        multigrid_schedule: of `slowfast.utils.multigrid.MultigridSchedule`, if the configuration
            comes from it.
    """
    if multigrid_schedule is not None:
        return is_due(multigrid_schedule, cur_epoch, cfg.MULTIGRID.EVAL_FREQ)
    return RunPlan.from_cfg(cfg).is_saved(cur_epoch)


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
    average_state: State | None = None,
    classes: Classes = None,
) -> str:
    """Writes the checkpoint of an epoch and removes the files that it replaces.

    These are the states within an epoch, and all checkpoints but the last TRAIN.CHECKPOINT_KEEP.
    Only the first process writes.

    Args:
        path_to_job: OUTPUT_DIR.
        epoch: the finished epoch, from 0.
        extra: further entries of the file: plain values, tensors, and lists and dicts of these.
        initialisation: origin of the run's first weights; None: read from the checkpoint before.
        holdout: fingerprint of the held-out clips; None: computed from AK.HOLDOUT.
        average_state: the running average of the weights, named as in ``model_state``.
        classes: names and training clips of the classes; None: the file does not have them.

    Returns:
        The path of the file.

    Raises:
        UserError: the file cannot be written. The previous checkpoint stays intact.
    """
    if not distributed.is_master_proc():
        return get_path_to_checkpoint(path_to_job, epoch + 1, cfg.TASK)
    if initialisation is None:
        initialisation = starting_weights.initialisation(cfg)
    if holdout is None:
        holdout = fingerprint(cfg)
    writer = CheckpointWriter.from_cfg(cfg, initialisation, holdout, classes, path_to_job)
    state = training_state(model, optimizer, scaler, average_state)
    return writer.write_epoch(epoch, state, extra)


def training_state(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
    average_state: State | None = None,
) -> dict[str, Any]:
    """Returns everything from which training continues, as the entries of a checkpoint."""
    content = weights_to_save(unwrap(model).state_dict())
    content["optimizer_state"] = optimizer.state_dict()
    if scaler is not None:
        content["scaler_state"] = scaler.state_dict()
    if average_state is not None:
        content["ema_state"] = dict(average_state)
    return content


def weights_to_save(state: State) -> dict[str, Any]:
    """Returns a network's weights as the entries of a checkpoint."""
    content = {"model_state": to_plain_batch_norm(state)}
    if splits := {name: value for name, value in state.items() if ".split_bn." in name}:
        content["split_bn_state"] = splits
    return content


@dataclass(frozen=True)
class CheckpointWriter:
    """Writes the weight files of one run. Only the first process writes.

    Attributes:
        output_dir: OUTPUT_DIR.
        task: the TASK key, which begins the file names.
        keep: number of epochs whose checkpoints stay; 0: all.
        keep_best: whether the weights of the best evaluation are written.
        provenance: entries of every file: ``cfg`` (the configuration as YAML), ``initialisation``
            (origin of the first weights), ``holdout`` (fingerprint of the held-out clips); where
            they are known, ``class_names`` and ``train_counts`` (training clips of each class).
    """

    output_dir: str | Path
    task: str
    keep: int
    keep_best: bool
    provenance: Mapping[str, Any]

    @classmethod
    def from_cfg(
        cls,
        cfg: CfgNode,
        initialisation: str,
        holdout: str,
        classes: Classes = None,
        output_dir: str | Path | None = None,
    ) -> CheckpointWriter:
        """Reads TASK, TRAIN.CHECKPOINT_KEEP, TRAIN.KEEP_BEST and OUTPUT_DIR."""
        return cls(
            output_dir or cfg.OUTPUT_DIR,
            cfg.TASK,
            cfg.TRAIN.CHECKPOINT_KEEP,
            cfg.TRAIN.KEEP_BEST,
            {
                "cfg": cfg.dump(),
                "initialisation": initialisation,
                "holdout": holdout,
                **_class_entries(classes),
            },
        )

    def write_epoch(
        self, epoch: int, state: Mapping[str, Any], extra: Mapping[str, Any] | None = None
    ) -> str:
        """Writes the checkpoint of a finished epoch (from 0) and removes outdated files.

        Args:
            state: the entries from :func:`training_state`.
            extra: further entries of the file.

        Returns:
            The path of the file.

        Raises:
            UserError: the file cannot be written. The previous checkpoint stays intact.
        """
        path = get_path_to_checkpoint(self.output_dir, epoch + 1, self.task)
        self._write(path, {**state, **self.provenance, "epoch": epoch, **_checked(extra or {})})
        logger.info(f"Checkpoint written: {path}")
        return path

    def write_unfinished(
        self, epoch: int, iteration: int, state: Mapping[str, Any], extra: Mapping[str, Any]
    ) -> str:
        """Writes the state within an epoch and removes the earlier states within epochs.

        Args:
            epoch: the unfinished epoch, from 0.
            iteration: number of iterations done in this epoch.
            state: the entries from :func:`training_state`.
            extra: plain values that `Start.extra` returns on resume.

        Returns:
            The path of the file.

        Raises:
            UserError: the file cannot be written. Earlier files stay intact.
        """
        path = get_path_to_unfinished(self.output_dir, epoch + 1, iteration, self.task)
        place = {"epoch": epoch - 1, "iteration": iteration, "extra": _checked(extra)}
        self._write(path, {**state, **self.provenance, **place})
        logger.debug(f"State within an epoch written: {path}")
        return path

    def write_evaluation(
        self,
        best: Best,
        model: nn.Module,
        average_state: State | None,
        task_state: Mapping[str, Any] | None = None,
    ) -> None:
        """Records an evaluation, and writes the evaluated weights if they are the best so far.

        The weights are the running average if there is one. They are for testing and carry no
        optimizer. They replace the earlier best weights.

        Args:
            task_state: what the task keeps beside its network, which a test restores.

        Raises:
            UserError: a file cannot be written. The earlier files stay intact.
        """
        if not distributed.is_master_proc():
            return
        if self.keep_best and best.epoch == best.evaluated:
            averaged = average_state is not None
            content = weights_to_save(average_state if averaged else unwrap(model).state_dict())
            content |= {**self.provenance, "epoch": best.epoch - 1}
            content |= {"best": best.as_dict(), "averaged": averaged}
            if task_state:
                content["extra"] = _checked(task_state)
            write_checkpoint(content, Path(get_path_to_best(self.output_dir)))
        # The record comes last: a run that is stopped before it repeats the evaluation.
        write_evaluations(best, self.output_dir)

    def _write(self, path: str, content: dict[str, Any]) -> None:
        if distributed.is_master_proc():
            write_checkpoint(content, Path(path))
            remove_outdated(Path(path), self.keep, self.task)


def _class_entries(classes: Classes) -> dict[str, Any]:
    """Names and training clips of the classes; dicts by label set if there are several sets."""
    tables = {name: table for name, table in by_set(classes).items() if table is not None}
    entries = {
        "class_names": {name: list(table.names) for name, table in tables.items()},
        "train_counts": {
            name: [int(number) for number in table.train_counts]
            for name, table in tables.items()
            if table.train_counts is not None
        },
    }
    plain = {
        key: value if isinstance(classes, Mapping) else value.get("")
        for key, value in entries.items()
    }
    return {key: value for key, value in plain.items() if value}


def _checked(extra: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in extra.items():
        if not _is_plain(value):
            raise TypeError(
                f"extra[{name!r}]: found {type(value).__name__}; a checkpoint takes plain values, "
                "tensors, and lists and dicts of these, because others cannot be read back"
            )
    return dict(extra)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(_is_plain(part) for part in value)
    return isinstance(value, str | bytes | int | float | None | torch.Tensor)
