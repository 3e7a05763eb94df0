"""Equalization loss (EQL).

The random mask of the loss is a hash of (seed, rank, epoch, step, place in the batch). So it is the
same on every device, in a compiled loss, and in a resumed run, and there is no state to save. A
torch generator has a state, cannot be traced, and differs between CPU and GPU.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import torch
from torch import Tensor

from slowfast.ak.keys import Limits
from slowfast.ak.losses.counted import CountedLoss
from slowfast.ak.registries.losses import LOSSES

_Bits = TypeVar("_Bits", int, Tensor)
_LOW_32 = 0xFFFFFFFF


@LOSSES.register("EQL", labels="many", needs_counts=True)
class EQL(CountedLoss):
    """Equalization loss: Tan et al., "Equalization Loss for Long-Tailed Object Recognition" (CVPR
    2020), in the form of VideoLT (Zhang et al., ICCV 2021).

    BCE with the weights 1 - R T_c (1 - y). T_c is 1 for classes of at most max_tail_num clips. R is
    1 for a share gamma of all elements, which are drawn again in each step of training. So some
    negative clips do not lower the logits of tail classes. With the published gamma about one
    element in 1000 is drawn.

    In evaluation mode and without gradients the step is not counted, and the same elements are
    drawn again.

    Args:
        max_tail_num: largest number of training clips of a tail class.
        gamma: share of the negative elements of tail classes that a step ignores.
    """

    def __init__(
        self,
        max_tail_num: float = 100,
        gamma: Annotated[float, Limits(low=0, high=1)] = 1.76e-3,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        self.max_tail_num, self.gamma = max_tail_num, gamma

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        tail = self.state.counts <= self.max_tail_num
        ignored = (self.draw(bce) & tail).to(bce.dtype)
        return bce * (1 - ignored * (1 - targets))

    def draw(self, like: Tensor) -> Tensor:
        """The mask R: booleans with the shape and device of a tensor.

        In training, that is with gradients, it counts a step.
        """
        state = self.state
        key = mix(mix(mix(state.seed) ^ state.rank) ^ state.epoch)
        key = mix(key ^ state.step)
        if self.training and torch.is_grad_enabled():
            state.step.add_(1)
        place = torch.arange(like.numel(), device=like.device).view(like.shape)
        return mix(key ^ mix(place)) < round(self.gamma * 2**32)


def mix(bits: _Bits) -> _Bits:
    """A 32-bit hash of a number, or of each int64 of a tensor.

    Shifts and factors are from Wellons ("hash-prospector"). The factors are below 2^31, so that no
    product overflows an int64. The addition keeps 0 from being mapped to 0.
    """
    bits = (bits + 0x9E3779B9) & _LOW_32
    bits = ((bits ^ (bits >> 16)) * 0x21F0AAAD) & _LOW_32
    bits = ((bits ^ (bits >> 15)) * 0x735A2D97) & _LOW_32
    return bits ^ (bits >> 15)
