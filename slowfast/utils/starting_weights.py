"""Which weights a run starts from, and how it says so.

Notable: the rules stand in :func:`load_train_checkpoint` and :func:`load_test_checkpoint`.
"""

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.holdout import fingerprint
from slowfast.ak.recipe import configured_initialisation
from slowfast.utils import logging
from slowfast.utils.checkpoint_file import (
    file_exists,
    get_checkpoint_dir,
    get_last_checkpoint,
    get_path_to_best,
    get_path_to_checkpoint,
    has_checkpoint,
    read_checkpoint,
)
from slowfast.utils.loading import LoadedWeights, hand_on, load_file, saved_settings

logger = logging.get_logger(__name__)

_MODEL_ZOO = "https://github.com/facebookresearch/SlowFast/blob/main/MODEL_ZOO.md"
# Keys by which a person tells one model from another.
_TELLING_KEYS = ("ARCH", "MODEL_NAME", "NUM_CLASSES")


def initialisation(cfg: CfgNode) -> str:
    """Where the first weights of this run come from: "from scratch", or "from <file> (...)".

    A run that is resumed keeps what its checkpoints say.
    """
    if cfg.TRAIN.AUTO_RESUME and (last := get_last_checkpoint(cfg.OUTPUT_DIR, cfg.TASK)):
        text = read_checkpoint(last, lazily=True).get("initialisation")
        if text:
            return text
    return configured_initialisation(cfg)


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
    last = get_last_checkpoint(cfg.OUTPUT_DIR, cfg.TASK)
    if cfg.TRAIN.AUTO_RESUME and last:
        loaded = _load_own(cfg, last, model, optimizer, scaler)
        if other := _other_holdout(cfg, loaded):
            raise UserError(
                f"{loaded.path}: {other}. Set AK.HOLDOUT as it was to go on, or name another "
                "OUTPUT_DIR to train anew."
            )
        logger.info(f"Resumed after epoch {loaded.epoch + 1}: {loaded.path}")
        return loaded.epoch + 1
    if last:
        logger.warning(
            f"{get_checkpoint_dir(cfg.OUTPUT_DIR)} holds checkpoints of another run, and this "
            "one adds its own. A later run there takes the last of them, whichever run wrote it."
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
    """Loads what is tested: TEST.CHECKPOINT_FILE_PATH, else a checkpoint in OUTPUT_DIR, else
    TRAIN.CHECKPOINT_FILE_PATH, else nothing, with a warning that weights are random.

    Of OUTPUT_DIR it takes the last checkpoint, or with TEST.WEIGHTS best the one of the best
    evaluation, which must be there; but of a run that also trains (TRAIN.ENABLE) the one
    after SOLVER.MAX_EPOCH, since others there may be another run's.

    Raises:
        UserError: a wanted file is not there or cannot be used, or OUTPUT_DIR holds another model.
    """
    if cfg.TEST.CHECKPOINT_FILE_PATH:
        loaded = _load_named(cfg, "TEST", model)
    elif cfg.TEST.WEIGHTS == "best":
        best = get_path_to_best(cfg.OUTPUT_DIR)
        if not file_exists(best):
            raise UserError(
                f"TEST.WEIGHTS best: there is no {best}. Training keeps it after an evaluation, "
                "with TRAIN.KEEP_BEST True. Test the last checkpoint (TEST.WEIGHTS last), or name "
                "a file as TEST.CHECKPOINT_FILE_PATH."
            )
        loaded = _load_own(cfg, best, model)
    elif has_checkpoint(cfg.OUTPUT_DIR, cfg.TASK):
        trained = get_path_to_checkpoint(cfg.OUTPUT_DIR, cfg.SOLVER.MAX_EPOCH, cfg.TASK)
        if not (cfg.TRAIN.ENABLE and file_exists(trained)):
            trained = get_last_checkpoint(cfg.OUTPUT_DIR, cfg.TASK)
        loaded = _load_own(cfg, trained, model)
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
    return loaded


def _load_own(
    cfg: CfgNode,
    path: str,
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> LoadedWeights:
    """Loads a file of OUTPUT_DIR/checkpoints, which must be whole and of this very model."""
    ways_on = (
        "Name another OUTPUT_DIR, or move the file away to go on from the checkpoint before it."
    )
    try:
        checkpoint = read_checkpoint(path)
    except UserError as error:
        raise UserError(
            f"The last checkpoint in OUTPUT_DIR cannot be used. {error} {ways_on}"
        ) from None
    loaded = hand_on(path, checkpoint, model, optimizer, scaler)
    if not loaded.report.is_whole:
        raise UserError(
            f"{path}: is of another model than the configured one"
            f"{_differences(cfg, loaded.extra.get('cfg', ''))}.\n{loaded.report}\n{ways_on}"
        )
    logger.info(f"{path}\n{loaded.report}")
    return loaded


def _differences(cfg: CfgNode, saved_text: str) -> str:
    """In which telling keys a checkpoint's configuration differs, in parentheses."""
    saved = saved_settings(saved_text, "MODEL")
    if not saved:
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
    path = saved_settings(loaded.extra.get("cfg", ""), "AK").get("HOLDOUT")
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
