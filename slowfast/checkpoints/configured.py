"""Loading the files that a configuration names, and the files in its OUTPUT_DIR."""

from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.differences import differences
from slowfast.checkpoints.file import file_exists
from slowfast.checkpoints.loading import LoadedWeights, apply_checkpoint, load_file
from slowfast.utils import logging

logger = logging.get_logger(__name__)

_MODEL_ZOO = "https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md"


def load_named_file(
    cfg: CfgNode,
    phase: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> LoadedWeights:
    """Loads TRAIN.CHECKPOINT_FILE_PATH or TEST.CHECKPOINT_FILE_PATH.

    A file to test gives its running average, if it has one. The other keys TRAIN.CHECKPOINT_*
    apply to a file for training only.

    Args:
        phase: TRAIN or TEST.

    Raises:
        UserError: the file does not exist or cannot be used.
    """
    path, kind = cfg[phase].CHECKPOINT_FILE_PATH, cfg[phase].CHECKPOINT_TYPE
    if kind not in ("pytorch", "caffe2"):
        raise UserError(f"{phase}.CHECKPOINT_TYPE: found {kind!r}, expected pytorch or caffe2.")
    if not file_exists(path):
        raise UserError(
            f"{phase}.CHECKPOINT_FILE_PATH: there is no file {path}. Weights trained on Kinetics "
            f"or Charades are in the SlowFast model zoo: {_MODEL_ZOO}"
        )
    options: dict[str, Any] = {"averaged": True}
    if phase == "TRAIN":
        options = {
            "inflate": cfg.TRAIN.CHECKPOINT_INFLATE,
            "epoch_reset": cfg.TRAIN.CHECKPOINT_EPOCH_RESET,
            "clear_patterns": cfg.TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN,
            "skip_head": cfg.TRAIN.CHECKPOINT_SKIP_HEAD,
        }
    return load_file(path, model, optimizer, scaler, is_caffe2=kind == "caffe2", **options)


def load_own_file(
    cfg: CfgNode,
    path: Path,
    checkpoint: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> LoadedWeights:
    """Applies a checkpoint of OUTPUT_DIR: for training, or for a test if there is no optimizer.

    Raises:
        UserError: the file is for another model.
    """
    loaded = apply_checkpoint(
        path, checkpoint, model, optimizer, scaler, averaged=optimizer is None
    )
    if not loaded.report.is_complete:
        found = differences(cfg, checkpoint.get("cfg", ""))
        in_network = [str(difference) for difference in found if difference.is_in_network]
        raise UserError(
            f"{path}: is for another model than the configured one"
            + (f" ({'; '.join(in_network)})" if in_network else "")
            + f".\n{loaded.report}\nName another OUTPUT_DIR, or configure the model of this file."
        )
    logger.info(f"{path}\n{loaded.report}")
    return loaded
