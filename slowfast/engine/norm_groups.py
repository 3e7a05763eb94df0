"""Changes the groups of norm layers during training, where the plan of the run says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.models.batchnorm_helper import GridBatchNorm3d, sync_norm
from slowfast.schedules.plan import RunPlan
from slowfast.utils import distributed


class NormGrouping:
    """Groups clips in the norm layers of networks, in place.

    Args:
        plan: of the run.
        make_norm: makes layers that normalise over so many processes. It is called once for each
            number, because it makes process groups.
    """

    def __init__(self, plan: RunPlan, make_norm: Callable[[int], Callable[..., nn.Module]]) -> None:
        self._plan, self._make_norm = plan, cache(make_norm)

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> NormGrouping:
        return cls(RunPlan.from_cfg(cfg), lambda devices: sync_norm(devices, cfg))

    def begin_epoch(self, epoch: int, networks: Iterable[nn.Module]) -> None:
        """Sets the groups of an epoch (from 0). All processes call this."""
        groups = self._plan.norm_groups(epoch)
        if groups is None:
            return
        norm = self._make_norm(min(groups.devices, distributed.get_world_size()))
        for network in networks:
            for layer in network.modules():
                if isinstance(layer, GridBatchNorm3d):
                    layer.regroup(groups, norm)
