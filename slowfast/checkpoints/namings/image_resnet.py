"""Names of image ResNets in torchvision and timm, with which video networks can start."""

import re
from typing import Any

from slowfast.checkpoints.namings.naming import (
    IMAGENET_PIXELS,
    Naming,
    State,
    apply,
    register,
    rules,
)

_MODULES = rules(
    ("conv1", "s1.pathway0_stem.conv"),
    ("bn1", "s1.pathway0_stem.bn"),
    ("fc", "head.projection"),
)
_BLOCK = re.compile(r"layer(\d)\.(\d+)\.(.+)")
_IN_BLOCK = rules(
    ("conv1", "branch2.a"),
    ("bn1", "branch2.a_bn"),
    ("conv2", "branch2.b"),
    ("bn2", "branch2.b_bn"),
    ("conv3", "branch2.c"),
    ("bn3", "branch2.c_bn"),
    (r"downsample\.0", "branch1"),
    (r"downsample\.1", "branch1_bn"),
)


@register
class ImageResNet(Naming):
    """``layerN``: ResNets of torchvision and timm. Their 2D kernels are spread over time."""

    title = "image ResNet names of torchvision and timm"
    anchor = re.compile(r"conv1\.weight")

    def recognises(self, state: State, key: str) -> bool:
        block = state.get("layer1.0.conv1.weight")
        has_one_stem = "conv2.weight" not in state  # CLIP's ResNets have a stem of three layers
        return block is not None and block.ndim == state["conv1.weight"].ndim == 4 and has_one_stem

    def rename(self, state: State) -> dict[str, str]:
        renamed = {}
        for name in state:
            module, _, leaf = name.rpartition(".")
            here = apply(_MODULES, module)
            if block := _BLOCK.fullmatch(module):
                inside = apply(_IN_BLOCK, block[3])
                here = inside and f"s{int(block[1]) + 1}.pathway0_res{block[2]}.{inside}"
            if here:
                renamed[name] = f"{here}.{leaf}"
        return renamed

    def refusal(self, state: State) -> str:
        loads = "Weights of ResNet-50 and ResNet-101 load"
        if "layer1.0.conv3.weight" not in state:
            return (
                "the weights are of ResNet-18 or ResNet-34, and video networks of RESNET.DEPTH 18 "
                f"have four times their channels. {loads}"
            )
        inside, stem = state["layer1.0.conv1.weight"], state["conv1.weight"]
        if inside.shape[0] != stem.shape[0]:
            return (
                "the weights are of ResNeXt or of a wide ResNet, whose blocks have "
                f"{inside.shape[0]} inner channels after {stem.shape[0]} of the stem. Video "
                f"networks here have as many as the stem. {loads}"
            )
        return ""

    def is_of_images(self, state: State) -> bool:
        return True

    def has_counterpart(self, name: str) -> bool:
        return ".pathway1_" not in name and "_fuse." not in name

    def settings(self, state: State) -> dict[str, Any]:
        return {"RESNET.STRIDE_1X1": False, **IMAGENET_PIXELS}
