"""A process that torchrun has started: what it was told, and how it tells of an error.

Notable: torchrun's word goes before the configuration's: processes a machine, machines, and which
one this is. Processes meet at the store that torchrun keeps, each start of the run in a part of it
that is its own.
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
from slowfast.utils.workers import end_with

logger = logging.get_logger(__name__)

# How long the first process waits for the others to have started.
_ALL_ARE_HERE = timedelta(minutes=30)
# How long a process waits for the first one to tell the same error.
_FIRST_TELLS = timedelta(seconds=5)


@dataclass
class Torchrun:
    """What torchrun has told this process.

    Attributes:
        rank, world_size: number among all processes, and how many there are.
        local_rank: number among those of the machine.
        local_size: processes on this machine.
        machine, machines: number of this machine, and how many there are.
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
        """None where no torchrun has started this process."""
        if "TORCHELASTIC_RUN_ID" not in environment:
            return None
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
        names += ("GROUP_RANK", "GROUP_WORLD_SIZE")
        return cls(*(int(environment[name]) for name in names))

    @functools.cached_property
    def store(self) -> dist.Store:
        """What all processes of this start write to and read from.

        Restarts find the store that they left, with all that stands in it, and machines do not
        count restarts alike. So the first process gives this start's part of it a new name, which
        it answers to whoever greets it; those of an earlier start, whose greetings it finds too,
        do not hear that.
        """
        store = next(dist.rendezvous("env://", timeout=_ALL_ARE_HERE))[0]
        name = uuid4().hex
        if self.rank:
            store.set(f"greeting of {self.rank}", name)
            name = store.get(f"answer to {name}").decode()
            store.set(f"{name} reached {self.rank}", "")
        else:
            self._answer(store, name)
        return dist.PrefixStore(name, store)

    def _answer(self, store: dist.Store, name: str) -> None:
        """Tells all others the name, until each has it."""
        others = set(range(1, self.world_size))
        deadline = time.monotonic() + _ALL_ARE_HERE.total_seconds()
        while others and time.monotonic() < deadline:
            others = {rank for rank in others if not store.check([f"{name} reached {rank}"])}
            for rank in others:
                if store.check([f"greeting of {rank}"]):
                    greeting = store.get(f"greeting of {rank}").decode()
                    store.set(f"answer to {greeting}", name)
            time.sleep(0.05 * bool(others))
        if others:
            raise UserError(
                f"torchrun has started {self.world_size} processes, and of these "
                f"{sorted(others)} have not been heard of for {_ALL_ARE_HERE}; look at the "
                "output of their machines."
            )

    def next_meeting(self) -> dist.Store:
        """Where the next process group meets; all processes ask for it alike."""
        self._jobs += 1
        return dist.PrefixStore(f"job {self._jobs}", self.store)

    def check_machines(self) -> None:
        """Makes sure, on all processes alike, that machines have equally many.

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
                "run; a batch is shared out among equally many on each. Give all machines the same "
                "--nproc-per-node."
            )

    def adopt(self, cfg: CfgNode) -> None:
        """Writes into the configuration how many processes and machines there are.

        Raises:
            UserError: more processes than GPUs.
        """
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        settings = {
            "CPU_PROCESSES": self.local_size,
            "NUM_SHARDS": self.machines,
            "SHARD_ID": self.machine,
        }
        if cfg.CPU_PROCESSES not in (1, self.local_size):
            logger.warning(
                f"CPU_PROCESSES is {cfg.CPU_PROCESSES}, and torchrun has started "
                f"{self.local_size} on this machine: these it is."
            )
        if cfg.NUM_GPUS and gpus:
            if self.local_size > gpus:
                raise UserError(
                    f"torchrun started {self.local_size} processes on a machine of {gpus} GPUs; "
                    f"give it --nproc-per-node {gpus}, or NUM_GPUS 0 to train on the CPU."
                )
            settings["NUM_GPUS"] = self.local_size
        for key, value in settings.items():
            cfg[key] = value
            provenance.record(cfg, key, "torchrun")

    def tells(self, words: str, error: Exception | None) -> bool:
        """Whether this process is the one to say something; see `tell`."""
        try:
            return self._tells(words, isinstance(error, LostProcess))
        except RuntimeError:  # the store is gone, with the machine that kept it
            return True

    def _tells(self, words: str, is_aftermath: bool) -> bool:
        if is_aftermath:
            return self.store.add("told", 1) == 1
        if self.rank:
            try:
                self.store.wait([words], _FIRST_TELLS)
                return False
            except dist.DistStoreError:
                pass
        self.store.add("told", 1)
        return self.store.add(words, 1) == 1


@functools.cache
def current() -> Torchrun | None:
    """What torchrun has told this process; None where none has started it."""
    return Torchrun.from_environment(os.environ)


def tell(words: str, error: Exception | None = None) -> bool:
    """Prints words on stderr, once for all processes that have the same to say.

    The first process says them. Another one says, with its number, what the first has not said for
    some seconds; that a process is gone it says only where no cause has been told.

    Returns:
        Whether this process has said them.
    """
    run = current()
    if run and not run.tells(words, error):
        return False
    print(f"\n[process {run.rank}] {words}" if run and run.rank else f"\n{words}", file=sys.stderr)
    return True


def as_worker(function: Callable[..., int]) -> Callable[..., int]:
    """The program, as one that torchrun watches: its exceptions stand in the summary that torchrun
    prints in the end, and it ends where torchrun is killed. Unchanged where none has started it."""
    run = current()
    if run is None:
        return function
    if run.rank:
        logging.silence()  # what is said before there is a log, the first process says
    end_with(os.getppid())
    return record(function)
