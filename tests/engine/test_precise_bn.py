"""A signal stops the measurement of norm statistics in all processes."""

import os
import signal
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn

from slowfast.ak.norms.sync import SyncBatchNorm3d
from slowfast.engine import precise_bn
from slowfast.engine.precise_bn import NormStatisticsPass
from slowfast.engine.stopping import StopRequests
from slowfast.tasks import Batch, Rows, Task
from slowfast.utils.processes.launch import Stopped


class Identity(Task):
    """A task whose network gets the batch unchanged, and whose scores are its outputs."""

    def prepare(self, batch, moment=None):
        return batch

    def rows(self, network, batch):
        return Rows(batch.clips[:, None], network(batch.inputs[0]), None)


class FiveBatches:
    """A loader and its batches on a device; process 0 gets SIGTERM with the third batch."""

    device = torch.device("cpu")

    def __init__(self, rank: int) -> None:
        self.rank, self.given = rank, 0

    def __len__(self) -> int:
        return 5

    def __iter__(self):
        for number in range(5):
            if number == 2 and self.rank == 0:
                os.kill(os.getpid(), signal.SIGTERM)
            self.given += 1
            yield Batch([torch.rand(2, 3, 1, 2, 2)], None, torch.arange(2))


def _measure(rank: int, init: str, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    precise_bn.shuffle_dataset = lambda loader, epoch, even: None
    batches = FiveBatches(rank)
    network = nn.Sequential(SyncBatchNorm3d(3, process_group=dist.group.WORLD))
    with StopRequests() as stop:
        try:
            NormStatisticsPass(Identity(), batches, batches, 5, stop).run(0, network)
        except Stopped:
            Path(folder, str(rank)).write_text(str(batches.given))
    dist.destroy_process_group()


def test_a_signal_to_one_process_stops_all_before_the_same_batch(tmp_path):
    """Synchronised norms exchange in each forward pass: if only one process stopped, the others
    would wait until DIST_TIMEOUT."""
    arguments = f"file://{tmp_path}/meet", str(tmp_path)
    workers = mp.start_processes(_measure, arguments, nprocs=2, join=False, start_method="fork")
    for process in workers.processes:
        process.join(60)
    hanging = [process for process in workers.processes if process.is_alive()]
    for process in hanging:
        process.kill()
    assert not hanging
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["3", "3"]
