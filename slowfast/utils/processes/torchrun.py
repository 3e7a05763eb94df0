"""A process started by torchrun: its place in the run, and how it reports an error.

torchrun decides the number of machines, the processes of each and the number of this machine; the
configuration is set to these. The processes meet at torchrun's store. Each start of the run uses
its own part of the store.
"""

import functools
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import torch
import torch.distributed as dist
from fvcore.common.config import CfgNode
from torch.distributed.elastic.multiprocessing.errors import record

from slowfast.ak.errors import UserError
from slowfast.config import provenance
from slowfast.utils import logging
from slowfast.utils.distributed import LostProcess
from slowfast.utils.processes.workers import end_with_parent

logger = logging.get_logger(__name__)

# How long the first process waits for the others to start.
_START_TIMEOUT = timedelta(minutes=30)
# How long a process waits for the first one to report the same error.
_REPORT_TIMEOUT = timedelta(seconds=5)


@dataclass
class Torchrun:
    """The place of a process that torchrun started.

    Attributes:
        rank, world_size: number of this process, and number of processes.
        local_rank, local_size: the same on this machine.
        machine, machines: number of this machine, and number of machines.
    """

    rank: int
    world_size: int
    local_rank: int
    local_size: int
    machine: int
    machines: int
    _jobs: int = field(default=0, init=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Torchrun | None":
        """Reads torchrun's variables; None if torchrun did not start this process."""
        if "TORCHELASTIC_RUN_ID" not in environment:
            return None
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        names += ("GROUP_RANK", "GROUP_WORLD_SIZE")
        return cls(*(int(environment[name]) for name in names))

    @functools.cached_property
    def store(self) -> dist.Store:
        """The store of this start, which all its processes read and write.

        A restart finds the same store with all earlier entries, and machines may count restarts
        differently. Therefore the first process gives this start's part of the store a new random
        name. Each other process writes a greeting with a random key, and the first one answers
        under this key. Processes of an earlier start do not read such an answer.
        """
        store = next(dist.rendezvous("env://", timeout=_START_TIMEOUT))[0]
        name = uuid4().hex
        if self.rank:
            store.set(f"greeting of {self.rank}", name)
            name = store.get(f"answer to {name}").decode()
            store.set(f"{name} reached {self.rank}", "")
        else:
            self._answer(store, name)
        return dist.PrefixStore(name, store)

    def _answer(self, store: dist.Store, name: str) -> None:
        """Answers the greetings of all other processes until each has read the name."""
        others = set(range(1, self.world_size))
        deadline = time.monotonic() + _START_TIMEOUT.total_seconds()
        while others and time.monotonic() < deadline:
            others = {rank for rank in others if not store.check([f"{name} reached {rank}"])}
            for rank in others:
                if store.check([f"greeting of {rank}"]):
                    greeting = store.get(f"greeting of {rank}").decode()
                    store.set(f"answer to {greeting}", name)
            time.sleep(0.05 * bool(others))
        if others:
            raise UserError(
                f"torchrun started {self.world_size} processes, but processes {sorted(others)} did "
                f"not report within {_START_TIMEOUT}. Look at the output of their machines."
            )

    def next_meeting(self) -> dist.Store:
        """Returns the store of the next process group; all processes call this equally often."""
        self._jobs += 1
        return dist.PrefixStore(f"job {self._jobs}", self.store)

    def check_machines(self) -> None:
        """Checks in all processes that the machines have equally many processes.

        Raises:
            UserError: they do not.
        """
        if self.local_rank == 0:
            self.store.set(f"processes of machine {self.machine}", str(self.local_size))
        sizes = [
            int(self.store.get(f"processes of machine {number}")) for number in range(self.machines)
        ]
        if len(set(sizes)) > 1:
            raise UserError(
                f"torchrun started {', '.join(map(str, sizes))} processes on the machines of this "
                "run, but each machine needs the same number. Give all machines the same "
                "--nproc-per-node."
            )

    def apply_to(self, cfg: CfgNode) -> None:
        """Sets the number of processes and machines in the configuration.

        Raises:
            UserError: there are more processes than GPUs.
        """
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        settings = {
            "CPU_PROCESSES": self.local_size,
            "NUM_SHARDS": self.machines,
            "SHARD_ID": self.machine,
        }
        if cfg.CPU_PROCESSES not in (1, self.local_size):
            logger.warning(
                f"CPU_PROCESSES is {cfg.CPU_PROCESSES}, but torchrun started {self.local_size} "
                "processes on this machine. The run uses these."
            )
        if cfg.NUM_GPUS and gpus:
            if self.local_size > gpus:
                raise UserError(
                    f"torchrun started {self.local_size} processes on a machine with {gpus} GPUs. "
                    f"Set --nproc-per-node {gpus}, or NUM_GPUS 0 to train on the CPU."
                )
            settings["NUM_GPUS"] = self.local_size
        for key, value in settings.items():
            cfg[key] = value
            provenance.record(cfg, key, "torchrun")

    def is_reporter(self, text: str, error: Exception | None) -> bool:
        """Returns whether this process prints the text; see `print_once`."""
        try:
            return self._is_reporter(text, isinstance(error, LostProcess))
        except RuntimeError:  # the store is gone, with the machine that held it
            return True

    def _is_reporter(self, text: str, is_consequence: bool) -> bool:
        if is_consequence:
            return self.store.add("reports", 1) == 1
        if self.rank:
            try:
                self.store.wait([text], _REPORT_TIMEOUT)
                return False
            except dist.DistStoreError:
                pass
        self.store.add("reports", 1)
        return self.store.add(text, 1) == 1


@functools.cache
def current() -> Torchrun | None:
    """Returns the place of this process in torchrun's run; None without torchrun."""
    return Torchrun.from_environment(os.environ)


def print_once(text: str, error: Exception | None = None) -> bool:
    """Prints a text on stderr once, although several processes may call this with it.

    The first process prints it. Another process prints it, with its number, if the first one has
    not done so within seconds. A `LostProcess` is printed only if no process printed its cause.

    Returns:
        Whether this process printed the text.
    """
    run = current()
    if run and not run.is_reporter(text, error):
        return False
    print(f"\n[process {run.rank}] {text}" if run and run.rank else f"\n{text}", file=sys.stderr)
    return True


def as_worker(function: Callable[..., int]) -> Callable[..., int]:
    """Prepares a program that torchrun started; returns it unchanged without torchrun.

    Its exceptions then appear in torchrun's summary, and it ends if torchrun is killed.
    """
    run = current()
    if run is None:
        return function
    if run.rank:
        logging.silence()  # the first process prints what comes before logging is set up
    end_with_parent(os.getppid())
    return record(function)
