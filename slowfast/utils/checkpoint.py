"""Checkpoints: what they hold, and which weights a run starts from.

Notable: the rules stand in :func:`load_train_checkpoint` and :func:`load_test_checkpoint`; where
files lie and how they are written and read in ``checkpoint_file``, how weights fit a model in
``weights``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.utils import distributed, logging
from slowfast.utils.checkpoint_file import (
    file_exists,
    get_checkpoint_dir,
    get_last_checkpoint,
    get_path_to_checkpoint,
    has_checkpoint,
    read_caffe2,
    read_checkpoint,
    write_whole,
)
from slowfast.utils.weights import LoadReport, load_weights, to_plain_batch_norm, unwrap

__all__ = [
    "LoadedWeights",
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

_MODEL_ZOO = "https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md"
# Keys by which a person tells one model from another.
_TELLING_KEYS = ("ARCH", "MODEL_NAME", "NUM_CLASSES")


@dataclass
class LoadedWeights:
    """What a run begins with.

    Attributes:
        path: the file, or None where weights are random.
        initialisation: "from scratch", or "from <file> (...)": where the first weights of the run
            came from that made these. A checkpoint hands it on.
        epoch: last finished epoch, 0-based; -1 where none comes along.
        report: what of the file matched, None without a file.
        extra: what else the file holds, such as its ``cfg`` and what it was saved with.
    """

    path: str | None = None
    initialisation: str = "from scratch"
    epoch: int = -1
    report: LoadReport | None = None
    extra: dict[str, Any] = field(default_factory=dict)


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
) -> str:
    """Writes the state of a run after an epoch. The first process writes; the others return.

    Args:
        path_to_job: OUTPUT_DIR.
        epoch: the finished epoch, 0-based.
        extra: plain values, tensors, lists and dicts of these to keep too.

    Returns:
        The file.

    Raises:
        UserError: it cannot be written. The previous checkpoint is whole then.
    """
    path = get_path_to_checkpoint(path_to_job, epoch + 1, cfg.TASK)
    if not distributed.is_master_proc():
        return path
    state = unwrap(model).state_dict()
    checkpoint = {
        "epoch": epoch,
        "model_state": to_plain_batch_norm(state),
        "optimizer_state": optimizer.state_dict(),
        "cfg": cfg.dump(),
        "initialisation": initialisation(cfg),
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

    Epoch, optimizer and scaler come along where the file has them, unless ``epoch_reset`` is set
    or the file's head is for another number of classes.

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
    return _load(
        path_to_checkpoint,
        model,
        optimizer,
        scaler,
        inflate=inflation,
        is_caffe2=convert_from_caffe2,
        epoch_reset=epoch_reset,
        clear_patterns=clear_name_pattern,
    ).epoch


def _load(
    path: str | Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    *,
    inflate: bool = False,
    is_caffe2: bool = False,
    epoch_reset: bool = False,
    clear_patterns: Iterable[str] = (),
) -> LoadedWeights:
    checkpoint = read_caffe2(path) if is_caffe2 else read_checkpoint(path)
    report = load_weights(
        model,
        checkpoint["model_state"],
        inflate=inflate,
        pad_dims=is_caffe2,
        clear_patterns=clear_patterns,
    )
    report.num_skipped = checkpoint.pop("num_skipped", 0)
    if not report.matched:
        raise UserError(
            f"{path}: nothing in it matches this model. The file has {_some(report.unexpected)}; "
            f"the model has {_some(report.missing)}. Check MODEL.ARCH, MODEL.MODEL_NAME, "
            "RESNET.DEPTH and CHECKPOINT_TYPE."
        )
    tell = logger.info if report.is_whole else logger.warning
    tell(f"{path}\n{report}")
    loaded = LoadedWeights(
        path=str(path),
        initialisation=checkpoint.get("initialisation", f"from {path}"),
        report=report,
        extra={name: value for name, value in checkpoint.items() if not name.endswith("_state")},
    )
    if "epoch" not in checkpoint or epoch_reset or report.head_differs:
        return loaded
    loaded.epoch = checkpoint["epoch"]
    unwrap(model).load_state_dict(checkpoint.get("split_bn_state", {}), strict=False)
    if optimizer is not None:
        _restore_optimizer(path, optimizer, checkpoint.get("optimizer_state"))
    if scaler is not None and scaler.is_enabled() and checkpoint.get("scaler_state"):
        scaler.load_state_dict(checkpoint["scaler_state"])
    return loaded


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:3]) + (" ..." if len(names) > 3 else "") if names else "nothing"


def _restore_optimizer(
    path: str | Path, optimizer: torch.optim.Optimizer, saved: dict[str, Any] | None
) -> None:
    """Takes every parameter's state; settings (decay, momentum ...) stay the configured ones."""
    if saved is None:
        logger.warning(f"{path} has no optimizer state: momenta start at zero.")
        return
    try:
        groups = [
            {**own, "params": theirs["params"]}
            for own, theirs in zip(optimizer.param_groups, saved["param_groups"], strict=True)
        ]
        optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})
    except (ValueError, KeyError) as error:
        raise UserError(
            f"{path}: its optimizer state does not fit the configured optimizer ({error}). To take "
            "the weights alone, name the file in TRAIN.CHECKPOINT_FILE_PATH, with "
            "TRAIN.CHECKPOINT_EPOCH_RESET True and another OUTPUT_DIR."
        ) from None


def initialisation(cfg: CfgNode) -> str:
    """Where the first weights of this run come from: "from scratch", or "from <file> (...)".

    A run that is resumed keeps what its checkpoints say.
    """
    if cfg.TRAIN.AUTO_RESUME and (last := get_last_checkpoint(cfg.OUTPUT_DIR, cfg.TASK)):
        text = read_checkpoint(last, lazily=True).get("initialisation")
        if text:
            return text
    return _configured_initialisation(cfg)


def _configured_initialisation(cfg: CfgNode) -> str:
    train = cfg.TRAIN
    if not train.CHECKPOINT_FILE_PATH:
        return "from scratch"
    how = [train.CHECKPOINT_TYPE]
    how += ["2D kernels spread over time"] * train.CHECKPOINT_INFLATE
    how += ["epoch reset"] * train.CHECKPOINT_EPOCH_RESET
    return f"from {train.CHECKPOINT_FILE_PATH} ({', '.join(how)})"


def load_train_checkpoint(
    cfg: CfgNode,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> int:
    """Loads what training starts from: the last checkpoint in OUTPUT_DIR where TRAIN.AUTO_RESUME
    is set and there is one, else TRAIN.CHECKPOINT_FILE_PATH, else nothing.

    Returns:
        The epoch to start with, 0-based.

    Raises:
        UserError: a named file is not there or cannot be used, or OUTPUT_DIR holds another model.
    """
    if cfg.TRAIN.AUTO_RESUME and has_checkpoint(cfg.OUTPUT_DIR, cfg.TASK):
        loaded = _load_last(cfg, model, optimizer, scaler)
        logger.info(f"Resumed after epoch {loaded.epoch + 1}: {loaded.path}")
        return loaded.epoch + 1
    if has_checkpoint(cfg.OUTPUT_DIR, cfg.TASK):
        logger.warning(
            f"{get_checkpoint_dir(cfg.OUTPUT_DIR)} holds checkpoints of another run, and this "
            "one adds its own; a test takes the last of them, whichever run wrote it."
        )
    if not cfg.TRAIN.CHECKPOINT_FILE_PATH:
        return 0
    loaded = _load_named(cfg, "TRAIN", model, optimizer, scaler)
    if loaded.epoch + 1 >= cfg.SOLVER.MAX_EPOCH:
        raise UserError(
            f"{loaded.path}: has {loaded.epoch + 1} epochs behind it, and SOLVER.MAX_EPOCH is "
            f"{cfg.SOLVER.MAX_EPOCH}: nothing would be trained. To begin at the first epoch with "
            "its weights set TRAIN.CHECKPOINT_EPOCH_RESET True."
        )
    return loaded.epoch + 1


def load_test_checkpoint(cfg: CfgNode, model: nn.Module) -> LoadedWeights:
    """Loads what is tested: TEST.CHECKPOINT_FILE_PATH, else the last checkpoint in OUTPUT_DIR, else
    TRAIN.CHECKPOINT_FILE_PATH, else nothing, with a warning that weights are random.

    Raises:
        UserError: a named file is not there or cannot be used, or OUTPUT_DIR holds another model.
    """
    if cfg.TEST.CHECKPOINT_FILE_PATH:
        loaded = _load_named(cfg, "TEST", model)
    elif has_checkpoint(cfg.OUTPUT_DIR, cfg.TASK):
        loaded = _load_last(cfg, model)
    elif cfg.TRAIN.CHECKPOINT_FILE_PATH:
        loaded = _load_named(cfg, "TRAIN", model)
    else:
        logger.warning(
            f"No weights to test: {get_checkpoint_dir(cfg.OUTPUT_DIR)} holds no checkpoint, and "
            "neither TEST.CHECKPOINT_FILE_PATH nor TRAIN.CHECKPOINT_FILE_PATH names one. "
            "The weights are random, and so are the results."
        )
        return LoadedWeights()
    if loaded.report.missing or loaded.report.shapes:
        logger.warning(f"{loaded.path} does not hold all of this model: results are of no worth.")
    return loaded


def _load_last(
    cfg: CfgNode,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> LoadedWeights:
    """Loads the last checkpoint in OUTPUT_DIR, which must be whole and of this very model."""
    path = get_last_checkpoint(cfg.OUTPUT_DIR, cfg.TASK)
    ways_on = (
        "Name another OUTPUT_DIR, or move the file away to go on from the checkpoint before it."
    )
    try:
        loaded = _load(path, model, optimizer, scaler)
    except UserError as error:
        raise UserError(
            f"The last checkpoint in OUTPUT_DIR cannot be used. {error} {ways_on}"
        ) from None
    if not loaded.report.is_whole:
        raise UserError(
            f"{path}: is of another model than the configured one"
            f"{_differences(cfg, loaded.extra.get('cfg', ''))}.\n{loaded.report}\n{ways_on}"
        )
    return loaded


def _differences(cfg: CfgNode, saved_text: str) -> str:
    """In which telling keys a checkpoint's configuration differs, in parentheses."""
    try:
        saved = yaml.safe_load(saved_text)["MODEL"]
    except (yaml.YAMLError, TypeError, KeyError):
        return ""
    pairs = [(key, saved.get(key), cfg.MODEL.get(key)) for key in _TELLING_KEYS]
    texts = [
        f"MODEL.{key} {there} there, {here} here" for key, there, here in pairs if there != here
    ]
    return f" ({'; '.join(texts)})" if texts else ""


def _load_named(
    cfg: CfgNode,
    node: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> LoadedWeights:
    """Loads TRAIN.CHECKPOINT_FILE_PATH or TEST.CHECKPOINT_FILE_PATH, as its node says."""
    path, kind = cfg[node].CHECKPOINT_FILE_PATH, cfg[node].CHECKPOINT_TYPE
    if kind not in ("pytorch", "caffe2"):
        raise UserError(f"{node}.CHECKPOINT_TYPE: {kind!r} is neither pytorch nor caffe2.")
    if not file_exists(path):
        raise UserError(
            f"{node}.CHECKPOINT_FILE_PATH: there is no file {path}. Weights trained on Kinetics or "
            f"Charades are in the SlowFast model zoo: {_MODEL_ZOO}"
        )
    as_trained = node == "TEST"
    return _load(
        path,
        model,
        optimizer,
        scaler,
        is_caffe2=kind == "caffe2",
        inflate=not as_trained and cfg.TRAIN.CHECKPOINT_INFLATE,
        epoch_reset=not as_trained and cfg.TRAIN.CHECKPOINT_EPOCH_RESET,
        clear_patterns=() if as_trained else cfg.TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN,
    )
