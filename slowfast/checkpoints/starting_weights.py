"""Which weights a run starts from, and how it says so.

Notable: the rules stand in :func:`load_train_checkpoint` and :func:`load_test_checkpoint`.
"""

from pathlib import Path
from typing import Any, NamedTuple

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.checks.recipe import configured_initialisation
from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import fingerprint
from slowfast.checkpoints.file import file_exists, read_checkpoint
from slowfast.checkpoints.folder import chosen_once, find_resumable, first_whole
from slowfast.checkpoints.loading import LoadedWeights, hand_on, load_file
from slowfast.checkpoints.names import (
    checkpoints,
    get_checkpoint_dir,
    get_path_to_best,
    get_path_to_checkpoint,
    resumable,
)
from slowfast.checkpoints.other_run import Difference, differences, settings_in
from slowfast.utils import logging

logger = logging.get_logger(__name__)

_MODEL_ZOO = "https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md"


class Start(NamedTuple):
    """What training begins with.

    Attributes:
        epoch: to go on with, 0-based: so many are finished.
        iteration: steps done in it; 0 where it has not begun.
        extra: what was saved beside weights, optimizer and scaler of an epoch under way; and
            ``ema_state``, where a running average of the weights was.
        initialisation: where the first weights of the run came from ("from scratch", ...).
        path: the file of OUTPUT_DIR that the run is taken up from; None where it begins.
    """

    epoch: int
    iteration: int
    extra: dict[str, Any]
    initialisation: str
    path: str | None = None

    @property
    def words(self) -> str:
        """Where its weights come from, in words."""
        resumed = f", resumed from {Path(self.path).name}" if self.path else ""
        return f"{self.initialisation}{resumed}"


def initialisation(cfg: CfgNode) -> str:
    """Where the first weights of this run come from: "from scratch", or "from <file> (...)".

    A run that is resumed keeps what its checkpoints say.
    """
    for file in resumable(cfg.OUTPUT_DIR, cfg.TASK) if cfg.TRAIN.AUTO_RESUME else ():
        try:
            text = read_checkpoint(file, lazily=True).get("initialisation")
        except UserError:  # Damaged; the one before says the same.
            continue
        return text or configured_initialisation(cfg)
    return configured_initialisation(cfg)


def load_train_checkpoint(
    cfg: CfgNode,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> Start:
    """Loads what training starts from: the newest whole file in OUTPUT_DIR where TRAIN.AUTO_RESUME
    is set and there is one, else TRAIN.CHECKPOINT_FILE_PATH, else nothing. All processes call it.

    Raises:
        UserError: a named file is not there or cannot be used, OUTPUT_DIR holds another run, or
            nothing that is whole.
    """
    if path := find_resumable(cfg):
        return _resume(cfg, path, model, optimizer, scaler)
    if resumable(cfg.OUTPUT_DIR, cfg.TASK):
        logger.warning(
            f"{get_checkpoint_dir(cfg.OUTPUT_DIR)} holds checkpoints of another run, and this "
            "one adds its own. A later run there takes the last of them, whichever run wrote it."
        )
    if not cfg.TRAIN.CHECKPOINT_FILE_PATH:
        return Start(0, 0, {}, configured_initialisation(cfg))
    loaded = _load_named(cfg, "TRAIN", model, optimizer, scaler)
    if loaded.epoch + 1 >= cfg.SOLVER.MAX_EPOCH:
        raise UserError(
            f"{loaded.path}: has {loaded.epoch + 1} epochs behind it, and SOLVER.MAX_EPOCH is "
            f"{cfg.SOLVER.MAX_EPOCH}: nothing would be trained. To begin at the first epoch with "
            "its weights set TRAIN.CHECKPOINT_EPOCH_RESET True."
        )
    return Start(loaded.epoch + 1, 0, _average(loaded), configured_initialisation(cfg))


def _resume(
    cfg: CfgNode,
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None,
) -> Start:
    """Takes up a run from a file of OUTPUT_DIR.

    Raises:
        UserError: the file is of another run, or of another model.
    """
    saved = read_checkpoint(path)
    found = differences(cfg, saved.get("cfg", ""))
    if others := [difference for difference in found if difference.makes_another_run]:
        raise UserError(
            f"{path}: is of another run than the configured one:\n{_lines(others)}\n"
            "Set that as it was to go on, or name another OUTPUT_DIR to train anew."
        )
    if found:
        logger.warning(f"{path}: the run goes on with other settings than so far:\n{_lines(found)}")
    loaded = _hand_on_own(cfg, path, saved, model, optimizer, scaler)
    if other := _other_holdout(cfg, loaded):
        raise UserError(
            f"{loaded.path}: {other}. Set AK.HOLDOUT as it was to go on, or name another "
            "OUTPUT_DIR to train anew."
        )
    epoch, iteration = loaded.epoch + 1, loaded.extra.get("iteration", 0)
    extra = loaded.extra.get("extra", {}) | _average(loaded)
    within = f", and {iteration} iterations of the next" if iteration else ""
    logger.info(f"Resumed after epoch {epoch}{within}: {path}")
    began = saved.get("initialisation") or configured_initialisation(cfg)
    return Start(epoch, iteration, extra, began, str(path))


def _average(loaded: LoadedWeights) -> dict[str, Any]:
    return {name: value for name, value in loaded.extra.items() if name == "ema_state"}


def _lines(found: list[Difference]) -> str:
    return "\n".join(f"  {difference}" for difference in found)


def load_test_checkpoint(cfg: CfgNode, model: nn.Module) -> LoadedWeights:
    """Loads what is tested: TEST.CHECKPOINT_FILE_PATH, else a checkpoint in OUTPUT_DIR, else
    TRAIN.CHECKPOINT_FILE_PATH, else nothing, with a warning that weights are random.

    Of OUTPUT_DIR it takes the last checkpoint that is whole, or with TEST.WEIGHTS best the one of
    the best evaluation, which must be there; but of a run that also trains (TRAIN.ENABLE) the one
    after SOLVER.MAX_EPOCH, since others there may be another run's. A file's running average of
    the weights, where it has one, comes before the weights. All processes call this.

    Raises:
        UserError: a wanted file is not there or cannot be used, or OUTPUT_DIR holds another model.
    """
    if cfg.TEST.CHECKPOINT_FILE_PATH:
        loaded = _load_named(cfg, "TEST", model)
    elif own := chosen_once(lambda: _find_tested(cfg)):
        loaded = _hand_on_own(cfg, own, read_checkpoint(own), model)
    elif cfg.TRAIN.CHECKPOINT_FILE_PATH:
        loaded = _load_named(cfg, "TRAIN", model)
    else:
        logger.warning(
            f"No weights to test: {get_checkpoint_dir(cfg.OUTPUT_DIR)} holds no checkpoint, and "
            "neither TEST.CHECKPOINT_FILE_PATH nor TRAIN.CHECKPOINT_FILE_PATH names one. "
            "The weights are random, and so are the results."
        )
        return LoadedWeights()
    if loaded.report.missing or loaded.report.shapes or loaded.report.left_out:
        logger.warning(f"{loaded.path} does not hold all of this model: results are of no worth.")
    if loaded.averaged:
        logger.info("These are averaged weights (SOLVER.EMA_DECAY), as the evaluations had them.")
    return loaded


def _find_tested(cfg: CfgNode) -> Path | None:
    """The file of OUTPUT_DIR that is tested; None where there is none.

    Raises:
        UserError: the best evaluation's is wanted and not there, or none is whole.
    """
    if cfg.TEST.WEIGHTS == "best":
        best = Path(get_path_to_best(cfg.OUTPUT_DIR))
        if not best.is_file():
            raise UserError(
                f"TEST.WEIGHTS best: there is no {best}. Training keeps it after an evaluation, "
                "with TRAIN.KEEP_BEST True. Test the last checkpoint (TEST.WEIGHTS last), or name "
                "a file as TEST.CHECKPOINT_FILE_PATH."
            )
        return first_whole([best])
    files = checkpoints(cfg.OUTPUT_DIR, cfg.TASK)
    trained = Path(get_path_to_checkpoint(cfg.OUTPUT_DIR, cfg.SOLVER.MAX_EPOCH, cfg.TASK))
    if cfg.TRAIN.ENABLE:
        files.sort(key=lambda file: file != trained)
    return first_whole(files) if files else None


def _hand_on_own(
    cfg: CfgNode,
    path: Path,
    checkpoint: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> LoadedWeights:
    """Loads what was read of a file of OUTPUT_DIR, which must be of this very model: to train with
    an optimizer, to test without."""
    loaded = hand_on(path, checkpoint, model, optimizer, scaler, averaged=optimizer is None)
    if not loaded.report.is_whole:
        found = differences(cfg, checkpoint.get("cfg", ""))
        of_network = [str(difference) for difference in found if difference.is_of_the_network]
        raise UserError(
            f"{path}: is of another model than the configured one"
            + (f" ({'; '.join(of_network)})" if of_network else "")
            + f".\n{loaded.report}\nName another OUTPUT_DIR, or configure the model that it is of."
        )
    logger.info(f"{path}\n{loaded.report}")
    return loaded


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
    loaded = load_file(
        path,
        model,
        optimizer,
        scaler,
        is_caffe2=kind == "caffe2",
        inflate=not as_trained and cfg.TRAIN.CHECKPOINT_INFLATE,
        epoch_reset=not as_trained and cfg.TRAIN.CHECKPOINT_EPOCH_RESET,
        clear_patterns=() if as_trained else cfg.TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN,
        skip_head=not as_trained and cfg.TRAIN.CHECKPOINT_SKIP_HEAD,
        averaged=as_trained,
    )
    if optimizer is not None:
        _tell_of_partial_fit(cfg, loaded)
        if cfg.AK.HOLDOUT and (other := _other_holdout(cfg, loaded)):
            logger.warning(
                f"{loaded.path}: {other}. Where that was on this list, what is chosen on the "
                "hold-out is chosen on clips that were trained on."
            )
    return loaded


def _other_holdout(cfg: CfgNode, loaded: LoadedWeights) -> str:
    """In words, that weights were trained with other clips held out; "" where not, or not known."""
    if loaded.extra.get("holdout") in (None, fingerprint(cfg)):
        return ""
    path = settings_in(loaded.extra.get("cfg", "")).get("AK.HOLDOUT")
    held_out = f"the clips of {path} held out" if path else "no clips held out"
    wanted = f"AK.HOLDOUT is {cfg.AK.HOLDOUT}" if cfg.AK.HOLDOUT else "AK.HOLDOUT is empty"
    return f"was trained with {held_out}, and {wanted}"


def _tell_of_partial_fit(cfg: CfgNode, loaded: LoadedWeights) -> None:
    """Warns where a file for training holds a part of the model only, or refuses it.

    Raises:
        UserError: it holds less than half of it, and nobody said that weights alone are wanted;
            or it lacks some of what MODEL.DETACH_FINAL_FC freezes.
    """
    weights_alone = cfg.TRAIN.CHECKPOINT_EPOCH_RESET or cfg.TRAIN.CHECKPOINT_SKIP_HEAD
    share = loaded.report.share_outside_head
    if cfg.MODEL.DETACH_FINAL_FC and share < 1:
        raise UserError(
            f"{loaded.path}: holds {share:.0%} of this model's entries outside the head, and "
            f"MODEL.DETACH_FINAL_FC would keep the others as random as they are.\n{loaded.report}\n"
            "Name a checkpoint of this very network."
        )
    if share < 0.5:
        found = f"{loaded.path}: holds {share:.0%} of this model's entries outside the head"
        check = "Check MODEL.ARCH, MODEL.MODEL_NAME and RESNET.DEPTH, or name another file"
        if not cfg.TRAIN.CHECKPOINT_EPOCH_RESET:
            raise UserError(
                f"{found}, less than half.\n{loaded.report}\n{check}. To start from what matches "
                "all the same, set TRAIN.CHECKPOINT_EPOCH_RESET True."
            )
        logger.warning(f"{found}: most of it starts at random. {check}, if that is not meant.")
    elif "epoch" in loaded.extra and not (weights_alone or loaded.report.is_whole):
        logger.warning(
            f"{loaded.path}: is not of this very model, so its weights are taken and its epoch and "
            "optimizer left: training begins at the first epoch with a new optimizer. "
            "(TRAIN.CHECKPOINT_EPOCH_RESET True asks for that.)"
        )
