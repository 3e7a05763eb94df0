"""Batch normalisation over one device, over part of its batch, over many devices, or frozen.

The statistics of a batch are those of the clips that are normalised together, the norm group:

- ``batchnorm``: the clips of one device;
- ``sub_batchnorm``: each of NUM_SPLITS parts of a device's clips, as if on devices of their own;
- ``sync_batchnorm``: the clips of NUM_SYNC_DEVICES devices, or of all of them with GLOBAL_SYNC.

All but `SubBatchNorm3d` have the parameters and buffers of `torch.nn.BatchNorm3d`, by name.
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


def get_norm(cfg: CfgNode) -> Callable[..., nn.Module]:
    """The normalisation layer of BN.NORM_TYPE, or the frozen one with MODEL.FROZEN_BN.

    With several processes every process has to call this alike: it makes their norm groups.

    Returns:
        a callable of num_features, which also takes `eps` and `momentum` as
        `torch.nn.BatchNorm3d` does (1e-5 and 0.1 if not given).

    Raises:
        UserError: no such type, or the devices cannot be cut into groups of NUM_SYNC_DEVICES.
    """
    makers = {
        "batchnorm": lambda: nn.BatchNorm3d,
        "sub_batchnorm": lambda: partial(SubBatchNorm3d, num_splits=cfg.BN.NUM_SPLITS),
        "sync_batchnorm": lambda: _sync_norm(cfg),
    }
    maker = look_up("BN.NORM_TYPE", cfg.BN.NORM_TYPE, makers)
    return FrozenBatchNorm3d if cfg.MODEL.FROZEN_BN else maker()


def _sync_norm(cfg: CfgNode) -> Callable[..., nn.Module]:
    """Synchronised normalisation for the processes that run now, one process a device."""
    world_size = dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1
    size = sync_group(cfg, world_size)
    if size <= 1:
        return nn.BatchNorm3d
    if world_size % size:
        raise UserError(
            f"BN.NUM_SYNC_DEVICES: found {size}, which does not divide the {world_size} devices of "
            f"this run; take a divisor, or BN.GLOBAL_SYNC True for all devices together"
        )
    group, _ = dist.new_subgroups(size, timeout=timedelta(minutes=cfg.DIST_TIMEOUT))
    on_gpu = cfg.NUM_GPUS > 0 and torch.cuda.is_available()
    return partial(nn.SyncBatchNorm if on_gpu else SyncBatchNorm3d, process_group=group)


class FrozenBatchNorm3d(FrozenNorm, nn.BatchNorm3d):
    """A batch norm that training leaves as it is: for fine-tuning on batches too small for
    statistics of their own."""

    def __init__(self, num_features: int, **kwargs: Any) -> None:
        super().__init__(num_features, **kwargs)
        self.requires_grad_(False)
        self.eval()


class SubBatchNorm3d(_BatchNorm):
    """Normalises each of `num_splits` parts of a batch by itself; weight and bias are shared.

    In training ``split_bn`` takes the parts as channels of their own and keeps one running mean and
    variance for each part. In evaluation ``bn`` normalises, by what `aggregate_stats` made of them:
    it runs when evaluation begins and before a state dict is taken.

    Args:
        num_features: channels.
        num_splits: parts; the batch has to be a multiple of it.
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
        self.register_state_dict_pre_hook(SubBatchNorm3d._bring_up_to_date)

    def train(self, mode: bool = True) -> "SubBatchNorm3d":
        """Switch to training, in which ``bn`` has no part, or to evaluation."""
        if not mode:
            self._bring_up_to_date()
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

    def _bring_up_to_date(self, *_: Any) -> None:
        """Fold what training has changed; in evaluation nothing has."""
        if self.training:
            self.aggregate_stats()

    @torch.no_grad()
    def aggregate_stats(self) -> None:
        """Fold the statistics of the parts into those of ``bn``: mean and variance of the whole."""
        means = self.split_bn.running_mean.view(self.num_splits, -1)
        variances = self.split_bn.running_var.view(self.num_splits, -1)
        self.bn.running_mean.copy_(means.mean(dim=0))
        self.bn.running_var.copy_(variances.mean(dim=0) + means.var(dim=0, correction=0))
