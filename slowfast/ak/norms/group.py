"""The number of clips that one norm layer normalises together.

The number of processes is an argument, because the check of a configuration runs before the
processes do. This module does not import torch.
"""

from __future__ import annotations

from slowfast.ak.registries.datasets import clips_of_a_video
from slowfast.ak.run.cores import processes_of_machine


def sync_group(cfg, world_size: int) -> int:
    """The number of processes whose clips are normalised together; 1 without sync_batchnorm.

    Args:
        world_size: processes of the run.
    """
    if cfg.BN.NORM_TYPE != "sync_batchnorm":
        return 1
    is_global = cfg.BN.get("GLOBAL_SYNC", False)  # upstream's older branch has no such key
    return world_size if is_global else min(cfg.BN.NUM_SYNC_DEVICES, world_size)


def norm_group(cfg, world_size: int) -> int:
    """The number of clips whose statistics are computed together in training.

    In the long cycle of multigrid training it is about the same in all epochs.
    """
    if cfg.MULTIGRID.LONG_CYCLE:
        return cfg.MULTIGRID.BN_BASE_SIZE
    clips = cfg.TRAIN.BATCH_SIZE // processes_of_machine(cfg) * clips_of_a_video(cfg)
    clips //= cfg.SOLVER.get("ACCUMULATE_STEPS", 1)  # upstream has no such key
    if cfg.BN.NORM_TYPE == "sub_batchnorm":
        return clips // cfg.BN.NUM_SPLITS
    return clips * sync_group(cfg, world_size)
