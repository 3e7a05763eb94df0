"""Starting the processes of a run, and what a model costs.

Notable: when a process fails, the error that came first is what the user sees last, and a
:class:`UserError` reaches the program as one, without a traceback.
"""

import json
import logging as std_logging
import math
import os
import socket
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import torch
from fvcore.common.config import CfgNode
from fvcore.nn import FlopCountAnalysis
from torch import multiprocessing, nn
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from slowfast.ak.errors import UserError
from slowfast.utils import distributed, logging
from slowfast.utils.parser import DEFAULT_INIT_METHOD
from slowfast.utils.weights import unwrap

logger = logging.get_logger(__name__)

_GIB = 1024**3


class WorkerError(RuntimeError):
    """A process of the run failed; the text ends with its traceback."""


def available_gpus(cfg: CfgNode) -> int:
    """GPUs the run will have; where NUM_GPUS asks for more, it is lowered, with a warning.

    Returns:
        The new ``cfg.NUM_GPUS``; 0 means the CPU.
    """
    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if present < cfg.NUM_GPUS:
        instead = f"the {present} there are" if present else "the CPU"
        logger.warning(
            f"NUM_GPUS is {cfg.NUM_GPUS}, and this machine has {present}: using {instead}."
        )
        was_frozen = cfg.is_frozen()
        cfg.defrost()
        cfg.NUM_GPUS = present
        if was_frozen:
            cfg.freeze()
    return cfg.NUM_GPUS


def launch_job(
    cfg: CfgNode, init_method: str, func: Callable[[CfgNode], None], daemon: bool = False
) -> None:
    """Runs ``func(cfg)`` on this machine's share of the run, a process a GPU.

    One process, here, where there is one GPU or none. On the CPU each machine (NUM_SHARDS) has one
    process, and they meet over gloo.

    Args:
        init_method: where processes meet; the default one gives way to a free port where its own
            is taken and the run has this machine alone.
        func: importable, since new processes import it.
        daemon: whether the processes end with this one.

    Raises:
        UserError: ``init_method`` is no address, or a process raised it; then its text.
        WorkerError: when a process failed otherwise; its traceback.
    """
    num_processes = max(1, cfg.NUM_GPUS)
    if num_processes * cfg.NUM_SHARDS == 1:
        func(cfg)
        return
    _check_address(init_method)
    if cfg.NUM_SHARDS == 1 and init_method == DEFAULT_INIT_METHOD:
        init_method = _with_free_port(init_method)
    if num_processes == 1:
        _join_and_run(0, 1, func, init_method, cfg)
    else:
        _spawn(num_processes, func, init_method, cfg, daemon)


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


def _with_free_port(init_method: str) -> str:
    """The address itself if its port can be had, else the same host with one that can."""
    address, _, port = init_method.rpartition(":")
    for candidate in (int(port), 0):
        with socket.socket() as probe:
            try:
                probe.bind(("localhost", candidate))
            except OSError:
                continue
            return f"{address}:{probe.getsockname()[1]}"
    return init_method


def _join_and_run(
    local_rank: int,
    local_size: int,
    func: Callable[[CfgNode], None],
    init_method: str,
    cfg: CfgNode,
) -> None:
    """Joins the process group, runs, and leaves it."""
    backend = cfg.DIST_BACKEND if cfg.NUM_GPUS > 0 else "gloo"
    distributed.init_process_group(
        local_rank,
        local_size,
        cfg.SHARD_ID,
        cfg.NUM_SHARDS,
        init_method,
        backend,
        on_gpu=0 < cfg.NUM_GPUS <= torch.cuda.device_count(),
    )
    func(cfg)
    distributed.destroy_process_group()


def _spawn(
    num_processes: int,
    func: Callable[[CfgNode], None],
    init_method: str,
    cfg: CfgNode,
    daemon: bool,
) -> None:
    with tempfile.TemporaryDirectory(prefix="slowfast-") as folder:
        try:
            multiprocessing.spawn(
                _worker,
                args=(num_processes, func, init_method, cfg, folder),
                nprocs=num_processes,
                daemon=daemon,
            )
        except (ProcessExitedException, ProcessRaisedException) as error:
            raise _first_failure(Path(folder), error) from None


def _worker(
    local_rank: int,
    local_size: int,
    func: Callable[[CfgNode], None],
    init_method: str,
    cfg: CfgNode,
    folder: str,
) -> None:
    """A process of the run. It leaves a note of its failure before others can notice it."""
    try:
        _join_and_run(local_rank, local_size, func, init_method, cfg)
    except Exception as error:
        text = str(error) if isinstance(error, UserError) else traceback.format_exc()
        note = (time.time(), local_rank, isinstance(error, UserError), text)
        (Path(folder) / f"{local_rank}.json").write_text(json.dumps(note), encoding="utf-8")
        std_logging.shutdown()
        # At once: an orderly exit may wait for collectives of processes that wait for this one.
        os._exit(1)


def _first_failure(folder: Path, error: Exception) -> Exception:
    """What to raise for a run whose processes failed: the earliest of their errors."""
    notes = sorted(json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json"))
    if notes:
        _, rank, is_user_error, text = notes[0]
        return UserError(text) if is_user_error else WorkerError(f"process {rank}:\n{text}")
    hint = "; it may have run out of memory" if "SIGKILL" in str(error) else ""
    return WorkerError(f"{error}{hint}")


def is_eval_epoch(cfg: CfgNode, cur_epoch: int, multigrid_schedule: None = None) -> bool:
    """Whether an evaluation is due after this epoch (0-based): each period's end, and the last.

    Args:
        multigrid_schedule: unused; upstream's callers pass it.
    """
    finished = cur_epoch + 1
    return finished == cfg.SOLVER.MAX_EPOCH or finished % cfg.TRAIN.EVAL_PERIOD == 0


def gpu_mem_usage() -> float:
    """The most GPU memory this process has held, in GiB; 0 on the CPU."""
    return torch.cuda.max_memory_allocated() / _GIB if torch.cuda.is_available() else 0.0


def cpu_mem_usage() -> tuple[float, float]:
    """Memory of this machine in use, and all of it, in GiB."""
    memory = psutil.virtual_memory()
    return (memory.total - memory.available) / _GIB, memory.total / _GIB


def log_model_info(model: nn.Module, cfg: CfgNode, use_train_input: bool = True) -> None:
    """Logs parameters, multiply-adds of one clip, and GPU memory; the network itself to the file.

    Args:
        use_train_input: whether a clip is cut as in training rather than in testing.
    """
    if not distributed.is_master_proc():
        return
    network = unwrap(model)
    crop = cfg.DATA.TRAIN_CROP_SIZE if use_train_input else cfg.DATA.TEST_CROP_SIZE
    logger.debug(f"Model:\n{network}")
    logger.info(
        f"Model {cfg.MODEL.MODEL_NAME} ({cfg.MODEL.ARCH}): {describe_size(network)}; "
        f"{multiply_adds(network, cfg, crop) / 1e9:.4g} G multiply-adds for a clip of "
        f"{cfg.DATA.NUM_FRAMES} x {crop} x {crop}"
        + (f"; GPU memory {gpu_mem_usage():.2f} GiB." if torch.cuda.is_available() else ".")
    )


def describe_size(network: nn.Module) -> str:
    """How many parameters a network has, and how many of them are trained, in words."""
    size = sum(p.numel() for p in network.parameters())
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return f"{size / 1e6:.4g} M parameters, {trained / 1e6:.4g} M of them trained"


def multiply_adds(network: nn.Module, cfg: CfgNode, crop: int) -> float:
    """Multiply-adds of a forward pass of one clip; nan, with a warning, where counting fails.

    Args:
        network: not wrapped.
        crop: side of the clip, pixels.
    """
    device = next(network.parameters()).device
    was_training = network.training
    try:
        inputs = [torch.zeros(shape, device=device) for shape in _input_shapes(cfg, crop)]
        with torch.no_grad():
            flops = FlopCountAnalysis(network.eval(), (inputs,))
            flops.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
            return float(flops.total())
    except Exception as error:  # Of interest, but nothing to stop a run for.
        logger.warning(f"Multiply-adds are unknown ({type(error).__name__}).")
        return math.nan
    finally:
        network.train(was_training)


def _input_shapes(cfg: CfgNode, crop: int) -> list[tuple[int, ...]]:
    """Shapes of one clip's pathways, slow first."""
    channels, frames = cfg.DATA.INPUT_CHANNEL_NUM, cfg.DATA.NUM_FRAMES
    if cfg.MODEL.ARCH not in cfg.MODEL.MULTI_PATHWAY_ARCH:
        return [(1, channels[0], frames, crop, crop)]
    slow, fast = channels
    return [
        (1, slow, frames // cfg.SLOWFAST.ALPHA, crop, crop),
        (1, fast, frames, crop, crop),
    ]
