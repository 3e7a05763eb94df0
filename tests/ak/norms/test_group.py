"""The number of clips that are normalised together. Published results depend on it."""

import pytest

from slowfast.ak.norms.group import norm_group, sync_group
from slowfast.config.defaults import get_cfg


@pytest.mark.parametrize(
    ("settings", "processes", "clips"),
    [
        ({}, 1, 8),  # 16 clips on each of two machines with two GPUs
        ({"BN.NUM_SYNC_DEVICES": 2}, 1, 8),
        ({"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 4}, 1, 2),
        ({"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 2}, 2, 16),
        ({"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 8}, 4, 32),
        ({"BN.NORM_TYPE": "sync_batchnorm", "BN.GLOBAL_SYNC": True}, 4, 32),
        ({"BN.GLOBAL_SYNC": True}, 1, 8),
        ({"NUM_GPUS": 0, "NUM_SHARDS": 1}, 1, 16),
        ({"SOLVER.ACCUMULATE_STEPS": 4}, 1, 2),
    ],
)
def test_norm_group(settings, processes, clips):
    base = {"TRAIN.BATCH_SIZE": 16, "NUM_GPUS": 2, "NUM_SHARDS": 2}
    cfg = get_cfg()
    cfg.merge_from_list([part for pair in (base | settings).items() for part in pair])
    world_size = max(1, cfg.NUM_GPUS) * cfg.NUM_SHARDS
    assert sync_group(cfg, world_size) == processes
    assert norm_group(cfg, world_size) == clips


def test_without_the_key_global_sync_the_number_of_devices_decides():
    cfg = get_cfg()
    cfg.merge_from_list(["BN.NORM_TYPE", "sync_batchnorm", "BN.NUM_SYNC_DEVICES", 2])
    del cfg.BN["GLOBAL_SYNC"]
    assert sync_group(cfg, 4) == 2
