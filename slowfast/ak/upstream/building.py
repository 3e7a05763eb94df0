"""Wraps `build_model`: networks are built with or without CUDA, and with frozen layers."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.run.processes import rank_and_size
from slowfast.ak.upstream import cpu
from slowfast.ak.upstream.arguments import binder
from slowfast.ak.upstream.older_branches.frozen_layers import freeze_as_configured
from slowfast.ak.upstream.older_branches.resnet_depths import add_depth_18
from slowfast.ak.upstream.standins import record


def builds_anywhere(build_model: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `build_model`, changed so that it builds for the CPU on a machine without CUDA.

    Training and test call it right after they set up the log, so that it also logs which stand-ins
    are in use.
    """
    bind = binder(build_model, "cfg")

    @functools.wraps(build_model)
    def build(*args: Any, **kwargs: Any) -> Any:
        record.log()
        add_depth_18()
        cfg = bind(*args, **kwargs).arguments["cfg"]
        if not cfg.NUM_GPUS or torch.cuda.device_count():
            return freeze_as_configured(build_model(*args, **kwargs), cfg)
        with cpu.pretended_num_gpus(cfg, 0):
            model = freeze_as_configured(build_model(*args, **kwargs), cfg)
        if rank_and_size()[1] == 1:
            return model
        # Parameters below a detached head get no gradients.
        is_detached = cfg.MODEL.DETACH_FINAL_FC
        return DistributedDataParallel(model, find_unused_parameters=is_detached)

    return build
