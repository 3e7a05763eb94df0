"""The one place where pixels become floats.

Clips travel as uint8 up to the device. There an `InputTransform` normalises them and hands each
pathway its frames: float32 whatever the precision the network runs in.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from slowfast.ak.sampling import slow_indices


def sees_rgb(cfg) -> bool:
    """Whether the network sees RGB, else BGR: as DATA.REVERSE_INPUT_CHANNEL says, and always RGB on
    Kinetics, where upstream's networks do whatever it says."""
    phases = [cfg[phase] for phase in ("TRAIN", "TEST") if cfg[phase].ENABLE]
    on_kinetics = any(phase.DATASET.lower() == "kinetics" for phase in phases)
    return cfg.DATA.REVERSE_INPUT_CHANNEL or on_kinetics


class InputTransform(nn.Module):
    """uint8 clips (N, 3, T, H, W), RGB -> a list of float32 tensors, one a pathway, slow first.

    Channel i of the result is (x / 255 - mean[i]) / std[i]; with `rgb` False, channel 0 is blue.
    With `alpha`, a slow pathway comes first: T // alpha of the frames, evenly spread, ends
    included.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        rgb: bool = True,
        alpha: int | None = None,
    ):
        super().__init__()
        self.rgb, self.alpha = rgb, alpha
        mean, std = (torch.tensor(v, dtype=torch.float64).view(3, 1, 1, 1) for v in (mean, std))
        self.register_buffer("scale", (1 / (255 * std)).float(), persistent=False)
        self.register_buffer("shift", (-mean / std).float(), persistent=False)
        self._slow: dict[tuple[int, torch.device], Tensor] = {}

    @classmethod
    def from_cfg(cls, cfg) -> InputTransform:
        """As DATA.MEAN, DATA.STD, DATA.REVERSE_INPUT_CHANNEL and the network's pathways say."""
        two_pathways = cfg.MODEL.ARCH in cfg.MODEL.MULTI_PATHWAY_ARCH
        return cls(
            mean=cfg.DATA.MEAN,
            std=cfg.DATA.STD,
            rgb=sees_rgb(cfg),
            alpha=cfg.SLOWFAST.ALPHA if two_pathways else None,
        )

    @torch.no_grad()
    def forward(self, clips: Tensor) -> list[Tensor]:
        """Normalise clips on the device they are on; one float tensor of their size is made."""
        if self.scale.device != clips.device:
            self.to(clips.device)
        if not self.rgb:
            clips = clips.flip(1)
        fast = clips.to(torch.float32, copy=True).mul_(self.scale).add_(self.shift)
        if self.alpha is None:
            return [fast]
        return [fast.index_select(2, self._slow_frames(clips.shape[2], clips.device)), fast]

    def _slow_frames(self, num_frames: int, device: torch.device) -> Tensor:
        key = (num_frames, device)
        if key not in self._slow:
            self._slow[key] = torch.from_numpy(slow_indices(num_frames, self.alpha)).to(device)
        return self._slow[key]
