"""Norms by name; the synchronised one is this branch's own."""

import functools

import torch
from slowfast.utils import distributed as du
from torch import nn
from torch.distributed.nn.functional import all_reduce


class NaiveSyncBatchNorm3d(nn.BatchNorm3d):
    """Moments of all processes of this machine together."""

    def __init__(self, num_sync_devices, **settings):
        super().__init__(**settings)
        self.num_sync_devices = num_sync_devices or du.get_local_size()

    def forward(self, x):
        if not self.training or du.get_local_size() == 1 or self.num_sync_devices == 1:
            return super().forward(x)
        over = (0, 2, 3, 4)
        moments = torch.stack([x.mean(dim=over), x.square().mean(dim=over)])
        first, second = all_reduce(moments) / du.get_world_size()
        spread = second - first.square()
        with torch.no_grad():
            self.running_mean.lerp_(first, self.momentum)
            self.running_var.lerp_(spread, self.momentum)
        slope = self.weight / (spread + self.eps).sqrt()
        shift = self.bias - first * slope
        return x * slope[:, None, None, None] + shift[:, None, None, None]


def get_norm(cfg):
    if cfg.BN.NORM_TYPE == "batchnorm":
        return nn.BatchNorm3d
    if cfg.BN.NORM_TYPE == "sync_batchnorm":
        return functools.partial(NaiveSyncBatchNorm3d, num_sync_devices=cfg.BN.NUM_SYNC_DEVICES)
    raise NotImplementedError(cfg.BN.NORM_TYPE)
