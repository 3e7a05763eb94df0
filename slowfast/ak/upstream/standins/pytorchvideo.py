"""Parts of pytorchvideo that upstream's main imports and that no released version has.

They are a loss, functions for several processes and synchronised batch norms, with the names and
parameters that upstream uses.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F

from slowfast.ak.errors import UserError
from slowfast.ak.norms.sync import SyncBatchNorm1d, SyncBatchNorm3d
from slowfast.ak.run.processes import group_made_once, rank_and_size

DISTRIBUTED = (
    "cat_all_gather",
    "get_local_process_group",
    "get_local_rank",
    "get_local_size",
    "get_world_size",
    "init_distributed_training",
)

_local_group: dist.ProcessGroup | None = None


def get_world_size() -> int:
    """Returns the number of processes of the run."""
    return rank_and_size()[1]


def init_distributed_training(num_gpus: Any, shard_id: int = 0) -> None:
    """Makes the groups of the processes that share a machine. Each process calls it once.

    Args:
        num_gpus: number of processes a machine, or a configuration with NUM_GPUS and SHARD_ID.
        shard_id: number of this machine.
    """
    global _local_group
    if not isinstance(num_gpus, int):
        num_gpus, shard_id = num_gpus.NUM_GPUS, num_gpus.SHARD_ID
    if num_gpus <= 1 or get_world_size() == 1:
        return
    for machine in range(get_world_size() // num_gpus):
        first = machine * num_gpus
        group = dist.new_group(range(first, first + num_gpus))
        if machine == shard_id:
            _local_group = group


def forget_machine() -> None:
    """Undoes `init_distributed_training`, before the process leaves its groups."""
    global _local_group
    _local_group = None


def get_local_process_group() -> dist.ProcessGroup | None:
    """Returns the group of the processes of this machine.

    It is None for a single process, and before `init_distributed_training` is called.
    """
    return _local_group


def get_local_size() -> int:
    """Returns the number of processes of this machine."""
    return 1 if _local_group is None else dist.get_world_size(_local_group)


def get_local_rank() -> int:
    """Returns the number of this process on its machine."""
    return 0 if _local_group is None else dist.get_rank(_local_group)


@torch.no_grad()
def cat_all_gather(tensors: Tensor, local: bool = False) -> Tensor:
    """Returns the tensors (n, ...) of all processes, joined in order of rank; without gradient.

    Args:
        tensors: the tensor of this process; its shape is the same in all processes.
        local: whether only the processes of this machine take part.
    """
    group = _local_group if local else None
    size = get_local_size() if local else get_world_size()
    if size == 1:
        return tensors
    parts = [torch.empty_like(tensors) for _ in range(size)]
    dist.all_gather(parts, tensors.contiguous(), group=group)
    return torch.cat(parts)


class SoftTargetCrossEntropyLoss(nn.Module):
    """Cross entropy whose target is a distribution over classes, or one class.

    Args:
        ignore_index: clips with a target above 0 for this class are left out.
        reduction: ``mean`` over the clips that are not left out (0 if there are none), or ``none``.
        normalize_targets: whether the targets of a clip are scaled to sum to 1.

    Raises:
        UserError: `reduction` is something else.
    """

    def __init__(
        self, ignore_index: int = -100, reduction: str = "mean", normalize_targets: bool = True
    ) -> None:
        super().__init__()
        if reduction not in ("mean", "none"):
            raise UserError(f"reduction: expected mean or none; found {reduction!r}.")
        self.ignore_index, self.reduction = ignore_index, reduction
        self.normalize_targets = normalize_targets

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Logits (N, C) and targets (N, C) or classes (N,) -> the mean, or losses (N,)."""
        num_classes = input.shape[1]
        if target.ndim == 1:
            counts = target != self.ignore_index
            target = F.one_hot(target.where(counts, 0), num_classes)
        elif 0 <= self.ignore_index < num_classes:
            counts = target[:, self.ignore_index] <= 0
        else:
            counts = target.new_ones(len(target), dtype=torch.bool)
        target = target.float()
        if self.normalize_targets:
            # The loss of a clip without any target is 0.
            target = target / target.sum(dim=1, keepdim=True).clamp(min=1e-8)
        losses = -(target * F.log_softmax(input, dim=1)).sum(dim=1) * counts
        return losses.sum() / counts.sum().clamp(min=1) if self.reduction == "mean" else losses


def _group(num_sync_devices: int | None, global_sync: bool) -> tuple[int, Any]:
    """Returns how many processes normalise together, and their group."""
    world_size = get_world_size()
    if world_size == 1 or global_sync:
        return world_size, None
    size = min(num_sync_devices or get_local_size(), world_size)
    if world_size % size:
        raise UserError(
            f"BN.NUM_SYNC_DEVICES: found {size}, which does not divide the {world_size} devices of "
            "this run; set a divisor, or set BN.GLOBAL_SYNC True for all devices together."
        )
    if size == 1:
        return 1, None
    return size, group_made_once(size, lambda: dist.new_subgroups(size)[0])


class _NaiveSync:
    """Gives a synchronised norm upstream's parameters, which count processes.

    Args:
        num_features: number of channels.
        num_sync_devices: number of processes that normalise together; their ranks are neighbours.
            None or 0: the processes of a machine. Not read with `global_sync`.
        global_sync: whether all processes normalise together.
        eps, momentum, affine, track_running_stats: as in `torch.nn.BatchNorm3d`.
    """

    def __init__(
        self,
        num_features: int,
        *args: Any,
        num_sync_devices: int | None = None,
        global_sync: bool = True,
        **kwargs: Any,
    ) -> None:
        size, group = _group(num_sync_devices, global_sync)
        names = ("eps", "momentum", "affine", "track_running_stats")
        kwargs |= dict(zip(names, args, strict=False))
        super().__init__(num_features, process_group=group, **kwargs)
        self.is_alone = size == 1


class NaiveSyncBatchNorm1d(_NaiveSync, SyncBatchNorm1d):
    """Normalises (N, C) or (N, C, L) over several processes."""


class NaiveSyncBatchNorm3d(_NaiveSync, SyncBatchNorm3d):
    """Normalises (N, C, T, H, W) over several processes."""
