"""Facts about a run that follow from several keys of its configuration."""

from __future__ import annotations

from fvcore.common.config import CfgNode

from slowfast.ak.registries.datasets import clips_of_a_video
from slowfast.ak.run.cores import processes_of_machine


def enabled_phases(cfg: CfgNode) -> list[str]:
    """The enabled phases of a run: TRAIN, TEST, or both."""
    return [phase for phase in ("TRAIN", "TEST") if cfg[phase].ENABLE]


def is_supervised(cfg: CfgNode) -> bool:
    """Whether TASK asks for training with labels.

    Published fine-tuning of self-supervised networks has the names ssl_eval, ssl_eval_ssv2 and so
    on, which only begin the names of the checkpoints.
    """
    return not cfg.TASK or cfg.TASK.startswith("ssl_eval")


def draws_pictures(cfg: CfgNode) -> bool:
    """Whether TENSORBOARD asks for pictures of a trained network, or of saved results."""
    board = cfg.TENSORBOARD
    wanted = board.MODEL_VIS.ENABLE or board.WRONG_PRED_VIS.ENABLE or bool(board.PREDICTIONS_PATH)
    return board.ENABLE and wanted


def process_count(cfg: CfgNode) -> int:
    """The number of processes of the run, on all machines."""
    return processes_of_machine(cfg) * cfg.NUM_SHARDS


def clips_per_pass(cfg: CfgNode) -> int:
    """The number of clips in one forward pass of training, in one process."""
    videos = cfg.TRAIN.BATCH_SIZE // processes_of_machine(cfg) // cfg.SOLVER.ACCUMULATE_STEPS
    return videos * clips_of_a_video(cfg)
