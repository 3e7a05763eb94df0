"""What a file hands on: weights in any case; epoch, optimizer and scaler if all of a model matched.

Notable: an optimizer's state knows parameters by their place alone, so beside weights that fit in
part it would be nonsense.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.file import read_caffe2, read_checkpoint
from slowfast.checkpoints.other_run import settings_in
from slowfast.checkpoints.weights import LoadReport, load_weights
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap

logger = logging.get_logger(__name__)

# What SOLVER.OPTIMIZING_METHOD keeps of each parameter.
_STATES = {"sgd": "momentum_buffer", "adam": "exp_avg", "adamw": "exp_avg"}


@dataclass
class LoadedWeights:
    """What a run begins with.

    Attributes:
        path: the file, or None where weights are random.
        initialisation: "from scratch", or "from <file> (...)": where the first weights of the run
            came from that made these. A checkpoint hands it on.
        epoch: last finished epoch, 0-based; -1 where none comes along.
        report: what of the file matched, None without a file.
        averaged: whether the weights are a running average (SOLVER.EMA_DECAY).
        extra: what else the file holds, such as its ``cfg``, its epoch, and what it was saved with;
            ``ema_state`` where the epoch comes along.
    """

    path: str | None = None
    initialisation: str = "from scratch"
    epoch: int = -1
    report: LoadReport | None = None
    averaged: bool = False
    extra: dict[str, Any] = field(default_factory=dict)


def load_checkpoint(
    path_to_checkpoint: str | Path,
    model: nn.Module,
    data_parallel: bool = True,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    inflation: bool = False,
    convert_from_caffe2: bool = False,
    epoch_reset: bool = False,
    clear_name_pattern: Iterable[str] = (),
) -> int:
    """Loads what agrees of a file into a model, and tells in the log what does not.

    Epoch, optimizer and scaler come along where the file has them and holds this very model, entry
    by entry, unless ``epoch_reset`` is set.

    Args:
        data_parallel: unused, upstream's callers pass it: whether the model is wrapped is seen.
        inflation: whether 2D kernels are spread over time.
        convert_from_caffe2: whether the file is a Caffe2 pickle.
        clear_name_pattern: texts taken out of the names in the file.

    Returns:
        The file's epoch, 0-based; -1 where none comes along.

    Raises:
        UserError: the file cannot be read, nothing in it matches, or its optimizer does not fit.
    """
    return load_file(
        path_to_checkpoint,
        model,
        optimizer,
        scaler,
        inflate=inflation,
        is_caffe2=convert_from_caffe2,
        epoch_reset=epoch_reset,
        clear_patterns=clear_name_pattern,
    ).epoch


def load_file(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    *,
    inflate: bool = False,
    is_caffe2: bool = False,
    epoch_reset: bool = False,
    clear_patterns: Iterable[str] = (),
    skip_head: bool = False,
    averaged: bool = False,
) -> LoadedWeights:
    """As :func:`load_checkpoint`, and tells all there is to tell of what was loaded.

    With ``skip_head`` the model keeps the projection that it has, and weights come alone. With
    ``averaged`` it gets the running average of the weights, where the file has one.
    """
    loaded = hand_on(
        path,
        read_caffe2(path) if is_caffe2 else read_checkpoint(path),
        model,
        optimizer,
        scaler,
        inflate=inflate,
        pad_dims=is_caffe2,
        epoch_reset=epoch_reset,
        clear_patterns=clear_patterns,
        skip_head=skip_head,
        averaged=averaged,
    )
    report = loaded.report
    if not report.matched:
        raise UserError(
            f"{path}: nothing in it matches this model. The file has {_some(report.unexpected)}; "
            f"the model has {_some(report.missing)}. Check MODEL.ARCH, MODEL.MODEL_NAME, "
            "RESNET.DEPTH and CHECKPOINT_TYPE."
        )
    tell = logger.info if report.is_as_wanted else logger.warning
    tell(f"{path}\n{report}")
    return loaded


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "nothing"


def hand_on(
    path: str | Path,
    checkpoint: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    *,
    inflate: bool = False,
    pad_dims: bool = False,
    epoch_reset: bool = False,
    clear_patterns: Iterable[str] = (),
    skip_head: bool = False,
    averaged: bool = False,
) -> LoadedWeights:
    """Gives a model what agrees of a checkpoint that was read, and what else may come along.

    Raises:
        UserError: all of the model matches, and the optimizer does not fit.
    """
    average = checkpoint.get("ema_state")
    takes_average = averaged and average is not None
    report = load_weights(
        model,
        average if takes_average else checkpoint["model_state"],
        inflate=inflate,
        pad_dims=pad_dims,
        clear_patterns=clear_patterns,
        skip_head=skip_head,
    )
    report.num_skipped = checkpoint.pop("num_skipped", 0)
    loaded = LoadedWeights(
        path=str(path),
        initialisation=checkpoint.get("initialisation", f"from {path}"),
        report=report,
        averaged=takes_average or checkpoint.get("averaged", False),
        extra={name: value for name, value in checkpoint.items() if not name.endswith("_state")},
    )
    if "epoch" not in checkpoint or epoch_reset or not report.is_whole:
        return loaded
    loaded.epoch = int(checkpoint["epoch"])
    if takes_average:
        return loaded
    if average is not None:
        loaded.extra["ema_state"] = average
    _restore_splits(unwrap(model), checkpoint.get("split_bn_state", {}))
    if optimizer is not None:
        saved = checkpoint.get("optimizer_state")
        _restore_optimizer(path, optimizer, saved, checkpoint.get("cfg", ""))
    if scaler is not None and scaler.is_enabled() and checkpoint.get("scaler_state"):
        scaler.load_state_dict(checkpoint["scaler_state"])
    return loaded


def _restore_splits(network: nn.Module, saved: Mapping[str, torch.Tensor]) -> None:
    """Gives each split of sub-batch norm its own statistics, where there are as many splits."""
    own = network.state_dict()
    fitting = {n: v for n, v in saved.items() if n in own and own[n].shape == v.shape}
    network.load_state_dict(fitting, strict=False)


def _restore_optimizer(
    path: str | Path,
    optimizer: torch.optim.Optimizer,
    saved: dict[str, Any] | None,
    cfg_text: str,
) -> None:
    """Takes every parameter's state; settings (decay, momentum ...) stay the configured ones."""
    if not saved:
        logger.warning(f"{path} has no optimizer state: momenta start at zero.")
        return
    to_start_anew = (
        "to take the weights alone, name the file in TRAIN.CHECKPOINT_FILE_PATH, with "
        "TRAIN.CHECKPOINT_EPOCH_RESET True and another OUTPUT_DIR."
    )
    method = type(optimizer).__name__.lower()
    kept = {key for state in saved["state"].values() for key in state}
    foreign = kept & set(_STATES.values()) - {_STATES.get(method)}
    if method in _STATES and foreign:
        guess = next(name for name, key in _STATES.items() if key in foreign)
        theirs = settings_in(cfg_text).get("SOLVER.OPTIMIZING_METHOD", guess)
        raise UserError(
            f"{path}: was trained with SOLVER.OPTIMIZING_METHOD {theirs}, and {method} cannot go "
            f"on from the state that {theirs} kept. Set SOLVER.OPTIMIZING_METHOD {theirs}; or, "
            f"{to_start_anew}"
        )
    try:
        groups = [
            {**own, "params": theirs["params"]}
            for own, theirs in zip(optimizer.param_groups, saved["param_groups"], strict=True)
        ]
        optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{path}: its optimizer state does not fit the configured optimizer ({error}), as when "
            "SOLVER.ZERO_WD_1D_PARAM or what is frozen has changed. Set that back; or, "
            f"{to_start_anew}"
        ) from None
