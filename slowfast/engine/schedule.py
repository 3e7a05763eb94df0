"""Which epochs end with an evaluation."""

from fvcore.common.config import CfgNode


def is_eval_epoch(cfg: CfgNode, cur_epoch: int, multigrid_schedule: None = None) -> bool:
    """Whether an evaluation is due after this epoch (0-based): each period's end, and the last.

    Args:
        multigrid_schedule: unused; upstream's callers pass it.
    """
    finished = cur_epoch + 1
    return finished == cfg.SOLVER.MAX_EPOCH or finished % cfg.TRAIN.EVAL_PERIOD == 0
