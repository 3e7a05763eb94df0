"""`slowfast.utils.misc`: the size of a network, its norms, class names and pictures of inputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fvcore.common.config import CfgNode
from fvcore.nn import ActivationCountAnalysis
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.errors import UserError
from slowfast.ak.paths import local_path
from slowfast.engine.after_epoch import is_eval_epoch as is_eval_epoch
from slowfast.engine.device.pending import DivergedError
from slowfast.models.batchnorm_helper import SubBatchNorm3d
from slowfast.models.cost import log_model_info as log_model_info
from slowfast.models.cost import multiply_adds
from slowfast.upstream_names.data import pack_pathway_output
from slowfast.utils.memory_use import cpu_mem_usage as cpu_mem_usage
from slowfast.utils.memory_use import gpu_mem_usage as gpu_mem_usage
from slowfast.utils.processes.launch import launch_job as launch_job
from slowfast.visualization.tensorboard import names, pictures


def check_nan_losses(loss: float | Tensor) -> None:
    """Checks that a loss is a number.

    Raises:
        DivergedError: it is NaN.
    """
    if math.isnan(float(loss)):
        raise DivergedError("the loss is NaN. Lower SOLVER.BASE_LR, or look at the labels.")


def params_count(model: nn.Module, ignore_bn: bool = False) -> int:
    """The number of parameters.

    Args:
        ignore_bn: whether parameters of batch norm do not count.
    """
    counted = [m for m in model.modules() if not (ignore_bn and isinstance(m, _NormBase))]
    return sum(p.numel() for module in counted for p in module.parameters(recurse=False))


def get_num_params(model: nn.Module) -> int:
    """The number of parameters."""
    return params_count(model)


def get_model_stats(model: nn.Module, cfg: CfgNode, mode: str, use_train_input: bool) -> float:
    """The cost of a forward pass of one clip.

    Args:
        mode: flop: multiply-adds, in G; activation: outputs of convolutions and products, in M.
        use_train_input: whether the clip has the crop size of training, not of testing.

    Raises:
        UserError: there is no such mode.
    """
    crop = cfg.DATA.TRAIN_CROP_SIZE if use_train_input else cfg.DATA.TEST_CROP_SIZE
    if mode == "flop":
        return multiply_adds(model, cfg, crop) / 1e9
    if mode != "activation":
        raise UserError(f"get_model_stats: found mode {mode!r}; expected flop or activation.")
    clip = torch.zeros(cfg.DATA.INPUT_CHANNEL_NUM[0], cfg.DATA.NUM_FRAMES, crop, crop)
    device = next(model.parameters()).device
    inputs = [pathway[None].to(device) for pathway in pack_pathway_output(cfg, clip)]
    was_training = model.training
    counted = ActivationCountAnalysis(model.eval(), (inputs,))
    total = counted.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total()
    model.train(was_training)
    return total / 1e6


def frozen_bn_stats(model: nn.Module) -> None:
    """Sets all 3D batch norms to evaluation, so that training does not change their statistics."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm3d):
            module.eval()


def aggregate_sub_bn_stats(module: nn.Module) -> int:
    """Joins the statistics of the parts of each sub-batch norm; returns the number of layers."""
    layers = [each for each in module.modules() if isinstance(each, SubBatchNorm3d)]
    for layer in layers:
        layer.aggregate_stats()
    return len(layers)


def get_class_names(
    path: str, parent_path: str | None = None, subset_path: str | None = None
) -> tuple[list[str], dict[str, list[int]] | None, list[int] | None]:
    """Reads the names of classes.

    Args:
        path: a JSON object of names and class ids.
        parent_path: a JSON object of categories and lists of names; None: no categories.
        subset_path: a text file of names, one a line; None: no subset.

    Returns:
        The names in the order of the ids; the ids of each category; the ids of the subset.

    Raises:
        UserError: a file cannot be read, or names an unknown class.
    """
    ids = names.read_class_ids("class names", local_path(str(path)))
    found: list[str] = [str(number) for number in range(max(ids.values()) + 1)]
    for name, number in ids.items():
        found[number] = name
    parents = None
    if parent_path:
        own = local_path(str(parent_path))
        groups = names.read_object("categories", own, "categories and lists of class names")
        parents = {
            group: names.ids_of("categories", own, members, found)
            for group, members in groups.items()
        }
    chosen = names.subset("subset", local_path(str(subset_path)), found) if subset_path else None
    return found, parents, chosen


def convert_normalized_images(tensor: Tensor) -> Tensor:
    """Images 0..1 from ones normalised with mean 0.45 and deviation 0.225."""
    return (tensor * 0.225 + 0.45).clamp(0, 1)


def plot_input(
    tensor: Tensor,
    bboxes: Sequence[Any] = (),
    texts: Sequence[str] = (),
    path: str = "./tmp_vis.png",
) -> None:
    """Saves frames (T, C, H, W) side by side, on their own scale of brightness.

    Args:
        bboxes: boxes x1, y1, x2, y2 in pixels, drawn on every frame.
        texts: a text for each box.
    """
    scaled = pictures.scaled_to_one(tensor).permute(0, 2, 3, 1).cpu().numpy()
    _save(pictures.strip(_with_boxes((scaled * 255).astype(np.uint8), bboxes, texts)), path)


def plot_input_normed(
    tensor: Tensor,
    bboxes: Sequence[Any] = (),
    texts: Sequence[str] = (),
    path: str = "./tmp_vis.png",
    folder_path: str = "",
    make_grids: bool = False,
    output_video: bool = False,
) -> None:
    """Saves normalised frames (T, C, H, W) as pictures.

    Args:
        bboxes, texts: as in `plot_input`.
        path: the picture of all frames, with `make_grids`.
        folder_path: the folder of single pictures; empty: none are written.
        make_grids: whether one picture shows all frames.

    Raises:
        UserError: `output_video` is set.
    """
    if output_video:
        raise UserError(
            "plot_input_normed: output_video is not built here; the pictures in folder_path can be "
            "joined with ffmpeg."
        )
    pixels = convert_normalized_images(tensor).permute(0, 2, 3, 1).cpu().numpy()
    frames = _with_boxes((pixels * 255).round().astype(np.uint8), bboxes, texts)
    if make_grids:
        _save(pictures.strip(frames), path)
    if folder_path:
        Path(folder_path).mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames):
            _save(frame, f"{folder_path}/{number:04d}.png")


def _with_boxes(frames: np.ndarray, bboxes: Sequence[Any], texts: Sequence[str]) -> np.ndarray:
    """RGB frames (T, H, W, 3) with boxes and texts."""
    import cv2

    frames = np.ascontiguousarray(frames)
    for frame in frames:
        for number, box in enumerate(bboxes):
            x0, y0, x1, y1 = (round(float(side)) for side in box)
            cv2.rectangle(frame, (x0, y0), (x1, y1), (255, 0, 0))
            if number < len(texts):
                where = (x0, max(y0, 8))
                cv2.putText(frame, str(texts[number]), where, 0, 0.3, (255, 0, 0))
    return frames


def _save(picture: np.ndarray, path: str) -> None:
    from PIL import Image

    Image.fromarray(picture).save(path)
