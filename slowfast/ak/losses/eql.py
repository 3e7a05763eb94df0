"""Equalization loss, and the numbers it draws: a function of where training stands, and no more.

A generator has a state to save, does not trace, and differs between CPU and GPU. Here an element's
number is a hash of (seed, rank, epoch, step, place in the batch): the same on every device, in a
compiled loss, and in a run taken up again, with nothing kept.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor

from slowfast.ak.losses.counted import CountedLoss

_Bits = TypeVar("_Bits", int, Tensor)
_LOW_32 = 0xFFFFFFFF


class EQL(CountedLoss):
    """Equalization loss: Tan et al., "Equalization Loss for Long-Tailed Object Recognition" (CVPR
    2020), in the form of VideoLT (Zhang et al., ICCV 2021).

    BCE by the weights 1 - R T_c (1 - y): T_c is 1 for classes of at most max_tail_num clips, and R
    is 1 for a share gamma of all elements, drawn anew in each step of training. Some clips so stop
    pushing the tail's logits down. With the published gamma that is about one element in 1000.

    In evaluation mode and without gradients the step stands still, and the same elements are drawn
    again.
    """

    def __init__(self, max_tail_num: float = 100, gamma: float = 1.76e-3, **shared: Any) -> None:
        super().__init__(**shared)
        self.max_tail_num, self.gamma = max_tail_num, gamma

    def weigh(self, bce: Tensor, targets: Tensor) -> Tensor:
        tail = self.state.counts <= self.max_tail_num
        ignored = (self.draw(bce) & tail).to(bce.dtype)
        return bce * (1 - ignored * (1 - targets))

    def draw(self, like: Tensor) -> Tensor:
        """R: booleans of the shape of a tensor, and on its device.

        Counts a step in training, that is with gradients.
        """
        state = self.state
        key = mix(mix(mix(state.seed) ^ state.rank) ^ state.epoch)
        key = mix(key ^ state.step)
        if self.training and torch.is_grad_enabled():
            state.step.add_(1)
        place = torch.arange(like.numel(), device=like.device).view(like.shape)
        return mix(key ^ mix(place)) < round(self.gamma * 2**32)


def mix(bits: _Bits) -> _Bits:
    """A hash of 32 bits, of a number or of each int64 of a tensor.

    The shifts and factors are those of Wellons ("hash-prospector"); the factors are below 2^31, so
    that no product overflows an int64. What is added keeps 0 from becoming 0.
    """
    bits = (bits + 0x9E3779B9) & _LOW_32
    bits = ((bits ^ (bits >> 16)) * 0x21F0AAAD) & _LOW_32
    bits = ((bits ^ (bits >> 15)) * 0x735A2D97) & _LOW_32
    return bits ^ (bits >> 15)
