"""Starting the processes of a run: in this process, as its children, or by torchrun.

The processes of one machine meet at a store in this process, on a port that the system chooses, so
that two runs never use the same port. A run on the CPU has CPU_PROCESSES processes, which
communicate over gloo.
"""

import signal
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import torch
import torch.distributed as dist
from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.run.cores import available_cores, processes_of_machine
from slowfast.utils import distributed, logging
from slowfast.utils.parser import DEFAULT_INIT_METHOD
from slowfast.utils.processes import torchrun
from slowfast.utils.processes.workers import EXIT_STOPPED, Stopped, WorkerError, run_together

__all__ = [
    "EXIT_STOPPED",
    "Stopped",
    "WorkerError",
    "available_gpus",
    "fit_to_machine",
    "launch_job",
]

logger = logging.get_logger(__name__)

# Where processes meet: an address, or a function that returns a store.
Meeting = str | Callable[[], dist.Store]


def fit_to_machine(cfg: CfgNode) -> None:
    """Sets the number of processes and machines by torchrun and the GPUs of this machine.

    Raises:
        UserError: the machines would have different numbers of processes.
    """
    if None in (cfg.NUM_GPUS, cfg.NUM_SHARDS):
        return  # the check of the configuration refuses it
    run = torchrun.current()
    if run:
        run.check_machines()
        run.apply_to(cfg)
    elif cfg.NUM_SHARDS > 1 and _present_gpus() < cfg.NUM_GPUS:
        raise UserError(
            f"NUM_GPUS: found {cfg.NUM_GPUS}, but this machine, one of NUM_SHARDS "
            f"{cfg.NUM_SHARDS}, has {_present_gpus()}. All machines need the same number. Set "
            "NUM_GPUS to the number of GPUs that each has, or to 0 for the CPU."
        )
    available_gpus(cfg)


def available_gpus(cfg: CfgNode) -> int:
    """Lowers NUM_GPUS to the number of present GPUs, with a warning.

    Returns:
        The new ``cfg.NUM_GPUS``; 0 means the CPU.
    """
    present = _present_gpus()
    if present < cfg.NUM_GPUS:
        instead = f"these {present}" if present else "the CPU"
        why = "" if present else f" ({_why_no_gpu()})"
        logger.warning(
            f"NUM_GPUS is {cfg.NUM_GPUS}, but this machine has {present}{why}: using {instead}."
        )
        was_frozen = cfg.is_frozen()
        cfg.defrost()
        cfg.NUM_GPUS = present
        if was_frozen:
            cfg.freeze()
    return cfg.NUM_GPUS


def _present_gpus() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _why_no_gpu() -> str:
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    return "PyTorch finds no usable driver; `nvidia-smi` shows whether there is one"


def launch_job(
    cfg: CfgNode, init_method: str, func: Callable[[CfgNode], None], daemon: bool = False
) -> None:
    """Runs ``func(cfg)`` in each process of this machine: one per GPU, or CPU_PROCESSES.

    A single process, or one that torchrun started, runs it itself.

    Args:
        init_method: where the machines meet. A single machine ignores the default.
        func: a function that new processes can import.
        daemon: whether new processes are daemons.

    Raises:
        UserError: ``init_method`` is not an address, or a process raised a UserError.
        WorkerError: a process failed with another error; the text is its traceback.
        Stopped: the run was asked to stop and has saved its state.
    """
    count = processes_of_machine(cfg)
    run = torchrun.current()
    if run:
        _join_and_run(run.local_rank, count, func, run.next_meeting, cfg)
    elif count * cfg.NUM_SHARDS == 1:
        func(cfg)
    else:
        _check_address(init_method)
        meeting: Meeting = init_method
        if cfg.NUM_SHARDS == 1 and init_method == DEFAULT_INIT_METHOD:
            # The store lives as long as this process.
            timeout = timedelta(minutes=cfg.DIST_TIMEOUT)
            store = dist.TCPStore(
                "127.0.0.1", 0, is_master=True, timeout=timeout, wait_for_workers=False
            )
            meeting = partial(
                dist.TCPStore, "127.0.0.1", store.port, is_master=False, timeout=timeout
            )
        elif urlsplit(init_method).hostname in ("localhost", "127.0.0.1"):
            logger.warning(
                f"--init_method {init_method}: each of the {cfg.NUM_SHARDS} machines takes this "
                "for itself. Name the first machine, unless all run on the same machine."
            )
        if count == 1:
            _join_and_run(0, 1, func, meeting, cfg)
        else:
            run_together(count, _join_and_run, count, func, meeting, cfg, daemon=daemon)


def _check_address(init_method: str) -> None:
    try:
        address = urlsplit(init_method)
        usable = {
            "tcp": bool(address.hostname and address.port),
            "file": bool(address.path.strip("/")),
            "env": True,
        }.get(address.scheme, False)
    except ValueError:  # the port is not a number
        usable = False
    if not usable:
        raise UserError(
            f"--init_method: found {init_method!r}; expected an address where processes can meet: "
            "tcp://host:port (a free port of the first machine), file:///path (a new file in a "
            "folder that all machines share) or env:// (MASTER_ADDR and MASTER_PORT of the "
            "environment)."
        )


def _join_and_run(
    local_rank: int,
    local_size: int,
    func: Callable[[CfgNode], None],
    meeting: Meeting,
    cfg: CfgNode,
) -> None:
    """Joins the process group, runs ``func(cfg)``, and leaves the group."""
    on_gpu = 0 < cfg.NUM_GPUS <= torch.cuda.device_count()
    if not on_gpu and local_size > 1:
        # By default each process would use all cores. torchrun limits each to one.
        cores = max(1, available_cores() // local_size)
        torch.set_num_threads(min(torch.get_num_threads(), cores))
    with distributed.explaining_lost_processes(cfg.DIST_TIMEOUT):
        distributed.init_process_group(
            local_rank,
            local_size,
            cfg.SHARD_ID,
            cfg.NUM_SHARDS,
            meeting if isinstance(meeting, str) else None,
            cfg.DIST_BACKEND if cfg.NUM_GPUS > 0 else "gloo",
            timedelta(minutes=cfg.DIST_TIMEOUT),
            on_gpu,
            None if isinstance(meeting, str) else meeting(),
        )
        try:
            func(cfg)
        except Stopped:  # in all processes
            # The parent passes on the SIGTERM that this process may have received already.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            distributed.destroy_process_group()
            raise
        distributed.destroy_process_group()


def exit_status(work: Callable[..., int], *args) -> int:
    """Calls the work of a program that can be continued, and returns its exit status.

    An error is printed once, although several processes may raise it.

    Returns:
        What ``work(*args)`` returns; 2 after a `UserError`, 1 after a `WorkerError`, 130 after an
        interruption.
    """
    try:
        return work(*args)
    except UserError as error:
        torchrun.print_once(f"error: {error}", error)
        return 2
    except WorkerError as error:
        torchrun.print_once(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        torchrun.print_once("interrupted; the same command goes on from here.")
        return 130
