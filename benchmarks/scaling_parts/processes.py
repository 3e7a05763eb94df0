"""Measures the gain and the cost of a second process: two on the CPU, one thread each, over gloo.

Process 0 takes steps alone while the other waits, then both take steps, in turn. So the ratios are
from one run. The gradients travel through the memory of one machine; the result does not apply to
a network between machines.
"""

from __future__ import annotations

import os
import socket
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import multiprocessing

from benchmarks.scaling_parts.steps import training_step
from benchmarks.scaling_parts.table import Table, small_config
from slowfast.models import build_model

CLIPS, FRAMES, SIDE = 8, 8, 112


def measure(folder: Path, repeats: int) -> list[Table]:
    """Returns one table; writes nothing to `folder`."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"tcp://localhost:{probe.getsockname()[1]}"
    with tempfile.NamedTemporaryFile() as result:
        multiprocessing.spawn(_process, (address, repeats, result.name), nprocs=2)
        alone, shared, twice, exchange, size = map(float, Path(result.name).read_text().split())
    rows = [
        ("1 process, 8 clips", f"{alone:.3f}", "1.00 x", ""),
        ("2 processes, 4 clips each", f"{shared:.3f}", f"{shared / alone:.2f} x", "0.50 x"),
        ("2 processes, 8 clips each", f"{twice:.3f}", f"{twice / alone:.2f} x", "1.00 x"),
        (
            f"exchange of {size / 2**20:.1f} MiB of gradients alone",
            f"{exchange:.4f}",
            f"{exchange / alone:.3f} x",
            "0",
        ),
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return [Table(f"A step on {cores} cores", ("", "seconds", "against 1", "at best"), rows)]


def _process(rank: int, address: str, repeats: int, result: str) -> None:
    torch.set_num_threads(1)
    alone = training_step(CLIPS, FRAMES, SIDE)  # made before the group, so it exchanges nothing
    dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    jobs: list[Callable[[], object]] = [
        lambda: alone() if rank == 0 else None,
        training_step(CLIPS // 2, FRAMES, SIDE),
        training_step(CLIPS, FRAMES, SIDE),
    ]
    network = build_model(small_config())
    size = 4 * sum(weight.numel() for weight in network.parameters())
    gradients = torch.zeros(size // 4)
    jobs.append(lambda: dist.all_reduce(gradients))
    taken: list[list[float]] = [[] for _ in jobs]
    for turn in range(repeats + 1):
        for job, times in zip(jobs, taken, strict=True):
            dist.barrier()
            begin = time.perf_counter()
            job()
            dist.barrier()
            if turn:
                times.append(time.perf_counter() - begin)
    if rank == 0:
        Path(result).write_text(" ".join(str(statistics.median(t)) for t in taken) + f" {size}")
    dist.destroy_process_group()
