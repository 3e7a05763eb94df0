"""Linear layers that oneDNN computes on the CPU, as vision transformers have them.

PyTorch multiplies float32 matrices with MKL, whose fast kernels are for processors of Intel alone.
oneDNN, which is part of PyTorch too and computes its convolutions, uses the vector units of any
x86 processor. `OneDnnLinear` multiplies with it: the parameters are those of `torch.nn.Linear`, and
so are the results, except for rounding. docs/SPEED.md says what it saves.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.utils.flop_counter import register_flop_formula

from slowfast.ak.norms.frozen import classifier_of


class OneDnnLinear(nn.Linear):
    """A `Linear` that oneDNN computes: float32, on the CPU, not under autocast or a compiler."""

    @staticmethod
    def is_available() -> bool:
        """Whether this PyTorch has the kernel."""
        return torch.backends.mkldnn.is_available() and hasattr(
            torch.ops.mkldnn, "_linear_pointwise"
        )

    @classmethod
    def sharing(cls, layer: nn.Linear) -> "OneDnnLinear":
        """A layer that uses the parameters of another layer."""
        own = cls(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        own.weight, own.bias = layer.weight, layer.bias
        return own.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        if not self._serves(x):
            return super().forward(x)
        if torch.is_grad_enabled():
            return _Linear.apply(x, self.weight, self.bias)
        return _linear(x, self.weight, self.bias)

    def _serves(self, x: Tensor) -> bool:
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return False  # compilers and counters know PyTorch's layer
        is_float = x.dtype == self.weight.dtype == torch.float32
        is_plain = x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
        return is_float and is_plain and x.ndim > 1 and x.numel() > 0


def replace_linear(model: nn.Module) -> int:
    """Replaces every `torch.nn.Linear` by a `OneDnnLinear` if possible. Returns their number.

    The classifier stays, because it has too few rows to gain from it. So a convolutional network
    computes the same bits as without replacement. Parameters, their names and their hooks stay.
    Hooks on the layers themselves are lost.
    """
    if not OneDnnLinear.is_available():
        return 0
    classifier = classifier_of(name for name, _ in model.named_parameters())
    places = [
        (parent, name, layer)
        for path, parent in model.named_modules()
        for name, layer in parent.named_children()
        if type(layer) is nn.Linear and f"{path}.{name}.weight" not in classifier
    ]
    for parent, name, layer in places:
        setattr(parent, name, OneDnnLinear.sharing(layer))
    return len(places)


class _Linear(torch.autograd.Function):
    """x @ weight.T + bias for x (..., K), a weight (N, K), and a bias (N,) or None."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _linear(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, wants_bias = ctx.needs_input_grad
        rows = grad.flatten(0, -2)
        grad_x = _linear(grad, weight.T) if wants_x else None
        grad_weight = _transposed_product(rows, x.flatten(0, -2)) if wants_weight else None
        return grad_x, grad_weight, rows.sum(dim=0) if wants_bias else None


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


def _transposed_product(a: Tensor, b: Tensor) -> Tensor:
    """a.T @ b for matrices with the same number of rows.

    The kernel needs one contiguous factor. The factor with fewer columns is copied.
    """
    if a.shape[1] < b.shape[1]:
        return _linear(a.T.contiguous(), b.T)
    return _linear(b.T.contiguous(), a.T).T


if OneDnnLinear.is_available():

    @register_flop_formula(torch.ops.mkldnn._linear_pointwise)
    def _flops(x: Sequence[int], weight: Sequence[int], *_: Any, **__: Any) -> int:
        """The FLOPs of the kernel, from the shapes of its arguments, for PyTorch's counter."""
        return 2 * math.prod(x) * weight[0]
