"""How many clips one norm layer normalises together, as the configuration says.

Notable: it needs no torch. The number of processes is given, because the check of a configuration
knows how many there will be before any of them runs.
"""

from __future__ import annotations

from slowfast.ak.run.cores import processes_of_machine


def sync_group(cfg, world_size: int) -> int:
    """Processes, of ``world_size``, whose clips are normalised together; 1 without BN sync."""
    if cfg.BN.NORM_TYPE != "sync_batchnorm":
        return 1
    is_global = cfg.BN.get("GLOBAL_SYNC", False)  # a key of upstream's main alone
    return world_size if is_global else min(cfg.BN.NUM_SYNC_DEVICES, world_size)


def norm_group(cfg, world_size: int) -> int:
    """Clips whose statistics are taken together in training: a process's, or part, or more."""
    clips = cfg.TRAIN.BATCH_SIZE // processes_of_machine(cfg)
    clips //= cfg.SOLVER.get("ACCUMULATE_STEPS", 1)  # a key of this tree alone
    if cfg.BN.NORM_TYPE == "sub_batchnorm":
        return clips // cfg.BN.NUM_SPLITS
    return clips * sync_group(cfg, world_size)
