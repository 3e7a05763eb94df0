"""Steps of training, each setting in a process of its own, taken in turn.

Other work of the machine affects all settings alike, since they take their steps in turn. So
a ratio of two medians of one run is fair. A process of its own has its own peak of memory. If one
crashes or cannot run (no compiler, no such precision), the reason is in its row, and the others
go on.
"""

import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import torch
import torch.multiprocessing as mp
from fvcore.common.config import CfgNode

from benchmarks.step_parts.clock import PARTS, Clock, MarkedNetwork, MarkedScaler, over_and_over
from slowfast.config.defaults import get_cfg
from slowfast.config.merge import merge_file, merge_list
from slowfast.datasets.loader import construct_loader
from slowfast.engine.device.prefetch import DeviceBatches
from slowfast.engine.device.runtime import get_device, seed_everything
from slowfast.engine.learner import Learner
from slowfast.engine.step import TrainStep
from slowfast.tasks import Moment

LR = 0.01


class Step(NamedTuple):
    """The time and the loss of one step.

    Attributes:
        parts: seconds of each part.
        processor: seconds of the host's processors, all threads.
        host: seconds until the whole step was handed to the device.
        loss: of this process's clips.
    """

    parts: dict[str, float]
    processor: float
    host: float
    loss: float


class Memory(NamedTuple):
    """The most memory used so far, in bytes.

    Attributes:
        used: memory of tensors on a GPU, of the process on a CPU.
        reserved: what PyTorch holds of the GPU; `used` on a CPU.
    """

    used: float
    reserved: float


@dataclass(frozen=True)
class Measured:
    """The figures of a setting.

    Attributes:
        seconds: the median of a step.
        processor: seconds of the host's processors in a step, all threads, the median.
        shares: of a step's time, by part.
        memory: the largest in bytes, as `Memory.used`.
        queued: the share of a step's time in which the host hands it to the device; 1 on a CPU.
        reserved: the largest in bytes, as `Memory.reserved`.
        loss: of the last step.
        failure: why the figures are missing, or empty.
    """

    seconds: float = float("nan")
    processor: float = float("nan")
    shares: dict[str, float] | None = None
    memory: float = float("nan")
    queued: float = 1.0
    reserved: float = float("nan")
    loss: float = float("nan")
    failure: str = ""


def load_cfg(recipe: str, options: list[str]) -> CfgNode:
    """Returns the configuration of a recipe with options KEY VALUE KEY VALUE ..."""
    cfg = get_cfg()
    merge_file(cfg, recipe)
    merge_list(cfg, options)
    return cfg


class Stepper:
    """Takes steps of a configuration on clips that its own loader reads."""

    def __init__(self, cfg: CfgNode) -> None:
        seed_everything(cfg.RNG_SEED)
        self._device = device = get_device(cfg)
        learner = Learner.from_cfg(cfg)
        loader = construct_loader(cfg, "train", collate=learner.task.collate)
        self._batches = iter(over_and_over(DeviceBatches(loader, device, cfg.SPEED.PREFETCH)))
        self._clock = Clock(device)
        learner.task.to_input.register_forward_hook(lambda *_: self._clock.mark("data"))
        learner.task.network = MarkedNetwork(learner.network, self._clock)
        learner.scaler = MarkedScaler(learner.scaler, self._clock)
        self._step = TrainStep.from_cfg(cfg, learner)
        self._moment = Moment(cfg.RNG_SEED, 0, 0, 0)

    def __call__(self) -> Step:
        """Takes one step, and waits for its end."""
        self._clock.start()
        begin, busy = time.perf_counter(), time.process_time()
        loss = self._step(next(self._batches), LR, self._moment)["loss"]
        self._clock.mark("optimizer")
        host = time.perf_counter() - begin
        return Step(self._clock.read(), time.process_time() - busy, host, float(loss))

    def peak_memory(self) -> Memory:
        if self._device.type == "cuda":
            return Memory(
                torch.cuda.max_memory_allocated(self._device),
                torch.cuda.max_memory_reserved(self._device),
            )
        unit = 1 if sys.platform == "darwin" else 1024
        process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        return Memory(process, process)


def _serve(connection: Connection, recipe: str, options: list[str], threads: int) -> None:
    """Takes a step at each request; sends an error back as text."""
    torch.set_num_threads(threads)
    try:
        stepper = Stepper(load_cfg(recipe, options))
        while connection.recv():
            connection.send((stepper(), stepper.peak_memory()))
    except Exception as error:
        connection.send(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")


class _Setting:
    """A process that takes steps, and the figures of its steps."""

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
        steps, memory = zip(*self._steps, strict=True)
        taken = [sum(step.parts.values()) for step in steps]
        return Measured(
            seconds=statistics.median(taken),
            processor=statistics.median(step.processor for step in steps),
            shares={part: sum(step.parts[part] for step in steps) / sum(taken) for part in PARTS},
            memory=max(peak.used for peak in memory),
            queued=sum(step.host for step in steps) / sum(taken),
            reserved=max(peak.reserved for peak in memory),
            loss=steps[-1].loss,
        )


def measure(
    recipe: str, settings: dict[str, list[str]], repeats: int, threads: int
) -> dict[str, Measured]:
    """Lets all settings take steps in turn: a first one that does not count, then `repeats`.

    Args:
        recipe: a YAML file.
        settings: for each name, the options KEY VALUE ... that it adds to the recipe.
        repeats: steps of each setting that count.
        threads: CPU threads of each process.
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
