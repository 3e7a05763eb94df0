"""The settings of the network that weights are of, read off names and shapes.

A message compares them with the settings of the configured network. So it can say which keys to
change for a file to fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count, takewhile
from typing import Any

from slowfast.models.resnet import ARCHITECTURES, NUM_BLOCKS
from slowfast.models.x3d import NUM_BLOCKS as X3D_BLOCKS

Shapes = Mapping[str, Sequence[int]]

_TEMPORAL = "RESNET.NUM_BLOCK_TEMP_KERNEL"
_LAYER = re.compile(r"(?:blocks|(?P<reversible>rev_backbone\.layers))\.(?P<number>\d+)\.")
_BLOCK = re.compile(r"s(\d)\.pathway0_res(\d+)\.branch2\.a\.weight")


def settings_of(shapes: Shapes) -> dict[str, Any]:
    """Returns values of configuration keys that give the network of some weights.

    Args:
        shapes: the shapes of the entries, by the names of this project.

    Returns:
        Values by dotted key; empty for weights of no network that is known here.
    """
    found = _settings_of_family(shapes)
    if found and (head := shapes.get("head.projection.weight")):
        found["MODEL.NUM_CLASSES"] = head[0]
    return found


def _settings_of_family(shapes: Shapes) -> dict[str, Any]:
    """Returns the settings without the number of classes."""
    if "patch_embed.proj.weight" in shapes and any(_LAYER.match(name) for name in shapes):
        return {"MODEL.MODEL_NAME": "MViT", **_mvit(shapes)}
    stem = shapes.get("s1.pathway0_stem.conv.weight")
    blocks = [match for name in shapes if (match := _BLOCK.fullmatch(name))]
    if stem is None or not blocks:
        return {}
    depths = tuple(sum(match[1] == str(stage) for match in blocks) for stage in (2, 3, 4, 5))
    if "s1.pathway0_stem.conv_xy.weight" in shapes:
        return {"MODEL.MODEL_NAME": "X3D", **_x3d(shapes, depths)}
    # Networks of one pathway can start from an image network too.
    name = "SlowFast" if "s1.pathway1_stem.conv.weight" in shapes else "ResNet"
    return {"MODEL.MODEL_NAME": name, **_resnet(shapes, depths)}


def _mvit(shapes: Shapes) -> dict[str, Any]:
    patches = shapes["patch_embed.proj.weight"]
    layers = [match for name in shapes if (match := _LAYER.match(name))]
    positions = [name for name in shapes if name.startswith("pos_embed")]
    found: dict[str, Any] = {
        "MODEL.ARCH": "mvit",
        "MVIT.DEPTH": 1 + max(int(match["number"]) for match in layers),
        "MVIT.EMBED_DIM": patches[0],
        "MVIT.PATCH_2D": len(patches) == 4,
        "MVIT.PATCH_KERNEL": list(patches[2:]),
        "MVIT.CLS_EMBED_ON": "cls_token" in shapes,
        "MVIT.USE_ABS_POS": bool(positions),
        "MVIT.REL_POS_SPATIAL": any(name.endswith("rel_pos_h") for name in shapes),
        "MVIT.REL_POS_TEMPORAL": any(name.endswith("rel_pos_t") for name in shapes),
        "MVIT.REV.ENABLE": any(match["reversible"] for match in layers),
    }
    if positions:
        found["MVIT.SEP_POS_EMBED"] = "pos_embed_spatial" in positions
    return found


def _x3d(shapes: Shapes, depths: tuple[int, ...]) -> dict[str, Any]:
    found = {"MODEL.ARCH": "x3d", "X3D.DEPTH_FACTOR": depths[2] / X3D_BLOCKS[2]}
    found["X3D.WIDTH_FACTOR"] = shapes["s1.pathway0_stem.conv.weight"][0] / 12
    if inner := shapes.get("s2.pathway0_res0.branch2.a.weight"):
        found["X3D.BOTTLENECK_FACTOR"] = inner[0] / inner[1]
    if last := shapes.get("head.lin_5.weight"):
        found["X3D.DIM_C5"] = last[0]
    return found


def _resnet(shapes: Shapes, depths: tuple[int, ...]) -> dict[str, Any]:
    stem = shapes["s1.pathway0_stem.conv.weight"]
    found: dict[str, Any] = {}
    fast = shapes.get("s1.pathway1_stem.conv.weight")
    if fast:
        found["MODEL.ARCH"] = "slowfast"
    elif archs := _archs(shapes):
        found["MODEL.ARCH"] = " or ".join(archs)
    depth = next((depth for depth, blocks in NUM_BLOCKS.items() if blocks == depths), None)
    found["RESNET.DEPTH"] = depth or f"of another kind, with {list(depths)} blocks"
    found["RESNET.WIDTH_PER_GROUP"] = stem[0]
    if len(stem) == 5:
        pathways = (0, 1) if fast else (0,)
        found[_TEMPORAL] = [[_temporal(shapes, n, p) for p in pathways] for n in (2, 3, 4, 5)]
    if fast:
        found["SLOWFAST.BETA_INV"] = stem[0] / fast[0]
    if lateral := shapes.get("s1_fuse.conv_f2s.weight"):
        found["SLOWFAST.FUSION_KERNEL_SZ"] = lateral[2]
        found["SLOWFAST.FUSION_CONV_CHANNEL_RATIO"] = lateral[0] / lateral[1]
    return found


def _temporal(shapes: Shapes, stage: int, pathway: int) -> int:
    """Returns the number of blocks of a stage up to the last with a temporal kernel."""
    names = (f"s{stage}.pathway{pathway}_res{block}.branch2.a.weight" for block in count())
    kernels = [shapes[name][2] for name in takewhile(shapes.__contains__, names)]
    return max((index for index, frames in enumerate(kernels, start=1) if frames > 1), default=0)


def _archs(shapes: Shapes) -> list[str]:
    """Returns the values of MODEL.ARCH whose temporal kernels weights of one pathway have."""
    stem = shapes["s1.pathway0_stem.conv.weight"]
    if len(stem) == 4:  # an image network
        return []
    found = []
    for arch, (kernels, _) in ARCHITECTURES.items():
        expected = [kernels[0][0]] + [
            stage[block % len(stage)] for stage in kernels[1:] for block in (0, 1)
        ]
        first_two = [
            shapes.get(f"s{stage}.pathway0_res{block}.branch2.a.weight")
            for stage in (2, 3, 4, 5)
            for block in (0, 1)
        ]
        if expected == [stem[2], *(shape[2] if shape else None for shape in first_two)]:
            found.append(arch)
    return found


def differing_settings(theirs: Shapes, ours: Shapes) -> str:
    """Returns the settings in which the network of some weights differs from another network.

    Returns:
        For example "MODEL.ARCH slowfast (here i3d), RESNET.DEPTH 101 (here 50)"; "" if none is
        known.
    """
    there, here = settings_of(theirs), settings_of(ours)
    if there.get("MODEL.ARCH") != here.get("MODEL.ARCH"):
        there.pop(_TEMPORAL, None)  # follows from the architecture
    texts = {key: _shown(value) for key, value in here.items()}
    return ", ".join(
        f"{key} {_shown(value)}" + (f" (here {texts[key]})" if _is_one(texts.get(key)) else "")
        for key, value in there.items()
        if value != here.get(key)
    )


def _is_one(text: str | None) -> bool:
    """Whether a text states one value, and no choice of several."""
    return text is not None and " or " not in text


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
