"""The name of the machine, the FLOP/s of a large matrix product on it, and the FLOPs of a step."""

import platform
import re
import time
from pathlib import Path

import torch
from fvcore.common.config import CfgNode
from torch.utils.flop_counter import FlopCounterMode

from slowfast.ak.clips.network_input import InputTransform
from slowfast.models.build import build_model

# Sides of the square matrices.
SIDE = {"cpu": 2048, "cuda": 8192}


def name_of(device: torch.device, threads: int) -> str:
    """Returns the name of the device, with its threads or its CUDA version."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, CUDA {torch.version.cuda}"
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    processor = found[1] if found else platform.processor() or platform.machine()
    return f"{processor}, {threads} thread{'s' * (threads > 1)}"


def matrix_product_rate(device: torch.device, threads: int, turns: int = 30) -> float:
    """Returns the FLOP/s of the fastest of several float32 products, with PyTorch's defaults."""
    torch.set_num_threads(threads)
    side = SIDE[device.type]
    matrix = torch.randn(side, side, device=device)
    best = float("inf")
    for _ in range(turns):
        begin = time.perf_counter()
        matrix @ matrix
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - begin)
    return 2 * side**3 / best


def flops_of_step(cfg: CfgNode) -> float:
    """Returns the FLOPs of the products in a step, two for each multiply-add.

    A step has three times the FLOPs of a forward pass: for each product of the forward pass, the
    backward pass has one for the input and one for the weight.
    """
    plain = cfg.clone()
    plain.merge_from_list(["NUM_GPUS", 0, "SPEED.COMPILE", False, "MODEL.ACT_CHECKPOINT", False])
    with torch.device("meta"):
        model = build_model(plain)
    size = plain.DATA.TRAIN_CROP_SIZE
    clip = torch.zeros(1, 3, plain.DATA.NUM_FRAMES, size, size, dtype=torch.uint8)
    inputs = [x.to("meta") for x in InputTransform.from_cfg(plain)(clip)]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(inputs)
    return 3.0 * counter.get_total_flops() * plain.TRAIN.BATCH_SIZE
