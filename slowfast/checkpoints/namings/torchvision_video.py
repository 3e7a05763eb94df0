"""torchvision's names of video networks, for MODEL.MODEL_NAME TorchvisionVideo."""

import re
from typing import Any

import torch

from slowfast.checkpoints.namings.naming import IMAGENET_PIXELS, Naming, State, register

_CLASSIFIER = re.compile(r"(?:fc|head|head\.1|classifier\.1)\.(weight|bias)")
_SWIN, _MVIT = "features.0.0.attn.relative_position_bias_table", "conv_proj.weight"
_CONVOLUTIONS = ("stem.0.weight", "features.0.0.0.weight")
_KINETICS_PIXELS = {
    "DATA.MEAN": [0.43216, 0.394666, 0.37645],
    "DATA.STD": [0.22803, 0.22145, 0.216989],
}


@register
class TorchvisionVideo(Naming):
    """The names of the library. The network here holds the one of the library as `model`."""

    title = "torchvision names of video networks"
    anchor = re.compile("|".join(map(re.escape, (_SWIN, _MVIT, *_CONVOLUTIONS))))

    def rename(self, state: State) -> dict[str, str]:
        return {name: self._here(name) for name in state}

    def convert(self, here: str, value: torch.Tensor, state: State) -> torch.Tensor:
        # The classifier of S3D is a convolution of 1 x 1 x 1.
        return value.flatten(1) if here == "head.projection.weight" else value

    def settings(self, state: State) -> dict[str, Any]:
        if _SWIN in state:
            return IMAGENET_PIXELS
        if _MVIT in state:
            return {"DATA.MEAN": [0.45] * 3, "DATA.STD": [0.225] * 3}
        return _KINETICS_PIXELS

    @staticmethod
    def _here(name: str) -> str:
        if match := _CLASSIFIER.fullmatch(name):
            return f"head.projection.{match[1]}"
        return f"model.{name}"
