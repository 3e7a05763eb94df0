"""How the processes of a run start: here, as processes of this one, or by torchrun.

Notable: on one machine they meet at a store that this process keeps, on a port that the system
gives; no two runs can want the same. The CPU has CPU_PROCESSES of them, and they meet over gloo.
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
from slowfast.utils import distributed, logging, torchrun
from slowfast.utils.parser import DEFAULT_INIT_METHOD
from slowfast.utils.workers import EXIT_STOPPED, Stopped, WorkerError, run_together

__all__ = [
    "EXIT_STOPPED",
    "Stopped",
    "WorkerError",
    "available_gpus",
    "fit_to_machine",
    "launch_job",
]

logger = logging.get_logger(__name__)

# Where processes meet: an address, or what gives a store.
Meeting = str | Callable[[], dist.Store]


def fit_to_machine(cfg: CfgNode) -> None:
    """Sets how many processes and machines the run has, as torchrun and the GPUs here have it.

    Raises:
        UserError: machines would have unequally many.
    """
    run = torchrun.current()
    if run:
        run.check_machines()
        run.adopt(cfg)
    elif cfg.NUM_SHARDS > 1 and _present_gpus() < cfg.NUM_GPUS:
        raise UserError(
            f"NUM_GPUS: found {cfg.NUM_GPUS}, and this machine, one of NUM_SHARDS "
            f"{cfg.NUM_SHARDS}, has {_present_gpus()}. All of them have to have as many; set "
            "NUM_GPUS to what each has, or to 0 for the CPU."
        )
    available_gpus(cfg)


def available_gpus(cfg: CfgNode) -> int:
    """GPUs the run will have; where NUM_GPUS asks for more, it is lowered, with a warning.

    Returns:
        The new ``cfg.NUM_GPUS``; 0 means the CPU.
    """
    present = _present_gpus()
    if present < cfg.NUM_GPUS:
        instead = f"the {present} there are" if present else "the CPU"
        why = "" if present else f" ({_why_no_gpu()})"
        logger.warning(
            f"NUM_GPUS is {cfg.NUM_GPUS}, and this machine has {present}{why}: using {instead}."
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
    return "PyTorch finds no driver that it can use; `nvidia-smi` shows whether there is one"


def launch_job(
    cfg: CfgNode, init_method: str, func: Callable[[CfgNode], None], daemon: bool = False
) -> None:
    """Runs ``func(cfg)`` on this machine's share of the run: a process a GPU, or CPU_PROCESSES.

    Where that is one process, or torchrun has started this one, it runs here.

    Args:
        init_method: where machines meet. One machine that is given the default needs none.
        func: importable, since new processes import it.
        daemon: whether new processes are daemons.

    Raises:
        UserError: ``init_method`` is no address, or a process raised it; then its text.
        WorkerError: a process failed otherwise; its traceback.
        Stopped: the run was asked to stop, and has saved what it had.
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
            # As long as this process lives, so does the store.
            patience = timedelta(minutes=cfg.DIST_TIMEOUT)
            store = dist.TCPStore(
                "127.0.0.1", 0, is_master=True, timeout=patience, wait_for_workers=False
            )
            meeting = partial(
                dist.TCPStore, "127.0.0.1", store.port, is_master=False, timeout=patience
            )
        elif urlsplit(init_method).hostname in ("localhost", "127.0.0.1"):
            logger.warning(
                f"--init_method {init_method} is this machine for each of the {cfg.NUM_SHARDS} "
                "machines; unless all of them are this one, name the first by its own name."
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
    except ValueError:  # a port that is no number
        usable = False
    if not usable:
        raise UserError(
            f"--init_method {init_method!r} is no address where processes can meet. It is "
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
    """Joins the process group, runs, and leaves it."""
    on_gpu = 0 < cfg.NUM_GPUS <= torch.cuda.device_count()
    if not on_gpu and local_size > 1:
        # Each would take all cores for itself. torchrun has told each to take one.
        own = max(1, available_cores() // local_size)
        torch.set_num_threads(min(torch.get_num_threads(), own))
    with distributed.losses_in_words(cfg.DIST_TIMEOUT):
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
        except Stopped:  # all agreed to
            # Who has heard a signal that all were sent is told once more, by who started it.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            distributed.destroy_process_group()
            raise
        distributed.destroy_process_group()
