"""`slowfast.utils.checkpoint`, and what else upstream has for weight files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.checkpoints import loading, starting_weights
from slowfast.checkpoints.fitting.kernels import spread_over_time
from slowfast.checkpoints.fitting.positions import resized
from slowfast.checkpoints.names import get_checkpoint_dir as get_checkpoint_dir
from slowfast.checkpoints.names import get_last_checkpoint as get_last_checkpoint
from slowfast.checkpoints.names import get_path_to_checkpoint as get_path_to_checkpoint
from slowfast.checkpoints.names import has_checkpoint as has_checkpoint
from slowfast.checkpoints.namings.caffe2 import parameter_name
from slowfast.checkpoints.namings.sub_batch_norm import to_plain_batch_norm, to_sub_batch_norm
from slowfast.checkpoints.saving import is_checkpoint_epoch as is_checkpoint_epoch
from slowfast.checkpoints.saving import save_checkpoint as save_checkpoint
from slowfast.checkpoints.tested_weights import load_test_checkpoint as load_test_checkpoint
from slowfast.utils import distributed


def make_checkpoint_dir(path_to_job: str) -> str:
    """Makes the folder of checkpoints in OUTPUT_DIR, in the first process; returns its path."""
    folder = get_checkpoint_dir(path_to_job)
    if distributed.is_master_proc():
        Path(folder).mkdir(parents=True, exist_ok=True)
    return folder


def load_checkpoint(
    path_to_checkpoint: str,
    model: nn.Module,
    data_parallel: bool = True,
    optimizer: torch.optim.Optimizer | None = None,
    scaler: torch.amp.GradScaler | None = None,
    inflation: bool = False,
    convert_from_caffe2: bool = False,
    epoch_reset: bool = False,
    clear_name_pattern: Iterable[str] = (),
    image_init: bool = False,
) -> int:
    """Loads the matching weights of a file (`slowfast.checkpoints.loading.load_checkpoint`).

    Args:
        image_init: as `inflation`: whether weights of an image network are converted for videos,
            and the reverse. Kernels are divided by their number, so that a still clip gives what
            its image gives; upstream repeats them undivided with `image_init`.

    Returns:
        The file's epoch, from 0; -1 if it was not taken.

    Raises:
        UserError: the file cannot be read, nothing in it matches, or its optimizer does not fit.
    """
    return loading.load_checkpoint(
        path_to_checkpoint,
        model,
        data_parallel,
        optimizer,
        scaler,
        inflation or image_init,
        convert_from_caffe2,
        epoch_reset,
        clear_name_pattern,
    )


def load_train_checkpoint(
    cfg: CfgNode,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler | None = None,
) -> int:
    """Loads what training starts from: the state in OUTPUT_DIR, or TRAIN.CHECKPOINT_FILE_PATH.

    Returns:
        The first epoch to train, from 0.

    Raises:
        UserError: as `slowfast.checkpoints.starting_weights.load_train_checkpoint`.
    """
    return starting_weights.load_train_checkpoint(cfg, model, optimizer, scaler).epoch


def inflate_weight(
    state_dict_2d: Mapping[str, Tensor], state_dict_3d: Mapping[str, Tensor]
) -> OrderedDict[str, Tensor]:
    """Returns the weights of a 2D network for a 3D one.

    A kernel (N, C, h, w) is repeated over the T frames of (N, C, T, h, w) and divided by T
    (Carreira and Zisserman, 2017). Other weights are not changed.

    Args:
        state_dict_2d: the weights by name.
        state_dict_3d: weights of the same names in the 3D network, for their shapes.
    """
    inflated = OrderedDict()
    for name, weight in state_dict_2d.items():
        if weight.ndim == 4 and state_dict_3d[name].ndim == 5:
            weight = spread_over_time(weight, state_dict_3d[name].shape[2])
        inflated[name] = weight.clone()
    return inflated


def interpolate_pos_embed(model: nn.Module, checkpoint_model: dict[str, Tensor]) -> None:
    """Gives a state dict of an image transformer positions for the size of a network, in place.

    `pos_embed` (1, S, C) or (1, 1 + S, C), of a square of S places, is interpolated bicubically.
    The functions that load weights do so by themselves.

    Args:
        model: the network, which takes images.
        checkpoint_model: the weights by name.
    """
    name, own = "pos_embed", model.state_dict()
    if name in own and name in checkpoint_model:
        value, shape = checkpoint_model[name], own[name].shape
        fitted = None if value.shape == shape else resized(name, value, shape, of_images=True)
        if fitted is not None:
            checkpoint_model[name] = fitted


def sub_to_normal_bn(sd: Mapping[str, Tensor]) -> OrderedDict[str, Tensor]:
    """Returns a state dict in which sub-batch norm has the names of plain batch norm."""
    return to_plain_batch_norm(sd)


def normal_to_sub_bn(
    checkpoint_sd: Mapping[str, Tensor], model_sd: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Returns a state dict of plain batch norm for a network with sub-batch norm."""
    return to_sub_batch_norm(checkpoint_sd, model_sd)


def c2_normal_to_sub_bn(key: str, model_keys: Iterable[str]) -> str:
    """Returns the name of a norm statistic in a network that can have sub-batch norm."""
    layer, _, leaf = key.rpartition(".")
    split = f"{layer}.split_bn.{leaf}"
    return split if key not in model_keys and split in model_keys else key


def get_name_convert_func() -> Callable[[str], str]:
    """Returns the function that renames Caffe2 blobs to parameters."""
    return parameter_name
