"""Initial weights of the kind that a published file asks for, from its network made smaller."""

import pickle
import re
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import Tensor

from slowfast.checkpoints.namings.caffe2 import parameter_name
from slowfast.checkpoints.namings.sub_batch_norm import to_plain_batch_norm
from slowfast.models import build_model

State = dict[str, Tensor]
SEED = 5


def asks_for_weights(cfg: CfgNode) -> bool:
    """Whether a published file is for training from weights, or for a test of some."""
    train = cfg.TRAIN
    return bool(
        train.CHECKPOINT_FILE_PATH
        or train.CHECKPOINT_TYPE == "caffe2"
        or train.CHECKPOINT_INFLATE
        or train.CHECKPOINT_IN_INIT
        or train.CHECKPOINT_CLEAR_NAME_PATTERN
        or train.CHECKPOINT_EPOCH_RESET
    )


def write_weights(cfg: CfgNode, folder: Path) -> Path:
    """Writes the weights of the network of a configuration, as the file it asks for has them.

    A Caffe2 file has blobs. A file for CHECKPOINT_INFLATE has kernels without time, a file for
    CHECKPOINT_IN_INIT an image network, and a file for CHECKPOINT_CLEAR_NAME_PATTERN names that
    begin with the pattern. Fine-tuning, which has CHECKPOINT_EPOCH_RESET, gets the file of a long
    training with other classes.
    """
    train = cfg.TRAIN
    torch.manual_seed(SEED)
    state: State = to_plain_batch_norm(build_model(cfg).state_dict())
    if train.CHECKPOINT_TYPE == "caffe2":
        path = folder / "weights.pkl"
        path.write_bytes(pickle.dumps({"blobs": _blobs(state)}))
        return path
    if train.CHECKPOINT_INFLATE or train.CHECKPOINT_IN_INIT:
        state = _of_images(state)
    content: dict[str, Any] = {}
    if train.CHECKPOINT_EPOCH_RESET:
        content["epoch"] = 199
        *_, weight, bias = state  # of the classifier
        state |= {weight: state[weight].new_zeros(99, *state[weight].shape[1:])}
        state |= {bias: state[bias].new_zeros(99)}
    for pattern in train.CHECKPOINT_CLEAR_NAME_PATTERN:
        state = {f"{pattern}{name}": value for name, value in state.items()}
    path = folder / "weights.pyth"
    torch.save(content | {"model_state": state}, path)
    return path


def _of_images(state: State) -> State:
    """Kernels summed over time; without positions in time."""
    return {
        name: value.sum(2) if value.ndim == 5 and name != "head.projection.weight" else value
        for name, value in state.items()
        if not name.endswith(("rel_pos_t", "pos_embed_temporal"))
    }


_BLOBS = (
    (r"s1\.pathway\d_stem\.conv", "conv1"),
    (r"s1\.pathway\d_stem\.bn", "res_conv1_bn"),
    (r"s1_fuse\.conv_f2s", "pool1_subsample"),
    (r"s1_fuse\.bn", "pool1_subsample_bn"),
    (r"s(\d)_fuse\.conv_f2s", r"res\1_2_branch2c_bn_subsample"),
    (r"s(\d)_fuse\.bn", r"res\1_2_branch2c_bn_subsample_bn"),
    (r"s(\d)\.pathway\d_res(\d+)\.branch1(_bn)?", r"res\1_\2_branch1\3"),
    (r"s(\d)\.pathway\d_res(\d+)\.branch2\.([abc](?:_bn)?)", r"res\1_\2_branch2\3"),
    (r"s(\d)\.pathway\d_nonlocal(\d+)\.bn", r"nonlocal_conv\1_\2_bn"),
    (r"s(\d)\.pathway\d_nonlocal(\d+)\.conv_(\w+)", r"nonlocal_conv\1_\2_\3"),
    (r"head\.projection", "pred"),
)
_ENDINGS = {"bias": "b", "running_mean": "rm", "running_var": "riv"}


def _blobs(state: State) -> dict[str, Any]:
    """Arrays by the names of Caffe2, without the counters of batch norm."""
    return {
        _blob(name): value.numpy()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _blob(name: str) -> str:
    module, _, ending = name.rpartition(".")
    is_norm = module.endswith("bn")
    letters = _ENDINGS.get(ending, "s" if is_norm else "w")
    fast = "t_" if "pathway1" in name or "_fuse" in name else ""
    for pattern, blob in _BLOBS:
        if found := re.fullmatch(pattern, module):
            blob = f"{fast}{found.expand(blob)}_{letters}"
            assert parameter_name(blob) == name
            return blob
    raise AssertionError(name)
