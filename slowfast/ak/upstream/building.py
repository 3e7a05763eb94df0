"""Networks where there is no CUDA, in one process or in several, and with parts frozen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.run.processes import rank_and_size
from slowfast.ak.upstream import cpu, standins
from slowfast.ak.upstream.arguments import binder
from slowfast.ak.upstream.depths import lend_depths
from slowfast.ak.upstream.frozen import freeze_as_configured


def builds_anywhere(build_model: Callable[..., Any]) -> Callable[..., Any]:
    """`build_model`, which on a machine without CUDA builds for its CPU.

    It is also the first that a training and a test do once they have a log, in which it tells what
    stands in for what.
    """
    bind = binder(build_model, "cfg")

    @functools.wraps(build_model)
    def build(*args: Any, **kwargs: Any) -> Any:
        standins.tell()
        lend_depths()
        cfg = bind(*args, **kwargs).arguments["cfg"]
        if not cfg.NUM_GPUS or torch.cuda.device_count():
            return freeze_as_configured(build_model(*args, **kwargs), cfg)
        with cpu.saying_num_gpus(cfg, 0):
            model = freeze_as_configured(build_model(*args, **kwargs), cfg)
        if rank_and_size()[1] == 1:
            return model
        # A head that is detached leaves the gradients below it unmade.
        is_detached = cfg.MODEL.DETACH_FINAL_FC
        return DistributedDataParallel(model, find_unused_parameters=is_detached)

    return build
