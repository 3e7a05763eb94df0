"""Which weights are tested."""

from pathlib import Path

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.registries.networks import pretrained_weights
from slowfast.checkpoints.configured import load_named_file, load_own_file, load_pretrained
from slowfast.checkpoints.file import read_checkpoint
from slowfast.checkpoints.folder import chosen_by_master, first_intact
from slowfast.checkpoints.loading import LoadedWeights
from slowfast.checkpoints.names import (
    finished_checkpoints,
    get_checkpoint_dir,
    get_path_to_best,
    get_path_to_checkpoint,
)
from slowfast.schedules.plan import RunPlan
from slowfast.utils import logging

logger = logging.get_logger(__name__)


def load_test_checkpoint(cfg: CfgNode, model: nn.Module) -> LoadedWeights:
    """Loads the weights to test.

    The first of these that exists is loaded: TEST.CHECKPOINT_FILE_PATH, a checkpoint in
    OUTPUT_DIR, TRAIN.CHECKPOINT_FILE_PATH, the weights MODEL.PRETRAINED. Otherwise the weights stay
    random, with a warning.

    In OUTPUT_DIR the last intact checkpoint is taken; with TEST.WEIGHTS best, it is the file of
    the best evaluation. A run that also trains (TRAIN.ENABLE) takes the checkpoint of
    SOLVER.MAX_EPOCH, because others may be from another run. The running average of the weights
    is taken if the file has one. All processes call this.

    Raises:
        UserError: a file does not exist or cannot be used, or OUTPUT_DIR is for another model.
    """
    if cfg.TEST.CHECKPOINT_FILE_PATH:
        loaded = load_named_file(cfg, "TEST", model)
    elif own := chosen_by_master(lambda: _choose_own(cfg)):
        loaded = load_own_file(cfg, own, read_checkpoint(own), model)
    elif cfg.TRAIN.CHECKPOINT_FILE_PATH:
        loaded = load_named_file(cfg, "TRAIN", model)
    elif pretrained := pretrained_weights(cfg):
        loaded = load_pretrained(cfg, "TEST", pretrained, model)
    else:
        logger.warning(
            f"No weights to test: {get_checkpoint_dir(cfg.OUTPUT_DIR)} contains no checkpoint, and "
            "neither TEST.CHECKPOINT_FILE_PATH nor TRAIN.CHECKPOINT_FILE_PATH names a file. "
            "The weights are random, and so are the results."
        )
        return LoadedWeights()
    if loaded.report.missing or loaded.report.shapes or loaded.report.left_out:
        logger.warning(
            f"{loaded.path} does not contain all weights of this model: the results are worthless."
        )
    if loaded.averaged:
        logger.info("These are averaged weights (SOLVER.EMA_DECAY), as in the evaluations.")
    return loaded


def _choose_own(cfg: CfgNode) -> Path | None:
    """Returns the file of OUTPUT_DIR to test; None if there is none.

    Raises:
        UserError: TEST.WEIGHTS is best and its file does not exist, or no file is intact.
    """
    if cfg.TEST.WEIGHTS == "best":
        best = Path(get_path_to_best(cfg.OUTPUT_DIR))
        if not best.is_file():
            raise UserError(
                f"TEST.WEIGHTS best: there is no {best}. Training writes it after an evaluation, "
                "with TRAIN.KEEP_BEST True. Test the last checkpoint (TEST.WEIGHTS last), or name "
                "a file as TEST.CHECKPOINT_FILE_PATH."
            )
        return first_intact([best])
    files = finished_checkpoints(cfg.OUTPUT_DIR, cfg.TASK)
    epochs = RunPlan.from_cfg(cfg).epochs
    trained = Path(get_path_to_checkpoint(cfg.OUTPUT_DIR, epochs, cfg.TASK))
    if cfg.TRAIN.ENABLE:
        files.sort(key=lambda file: file != trained)
    return first_intact(files) if files else None
