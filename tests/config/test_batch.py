"""The norm group, on which published results depend."""

import pytest

from slowfast.config.batch import norm_group, sync_group


@pytest.mark.parametrize(
    ("settings", "processes", "clips"),
    [
        ({}, 1, 8),  # batches of 16 on each of two machines of two GPUs
        ({"BN.NUM_SYNC_DEVICES": 2}, 1, 8),
        ({"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 4}, 1, 2),
        ({"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 2}, 2, 16),
        ({"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 8}, 4, 32),
        ({"BN.NORM_TYPE": "sync_batchnorm", "BN.GLOBAL_SYNC": True}, 4, 32),
        ({"BN.GLOBAL_SYNC": True}, 1, 8),
        ({"NUM_GPUS": 0, "NUM_SHARDS": 1}, 1, 16),
    ],
)
def test_norm_group(settings, processes, clips, load_runnable):
    base = {"TRAIN.BATCH_SIZE": 16, "NUM_GPUS": 2, "NUM_SHARDS": 2}
    cfg = load_runnable(base | settings)
    world_size = max(1, cfg.NUM_GPUS) * cfg.NUM_SHARDS
    assert sync_group(cfg, world_size) == processes
    assert norm_group(cfg, world_size) == clips
