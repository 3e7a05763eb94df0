"""The learning rate as a function of the fractional epoch: a linear warm-up, then a policy.

The cosine is that of SGDR without restarts (Loshchilov and Hutter, 2017). The warm-up follows Goyal
et al. (2017). It ends at the rate that the policy has at this epoch, so that the rate has no jump.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import cos, pi

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError


def cosine(epoch: float, base_lr: float, end_lr: float, start: float, stop: float) -> float:
    """Half a cosine from ``base_lr`` at epoch ``start`` to ``end_lr`` at epoch ``stop``."""
    progress = (epoch - start) / (stop - start) if stop > start else 0.0
    return end_lr + (base_lr - end_lr) * (1 + cos(pi * progress)) / 2


def relative_steps(
    epoch: float, base_lr: float, steps: Sequence[int], factors: Sequence[float]
) -> float:
    """``base_lr`` times the factor of the last step that the epoch has reached."""
    return base_lr * factors[bisect_right(steps, epoch) - 1]


def _cosine_policy(cfg: CfgNode) -> Callable[[float], float]:
    solver = cfg.SOLVER
    start = solver.WARMUP_EPOCHS if solver.COSINE_AFTER_WARMUP else 0.0
    return lambda epoch: cosine(
        epoch, solver.BASE_LR, solver.COSINE_END_LR, start, solver.MAX_EPOCH
    )


def _steps_policy(cfg: CfgNode) -> Callable[[float], float]:
    solver = cfg.SOLVER
    return lambda epoch: relative_steps(epoch, solver.BASE_LR, solver.STEPS, solver.LRS)


_POLICIES = {"cosine": _cosine_policy, "steps_with_relative_lrs": _steps_policy}


def get_lr_at_epoch(cfg: CfgNode, cur_epoch: float) -> float:
    """The learning rate at a fractional epoch; 1.5 is the middle of the second epoch.

    Raises:
        UserError: SOLVER.LR_POLICY is unknown.
    """
    solver = cfg.SOLVER
    if solver.LR_POLICY not in _POLICIES:
        raise UserError(
            f"SOLVER.LR_POLICY: there is no {solver.LR_POLICY!r}; choose {' or '.join(_POLICIES)}."
        )
    policy = _POLICIES[solver.LR_POLICY](cfg)
    if cur_epoch >= solver.WARMUP_EPOCHS:
        return policy(cur_epoch)
    share = cur_epoch / solver.WARMUP_EPOCHS
    target = policy(solver.WARMUP_EPOCHS)
    return solver.WARMUP_START_LR + (target - solver.WARMUP_START_LR) * share
