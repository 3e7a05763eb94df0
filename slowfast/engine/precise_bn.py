"""Precise batch norm: running statistics measured with the weights as they are.

The running mean and variance that training leaves behind are moving averages over weights that
have changed since. Wu and Johnson, "Rethinking 'Batch' in BatchNorm" (2021), replace them by
averages over some hundred batches with fixed weights; fvcore has their code.
"""

import logging
from collections.abc import Iterator
from contextlib import suppress

import torch
from fvcore.common.config import CfgNode
from fvcore.nn.precise_bn import get_bn_modules, update_bn_stats
from torch import nn
from torch.utils.data import DataLoader

from slowfast.ak.clips.network_input import InputTransform
from slowfast.datasets.loader import shuffle_dataset
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.runtime import share_norm_statistics
from slowfast.engine.progress import progress_bar
from slowfast.engine.stopping import StopRequests
from slowfast.utils.distributed import unwrap
from slowfast.utils.launch import Stopped

# Our bar says it, where there is a terminal.
logging.getLogger("fvcore.nn.precise_bn").setLevel(logging.WARNING)


def update_norm_statistics(
    cfg: CfgNode,
    model: nn.Module,
    loader: DataLoader,
    to_input: InputTransform,
    device: torch.device,
    epoch: int,
    stop: StopRequests,
) -> None:
    """Replaces the running statistics of norm layers by averages over BN.NUM_BATCHES_PRECISE
    batches of the training loader, or all that it has, the same on all processes.

    Raises:
        Stopped: when the run was asked to stop.
    """
    network = unwrap(model).train()
    if not get_bn_modules(network):
        return
    shuffle_dataset(loader, epoch)
    num_batches = min(cfg.BN.NUM_BATCHES_PRECISE, len(loader))
    bar = progress_bar(num_batches, "precise batch norm")

    def batches() -> Iterator[list[torch.Tensor]]:
        for clips, *_ in DeviceBatches(loader, device, cfg.SPEED.PREFETCH):
            if stop.asked:
                raise Stopped
            bar.update()
            yield to_input(clips)

    with suppress(Stopped):
        update_bn_stats(network, batches(), num_batches)
    bar.close()
    stop.stop_if_asked(device)
    share_norm_statistics(network)
