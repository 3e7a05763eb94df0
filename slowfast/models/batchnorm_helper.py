"""Batch normalisation over one device, over part of its batch, over many devices, or frozen.

Clips that are normalised together form a norm group:

- ``batchnorm``: the clips of one device;
- ``sub_batchnorm``: each of NUM_SPLITS parts of a device's clips;
- ``sync_batchnorm``: the clips of NUM_SYNC_DEVICES devices, or of all devices with GLOBAL_SYNC.

In the long cycle of multigrid training the group changes with the batch (`GridBatchNorm3d`).
All layers except `SubBatchNorm3d` have the parameters and buffers of `torch.nn.BatchNorm3d`.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from fvcore.common.config import CfgNode
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from slowfast.ak.errors import UserError
from slowfast.ak.norms.frozen import FrozenNorm
from slowfast.ak.norms.group import sync_group
from slowfast.ak.norms.sync import SyncBatchNorm3d
from slowfast.models.settings import look_up
from slowfast.schedules.plan import NormGroups, RunPlan


def get_norm(cfg: CfgNode) -> Callable[..., nn.Module]:
    """The normalisation layer of BN.NORM_TYPE, or the frozen one with MODEL.FROZEN_BN.

    In a run of several processes every process must call this function, because it creates the
    process groups of the norm layers.

    Returns:
        A callable of num_features. It also takes `eps` and `momentum`, with the defaults of
        `torch.nn.BatchNorm3d` (1e-5 and 0.1).

    Raises:
        UserError: there is no such type, or NUM_SYNC_DEVICES does not divide the devices.
    """
    if cfg.TRAIN.ENABLE and not cfg.MODEL.FROZEN_BN and RunPlan.from_cfg(cfg).is_long:
        return GridBatchNorm3d
    makers = {
        "batchnorm": lambda: nn.BatchNorm3d,
        "sub_batchnorm": lambda: partial(SubBatchNorm3d, num_splits=cfg.BN.NUM_SPLITS),
        "sync_batchnorm": lambda: _sync_norm(cfg),
    }
    maker = look_up("BN.NORM_TYPE", cfg.BN.NORM_TYPE, makers)
    return FrozenBatchNorm3d if cfg.MODEL.FROZEN_BN else maker()


def _sync_norm(cfg: CfgNode) -> Callable[..., nn.Module]:
    """The synchronised normalisation of BN.NUM_SYNC_DEVICES for the current processes."""
    world_size = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    return sync_norm(sync_group(cfg, world_size), cfg)


def sync_norm(size: int, cfg: CfgNode) -> Callable[..., nn.Module]:
    """Normalisation over groups of `size` processes, one process for each device.

    In a run of several processes every process must call this function.

    On CUDA this is `torch.nn.SyncBatchNorm`. It has fused kernels and keeps less memory for the
    backward pass than `SyncBatchNorm3d`, but it waits for the GPU in the forward pass of each
    layer. Which of the two is faster on CUDA has not been measured yet.
    """
    if size <= 1:
        return nn.BatchNorm3d
    world_size = dist.get_world_size()
    if world_size % size:
        raise UserError(
            f"BN.NUM_SYNC_DEVICES: found {size}, which does not divide the {world_size} devices of "
            f"this run; take a divisor, or BN.GLOBAL_SYNC True for all devices together"
        )
    group = None  # all processes; a group of its own would open a second communicator
    if size < world_size:
        group, _ = dist.new_subgroups(size, timeout=timedelta(minutes=cfg.DIST_TIMEOUT))
    on_gpu = cfg.NUM_GPUS > 0 and torch.cuda.is_available()
    return partial(nn.SyncBatchNorm if on_gpu else SyncBatchNorm3d, process_group=group)


class FrozenBatchNorm3d(FrozenNorm, nn.BatchNorm3d):
    """A batch norm that training does not change, for fine-tuning with very small batches."""

    def __init__(self, num_features: int, **kwargs: Any) -> None:
        super().__init__(num_features, **kwargs)
        self.requires_grad_(False)
        self.eval()


class SubBatchNorm3d(_BatchNorm):
    """Normalises each of `num_splits` parts of a batch by itself. The parts share weight and bias.

    In training ``split_bn`` normalises. It treats the parts as further channels, so that it has a
    running mean and variance for each part. In evaluation ``bn`` normalises, with the statistics of
    all parts together. `aggregate_stats` computes them when evaluation begins and before a state
    dict is made.

    Args:
        num_features: channels.
        num_splits: the number of parts; it must divide the number of clips in a batch.
        eps, momentum, affine: as in `torch.nn.BatchNorm3d`.
    """

    def __init__(
        self,
        num_features: int,
        num_splits: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats=False)
        self.num_splits = num_splits
        self.bn = nn.BatchNorm3d(num_features, eps, momentum, affine=False)
        self.split_bn = nn.BatchNorm3d(num_features * num_splits, eps, momentum, affine=False)
        self.train(self.training)
        self.register_state_dict_pre_hook(SubBatchNorm3d._update_stats)

    def train(self, mode: bool = True) -> "SubBatchNorm3d":
        """Switches to training, which does not use ``bn``, or to evaluation."""
        if not mode:
            self._update_stats()
        super().train(mode)
        self.bn.eval()
        return self

    def forward(self, x: Tensor) -> Tensor:
        y = self._normalise_parts(x) if self.training else self.bn(x)
        if not self.affine:
            return y
        weight, bias = (each.view(1, -1, 1, 1, 1) for each in (self.weight, self.bias))
        return torch.addcmul(bias, y, weight)

    def _normalise_parts(self, x: Tensor) -> Tensor:
        clips = x.shape[0]
        if clips % self.num_splits:
            raise UserError(
                f"BN.NUM_SPLITS: a batch of {clips} clips cannot be cut into "
                f"{self.num_splits} equal parts; expected a multiple of {self.num_splits}"
            )
        parts = x.reshape(clips // self.num_splits, -1, *x.shape[2:])
        return self.split_bn(parts).reshape(x.shape)

    def _update_stats(self, *_: Any) -> None:
        """Aggregates the statistics in training. In evaluation they do not change."""
        if self.training:
            self.aggregate_stats()

    @torch.no_grad()
    def aggregate_stats(self) -> None:
        """Sets the statistics of ``bn`` to the mean and variance over all parts."""
        means = self.split_bn.running_mean.view(self.num_splits, -1)
        variances = self.split_bn.running_var.view(self.num_splits, -1)
        self.bn.running_mean.copy_(means.mean(dim=0))
        self.bn.running_var.copy_(variances.mean(dim=0) + means.var(dim=0, correction=0))


class GridBatchNorm3d(SubBatchNorm3d):
    """Batch norm whose group changes during training, in place.

    It begins as plain batch norm. The arguments are those of `torch.nn.BatchNorm3d`.
    """

    def __init__(self, num_features: int, **kwargs: Any) -> None:
        super().__init__(num_features, num_splits=1, **kwargs)
        self.groups = NormGroups(1, 1)

    def regroup(self, groups: NormGroups, norm: Callable[..., nn.Module] = nn.BatchNorm3d) -> None:
        """Changes the groups. Each group begins with the statistics of all of them together.

        Args:
            norm: makes the layer that normalises over `groups.devices`.
        """
        if groups == self.groups:
            return
        self._update_stats()
        self.groups, self.num_splits = groups, groups.splits
        channels, old = self.num_features * self.num_splits, self.split_bn
        split_bn = norm(channels, eps=self.eps, momentum=self.momentum, affine=False)
        split_bn.to(self.bn.running_mean.device)
        split_bn.running_mean.copy_(self.bn.running_mean.repeat(self.num_splits))
        split_bn.running_var.copy_(self.bn.running_var.repeat(self.num_splits))
        split_bn.num_batches_tracked.copy_(old.num_batches_tracked)
        self.split_bn = split_bn.train(self.training)
