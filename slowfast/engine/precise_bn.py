"""Precise batch norm: running statistics measured with fixed weights.

The running mean and variance that training leaves are moving averages over weights that have
changed since. Wu and Johnson, "Rethinking 'Batch' in BatchNorm" (2021), replace them by averages
over some hundred batches with fixed weights; fvcore has their code.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from fvcore.common.config import CfgNode
from fvcore.nn.precise_bn import get_bn_modules, update_bn_stats
from torch import nn

from slowfast.ak.clips.loader import ClipLoader
from slowfast.datasets.loader import shuffle_dataset
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.runtime import get_device, share_norm_statistics
from slowfast.engine.stopping import StopRequests
from slowfast.tasks import Batch, Rows, Task
from slowfast.utils import distributed
from slowfast.utils.processes.launch import Stopped
from slowfast.utils.progress import progress_bar

# The progress bar shows what fvcore logs.
logging.getLogger("fvcore.nn.precise_bn").setLevel(logging.WARNING)


class _Scoring(nn.Module):
    """A network that takes the batches of a task."""

    def __init__(self, task: Task, network: nn.Module) -> None:
        super().__init__()
        self._task, self.network = [task], network  # a list: the task is not part of the network

    def forward(self, batch: Batch) -> Rows:
        return self._task[0].rows(self.network, batch)


@dataclass
class NormStatisticsPass:
    """Measures norm statistics on training batches.

    Attributes:
        batches: of the loader, on the device.
        most: batches to measure (BN.NUM_BATCHES_PRECISE); fewer if the loader has fewer.
    """

    task: Task
    loader: ClipLoader
    batches: DeviceBatches
    most: int
    stop: StopRequests

    @classmethod
    def from_cfg(
        cls,
        cfg: CfgNode,
        task: Task,
        loader: ClipLoader,
        stop: StopRequests,
    ) -> NormStatisticsPass:
        batches = DeviceBatches(loader, get_device(cfg), cfg.SPEED.PREFETCH)
        return cls(task, loader, batches, cfg.BN.NUM_BATCHES_PRECISE, stop)

    def run(self, epoch: int, network: nn.Module) -> None:
        """Replaces the running statistics of a network's norm layers, equally on all processes.

        Args:
            epoch: counted from 0; the batches have its first clips. In multigrid training all
                have the shape of the phase.
            network: not wrapped.

        Raises:
            Stopped: the run was asked to stop.
        """
        if not get_bn_modules(network.train()):
            return
        shuffle_dataset(self.loader, epoch, even=True)
        number = min(self.most, len(self.loader))
        bar = progress_bar(number, "precise batch norm")

        def batches() -> Iterator[Batch]:
            for batch in self.batches:
                # Synchronised norms exchange in the forward pass, so either all processes compute
                # the next batch or none does. This agreement waits for no device.
                if any(distributed.all_gather_unaligned(self.stop.asked)):
                    raise Stopped
                bar.update()
                yield self.task.prepare(batch)

        with suppress(Stopped):
            update_bn_stats(_Scoring(self.task, network), batches(), number)
        bar.close()
        self.stop.stop_if_asked(self.batches.device)
        share_norm_statistics(network)
