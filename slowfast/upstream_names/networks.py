"""`slowfast.models.video_model_builder`, and what upstream has beside its networks.

The networks are classes here, so that others can derive from them. Layers, names and initial
weights are those of the networks that `slowfast.models.build_model` builds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.blocks import round_width as round_to_multiple
from slowfast.models.layers.clips import as_clips
from slowfast.models.layers.head import ACTIVATIONS, HeadSpec
from slowfast.models.layers.library import LibraryNetwork, LibraryTransformer
from slowfast.models.mvit import VisionTransformer
from slowfast.models.network import Network
from slowfast.models.resnet import ARCHITECTURES, FAST, NUM_BLOCKS, SLOW
from slowfast.models.settings import look_up
from slowfast.models.transformer import positions
from slowfast.models.x3d import STEM_TEMPORAL_KERNEL, TEMPORAL_KERNEL

# Blocks of stages 2 to 5 of RESNET.DEPTH 18, 50 and 101.
_MODEL_STAGE_DEPTH = dict(NUM_BLOCKS)


def _by_pathway(*kernels: Sequence[Sequence[int]]) -> list[list[list[int]]]:
    """For the stem and each stage: the kernels of each pathway."""
    return [[list(own[stage]) for own in kernels] for stage in range(5)]


# For each MODEL.ARCH: the temporal kernels of the stem and of stages 2 to 5, by pathway.
_TEMPORAL_KERNEL_BASIS = {
    **{arch: _by_pathway(kernels) for arch, (kernels, _) in ARCHITECTURES.items()},
    "slowfast": _by_pathway(SLOW, FAST),
    "x3d": _by_pathway([[STEM_TEMPORAL_KERNEL], *[[TEMPORAL_KERNEL]] * 4]),
}

# For each MODEL.ARCH: the max pooling (T, H, W) after stage 2, by pathway.
_POOL1 = {
    **{arch: [[frames, 1, 1]] for arch, (_, frames) in ARCHITECTURES.items()},
    "slowfast": [[1, 1, 1], [1, 1, 1]],
    "x3d": [[1, 1, 1]],
}


class _Built(Network):
    """A network that a configuration describes.

    A derived class can replace layers by their names, such as ``head``, and add others, which its
    own `forward` calls.
    """

    _name: ClassVar[str]

    def __init__(self, cfg: CfgNode) -> None:
        built = MODEL_REGISTRY.get(self._name)(cfg)
        layers = dict(built.named_children())
        super().__init__(layers, built.input_channels)
        self.num_pathways, self._chain = len(built.input_channels), list(layers)

    def forward(self, x: Sequence[Tensor], bboxes: Any = None) -> Tensor:
        """Scores clips as `slowfast.models.network.Network`.

        Raises:
            UserError: the clips do not fit, or boxes are given.
        """
        _refuse_boxes(self._name, bboxes)
        y = as_clips(x, self.input_channels)
        for name in self._chain:
            y = getattr(self, name)(y)
        return y


class SlowFast(_Built):
    """The two-pathway network. It takes a list [slow clip, fast clip], each (N, C, T, H, W)."""

    _name = "SlowFast"


class ResNet(_Built):
    """C2D, I3D or Slow, as MODEL.ARCH says. It takes a list of one clip (N, C, T, H, W)."""

    _name = "ResNet"


class X3D(_Built):
    """X3D. It takes a list of one clip (N, C, T, H, W)."""

    _name = "X3D"


class MViT(VisionTransformer):
    """The vision transformer of the keys of MVIT. It takes a list of one clip (N, C, T, H, W)."""

    def __init__(self, cfg: CfgNode) -> None:
        built = MODEL_REGISTRY.get("MViT")(cfg)
        super().__init__(built.plan, built.head)

    def no_weight_decay(self) -> set[str]:
        """The names of parameters that have no weight decay with MVIT.ZERO_DECAY_POS_CLS."""
        return self.undecayed()

    def forward(self, x: Sequence[Tensor], bboxes: Any = None, return_attn: bool = False) -> Tensor:
        """Scores clips as `slowfast.models.mvit.VisionTransformer`.

        Raises:
            UserError: the clips do not fit, boxes are given, or attention is asked for, which is
                never computed as a matrix.
        """
        _refuse_boxes("MViT", bboxes)
        if return_attn:
            raise UserError("MViT: return_attn: the attention is not kept, so it is not returned")
        return super().forward(x)


def _refuse_boxes(name: str, boxes: Any) -> None:
    if boxes is not None:
        raise UserError(
            f"{name}: received boxes; the detection of actions in boxes is not built here. Crop "
            "each tracked animal to a clip of its own."
        )


class _TakesBoxes(nn.Module):
    """A mixin for networks of pytorchvideo, which upstream calls with boxes too."""

    def forward(self, x: Sequence[Tensor], bboxes: Any = None) -> Tensor:
        """Scores clips. Raises UserError if the clips do not fit, or boxes are given."""
        _refuse_boxes(type(self).__name__, bboxes)
        return super().forward(x)


class _OfLibrary(_TakesBoxes, LibraryNetwork):
    """A residual network of pytorchvideo that a configuration describes."""

    _name: ClassVar[str]

    def __init__(self, cfg: CfgNode) -> None:
        built = MODEL_REGISTRY.get(self._name)(cfg)
        super().__init__(built.model, HeadSpec.from_cfg(cfg), built.windows, built.input_channels)


class PTVResNet(_OfLibrary):
    """C2D, I3D or Slow of pytorchvideo, as MODEL.ARCH says."""

    _name = "PTVResNet"


class PTVSlowFast(_OfLibrary):
    """SlowFast of pytorchvideo. The list of clips that it takes stays as it is."""

    _name = "PTVSlowFast"


class PTVX3D(_OfLibrary):
    """X3D of pytorchvideo."""

    _name = "PTVX3D"


class PTVCSN(_OfLibrary):
    """The channel-separated network of pytorchvideo."""

    _name = "PTVCSN"


class PTVR2plus1D(_OfLibrary):
    """R(2+1)D of pytorchvideo."""

    _name = "PTVR2plus1D"


class PTVMViT(_TakesBoxes, LibraryTransformer):
    """The multiscale vision transformer of pytorchvideo."""

    def __init__(self, cfg: CfgNode) -> None:
        built = MODEL_REGISTRY.get("PTVMViT")(cfg)
        super().__init__(built.model, HeadSpec.from_cfg(cfg), *built.input_channels, built.size)


def get_head_act(act_func: str) -> nn.Module:
    """The activation softmax (over classes, the second dimension) or sigmoid, as a module.

    Raises:
        UserError: there is no such activation.
    """
    modules = {"softmax": nn.Softmax(dim=1), "sigmoid": nn.Sigmoid()}
    return look_up("MODEL.HEAD_ACT", act_func, {name: modules[name] for name in ACTIVATIONS})


def get_3d_sincos_pos_embed(
    embed_dim: int, grid_size: int, t_size: int, cls_token: bool = False
) -> np.ndarray:
    """Fixed positions of tokens (t_size * grid_size * grid_size, embed_dim).

    Args:
        embed_dim: a multiple of 16.
        cls_token: whether a row of zeros for a class token comes first.
    """
    table = positions.sines(embed_dim, (t_size, grid_size, grid_size))[0].numpy()
    return np.pad(table, ((int(cls_token), 0), (0, 0)))


def round_width(
    width: float,
    multiplier: float,
    min_width: int = 1,
    divisor: int = 1,
    verbose: bool = False,
) -> int:
    """width x multiplier, rounded to a multiple of `divisor`; `width` if there is no multiplier.

    Args:
        min_width: the least result; 0 or None: `divisor`.
        verbose: not used.
    """
    if not multiplier:
        return width
    least = math.ceil((min_width or divisor) / divisor) * divisor
    return max(least, round_to_multiple(width * multiplier, divisor))


def validate_checkpoint_wrapper_import(checkpoint_wrapper: Any) -> None:
    """Checks that fairscale's wrapper was imported. MODEL.ACT_CHECKPOINT does not need it here.

    Raises:
        ImportError: the wrapper is None.
    """
    if checkpoint_wrapper is None:
        raise ImportError("fairscale is missing: python -m pip install fairscale")
