"""C2D, I3D and Slow: residual networks with one pathway. They differ in their temporal kernels.

C2D has no temporal kernel. I3D has them in all stages. Both halve the number of frames after stage
2. Slow has them in stages 4 and 5 only (Feichtenhofer et al., ICCV 2019). This file also has the
parts that `ResNet` shares with the two-pathway `SlowFast`: the plan of a pathway, and the stem and
stages that follow from plans.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.models.batchnorm_helper import get_norm
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.blocks import TRANSFORMS, BlockSpec, Kernel, Norm, max_pool, stage
from slowfast.models.layers.head import Head, pool_head
from slowfast.models.layers.init import init_weights
from slowfast.models.layers.nonlocal_block import NonLocal
from slowfast.models.layers.stem import resnet_stem
from slowfast.models.network import Network, Pathways
from slowfast.models.settings import look_up, per_pathway

# Temporal kernels of the stem and of stages 2 to 5. The blocks of a stage use its kernels in turn.
C2D = ((1,), (1,), (1,), (1,), (1,))
I3D = ((5,), (3,), (3, 1), (3, 1), (1, 3))
SLOW = ((1,), (1,), (1,), (3,), (3,))
FAST = ((5,), (3,), (3,), (3,), (3,))

# MODEL.ARCH: temporal kernels, and the number of frames that are pooled into one after stage 2.
ARCHITECTURES = {
    "2d": (C2D, 1),
    "c2d": (C2D, 2),
    "c2d_nopool": (C2D, 1),
    "slow_c2d": (C2D, 1),  # upstream's other name of c2d_nopool
    "i3d": (I3D, 2),
    "i3d_nopool": (I3D, 1),
    "slow": (SLOW, 1),
}

# Beginnings of the keys that only the networks of this family read.
FAMILY_KEYS = (
    *("NONLOCAL.", "RESNET.DEPTH", "RESNET.NUM_BLOCK_TEMP_KERNEL", "RESNET.SPATIAL_STRIDES"),
    *("RESNET.SPATIAL_DILATIONS", "RESNET.WIDTH_PER_GROUP"),
)

# RESNET.DEPTH: blocks of stages 2 to 5.
NUM_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}

# Keys with a list for each stage that has one value for each pathway: the depth of such a value.
_STAGE_KEYS = {
    "RESNET.NUM_BLOCK_TEMP_KERNEL": 0,
    "RESNET.SPATIAL_STRIDES": 0,
    "RESNET.SPATIAL_DILATIONS": 0,
    "NONLOCAL.LOCATION": 1,
    "NONLOCAL.GROUP": 0,
    "NONLOCAL.POOL": 1,
}


# ------------------------------------------------------------------ checks of a configuration


def stage_problems(cfg: CfgNode, pathways: int) -> Iterator[Finding]:
    """Finds lists of stages that do not have one usable value for each pathway."""
    for key, depth in _STAGE_KEYS.items():
        section, name = key.split(".")
        stages = cfg[section][name]
        if not _has_depth(stages, depth + 2):
            default = UPSTREAM_KEYS[key].default
            yield key, f"expected for each stage a list of one value a pathway, such as {default}"
            continue
        for number, values in enumerate(stages, start=2):
            try:
                per_pathway(f"stage {number}", values, pathways)
            except UserError as error:
                yield key, str(error)
                break
            if key == "NONLOCAL.POOL" and any(len(pool) != 3 for pool in values):
                yield key, "expected three numbers a pathway: time, height, width"
                break
            blocks = NUM_BLOCKS.get(cfg.RESNET.DEPTH, (math.inf,) * 4)[number - 2]
            if key == "NONLOCAL.LOCATION" and any(n >= blocks for each in values for n in each):
                numbers = f"stage {number} has blocks with the numbers 0 to {blocks - 1}"
                yield key, f"found {values} for stage {number}; {numbers}"
                break


def _has_depth(value: Any, depth: int) -> bool:
    """Whether a value is nested to this depth everywhere. An empty list has any depth."""
    if depth == 0:
        return not isinstance(value, (list, tuple))
    return isinstance(value, (list, tuple)) and all(_has_depth(v, depth - 1) for v in value)


def pooling_problems(cfg: CfgNode, instead: str = "") -> Iterator[Finding]:
    """Finds a clip of fewer frames than the network pools into one.

    Args:
        instead: what else the message advises, after the number of frames.
    """
    _, frames_pooled = ARCHITECTURES.get(cfg.MODEL.ARCH, (None, 1))
    if frames_pooled > cfg.DATA.NUM_FRAMES:
        yield (
            "DATA.NUM_FRAMES",
            f"MODEL.ARCH {cfg.MODEL.ARCH} pools {frames_pooled} frames into one; expected at least "
            f"{frames_pooled}{instead}",
        )


def _problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from stage_problems(cfg, pathways=1)
    yield from pooling_problems(cfg, f", or MODEL.ARCH {cfg.MODEL.ARCH}_nopool")


def unusual_block(cfg: CfgNode) -> Iterator[Finding]:
    """Warns of X3D's residual branch in a network that usually has another."""
    if cfg.RESNET.TRANS_FUNC == "x3d_transform":
        words = f"is unusual in MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME}"
        yield "RESNET.TRANS_FUNC", f"{words}; bottleneck_transform is usual"


# ------------------------------------------------------------------ the network


@dataclass(frozen=True)
class PathwayPlan:
    """Widths and temporal kernels of one pathway, for all its stages.

    Attributes:
        channels_in: channels of the clip.
        channels: channels after the stem. Stage 2 multiplies them by four, each later one by two.
        temporal_kernels: temporal kernels of the stem and of stages 2 to 5.
        channels_lent: channels that another pathway adds after the stem. They grow in the same way.
    """

    channels_in: int
    channels: int
    temporal_kernels: tuple[tuple[int, ...], ...]
    channels_lent: int = 0

    def channels_after(self, number: int) -> int:
        """Channels after a stage. The stem has the number 1."""
        return self.channels * _growth(number)

    def channels_lent_after(self, number: int) -> int:
        """Channels that another pathway adds after a stage."""
        return self.channels_lent * _growth(number)


def _growth(number: int) -> int:
    return 1 if number == 1 else 2**number


@MODEL_REGISTRY.register(
    archs=tuple(ARCHITECTURES),
    pathways=1,
    own_keys=FAMILY_KEYS,
    problems=_problems,
    warnings=unusual_block,
)
def ResNet(cfg: CfgNode) -> Network:
    """The network of MODEL.ARCH 2d, c2d, i3d, slow, c2d_nopool, slow_c2d or i3d_nopool.

    It takes a list of one clip (N, C, T, H, W).
    """
    return resnet(cfg)


@MODEL_REGISTRY.register(
    archs=("c2d", "i3d"),
    pathways=1,
    own_keys=FAMILY_KEYS,
    problems=partial(stage_problems, pathways=1),
    warnings=unusual_block,
)
def ResNet_nopool(cfg: CfgNode) -> Network:
    """The network of MODEL.ARCH c2d or i3d without the pool of frames after stage 2.

    A published file of upstream, Kinetics/c2/C2D_NOPOOL_8x8_R50, names it. No version of upstream
    has such a network; the file's name says what it is. It is ResNet with MODEL.ARCH c2d_nopool.
    """
    return resnet(cfg, arch=f"{cfg.MODEL.ARCH}_nopool")


def resnet(cfg: CfgNode, label_sets: Sequence[str] = (), arch: str = "") -> Network:
    """The network `ResNet`, with a head for `label_sets` as in `resnet_head`.

    Args:
        arch: a name in `ARCHITECTURES`; empty: MODEL.ARCH.
    """
    temporal_kernels, frames_pooled = ARCHITECTURES[arch or cfg.MODEL.ARCH]
    (channels_in,) = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 1)
    plans = [PathwayPlan(channels_in, cfg.RESNET.WIDTH_PER_GROUP, temporal_kernels)]
    norm = get_norm(cfg)
    layers = {
        "s1": resnet_stems(cfg, plans, norm),
        "s2": resnet_stage(cfg, 2, plans, norm),
        "temporal_pool": Pathways([{"pool": max_pool((frames_pooled, 1, 1))}]),
        "s3": resnet_stage(cfg, 3, plans, norm),
        "s4": resnet_stage(cfg, 4, plans, norm),
        "s5": resnet_stage(cfg, 5, plans, norm),
        "head": resnet_head(cfg, plans, [cfg.DATA.NUM_FRAMES // frames_pooled], label_sets),
    }
    return with_initial_weights(cfg, Network(layers, [channels_in]))


def resnet_stems(cfg: CfgNode, plans: Sequence[PathwayPlan], norm: Norm) -> Pathways:
    """The stem of every pathway."""
    return Pathways(
        [
            {
                "stem": resnet_stem(
                    plan.channels_in,
                    plan.channels,
                    temporal_kernel=plan.temporal_kernels[0][0],
                    norm=norm,
                    inplace_relu=cfg.RESNET.INPLACE_RELU,
                )
            }
            for plan in plans
        ]
    )


def resnet_stage(cfg: CfgNode, number: int, plans: Sequence[PathwayPlan], norm: Norm) -> Pathways:
    """Stage 2, 3, 4 or 5 of every pathway."""

    def setting(key: str) -> list:
        """The values of a key for this stage, one for each pathway."""
        section, name = key.split(".")
        return per_pathway(f"{key}[{number - 2}]", cfg[section][name][number - 2], len(plans))

    num_blocks = look_up("RESNET.DEPTH", cfg.RESNET.DEPTH, NUM_BLOCKS)[number - 2]
    transform = look_up("RESNET.TRANS_FUNC", cfg.RESNET.TRANS_FUNC, TRANSFORMS)
    chains = []
    for plan, stride, dilation, num_temporal, nonlocal_blocks, time_groups, pool in zip(
        plans,
        setting("RESNET.SPATIAL_STRIDES"),
        setting("RESNET.SPATIAL_DILATIONS"),
        setting("RESNET.NUM_BLOCK_TEMP_KERNEL"),
        setting("NONLOCAL.LOCATION"),
        setting("NONLOCAL.GROUP"),
        setting("NONLOCAL.POOL"),
        strict=True,
    ):
        channels_out = plan.channels_after(number)
        first = BlockSpec(
            channels_in=plan.channels_after(number - 1) + plan.channels_lent_after(number - 1),
            channels_inner=cfg.RESNET.NUM_GROUPS * channels_out // 4,
            channels_out=channels_out,
            norm=norm,
            stride=stride,
            stride_on_1x1=cfg.RESNET.STRIDE_1X1,
            dilation=dilation,
            groups=cfg.RESNET.NUM_GROUPS,
            drop_path=cfg.MODEL.DROPCONNECT_RATE * number / 5,
            inplace_relu=cfg.RESNET.INPLACE_RELU,
        )
        pattern = cycle(plan.temporal_kernels[number - 1])
        temporal_kernels = [
            kernel if index < num_temporal else 1
            for index, kernel in zip(range(num_blocks), pattern, strict=False)
        ]
        nonlocal_after = {
            index: NonLocal(
                channels_out,
                channels_out // 2,
                cfg.NONLOCAL.INSTANTIATION,
                pool=tuple(pool),
                time_groups=time_groups,
                norm=norm,
            )
            for index in nonlocal_blocks
        }
        chains.append(stage(first, temporal_kernels, transform, nonlocal_after))
    return Pathways(chains, recompute=cfg.MODEL.ACT_CHECKPOINT)


def resnet_head(
    cfg: CfgNode,
    plans: Sequence[PathwayPlan],
    frames: Sequence[int],
    label_sets: Sequence[str] = (),
) -> Head:
    """The head after stage 5.

    Args:
        frames: the number of frames of each pathway there.
        label_sets: see `pool_head`.
    """
    strides = [per_pathway("RESNET.SPATIAL_STRIDES", s, 1)[0] for s in cfg.RESNET.SPATIAL_STRIDES]
    side = math.ceil(cfg.DATA.TRAIN_CROP_SIZE / (4 * math.prod(strides)))
    windows: list[Kernel] = [(f, side, side) for f in frames]
    return pool_head(cfg, [plan.channels_after(5) for plan in plans], windows, label_sets)


def with_initial_weights(cfg: CfgNode, network: Network) -> Network:
    """The network with new weights, drawn as the configuration says."""
    init_weights(
        network,
        fc_std=cfg.MODEL.FC_INIT_STD,
        zero_final_norm=cfg.RESNET.ZERO_INIT_FINAL_BN,
        zero_final_conv=cfg.RESNET.ZERO_INIT_FINAL_CONV,
    )
    return network
