"""X3D: a small image network expanded along time, width and depth.

Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020. All
convolutions over time and space are depthwise. The blocks have squeeze-excitation and swish.
"""

import math
from collections.abc import Iterator

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding
from slowfast.models.batchnorm_helper import get_norm
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.blocks import TRANSFORMS, BlockSpec, round_width, stage
from slowfast.models.layers.head import HeadSpec, X3DHead
from slowfast.models.layers.stem import x3d_stem
from slowfast.models.network import Network, Pathways
from slowfast.models.resnet import with_initial_weights
from slowfast.models.settings import look_up, per_pathway

# Blocks of stages 2 to 5 before the depth is expanded.
NUM_BLOCKS = (1, 2, 5, 3)
STEM_TEMPORAL_KERNEL, TEMPORAL_KERNEL = 5, 3
# The stem and each of the four stages halve height and width.
SPATIAL_STRIDE = 32


def stage_widths(stem: int, width_factor: float, widen_stage_2: bool = False) -> list[int]:
    """Channels of the stem and of stages 2 to 5.

    Args:
        stem: channels of the stem before the width is expanded. Stages 3, 4 and 5 each double them.
        width_factor: the factor on all widths.
        widen_stage_2: whether stage 2 doubles the channels too.
    """
    widths = [stem]
    for doubles in (widen_stage_2, True, True, True):
        widths.append(round_width(2 * widths[-1]) if doubles else widths[-1])
    return [round_width(width * width_factor) for width in widths]


def _unusual_block(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.RESNET.TRANS_FUNC != "x3d_transform":
        yield "RESNET.TRANS_FUNC", "is unusual in MODEL.MODEL_NAME X3D; x3d_transform is usual"


@MODEL_REGISTRY.register(archs=("x3d",), pathways=1, own_keys=("X3D.",), warnings=_unusual_block)
def X3D(cfg: CfgNode) -> Network:
    """The network that the keys of X3D describe. It takes a list of one clip (N, C, T, H, W)."""
    (channels_in,) = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 1)
    transform = look_up("RESNET.TRANS_FUNC", cfg.RESNET.TRANS_FUNC, TRANSFORMS)
    widths = stage_widths(cfg.X3D.DIM_C1, cfg.X3D.WIDTH_FACTOR, cfg.X3D.SCALE_RES2)
    norm, inplace_relu = get_norm(cfg), cfg.RESNET.INPLACE_RELU

    def x3d_stage(number: int) -> Pathways:
        width_in, width = widths[number - 2 : number]
        inner = int(cfg.X3D.BOTTLENECK_FACTOR * width)
        first = BlockSpec(
            channels_in=width_in,
            channels_inner=inner,
            channels_out=width,
            norm=norm,
            stride=2,
            stride_on_1x1=cfg.RESNET.STRIDE_1X1,
            groups=inner if cfg.X3D.CHANNELWISE_3x3x3 else cfg.RESNET.NUM_GROUPS,
            drop_path=cfg.MODEL.DROPCONNECT_RATE * number / 5,
            inplace_relu=inplace_relu,
        )
        num_blocks = math.ceil(cfg.X3D.DEPTH_FACTOR * NUM_BLOCKS[number - 2])
        blocks = stage(first, [TEMPORAL_KERNEL] * num_blocks, transform)
        return Pathways([blocks], recompute=cfg.MODEL.ACT_CHECKPOINT)

    stem = x3d_stem(channels_in, widths[0], STEM_TEMPORAL_KERNEL, norm, inplace_relu)
    side = math.ceil(cfg.DATA.TRAIN_CROP_SIZE / SPATIAL_STRIDE)
    layers = {
        "s1": Pathways([{"stem": stem}]),
        "s2": x3d_stage(2),
        "s3": x3d_stage(3),
        "s4": x3d_stage(4),
        "s5": x3d_stage(5),
        "head": X3DHead(
            channels=widths[-1],
            channels_pooled=int(cfg.X3D.BOTTLENECK_FACTOR * widths[-1]),
            channels_out=cfg.X3D.DIM_C5,
            spec=HeadSpec.from_cfg(cfg),
            window=(cfg.DATA.NUM_FRAMES, side, side),
            norm=norm,
            norm_after_pool=cfg.X3D.BN_LIN5,
            inplace_relu=inplace_relu,
        ),
    }
    return with_initial_weights(cfg, Network(layers, [channels_in]))
