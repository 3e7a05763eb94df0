"""The learning rate at a fractional epoch."""

import math


def get_lr_at_epoch(cfg, cur_epoch):
    solver = cfg.SOLVER
    scheduled = _POLICIES[solver.LR_POLICY]
    if cur_epoch >= solver.WARMUP_EPOCHS:
        return scheduled(cfg, cur_epoch)
    goal = scheduled(cfg, solver.WARMUP_EPOCHS)
    done = cur_epoch / solver.WARMUP_EPOCHS
    return solver.WARMUP_START_LR * (1 - done) + goal * done


def _cosine(cfg, epoch):
    half = (1 + math.cos(math.pi * epoch / cfg.SOLVER.MAX_EPOCH)) / 2
    return cfg.SOLVER.COSINE_END_LR + half * (cfg.SOLVER.BASE_LR - cfg.SOLVER.COSINE_END_LR)


def _steps(cfg, epoch):
    reached = sum(epoch >= step for step in cfg.SOLVER.STEPS)
    return cfg.SOLVER.BASE_LR * cfg.SOLVER.LRS[reached - 1]


_POLICIES = {"cosine": _cosine, "steps_with_relative_lrs": _steps}
