"""Converts state dicts of sub-batch norm to plain batch norm, and back.

Checkpoints name sub-batch norm as plain batch norm, so that any SlowFast reads them.
"""

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import nn

from slowfast.models.batchnorm_helper import GridBatchNorm3d
from slowfast.schedules.plan import NormGroups

_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def to_plain_batch_norm(state: Mapping[str, torch.Tensor]) -> OrderedDict[str, torch.Tensor]:
    """Returns a state dict that names sub-batch norm as plain batch norm.

    In each layer ``X``, ``X.bn.running_mean`` becomes ``X.running_mean``. The statistics of the
    splits are left out. Scale and shift become vectors: earlier versions of SlowFast kept them as
    (C, 1, 1, 1).
    """
    layers = _sub_batch_norms(state)
    plain = OrderedDict()
    for name, value in state.items():
        parent, _, leaf = name.rpartition(".")
        layer, _, part = parent.rpartition(".")
        if layer not in layers or part not in ("bn", "split_bn"):
            is_affine = parent.endswith("bn") and leaf in ("weight", "bias")
            is_vector = value.ndim > 1 and value.numel() == value.shape[0]
            plain[name] = value.flatten() if is_affine and is_vector else value
        elif part == "bn":
            plain[f"{layer}.{leaf}"] = value
    return plain


def to_sub_batch_norm(
    state: Mapping[str, torch.Tensor], model_state: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Returns a state dict for sub-batch norm, in which each split has the plain statistics."""
    result = dict(state)
    for layer in _sub_batch_norms(model_state):
        for leaf in _BUFFERS:
            plain = result.pop(f"{layer}.{leaf}", None)
            if plain is None:
                continue
            for part in ("bn", "split_bn"):
                target = model_state[f"{layer}.{part}.{leaf}"]
                copies = max(1, target.numel() // plain.numel())
                result[f"{layer}.{part}.{leaf}"] = plain.repeat(copies) if plain.ndim else plain
    return result


def restore_splits(network: nn.Module, saved: Mapping[str, torch.Tensor]) -> None:
    """Gives each split its own saved statistics, if network and file have as many splits.

    Norm layers whose groups change during training get as many splits as the file has.
    """
    for name, layer in network.named_modules():
        mean = saved.get(f"{name}.split_bn.running_mean")
        if mean is not None and isinstance(layer, GridBatchNorm3d):
            layer.regroup(NormGroups(len(mean) // layer.num_features, 1))
    own = network.state_dict()
    fitting = {n: v for n, v in saved.items() if n in own and own[n].shape == v.shape}
    network.load_state_dict(fitting, strict=False)


def _sub_batch_norms(state: Mapping[str, torch.Tensor]) -> set[str]:
    """Returns the names of the sub-batch-norm layers in a state dict."""
    return {name.rsplit(".split_bn.", 1)[0] for name in state if ".split_bn." in name}
