"""Loading the files that a configuration names, and the files in its OUTPUT_DIR."""

from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.registries.networks import Pretrained
from slowfast.checkpoints.differences import differences
from slowfast.checkpoints.file import file_exists
from slowfast.checkpoints.loading import LoadedWeights, apply_checkpoint, load_file
from slowfast.config.dotted import get, show
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

    A file to test gives its running average, if it has one, and has to have the classes of this
    model. The other keys TRAIN.CHECKPOINT_* apply to a file for training only.

    Args:
        phase: TRAIN or TEST.

    Raises:
        UserError: the file does not exist or cannot be used.
    """
    path, kind = cfg[phase].CHECKPOINT_FILE_PATH, cfg[phase].CHECKPOINT_TYPE
    if kind not in ("pytorch", "caffe2"):
        raise UserError(f"{phase}.CHECKPOINT_TYPE: found {kind!r}, expected pytorch or caffe2.")
    if Path(path).is_dir():
        raise UserError(
            f"{phase}.CHECKPOINT_FILE_PATH: {path} is a folder.{_weight_files_in(path)}"
        )
    if not file_exists(path):
        raise UserError(
            f"{phase}.CHECKPOINT_FILE_PATH: there is no file {path}. Weights trained on Kinetics "
            f"or Charades are in the SlowFast model zoo: {_MODEL_ZOO}"
        )
    options: dict[str, Any] = {"averaged": True}
    if phase == "TRAIN":
        options = {
            "inflate": cfg.TRAIN.CHECKPOINT_INFLATE or cfg.TRAIN.CHECKPOINT_IN_INIT,
            "epoch_reset": cfg.TRAIN.CHECKPOINT_EPOCH_RESET,
            "clear_patterns": cfg.TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN,
            "skip_head": cfg.TRAIN.CHECKPOINT_SKIP_HEAD,
        }
    loaded = load_file(path, model, optimizer, scaler, is_caffe2=kind == "caffe2", **options)
    if phase == "TEST":
        _check_for_test(loaded)
    others = {k: v for k, v in loaded.report.settings.items() if get(cfg, k) != v}
    if others:
        theirs = ", ".join(f"{key} {show(value)}" for key, value in others.items())
        ours = ", ".join(show(get(cfg, key)) for key in others)
        logger.warning(f"{path}: these weights were trained with {theirs}; here {ours}.")
    return loaded


def load_pretrained(
    cfg: CfgNode, phase: str, pretrained: Pretrained, model: nn.Module
) -> LoadedWeights:
    """Loads the published weights that MODEL.PRETRAINED names.

    With TRAIN.CHECKPOINT_SKIP_HEAD training starts with a new head.

    Args:
        phase: TRAIN or TEST. A test needs the head of the weights.

    Raises:
        UserError: the weights cannot be read, or do not fit the network.
    """
    skip_head = phase == "TRAIN" and cfg.TRAIN.CHECKPOINT_SKIP_HEAD
    loaded = apply_checkpoint(pretrained.name, pretrained.read(), model, skip_head=skip_head)
    report = loaded.report
    logger.info(f"{pretrained.name}\n{report}")
    if phase == "TEST":
        _check_for_test(loaded)
    return loaded


def _check_for_test(loaded: LoadedWeights) -> None:
    """Refuses to test a network of which the head or most of the rest stayed random.

    Raises:
        UserError: the file is not for this model, or has no head for its classes.
    """
    report = loaded.report
    share = report.share_outside_head
    if share < 0.5:
        network = f" The network of the file has {report.network}." if report.network else ""
        raise UserError(
            f"{loaded.path}: contains {int(100 * share)}% of this model's entries "
            f"outside the head, and a test needs all.{network} Configure the network of the file, "
            "or name another file."
        )
    if report.has_head:
        return
    heads = [f"for {there} classes, not {here}" for there, here in report.other_heads().values()]
    raise UserError(
        f"{loaded.path}: a test needs a trained head, and the head of this file is "
        f"{heads[0] if heads else 'missing or of another shape'}. Set MODEL.NUM_CLASSES and the "
        "data set to the classes of the file. Or fine-tune first: set TRAIN.CHECKPOINT_FILE_PATH "
        "to the file, and train."
    )


def _weight_files_in(folder: str) -> str:
    """Returns a sentence that names the weight files in a folder."""
    ends = {".pyth", ".pth", ".pt", ".pkl", ".ckpt", ".bin", ".safetensors"}
    files = sorted(file.name for file in Path(folder).iterdir() if file.suffix in ends)
    return f" Name a file in it: {', '.join(files[:5])}." if files else " Name a weight file."


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
