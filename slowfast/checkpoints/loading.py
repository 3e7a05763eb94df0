"""Loading a file into a model: weights always; epoch, optimizer and scaler if everything matched.

An optimizer's state identifies parameters only by their position. If the weights match only in
part, the state would belong to other parameters.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.differences import settings_in
from slowfast.checkpoints.fitting.report import LoadReport
from slowfast.checkpoints.formats.first_bytes import Kind
from slowfast.checkpoints.formats.places import OWN_AVERAGE, find_places, is_own_format
from slowfast.checkpoints.formats.reading import read_weight_file
from slowfast.checkpoints.namings import UNKNOWN_NAMES
from slowfast.checkpoints.namings.sub_batch_norm import restore_splits
from slowfast.checkpoints.weights import load_from
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap

logger = logging.get_logger(__name__)

# The entry that each SOLVER.OPTIMIZING_METHOD keeps for a parameter.
_STATES = {"sgd": "momentum_buffer", "adam": "exp_avg", "adamw": "exp_avg"}


@dataclass
class LoadedWeights:
    """The weights that a run was given.

    Attributes:
        path: the file, or None if the weights are random.
        initialisation: origin of the run's first weights: "from scratch", or "from <file> (...)".
            Checkpoints carry it along.
        epoch: last finished epoch, from 0; -1 if the file's epoch was not taken.
        report: what matched; None without a file.
        found: what the file turned out to be: its format, its naming, what was converted.
        averaged: whether the weights are a running average (SOLVER.EMA_DECAY).
        extra: other entries of a checkpoint of SlowFast, such as ``cfg`` and ``epoch``;
            ``ema_state`` if the file's epoch was taken.
    """

    path: str | None = None
    initialisation: str = "from scratch"
    epoch: int = -1
    report: LoadReport | None = None
    found: tuple[str, ...] = ()
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
    """Loads the matching weights of a file into a model and logs what does not match.

    The content of the file decides what it is: `slowfast.checkpoints.formats` lists the formats,
    `slowfast.checkpoints.namings` the names of entries. From a checkpoint of SlowFast, epoch,
    optimizer and scaler are taken too if all of its entries match, unless ``epoch_reset`` is set.

    Args:
        data_parallel: not used; upstream's callers pass it. A wrapped model is recognised.
        inflation: whether weights of a network of images are converted for one of videos.
        convert_from_caffe2: whether a Caffe2 pickle is expected. The log says if it is none.
        clear_name_pattern: texts removed from the names in the file.

    Returns:
        The file's epoch, from 0; -1 if it was not taken.

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
    is_caffe2: bool = False,
    **options: Any,
) -> LoadedWeights:
    """Reads a file and applies it to a model (:func:`apply_checkpoint`, which takes the options).

    Args:
        is_caffe2: whether a Caffe2 pickle is expected. The content of the file decides.

    Raises:
        UserError: the file cannot be read, nothing in it matches, or its optimizer does not fit.
    """
    file = read_weight_file(path)
    if is_caffe2 != (file.kind is Kind.CAFFE2):
        expected = "caffe2" if is_caffe2 else "pytorch"
        logger.info(
            f"{path}: CHECKPOINT_TYPE is {expected}, and it is read as a {file.kind.value}."
        )
    loaded = apply_checkpoint(path, file.content, model, optimizer, scaler, **options)
    report = loaded.report
    if not report.matched:
        raise UserError(f"{path}: {_why_nothing_matches(report)}")
    changes = {
        "2D kernels spread over time": report.inflated,
        "3D kernels summed over time": report.summed,
        "positions interpolated": report.resized,
    }
    facts = (
        file.kind.name.lower(),
        report.naming,
        *(text for text, names in changes.items() if names),
    )
    loaded.found = tuple(filter(None, facts))
    log = logger.info if report.same_entries and not report.cautions else logger.warning
    log(f"{path}\n{report}")
    return loaded


def _why_nothing_matches(report: LoadReport) -> str:
    """Returns what a file and a network have, when they have no entry in common."""
    wanted = [*report.missing, *report.not_there, *report.shapes]
    found = [*report.unexpected, *report.shapes]
    words = [
        f"nothing in it matches this model; the model has {_some(wanted)}.",
        f"The file has {report.naming}{report.where}: {_some(found)}."
        if report.naming
        else f"The file has {_some(found)}.",
    ]
    if report.shapes:
        name, (in_file, here) = next(iter(report.shapes.items()))
        words.append(f"{name} is {list(in_file)} in the file, {list(here)} here.")
    if report.network:
        words.append(f"The network of the file has {report.network}: set these keys.")
    elif report.naming == UNKNOWN_NAMES:
        words.append(
            "No configuration fits these names. Name weights of SlowFast, or of a library that "
            "docs/TRAINING.md lists, or rename the entries as those of the model."
        )
    else:
        words.append("Check MODEL.ARCH, MODEL.MODEL_NAME and RESNET.DEPTH, or name another file.")
    return " ".join(words)


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "nothing"


def apply_checkpoint(
    path: str | Path,
    checkpoint: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    *,
    inflate: bool = False,
    epoch_reset: bool = False,
    clear_patterns: Iterable[str] = (),
    skip_head: bool = False,
    averaged: bool = False,
) -> LoadedWeights:
    """Gives a model the matching weights of a file that was read, and further state.

    Args:
        path: the file that the content was read from, for messages.
        checkpoint: the content of the file. Only from a checkpoint of SlowFast more than the
            weights is taken.
        epoch_reset: whether only weights are taken.
        skip_head: whether the model keeps its projection; then only weights are taken.
        averaged: whether the model gets the running average of the weights if the file has one.
        inflate, clear_patterns: as for `load_weights`.

    Raises:
        UserError: the file has no weights or those of a network that is not built here; or all
            weights match, but the optimizer's state does not fit.
    """
    try:
        places = find_places(checkpoint, averaged=averaged)
        report = load_from(
            model,
            places,
            inflate=inflate,
            clear_patterns=clear_patterns,
            skip_head=skip_head,
            averaged=averaged,
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if not is_own_format(checkpoint):
        origin = f"from {path}" + (f" ({report.naming})" if report.naming else "")
        return LoadedWeights(path=str(path), initialisation=origin, report=report)
    average = checkpoint.get(OWN_AVERAGE)
    takes_average = averaged and average is not None
    loaded = LoadedWeights(
        path=str(path),
        initialisation=checkpoint.get("initialisation", f"from {path}"),
        report=report,
        averaged=takes_average or checkpoint.get("averaged", False),
        extra={name: value for name, value in checkpoint.items() if not name.endswith("_state")},
    )
    is_of_this_model = report.is_complete and not report.naming
    epoch = _as_epoch(checkpoint.get("epoch"))
    if epoch is None or epoch_reset or not is_of_this_model:
        return loaded
    loaded.epoch = epoch
    if takes_average:
        return loaded
    if average is not None:
        loaded.extra[OWN_AVERAGE] = average
    restore_splits(unwrap(model), checkpoint.get("split_bn_state", {}))
    if optimizer is not None:
        saved = checkpoint.get("optimizer_state")
        _restore_optimizer(path, optimizer, saved, checkpoint.get("cfg", ""))
    if scaler is not None and scaler.is_enabled() and checkpoint.get("scaler_state"):
        scaler.load_state_dict(checkpoint["scaler_state"])
    return loaded


def _as_epoch(value: Any) -> int | None:
    """The number of an epoch; None for a value of another kind, such as the text "best"."""
    value = value.item() if torch.is_tensor(value) and value.numel() == 1 else value
    return int(value) if isinstance(value, (int, float)) else None


def _restore_optimizer(
    path: str | Path,
    optimizer: torch.optim.Optimizer,
    saved: dict[str, Any] | None,
    cfg_text: str,
) -> None:
    """Restores the state of every parameter; settings (decay, momentum) stay as configured."""
    if not saved:
        logger.warning(f"{path} has no optimizer state: momenta start at zero.")
        return
    weights_only = (
        "to take the weights only, set TRAIN.CHECKPOINT_FILE_PATH to this file, "
        "TRAIN.CHECKPOINT_EPOCH_RESET to True, and name another OUTPUT_DIR."
    )
    method = type(optimizer).__name__.lower()
    stored = {key for state in saved["state"].values() for key in state}
    others = stored & set(_STATES.values()) - {_STATES.get(method)}
    if method in _STATES and others:
        guess = next(name for name, key in _STATES.items() if key in others)
        theirs = settings_in(cfg_text).get("SOLVER.OPTIMIZING_METHOD", guess)
        raise UserError(
            f"{path}: was trained with SOLVER.OPTIMIZING_METHOD {theirs}, and {method} cannot "
            f"continue from the state of {theirs}. Set SOLVER.OPTIMIZING_METHOD {theirs}; or, "
            f"{weights_only}"
        )
    try:
        groups = [
            {**own, "params": theirs["params"]}
            for own, theirs in zip(optimizer.param_groups, saved["param_groups"], strict=True)
        ]
        optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{path}: its optimizer state does not fit the configured optimizer ({error}). A "
            "changed SOLVER.ZERO_WD_1D_PARAM or SOLVER.LAYER_DECAY, or other frozen layers, cause "
            f"this. Set them back; or, {weights_only}"
        ) from None
