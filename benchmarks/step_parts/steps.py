"""Steps of training, each setting in a process of its own, taken in turn.

Notable: what else the machine does falls on all settings alike, and a ratio is that of medians of
one run. A process of its own also has a peak of memory of its own, and one that crashes or is not
to be had (no compiler, no such precision) ends with the reason in its row, not the benchmark.
"""

import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.multiprocessing as mp
from fvcore.common.config import CfgNode

from benchmarks.step_parts.clock import PARTS, Clock, MarkedNetwork, MarkedScaler, over_and_over
from slowfast.ak.clips.network_input import InputTransform
from slowfast.config.defaults import get_cfg
from slowfast.config.merge import merge_file, merge_list
from slowfast.datasets.loader import construct_loader
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.runtime import get_device, seed_everything
from slowfast.engine.step import TrainStep
from slowfast.engine.trained import Trained
from slowfast.models.memory_format import channels_last

LR = 0.01


@dataclass(frozen=True)
class Measured:
    """What a setting took.

    Attributes:
        seconds: of a step, the median.
        processor: seconds of the host's processors in a step, all threads, the median.
        shares: of a step's time, by part.
        memory: largest in bytes: on a GPU what tensors take, on a CPU what the process takes.
        queued: share of a step's time in which the host hands it to the device; 1 on a CPU.
        failure: why there is nothing of the above, or empty.
    """

    seconds: float = float("nan")
    processor: float = float("nan")
    shares: dict[str, float] | None = None
    memory: float = float("nan")
    queued: float = 1.0
    failure: str = ""


def load_cfg(recipe: str, options: list[str]) -> CfgNode:
    """A recipe with options KEY VALUE KEY VALUE ..."""
    cfg = get_cfg()
    merge_file(cfg, recipe)
    merge_list(cfg, options)
    return cfg


class Stepper:
    """Takes steps of a configuration on clips that its own loader reads."""

    def __init__(self, cfg: CfgNode) -> None:
        seed_everything(cfg.RNG_SEED)
        self._device = device = get_device(cfg)
        loader = construct_loader(cfg, "train")
        self._batches = iter(over_and_over(DeviceBatches(loader, device, cfg.SPEED.PREFETCH)))
        self._clock = Clock(device)
        to_input = InputTransform.from_cfg(cfg, channels_last(cfg))
        to_input.register_forward_hook(lambda *_: self._clock.mark("data"))
        trained = Trained.from_cfg(cfg)
        trained.model = MarkedNetwork(trained.model, self._clock)
        trained.scaler = MarkedScaler(trained.scaler, self._clock)
        self._step = TrainStep(cfg, trained, to_input)
        self._key = (cfg.RNG_SEED, 0, 0, 0)

    def __call__(self) -> tuple[dict[str, float], float, float]:
        """Seconds of each part of one step, of the processors, and those until all was queued."""
        self._clock.start()
        begin, busy = time.perf_counter(), time.process_time()
        clips, labels, _ = next(self._batches)
        self._step(clips, labels, LR, self._key)
        self._clock.mark("optimizer")
        host = time.perf_counter() - begin
        return self._clock.read(), time.process_time() - busy, host

    def peak_memory(self) -> float:
        """Bytes, so far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device)
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _serve(connection: Connection, recipe: str, options: list[str], threads: int) -> None:
    """Takes a step whenever it is asked to; errors go back as text."""
    torch.set_num_threads(threads)
    try:
        stepper = Stepper(load_cfg(recipe, options))
        while connection.recv():
            connection.send((*stepper(), stepper.peak_memory()))
    except Exception as error:
        connection.send(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")


class _Setting:
    """A process that takes steps, and what they took."""

    def __init__(self, recipe: str, options: list[str], threads: int) -> None:
        context = mp.get_context("spawn")
        self._connection, other = context.Pipe()
        # No daemon: a loader's workers are processes of it.
        self._process = context.Process(target=_serve, args=(other, recipe, options, threads))
        self._process.start()
        other.close()
        self._steps: list[Any] = []
        self._failure = ""

    def step(self, counts: bool) -> None:
        if self._failure:
            return
        try:
            self._connection.send(True)
            answer = self._connection.recv()
        except (EOFError, OSError):
            self._process.join()
            answer = f"the process ended with status {self._process.exitcode}"
        if isinstance(answer, str):
            self._failure = answer
        elif counts:
            self._steps.append(answer)

    def end(self) -> None:
        if self._process.is_alive() and not self._failure:
            self._connection.send(False)
        self._process.join(timeout=20)
        self._process.kill()

    def measured(self) -> Measured:
        if self._failure:
            return Measured(failure=self._failure)
        parts, processor, hosts, memory = zip(*self._steps, strict=True)
        seconds = statistics.median(sum(step.values()) for step in parts)
        total = sum(sum(step.values()) for step in parts)
        shares = {part: sum(step[part] for step in parts) / total for part in PARTS}
        return Measured(
            seconds, statistics.median(processor), shares, max(memory), sum(hosts) / total
        )


def measure(
    recipe: str, settings: dict[str, list[str]], repeats: int, threads: int
) -> dict[str, Measured]:
    """Steps of all settings in turn: a first one that does not count, then `repeats`.

    Args:
        recipe: a YAML file.
        settings: by name, the options KEY VALUE ... that each adds to it.
    """
    with _processes(recipe, settings, threads) as processes:
        for turn in range(repeats + 1):
            for process in processes.values():
                process.step(counts=turn > 0)
    return {name: process.measured() for name, process in processes.items()}


@contextmanager
def _processes(
    recipe: str, settings: dict[str, list[str]], threads: int
) -> Iterator[dict[str, _Setting]]:
    processes: dict[str, _Setting] = {}
    try:
        for name, options in settings.items():
            processes[name] = _Setting(recipe, options, threads)
        yield processes
    finally:
        for process in processes.values():
            process.end()
