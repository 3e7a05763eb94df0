"""LARS: a step of each matrix and kernel that is a fixed share of its own size.

You, Gitman and Ginsburg, "Large Batch Training of Convolutional Networks" (2017), give each layer
the rate ``trust * |w| / (|g| + decay * |w|)`` for its weight w and gradient g. Here the gradient is
multiplied by this factor before the step of any other optimizer, which then adds momentum and the
learning rate of the schedule. Biases and other vectors have the plain rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Lars:
    """Changes the gradients of the groups that ask for it (`apply_LARS`) before each step.

    The weight decay of these groups is added to the gradients, of vectors too, before the factor.
    Nothing waits for the device.

    Attributes:
        trust: the share of the size of a weight that a step with learning rate 1 takes.
        clip: whether the factor times the learning rate is at most the learning rate, so that a
            step is never larger than without LARS.
        epsilon: is added to the size of the gradient.
        with_vectors: whether biases and other vectors have the factor too.
    """

    trust: float = 0.001
    clip: bool = False
    epsilon: float = 1e-8
    with_vectors: bool = False
    _decays: list[float] = field(default_factory=list)

    def attach(self, optimizer: torch.optim.Optimizer) -> None:
        """Lets each later step of an optimizer use LARS."""
        optimizer.register_step_pre_hook(self._before_step)
        optimizer.register_step_post_hook(self._after_step)

    def _before_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        self._decays = [group["weight_decay"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            if group["apply_LARS"]:
                self._change_gradients(group)
                group["weight_decay"] = 0.0

    def _after_step(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        for group, decay in zip(optimizer.param_groups, self._decays, strict=True):
            group["weight_decay"] = decay

    @torch.no_grad()
    def _change_gradients(self, group: dict[str, Any]) -> None:
        decay = group["weight_decay"]
        trained = [parameter for parameter in group["params"] if parameter.grad is not None]
        scaled = [each for each in trained if each.ndim > 1 or self.with_vectors]
        factors = self._factors(scaled, decay, group["lr"]) if scaled else []
        if decay and trained:
            torch._foreach_add_([each.grad for each in trained], trained, alpha=decay)
        if scaled:
            torch._foreach_mul_([each.grad for each in scaled], factors)

    def _factors(self, parameters: list[Tensor], decay: float, rate: float) -> list[Tensor]:
        """The factor of each gradient, a scalar; 1 where the weight or the gradient is 0."""
        weight = torch.stack(torch._foreach_norm(parameters))
        gradient = torch.stack(torch._foreach_norm([each.grad for each in parameters]))
        factor = self.trust * weight / (gradient + decay * weight + self.epsilon)
        if self.clip:
            factor = (factor / rate).clamp(max=1.0) if rate else factor
        is_zero = (weight == 0) | (gradient == 0)
        return list(factor.masked_fill(is_zero, 1.0).unbind())
