"""The input that published weights were trained with, and the settings that follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.clips.network_input import sees_rgb
from slowfast.ak.keys import Finding
from slowfast.config.dotted import get, show

# The short sides between which training clips are scaled, for a crop of 224.
_JITTER, _CROP = (256, 320), 224


@dataclass(frozen=True)
class DescribedInput:
    """The input of a network.

    Attributes:
        frames: of a clip.
        side: of a clip, pixels.
        mean: of pixels of 0..1, RGB; empty: not known.
        std: of pixels of 0..1, RGB; empty: not known.
    """

    frames: int
    side: int
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def pixels(self) -> dict[str, Any]:
        """The keys of the normalisation, if it is known."""
        if not self.mean:
            return {}
        return {"DATA.MEAN": list(self.mean), "DATA.STD": list(self.std)}

    def settings(self, cfg: CfgNode) -> dict[str, Any]:
        """The values of keys for which the network is made."""
        jitter = [round(self.side * scale / _CROP) for scale in _JITTER]
        channels = {} if sees_rgb(cfg) else {"DATA.REVERSE_INPUT_CHANNEL": True}
        return {
            "DATA.NUM_FRAMES": self.frames,
            "DATA.TRAIN_CROP_SIZE": self.side,
            "DATA.TEST_CROP_SIZE": self.side,
            "DATA.TRAIN_JITTER_SCALES": jitter,
            **channels,
            **self.pixels,
        }

    def pixel_problems(self, cfg: CfgNode) -> Iterator[Finding]:
        """Finds that pixels reach pretrained weights otherwise than in their training.

        A checkpoint (TRAIN.CHECKPOINT_FILE_PATH) can have been trained in another way.
        """
        if not cfg.MODEL.PRETRAINED or cfg.TRAIN.CHECKPOINT_FILE_PATH:
            return
        weights = f"the weights of MODEL.PRETRAINED {cfg.MODEL.PRETRAINED}"
        for key, value in self.pixels.items():
            if get(cfg, key) != value:
                yield key, f"{weights} take {show(value)}; set this, or leave the key out"
        if not sees_rgb(cfg):
            yield "DATA.REVERSE_INPUT_CHANNEL", f"{weights} take RGB; set it to True"

    def size_problems(self, cfg: CfgNode, advice: str) -> Iterator[Finding]:
        """Finds frames and crops other than these, for a network that takes no others.

        Args:
            advice: what to do for another size.
        """
        wanted = {"DATA.NUM_FRAMES": self.frames}
        if cfg.TRAIN.ENABLE:
            wanted["DATA.TRAIN_CROP_SIZE"] = self.side
        wanted["DATA.TEST_CROP_SIZE"] = self.side
        for key, value in wanted.items():
            if get(cfg, key) != value:
                yield key, f"{cfg.MODEL.ARCH} only takes {value}; {advice}"
