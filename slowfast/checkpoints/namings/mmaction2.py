"""MMAction2's names: C2D, I3D, SlowOnly, SlowFast and X3D, with or without their heads."""

import re
from typing import Any

import torch

from slowfast.checkpoints.namings.naming import (
    IMAGENET_PIXELS,
    Naming,
    State,
    apply,
    register,
    rules,
)

_HEAD = rules(
    (r"cls_head\.fc_cls", "head.projection"),
    (r"cls_head\.fc1", "head.lin_5"),
    (r"cls_head\.fc2", "head.projection"),
    (r"backbone\.conv5\.conv", "head.conv_5"),
    (r"backbone\.conv5\.bn", "head.conv_5_bn"),
)
_LATERAL = rules(
    (r"conv1_lateral\.conv", "1_fuse.conv_f2s"),
    (r"conv1_lateral\.bn", "1_fuse.bn"),
    (r"layer1_lateral\.conv", "2_fuse.conv_f2s"),
    (r"layer1_lateral\.bn", "2_fuse.bn"),
    (r"layer2_lateral\.conv", "3_fuse.conv_f2s"),
    (r"layer2_lateral\.bn", "3_fuse.bn"),
    (r"layer3_lateral\.conv", "4_fuse.conv_f2s"),
    (r"layer3_lateral\.bn", "4_fuse.bn"),
)
_STEM = rules(
    (r"conv1(?:_t)?\.conv", "stem.conv"),
    (r"conv1(?:_t)?\.bn", "stem.bn"),
    (r"conv1_s\.conv", "stem.conv_xy"),
)
_BLOCK = re.compile(r"layer(\d)\.(\d+)\.(.+)")
_IN_BLOCK = rules(
    (r"conv1\.conv", "branch2.a"),
    (r"conv1\.bn", "branch2.a_bn"),
    (r"conv2\.conv", "branch2.b"),
    (r"conv2\.bn", "branch2.b_bn"),
    (r"conv3\.conv", "branch2.c"),
    (r"conv3\.bn", "branch2.c_bn"),
    (r"downsample\.conv", "branch1"),
    (r"downsample\.bn", "branch1_bn"),
    (r"se_module\.(fc[12])", r"branch2.se.\1"),
)
_NON_LOCAL = rules(
    (r"non_local_block\.g(?:\.0)?(?:\.conv)?", "conv_g"),
    (r"non_local_block\.theta(?:\.conv)?", "conv_theta"),
    (r"non_local_block\.phi(?:\.0)?(?:\.conv)?", "conv_phi"),
    (r"non_local_block\.conv_out\.conv", "conv_out"),
    (r"non_local_block\.conv_out\.bn", "bn"),
)
_LAST_FAST = "backbone.fast_path.layer4.0.downsample.bn.weight"
_PATHWAYS = {"slow_path.": "0", "fast_path.": "1", None: "0"}
_IN_BACKBONE = re.compile(r"backbone\.(slow_path\.|fast_path\.)?(.+)")


@register
class MMAction2(Naming):
    """``backbone.*`` and ``cls_head.*``."""

    title = "MMAction2 names"
    anchor = re.compile(r"backbone\.(?:slow_path\.)?conv1(?:_s)?\.conv\.weight")
    pads = True

    def recognises(self, state: State, key: str) -> bool:
        return any(re.match(r"backbone\.(?:slow_path\.)?layer1\.0\.conv1\.", n) for n in state)

    def rename(self, state: State) -> dict[str, str]:
        renamed = {}
        for name in state:
            module, _, leaf = name.rpartition(".")
            if here := apply(_HEAD, module) or _in_backbone(module):
                renamed[name] = f"{here}.{leaf}"
        return renamed

    def convert(self, here: str, value: torch.Tensor, state: State) -> torch.Tensor:
        # The head of its SlowFast takes the channels of the fast pathway first.
        if here != "head.projection.weight" or _LAST_FAST not in state:
            return value
        fast = len(state[_LAST_FAST])
        return torch.cat([value[:, fast:], value[:, :fast]], dim=1)

    def refusal(self, state: State) -> str:
        if any(".conv1.conv.net" in name for name in state):
            return "the weights are of a network with temporal shift (TSM), which is not built here"
        conv2 = re.compile(r".*\.conv2(?:\.\d)*\.conv\.weight")
        kernels = [v for n, v in state.items() if conv2.fullmatch(n) and v.ndim == 5]
        is_x3d = "backbone.conv1_s.conv.weight" in state
        if kernels and not is_x3d and all(kernel.shape[1] == 1 for kernel in kernels):
            return (
                "the weights are of a channel-separated network (CSN) with MMAction2's names; "
                "MODEL.MODEL_NAME PTVCSN takes those of pytorchvideo"
            )
        laterals = "backbone.slow_path.conv1_lateral"
        if f"{laterals}.conv.weight" in state and f"{laterals}.bn.weight" not in state:
            return (
                "the lateral connections of this SlowFast have neither norm nor ReLU "
                "(`lateral_norm` is off, as in MMAction2's recipes). SlowFast here has both, and "
                "no values make it compute the same. Weights trained with lateral_norm=True load"
            )
        return ""

    def cautions(self, state: State) -> list[str]:
        found = []
        stem = state.get("backbone.conv1.conv.weight")
        if stem is not None and stem.ndim == 4:
            found.append(
                "The first pool of MMAction2's 2D networks has no padding, and the one here has: "
                "scores differ from those of MMAction2. As a start for training the weights serve."
            )
        elif stem is not None and stem.shape[2] > 1:
            found.append(
                "MMAction2's recipes of I3D halve the number of frames in the stem and in the "
                "first pool, and I3D here does not: scores differ from those of MMAction2, unless "
                "the weights were trained with these strides 1. As a start for training the "
                "weights serve."
            )
        if any(".non_local_block.g.0." in name for name in state):
            found.append(
                "Non-local blocks of MMAction2 with sub_sample=True pool after their convolutions, "
                "and those here before: scores differ from those of MMAction2."
            )
        return found

    def settings(self, state: State) -> dict[str, Any]:
        if "backbone.conv1_s.conv.weight" in state:
            return {"DATA.MEAN": [0.45] * 3, "DATA.STD": [0.225] * 3}
        return IMAGENET_PIXELS

    def is_of_images(self, state: State) -> bool:
        stem = state.get("backbone.conv1.conv.weight")
        return stem is not None and stem.ndim == 4

    def neutral(self, state: State, wanted: set[str]) -> set[str]:
        # The last convolution of its non-local block has no bias.
        here = {name for name in self.rename(state).values() if ".conv_out." in name}
        return {name.replace(".weight", ".bias") for name in here} & wanted - here


def _in_backbone(module: str) -> str | None:
    """Returns the name here of a layer of the stem, a stage or a lateral connection."""
    if not (match := _IN_BACKBONE.fullmatch(module)):
        return None
    pathway, layer = _PATHWAYS[match[1]], match[2]
    if stem := apply(_STEM, layer):
        return f"s1.pathway{pathway}_{stem}"
    if lateral := apply(_LATERAL, layer):
        return f"s{lateral}"
    if not (block := _BLOCK.fullmatch(layer)):
        return None
    stage = f"s{int(block[1]) + 1}.pathway{pathway}"
    if inside := apply(_IN_BLOCK, block[3]):
        return f"{stage}_res{block[2]}.{inside}"
    non_local = apply(_NON_LOCAL, block[3])
    return non_local and f"{stage}_nonlocal{block[2]}.{non_local}"
