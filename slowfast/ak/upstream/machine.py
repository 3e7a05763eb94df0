"""A configuration made to fit the machine: NUM_GPUS is lowered to the GPUs that there are."""

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
    """`load_config`, whose configuration asks for no more than there is."""

    @functools.wraps(load_config)
    def load(*args: Any, **kwargs: Any) -> Any:
        cfg = load_config(*args, **kwargs)
        fit(cfg)
        return cfg

    return load


def checks_machine(assert_and_infer_cfg: Callable[..., Any]) -> Callable[..., Any]:
    """`assert_and_infer_cfg`, which first asks for no more than there is, and checks our keys.

    Raises:
        UserError: a key of slowfast.ak has a value that it does not take, or the checkout asserts
            that GPUs share a batch evenly and they do not.
    """
    bind = binder(assert_and_infer_cfg, "cfg")

    @functools.wraps(assert_and_infer_cfg)
    def check(*args: Any, **kwargs: Any) -> Any:
        cfg = bind(*args, **kwargs).arguments["cfg"]
        fit(cfg)
        settle_ak_keys(cfg)
        # patch-2 divides by NUM_GPUS; the CPU is one process, as one GPU is.
        on_cpu = cfg.NUM_GPUS == 0
        try:
            with cpu.saying_num_gpus(cfg, 1) if on_cpu else contextlib.nullcontext():
                result = assert_and_infer_cfg(*args, **kwargs)
        except AssertionError:
            refuse_uneven_batches(cfg)
            raise
        if on_cpu and result is not None:  # it may be a copy
            result.NUM_GPUS = 0
        return result

    return check


def refuse_uneven_batches(cfg) -> None:
    """Raises UserError where NUM_GPUS, which may have been lowered, does not divide a batch."""
    for name in ("TRAIN", "TEST"):
        size = cfg[name].BATCH_SIZE
        if cfg.NUM_GPUS and size % cfg.NUM_GPUS:
            raise UserError(
                f"{name}.BATCH_SIZE: found {size}, expected a multiple of NUM_GPUS, "
                f"{cfg.NUM_GPUS}; set one or the other."
            )


def fit(cfg) -> None:
    """Lower NUM_GPUS to what there is, with a warning; without CUDA to 0, which is the CPU.

    There NUM_GPUS 2 and more stays with DIST_BACKEND gloo, and says how many processes the CPU has.
    """
    present = torch.cuda.device_count()
    if present >= cfg.NUM_GPUS:
        return
    if present:
        instead = f"the {present} there are"
    elif cfg.NUM_GPUS == 1:
        instead = "the CPU"
    elif cfg.DIST_BACKEND == "gloo":
        cpu.start_processes_here()
        return
    else:
        instead = "the CPU, in one process; DIST_BACKEND gloo takes as many processes there"
    logger.warning(f"NUM_GPUS is {cfg.NUM_GPUS}, and this machine has {present}: using {instead}.")
    cfg.NUM_GPUS = present
