"""Measures the outputs of a checkout's networks, whose weights are drawn from their names.

No weights need to be stored, because all tensors are drawn by a formula.
"""

from __future__ import annotations

import importlib.util
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .comparison import MOST, ROUNDINGS
from .files import Made, kind_of, renewed

FIRST = 32  # number of values of an output that are stored
# What describes a file, and is not measured again.
INPUTS = (
    *("config", "note", "overrides", "input_sizes", "train_batch", "train_input_sizes"),
    "train_rounding",
)
TRAIN_SEED = 10  # seed of the first pathway in training
# No randomness, one device, no statistics across devices.
PLAIN = {
    "NUM_GPUS": 0,
    "BN.NORM_TYPE": "batchnorm",
    "MODEL.DROPOUT_RATE": 0.0,
    "MODEL.DROPCONNECT_RATE": 0.0,
    "MVIT.DROPOUT_RATE": 0.0,
    "MVIT.DROPPATH_RATE": 0.0,
}


def values(existing: Any, name: str) -> Made:
    """Makes names, shapes, outputs, a loss and a gradient norm of one network.

    Batch norm over two clips amplifies rounding. So the norm can differ on another processor, or
    with attention. If it does, the norm is computed in other ways that differ by rounding only, and
    the largest change is returned as the effect of rounding. Many files state this effect.
    """
    from slowfast.models import build_model

    from .settings import configured

    torch.set_num_threads(2)  # as for the existing values: it decides the order of sums
    model = build_model(configured(existing["overrides"] | PLAIN))
    made = measured(model, existing["input_sizes"], existing["train_input_sizes"])
    norm, rounding = made["train_grad_norm"], existing.get("train_rounding", {})
    rounding = {key: value for key, value in rounding.items() if key in made}
    allowed = max(kind_of(name).agreement, ROUNDINGS * rounding.get("train_grad_norm", 0))
    if abs(norm / existing["train_grad_norm"] - 1) > min(allowed, MOST):
        others = _norms_that_round_differently(model, existing["train_input_sizes"])
        rounding["train_grad_norm"] = max(abs(other / norm - 1) for other in others)
    return Made(renewed(existing, made, *INPUTS), rounding=rounding)


def _norms_that_round_differently(model: nn.Module, train_sizes: list) -> Iterator[float]:
    """Gradient norms with clips changed in their last bit, in both layouts, with one thread."""
    inputs = clips(train_sizes, TRAIN_SEED)
    for sign in (-1, 1):
        yield loss_and_gradient_norm(model, [x * (1 + sign * 2**-23) for x in inputs])[1]
    for layout in (torch.contiguous_format, torch.channels_last_3d):
        yield loss_and_gradient_norm(model.to(memory_format=layout), inputs)[1]
    torch.set_num_threads(1)
    yield loss_and_gradient_norm(model, inputs)[1]
    torch.set_num_threads(2)


def measured(model: nn.Module, sizes: list, train_sizes: list) -> dict[str, Any]:
    """Fills in the weights of a network and returns all its results.

    Args:
        model: the network.
        sizes, train_sizes: shapes (N, C, T, H, W) of the pathways in evaluation and in training.
    """
    shapes = [[name, list(x.shape)] for name, x in model.state_dict().items()]
    fill_by_name(model)
    heads: list[torch.Tensor] = []
    classifier = [layer for layer in model.modules() if isinstance(layer, nn.Linear)][-1]
    hook = classifier.register_forward_hook(lambda *call: heads.append(call[-1]))
    with torch.no_grad():
        scores = model.eval()(clips(sizes))
    hook.remove()
    # (N, positions, classes); (N, classes) if the head pools before it projects.
    logits = heads[0].reshape(len(scores), -1, heads[0].shape[-1]).mean(dim=1)
    loss, norm = loss_and_gradient_norm(model.train(), clips(train_sizes, TRAIN_SEED))
    return {
        "num_params": sum(parameter.numel() for parameter in model.parameters()),
        "state_dict": shapes,
        "eval_output": _first(scores, decimals=7),
        "eval_output_shape": list(scores.shape),
        "eval_output_sum": scores.double().sum().item(),
        "eval_logits_mean_over_positions": _first(logits, decimals=6),
        "train_bce_loss": loss,
        "train_grad_norm": norm,
    }


def loss_and_gradient_norm(model: nn.Module, inputs: list[torch.Tensor]) -> tuple[float, float]:
    """Returns binary cross entropy of two clips with three labels, and the gradients' L2 norm."""
    model.zero_grad()
    logits = model(inputs)
    targets = torch.zeros_like(logits)
    targets[[0, 0, 1], [1, 5, 2]] = 1
    loss = F.binary_cross_entropy_with_logits(logits, targets)
    loss.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    return loss.item(), torch.stack([g.double().norm() for g in gradients]).norm().item()


def caffe2_names(existing: Any, name: str) -> Made:
    """Makes the parameter name for each blob of a Caffe2 file."""
    if importlib.util.find_spec("slowfast.utils.c2_model_loading"):  # upstream's
        converter = importlib.import_module("slowfast.utils.c2_model_loading")
        parameter_name = converter.get_name_convert_func()
    else:
        parameter_name = importlib.import_module(
            "slowfast.checkpoints.namings.caffe2"
        ).parameter_name
    return Made({blob: parameter_name(blob) for blob in existing})


def normal(seed: int, shape: Any) -> torch.Tensor:
    """Returns normal float32 numbers that depend on seed and shape only."""
    drawn = np.random.Generator(np.random.PCG64(seed)).standard_normal(tuple(shape))
    return torch.from_numpy(np.asarray(drawn, dtype=np.float32))


def clips(shapes: list, first_seed: int = 0) -> list[torch.Tensor]:
    """Returns the input of each pathway."""
    return [normal(first_seed + pathway, shape) for pathway, shape in enumerate(shapes)]


def fill_by_name(model: nn.Module) -> None:
    """Gives every parameter and buffer the values that are drawn from its name."""
    model.load_state_dict({name: drawn_by_name(name, x) for name, x in model.state_dict().items()})


def drawn_by_name(name: str, like: torch.Tensor) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros_like(like)
    n = normal(zlib.crc32(name.encode()), like.shape)
    if name.endswith("running_mean"):
        return 0.1 * n
    if name.endswith("running_var"):
        return 1 + 0.1 * n.abs()
    if n.ndim == 1:
        return 1 + 0.1 * n if name.endswith("weight") else 0.1 * n
    if name == "head.projection.weight":
        return 0.02 * n
    return n * (0.5 / n[0].numel()) ** 0.5


def _first(x: torch.Tensor, decimals: int) -> list[float]:
    return [round(value, decimals) for value in x.flatten()[:FIRST].double().tolist()]
