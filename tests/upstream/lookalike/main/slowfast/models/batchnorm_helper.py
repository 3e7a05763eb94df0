"""Norms by name. The synchronised ones need a pytorchvideo newer than any release."""

import functools

from pytorchvideo.layers.batch_norm import NaiveSyncBatchNorm1d, NaiveSyncBatchNorm3d
from torch import nn

__all__ = ["NaiveSyncBatchNorm1d", "NaiveSyncBatchNorm3d", "get_norm"]


def get_norm(cfg):
    if cfg.BN.NORM_TYPE == "batchnorm":
        return nn.BatchNorm3d
    if cfg.BN.NORM_TYPE == "sync_batchnorm":
        return functools.partial(
            NaiveSyncBatchNorm3d,
            global_sync=cfg.BN.GLOBAL_SYNC,
            num_sync_devices=cfg.BN.NUM_SYNC_DEVICES,
        )
    raise NotImplementedError(cfg.BN.NORM_TYPE)
