"""Which epochs end with an evaluation."""

from fvcore.common.config import CfgNode


def is_eval_epoch(cfg: CfgNode, cur_epoch: int, multigrid_schedule: None = None) -> bool:
    """Whether an evaluation is due after this epoch: after every TRAIN.EVAL_PERIOD epochs, and
    after the last.

    Args:
        cur_epoch: counted from 0.
        multigrid_schedule: not used; callers written for upstream pass it.
    """
    finished = cur_epoch + 1
    return finished == cfg.SOLVER.MAX_EPOCH or finished % cfg.TRAIN.EVAL_PERIOD == 0
