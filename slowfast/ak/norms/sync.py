"""Batch normalisation over the batches of several processes, on any device.

`torch.nn.SyncBatchNorm` does the same on CUDA only. Parameters and buffers have the same names
as in `torch.nn.BatchNorm1d` and `BatchNorm3d`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from slowfast.ak.run.processes import rank_and_size


class _SyncBatchNorm(_BatchNorm):
    """The common part of the two layers below, which add the check of the input's shape."""

    is_alone = False  # True: the layer normalises the batches of this process by themselves

    def __init__(
        self, num_features: int, process_group: dist.ProcessGroup | None = None, **kwargs: Any
    ) -> None:
        super().__init__(num_features, **kwargs)
        self.process_group = process_group

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.is_alone or rank_and_size()[1] == 1:
            return super().forward(x)
        self._check_input_dim(x)
        count, mean, var = self._group_statistics(x)
        self._track(count, mean.detach(), var.detach())
        shape = (1, -1, *[1] * (x.ndim - 2))
        y = (x - mean.view(shape)) * torch.rsqrt(var + self.eps).view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)

    def _group_statistics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Values per channel, mean and biased variance of the group, with one all-reduce.

        Each process fills its own row of a table of zeros. The sum over processes is then the table
        of all processes. The rows are combined as in Chan et al. (1979). A difference of sums of
        squares would lose precision if a mean is large.
        """
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        own_var, own_mean = torch.var_mean(x, dim=(0, *range(2, x.ndim)), correction=0)
        own_count = own_mean.new_full((1,), x.numel() / x.shape[1])
        table = own_mean.new_zeros(dist.get_world_size(self.process_group), 2 * x.shape[1] + 1)
        table[dist.get_rank(self.process_group)] = torch.cat([own_count, own_mean, own_var])
        counts, means, variances = _AllReduce.apply(table, self.process_group).split(
            [1, x.shape[1], x.shape[1]], dim=1
        )
        count = counts.sum()
        share = counts / count
        mean = (share * means).sum(dim=0)
        var = (share * (variances + (means - mean).square())).sum(dim=0)
        return count, mean, var

    @torch.no_grad()
    def _track(self, count: Tensor, mean: Tensor, var: Tensor) -> None:
        """Updates the running statistics as `torch.nn.BatchNorm3d` does."""
        if not self.track_running_stats:
            return
        self.num_batches_tracked += 1
        momentum = self.momentum
        if momentum is None:
            momentum = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(var * count / (count - 1), momentum)


class SyncBatchNorm1d(_SyncBatchNorm, nn.BatchNorm1d):
    """Normalises (N, C) or (N, C, L) with the statistics of all processes of a group.

    The processes may have batches of different sizes. In evaluation, and in a run of one process,
    the layer is `torch.nn.BatchNorm1d`.

    Args:
        num_features: channels.
        process_group: the processes whose batches are normalised together; None: all processes.
        **kwargs: as in `torch.nn.BatchNorm1d`.
    """


class SyncBatchNorm3d(_SyncBatchNorm, nn.BatchNorm3d):
    """`SyncBatchNorm1d` for (N, C, T, H, W), with the same arguments."""


class _AllReduce(torch.autograd.Function):
    """The sum over the processes of a group.

    Its gradient is the sum of the processes' gradients, because each process uses the result.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: dist.ProcessGroup | None) -> Tensor:
        ctx.group = group
        x = x.clone()
        dist.all_reduce(x, group=group)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        gradient = gradient.contiguous().clone()
        dist.all_reduce(gradient, group=ctx.group)
        return gradient, None
