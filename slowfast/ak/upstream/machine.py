"""Fits a configuration to the machine: NUM_GPUS is lowered to the number of GPUs."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any

import torch

from slowfast.ak.errors import UserError
from slowfast.ak.upstream import cpu
from slowfast.ak.upstream.arguments import binder
from slowfast.ak.upstream.config import settle_ak_keys

logger = logging.getLogger(__name__)


def loads_for_machine(load_config: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `load_config`, changed so that NUM_GPUS fits the machine."""

    @functools.wraps(load_config)
    def load(*args: Any, **kwargs: Any) -> Any:
        cfg = load_config(*args, **kwargs)
        lower_num_gpus(cfg)
        return cfg

    return load


def checks_machine(assert_and_infer_cfg: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `assert_and_infer_cfg`, which first lowers NUM_GPUS and checks slowfast.ak's keys.

    The returned function raises UserError if a key of slowfast.ak has a value that it cannot have,
    or if the checkout asserts that the GPUs share a batch evenly and they do not.
    """
    bind = binder(assert_and_infer_cfg, "cfg")

    @functools.wraps(assert_and_infer_cfg)
    def check(*args: Any, **kwargs: Any) -> Any:
        cfg = bind(*args, **kwargs).arguments["cfg"]
        lower_num_gpus(cfg)
        settle_ak_keys(cfg)
        # patch-2 divides by NUM_GPUS. The CPU is one process, as one GPU is.
        on_cpu = cfg.NUM_GPUS == 0
        try:
            with cpu.pretended_num_gpus(cfg, 1) if on_cpu else contextlib.nullcontext():
                result = assert_and_infer_cfg(*args, **kwargs)
        except AssertionError:
            _refuse_uneven_batches(cfg)
            raise
        if on_cpu and result is not None:  # the result may be a copy
            result.NUM_GPUS = 0
        return result

    return check


def _refuse_uneven_batches(cfg) -> None:
    """Raises UserError if NUM_GPUS, which may have been lowered, does not divide a batch."""
    for name in ("TRAIN", "TEST"):
        size = cfg[name].BATCH_SIZE
        if cfg.NUM_GPUS and size % cfg.NUM_GPUS:
            raise UserError(
                f"{name}.BATCH_SIZE: found {size}, expected a multiple of NUM_GPUS, which is "
                f"{cfg.NUM_GPUS}; change one of the two."
            )


def lower_num_gpus(cfg) -> None:
    """Lowers NUM_GPUS to the number of GPUs, with a warning; 0 stands for the CPU.

    Without a GPU, NUM_GPUS of 2 or more stays with DIST_BACKEND gloo: it is the number of processes
    on the CPU.
    """
    present = torch.cuda.device_count()
    if present >= cfg.NUM_GPUS:
        return
    if present:
        instead = f"{present} GPUs are used"
    elif cfg.NUM_GPUS == 1:
        instead = "the CPU is used"
    elif cfg.DIST_BACKEND == "gloo":
        cpu.use_cpu_in_started_processes()
        return
    else:
        instead = (
            "the CPU is used, in one process; set DIST_BACKEND gloo for NUM_GPUS processes there"
        )
    logger.warning(f"NUM_GPUS is {cfg.NUM_GPUS}, and this machine has {present} GPUs: {instead}.")
    cfg.NUM_GPUS = present
