"""Which weights training starts from, and how a run resumes."""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.checks.recipe import configured_initialisation
from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import fingerprint
from slowfast.ak.registries.networks import pretrained_weights
from slowfast.checkpoints.configured import load_named_file, load_own_file, load_pretrained
from slowfast.checkpoints.differences import Difference, differences, settings_in
from slowfast.checkpoints.file import read_checkpoint
from slowfast.checkpoints.folder import find_resumable
from slowfast.checkpoints.loading import LoadedWeights
from slowfast.checkpoints.names import get_checkpoint_dir, resumable
from slowfast.schedules.plan import RunPlan
from slowfast.utils import logging

logger = logging.get_logger(__name__)


class Start(NamedTuple):
    """The state that training starts from.

    Attributes:
        epoch: the epoch to train next, from 0.
        iteration: number of iterations already done in this epoch.
        extra: what was saved beside weights, optimizer and scaler: the extra state of a run that
            resumes, and ``ema_state`` if there was a running average of the weights.
        initialisation: origin of the run's first weights ("from scratch", ...).
        path: the file of OUTPUT_DIR from which the run resumes; None for a new run.
    """

    epoch: int
    iteration: int
    extra: dict[str, Any]
    initialisation: str
    path: str | None = None

    @property
    def description(self) -> str:
        """The origin of the weights, in words."""
        resumed = f", resumed from {Path(self.path).name}" if self.path else ""
        return f"{self.initialisation}{resumed}"


def initialisation(cfg: CfgNode) -> str:
    """Returns the origin of this run's first weights: "from scratch", or "from <file> (...)".

    A resumed run keeps the origin in its checkpoints.
    """
    for file in resumable(cfg.OUTPUT_DIR, cfg.TASK) if cfg.TRAIN.AUTO_RESUME else ():
        try:
            text = read_checkpoint(file, lazily=True).get("initialisation")
        except UserError:  # The file is damaged. An earlier file has the same entry.
            continue
        return text or configured_initialisation(cfg)
    return configured_initialisation(cfg)


def load_train_checkpoint(
    cfg: CfgNode,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> Start:
    """Loads the state that training starts from.

    With TRAIN.AUTO_RESUME it is the newest intact file in OUTPUT_DIR. If there is none, it is
    TRAIN.CHECKPOINT_FILE_PATH, and if that is empty, the weights MODEL.PRETRAINED. Without any of
    these the weights stay random. All processes call this.

    Raises:
        UserError: a named file does not exist or cannot be used, OUTPUT_DIR contains another run,
            or none of its files is intact.
    """
    if path := find_resumable(cfg):
        return _resume(cfg, path, model, optimizer, scaler)
    if resumable(cfg.OUTPUT_DIR, cfg.TASK):
        logger.warning(
            f"{get_checkpoint_dir(cfg.OUTPUT_DIR)} contains checkpoints of another run, and this "
            "run adds its own. A later run there resumes from the newest file of either run."
        )
    if not cfg.TRAIN.CHECKPOINT_FILE_PATH:
        if pretrained := pretrained_weights(cfg):
            _check_partial_match(cfg, load_pretrained(cfg, "TRAIN", pretrained, model))
        return Start(0, 0, {}, configured_initialisation(cfg))
    loaded = load_named_file(cfg, "TRAIN", model, optimizer, scaler)
    _check_partial_match(cfg, loaded)
    if cfg.AK.HOLDOUT and (other := _other_holdout(cfg, loaded)):
        logger.warning(
            f"{loaded.path}: {other}. These weights may have been trained on clips of the "
            "hold-out, so that choosing on the hold-out would be too optimistic."
        )
    if loaded.epoch + 1 >= (epochs := RunPlan.from_cfg(cfg).epochs):
        raise UserError(
            f"{loaded.path}: was trained for {loaded.epoch + 1} epochs, and SOLVER.MAX_EPOCH is "
            f"{epochs}: nothing is left to train. To start from its weights at the first epoch set "
            "TRAIN.CHECKPOINT_EPOCH_RESET True."
        )
    origin = configured_initialisation(cfg, loaded.found)
    return Start(loaded.epoch + 1, 0, _average(loaded), origin)


def _resume(
    cfg: CfgNode,
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
) -> Start:
    """Resumes a run from a file of OUTPUT_DIR.

    Raises:
        UserError: the file is from another run, or for another model.
    """
    saved = read_checkpoint(path)
    found = differences(cfg, saved.get("cfg", ""))
    if others := [difference for difference in found if difference.makes_another_run]:
        raise UserError(
            f"{path}: is from another run than the configured one:\n{_lines(others)}\n"
            "Set these keys back to continue that run, or name another OUTPUT_DIR for a new one."
        )
    if found:
        logger.warning(f"{path}: the run continues with changed settings:\n{_lines(found)}")
    loaded = load_own_file(cfg, path, saved, model, optimizer, scaler)
    if other := _other_holdout(cfg, loaded):
        raise UserError(
            f"{loaded.path}: {other}. Set AK.HOLDOUT back to continue that run, or name another "
            "OUTPUT_DIR for a new one."
        )
    epoch, iteration = loaded.epoch + 1, loaded.extra.get("iteration", 0)
    extra = loaded.extra.get("extra", {}) | _average(loaded)
    within = f" and {iteration} iterations of the next" if iteration else ""
    logger.info(f"Resumed after epoch {epoch}{within}: {path}")
    origin = saved.get("initialisation") or configured_initialisation(cfg)
    return Start(epoch, iteration, extra, origin, str(path))


def _average(loaded: LoadedWeights) -> dict[str, Any]:
    return {name: value for name, value in loaded.extra.items() if name == "ema_state"}


def _lines(found: list[Difference]) -> str:
    return "\n".join(f"  {difference}" for difference in found)


def _other_holdout(cfg: CfgNode, loaded: LoadedWeights) -> str:
    """Returns a description of a different hold-out in training; "" if it is equal or unknown."""
    if loaded.extra.get("holdout") in (None, fingerprint(cfg)):
        return ""
    path = settings_in(loaded.extra.get("cfg", "")).get("AK.HOLDOUT")
    there = f"the clips of {path} held out" if path else "no clips held out"
    here = f"AK.HOLDOUT is {cfg.AK.HOLDOUT}" if cfg.AK.HOLDOUT else "AK.HOLDOUT is empty"
    return f"was trained with {there}, but {here}"


def _check_partial_match(cfg: CfgNode, loaded: LoadedWeights) -> None:
    """Warns of a named file that matches the model only in part, or refuses it.

    Raises:
        UserError: less than half of the model matches and TRAIN.CHECKPOINT_EPOCH_RESET is False,
            or layers are missing that MODEL.DETACH_FINAL_FC would freeze.
    """
    weights_only = cfg.TRAIN.CHECKPOINT_EPOCH_RESET or cfg.TRAIN.CHECKPOINT_SKIP_HEAD
    share = loaded.report.share_outside_head
    found = f"{loaded.path}: contains {int(100 * share)}% of this model's entries outside the head"
    if cfg.MODEL.DETACH_FINAL_FC and (share < 1 or loaded.report.not_there):
        raise UserError(
            f"{found}, and MODEL.DETACH_FINAL_FC would leave the others at random.\n"
            f"{loaded.report}\nName a checkpoint of exactly this network."
        )
    if share < 0.5:
        check = "Check MODEL.ARCH, MODEL.MODEL_NAME and RESNET.DEPTH, or name another file"
        if not cfg.TRAIN.CHECKPOINT_EPOCH_RESET:
            raise UserError(
                f"{found}, less than half.\n{loaded.report}\n{check}. To start from the matching "
                "part all the same, set TRAIN.CHECKPOINT_EPOCH_RESET True."
            )
        logger.warning(f"{found}: most of it starts at random. {check}, if this is not intended.")
    elif "epoch" in loaded.extra and loaded.epoch < 0 and not weights_only:
        logger.warning(
            f"{loaded.path}: is not from exactly this model, so only its weights are taken, not "
            "its epoch and optimizer. Training starts at the first epoch with a new optimizer. "
            "(TRAIN.CHECKPOINT_EPOCH_RESET True asks for this.)"
        )
