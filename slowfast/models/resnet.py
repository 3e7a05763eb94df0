"""C2D, I3D and Slow: residual networks on one pathway, told apart by where they look along time.

C2D has no temporal kernel, I3D has them throughout (both halve the frames after stage 2), Slow has
them in stages 4 and 5 alone (Feichtenhofer et al., ICCV 2019). What `ResNet` shares with the
two-pathway `SlowFast` stands here too: the plan of a pathway, and the stem and stages of plans.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.models.batchnorm_helper import get_norm
from slowfast.models.blocks import TRANSFORMS, BlockSpec, Kernel, Norm, max_pool, stage
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.head import HeadSpec, PoolHead
from slowfast.models.init import init_weights
from slowfast.models.network import Network, Pathways
from slowfast.models.nonlocal_block import NonLocal
from slowfast.models.settings import look_up, per_pathway
from slowfast.models.stem import resnet_stem

# Temporal kernels of the stem and of stages 2 to 5; several in a stage take turns, block by block.
C2D = ((1,), (1,), (1,), (1,), (1,))
I3D = ((5,), (3,), (3, 1), (3, 1), (1, 3))
SLOW = ((1,), (1,), (1,), (3,), (3,))
FAST = ((5,), (3,), (3,), (3,), (3,))

# MODEL.ARCH: temporal kernels, and how many frames are pooled into one after stage 2.
ARCHITECTURES = {
    "2d": (C2D, 1),
    "c2d": (C2D, 2),
    "c2d_nopool": (C2D, 1),
    "i3d": (I3D, 2),
    "i3d_nopool": (I3D, 1),
    "slow": (SLOW, 1),
}

# RESNET.DEPTH: blocks of stages 2 to 5.
NUM_BLOCKS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}


@dataclass(frozen=True)
class PathwayPlan:
    """Widths and temporal kernels of one pathway, of which each stage takes its share.

    Attributes:
        channels_in: channels of the clip.
        channels: channels after the stem. Stage 2 multiplies them by four, each later one by two.
        temporal_kernels: of the stem and of stages 2 to 5.
        channels_lent: channels that another pathway adds after the stem; they grow alike.
    """

    channels_in: int
    channels: int
    temporal_kernels: tuple[tuple[int, ...], ...]
    channels_lent: int = 0

    def channels_after(self, number: int) -> int:
        """Channels after a stage; the stem is number 1."""
        return self.channels * _growth(number)

    def channels_lent_after(self, number: int) -> int:
        """Channels that another pathway adds to these."""
        return self.channels_lent * _growth(number)


def _growth(number: int) -> int:
    return 1 if number == 1 else 2**number


@MODEL_REGISTRY.register()
def ResNet(cfg: CfgNode) -> Network:
    """The network of MODEL.ARCH 2d, c2d, i3d, slow (and c2d_nopool, i3d_nopool) from a cfg."""
    temporal_kernels, frames_pooled = look_up("MODEL.ARCH", cfg.MODEL.ARCH, ARCHITECTURES)
    (channels_in,) = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 1)
    plans = [PathwayPlan(channels_in, cfg.RESNET.WIDTH_PER_GROUP, temporal_kernels)]
    frames = cfg.DATA.NUM_FRAMES // frames_pooled
    if frames == 0:
        raise UserError(
            f"DATA.NUM_FRAMES: found {cfg.DATA.NUM_FRAMES}, but a {cfg.MODEL.ARCH} pools every "
            f"{frames_pooled} frames into one; give it more, or take {cfg.MODEL.ARCH}_nopool"
        )
    norm = get_norm(cfg)
    layers = {
        "s1": resnet_stems(cfg, plans, norm),
        "s2": resnet_stage(cfg, 2, plans, norm),
        "temporal_pool": Pathways([{"pool": max_pool((frames_pooled, 1, 1))}]),
        "s3": resnet_stage(cfg, 3, plans, norm),
        "s4": resnet_stage(cfg, 4, plans, norm),
        "s5": resnet_stage(cfg, 5, plans, norm),
        "head": resnet_head(cfg, plans, [frames]),
    }
    return initialised(cfg, Network(layers, [channels_in]))


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
        """What a key says of this stage, for each pathway."""
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
        if nonlocal_blocks and max(nonlocal_blocks) >= num_blocks:
            raise UserError(
                f"NONLOCAL.LOCATION[{number - 2}]: found {nonlocal_blocks}, but the blocks of "
                f"stage {number} have the numbers 0 to {num_blocks - 1}"
            )
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


def resnet_head(cfg: CfgNode, plans: Sequence[PathwayPlan], frames: Sequence[int]) -> PoolHead:
    """The head after stage 5, where each pathway has so many frames."""
    strides = [per_pathway("RESNET.SPATIAL_STRIDES", s, 1)[0] for s in cfg.RESNET.SPATIAL_STRIDES]
    side = math.ceil(cfg.DATA.TRAIN_CROP_SIZE / (4 * math.prod(strides)))
    windows: list[Kernel] = [(f, side, side) for f in frames]
    return PoolHead([plan.channels_after(5) for plan in plans], HeadSpec.from_cfg(cfg), windows)


def initialised(cfg: CfgNode, network: Network) -> Network:
    """The network with fresh weights, drawn as the configuration says."""
    init_weights(
        network,
        fc_std=cfg.MODEL.FC_INIT_STD,
        zero_final_norm=cfg.RESNET.ZERO_INIT_FINAL_BN,
        zero_final_conv=cfg.RESNET.ZERO_INIT_FINAL_CONV,
    )
    return network
