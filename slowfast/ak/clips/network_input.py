"""The input of networks. This is the only place where pixels become floats.

Clips are uint8 until they are on the device. There an `InputTransform` normalises them and gives
each pathway its frames, as float32 for any precision of the network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from slowfast.ak.clips.sampling import slow_indices
from slowfast.ak.registries.datasets import facts_for
from slowfast.ak.registries.networks import feature_shape, pathway_count


def sees_rgb(cfg) -> bool:
    """Whether the network gets RGB (True) or BGR (False).

    DATA.REVERSE_INPUT_CHANNEL says so, unless the data set always has RGB, as upstream's networks
    get it on Kinetics.
    """
    splits = [split for split in ("train", "test") if cfg[split.upper()].ENABLE]
    always_rgb = any(facts_for(cfg, split).always_rgb for split in splits)
    return cfg.DATA.REVERSE_INPUT_CHANNEL or always_rgb


class InputTransform(nn.Module):
    """uint8 clips (N, 3, T, H, W), RGB -> a list of float32 tensors, one a pathway, slow first.

    Channel i of the result is (x / 255 - mean[i]) / std[i].

    Args:
        rgb: whether channel 0 is red. Otherwise it is blue.
        alpha: adds a slow pathway with T // alpha of the frames, evenly spread, both ends included.
        channels_last: whether the result is in memory format torch.channels_last_3d.
    """

    is_pixels = True

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        rgb: bool = True,
        alpha: int | None = None,
        channels_last: bool = False,
    ):
        super().__init__()
        self.rgb, self.alpha = rgb, alpha
        self._layout = torch.channels_last_3d if channels_last else torch.contiguous_format
        mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1, 1) for v in (mean, std))
        self.register_buffer("scale", (1 / (255 * std)).float(), persistent=False)
        self.register_buffer("shift", (-mean / std).float(), persistent=False)

    @classmethod
    def from_cfg(cls, cfg, channels_last: bool = False) -> InputTransform:
        """Reads DATA.MEAN, DATA.STD, DATA.REVERSE_INPUT_CHANNEL and the pathways of the network."""
        return cls(
            mean=cfg.DATA.MEAN,
            std=cfg.DATA.STD,
            rgb=sees_rgb(cfg),
            alpha=cfg.SLOWFAST.ALPHA if pathway_count(cfg) == 2 else None,
            channels_last=channels_last,
        )

    @torch.no_grad()
    def forward(self, clips: Tensor) -> list[Tensor]:
        """Normalises clips on their device. It makes one float tensor of their size."""
        if self.scale.device != clips.device:
            self.to(clips.device)
        if not self.rgb:
            clips = clips.flip(1)
        fast = clips.to(torch.float32, copy=True, memory_format=self._layout)
        fast.mul_(self.scale).add_(self.shift)
        if self.alpha is None:
            return [fast]
        # Joined from slices, since an index tensor would have to be copied to the device first.
        slow = [fast[:, :, i : i + 1] for i in slow_indices(clips.shape[2], self.alpha).tolist()]
        return [torch.cat(slow, dim=2), fast]

    def example(self, clips: int, frames: int, side: int, device: torch.device) -> Tensor:
        """Black clips: uint8 (N, 3, T, side, side)."""
        return torch.zeros(clips, 3, frames, side, side, dtype=torch.uint8, device=device)


class FeatureInput(nn.Module):
    """Features (N, P, C) of any float type -> a list of one float32 tensor.

    Args:
        shape: (P, C), of an example.
    """

    is_pixels = False

    def __init__(self, shape: tuple[int, int]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, features: Tensor) -> list[Tensor]:
        """Copies features as float32."""
        return [features.to(torch.float32, copy=True)]

    def example(self, clips: int, frames: int, side: int, device: torch.device) -> Tensor:
        """Features that are zero. Clips of features have no frames and no side."""
        return torch.zeros(clips, *self.shape, device=device)


def input_from_cfg(cfg, channels_last: bool = False) -> InputTransform | FeatureInput:
    """What makes the input of MODEL.MODEL_NAME of a batch of its data set."""
    if shape := feature_shape(cfg):
        return FeatureInput(shape)
    return InputTransform.from_cfg(cfg, channels_last)
