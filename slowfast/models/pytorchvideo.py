"""Networks of the library pytorchvideo, under the names and keys that SlowFast has for them.

The library is imported when a network is built. It has no non-local blocks, no stochastic depth in
its residual networks, and no recomputation of activations. ``X3D`` lacks one norm, in the shortcut
of stage 2. ``MViT`` has a layer each for queries, keys and values, and norms after pooling that add
1e-5 to the variance.

ir-CSN: Tran et al., "Video Classification with Channel-Separated Convolutional Networks", ICCV
2019. R(2+1)D: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition",
CVPR 2018. MViT: Fan et al., "Multiscale Vision Transformers", ICCV 2021.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle, islice
from typing import Any

from fvcore.common.config import CfgNode
from torch import nn

from slowfast.ak.keys import Finding
from slowfast.config.dotted import get
from slowfast.models.batchnorm_helper import get_norm
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.blocks import Kernel
from slowfast.models.layers.head import HeadSpec
from slowfast.models.layers.init import init_weights
from slowfast.models.layers.library import (
    HOW_TO_INSTALL,
    Kept,
    LibraryNetwork,
    LibraryTransformer,
    importing_library,
    is_installed,
)
from slowfast.models.resnet import (
    ARCHITECTURES,
    FAMILY_KEYS,
    FAST,
    SLOW,
    pooling_problems,
    stage_problems,
)
from slowfast.models.settings import per_pathway
from slowfast.models.slowfast import pathway_problems
from slowfast.models.x3d import SPATIAL_STRIDE as X3D_STRIDE
from slowfast.models.x3d import STEM_TEMPORAL_KERNEL, TEMPORAL_KERNEL

# Blocks of stages 2 to 5 for each RESNET.DEPTH of the library's residual networks.
NUM_BLOCKS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


# ------------------------------------------------------------------ what the networks share


def library_network(
    cfg: CfgNode,
    build: Callable[..., nn.Module],
    windows: Sequence[Kernel],
    channels_in: Sequence[int],
    **arguments: Any,
) -> LibraryNetwork:
    """Builds a residual network with new weights.

    Args:
        build: the function of the library.
        windows: see `Head`.
        channels_in: channels of the clips of each pathway.
        arguments: further arguments of `build`.
    """
    model = build(
        model_num_class=cfg.MODEL.NUM_CLASSES,
        head_activation=None,
        head_output_with_global_average=False,
        **arguments,
    )
    network = LibraryNetwork(model, HeadSpec.from_cfg(cfg), windows, channels_in)
    init_weights(network, cfg.MODEL.FC_INIT_STD)
    for name, layer in network.named_modules():
        is_zero = (name.endswith(".norm_c") and cfg.RESNET.ZERO_INIT_FINAL_BN) or (
            name.endswith(".conv_c") and cfg.RESNET.ZERO_INIT_FINAL_CONV
        )
        if is_zero:
            nn.init.zeros_(layer.weight)
    return network


def stage_kernels(
    pattern: Sequence[Sequence[int]], depth: int, num_temporal: Sequence[int]
) -> tuple[tuple[Kernel, ...], ...]:
    """The kernel of the first convolution of each block of stages 2 to 5.

    Args:
        pattern: temporal kernels of the stem and of stages 2 to 5, such as
            `slowfast.models.resnet.SLOW`.
        depth: RESNET.DEPTH.
        num_temporal: for each stage, the number of its first blocks that have a temporal kernel.
    """
    return tuple(
        tuple(
            (kernel if block < temporal else 1, 1, 1)
            for block, kernel in enumerate(islice(cycle(kernels), count))
        )
        for kernels, count, temporal in zip(
            pattern[1:], NUM_BLOCKS[depth], num_temporal, strict=True
        )
    )


def library_problems(cfg: CfgNode, served: Mapping[str, Any]) -> Iterator[Finding]:
    """Finds that the library is missing, and keys that have another value than the one it serves.

    Args:
        served: the only value by key.
    """
    if not is_installed():
        yield "MODEL.MODEL_NAME", HOW_TO_INSTALL
    for key, value in served.items():
        if get(cfg, key) != value:
            yield key, f"MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME} only takes {value}"


def depth_problems(cfg: CfgNode) -> Iterator[Finding]:
    """Finds a depth that the library does not build."""
    if cfg.RESNET.DEPTH not in NUM_BLOCKS:
        yield "RESNET.DEPTH", f"pytorchvideo builds {', '.join(map(str, NUM_BLOCKS))}"


def not_recomputed(cfg: CfgNode) -> Iterator[Finding]:
    """Warns of a setting that only our own networks read."""
    if cfg.MODEL.ACT_CHECKPOINT:
        words = f"is not read with MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME}, which keeps activations"
        yield "MODEL.ACT_CHECKPOINT", words


# ------------------------------------------------------------------ C2D, I3D, Slow

# What the residual networks of the library cannot be told.
_RESNET_SERVED = {
    "RESNET.TRANS_FUNC": "bottleneck_transform",
    "RESNET.NUM_GROUPS": 1,
    "RESNET.STRIDE_1X1": False,
    "MODEL.DROPCONNECT_RATE": 0.0,
}


def residual_problems(cfg: CfgNode, pathways: int) -> Iterator[Finding]:
    """Finds settings of C2D, I3D, Slow and SlowFast that the library does not build."""
    yield from library_problems(cfg, _RESNET_SERVED)
    yield from depth_problems(cfg)
    found = list(stage_problems(cfg, pathways))
    yield from found
    if not found and any(numbers for stage in cfg.NONLOCAL.LOCATION for numbers in stage):
        words = f"MODEL.MODEL_NAME {cfg.MODEL.MODEL_NAME} has no non-local blocks"
        yield "NONLOCAL.LOCATION", f"{words}; take {cfg.MODEL.MODEL_NAME.removeprefix('PTV')}"


def _resnet_problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from residual_problems(cfg, pathways=1)
    yield from pooling_problems(cfg)


def stage_values(cfg: CfgNode, key: str, pathways: int) -> list[tuple[int, ...]]:
    """The values of a key of RESNET for stages 2 to 5, for each pathway."""
    stages = [
        per_pathway(f"RESNET.{key}[{stage}]", values, pathways)
        for stage, values in enumerate(cfg.RESNET[key])
    ]
    return list(zip(*stages, strict=True))


@MODEL_REGISTRY.register(
    archs=("c2d", "i3d", "slow"),
    pathways=1,
    own_keys=FAMILY_KEYS,
    problems=_resnet_problems,
    warnings=not_recomputed,
)
def PTVResNet(cfg: CfgNode) -> LibraryNetwork:
    """C2D, I3D or Slow of pytorchvideo. It takes a list of one clip (N, C, T, H, W)."""
    with importing_library():
        from pytorchvideo.models.resnet import create_resnet
    pattern, pooled = ARCHITECTURES[cfg.MODEL.ARCH]
    (channels_in,) = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 1)
    (strides,) = stage_values(cfg, "SPATIAL_STRIDES", 1)
    (dilations,) = stage_values(cfg, "SPATIAL_DILATIONS", 1)
    (temporal,) = stage_values(cfg, "NUM_BLOCK_TEMP_KERNEL", 1)
    side = math.ceil(cfg.DATA.TRAIN_CROP_SIZE / (4 * math.prod(strides)))
    return library_network(
        cfg,
        create_resnet,
        windows=[(cfg.DATA.NUM_FRAMES // pooled, side, side)],
        channels_in=[channels_in],
        input_channel=channels_in,
        model_depth=cfg.RESNET.DEPTH,
        norm=get_norm(cfg),
        stem_dim_out=cfg.RESNET.WIDTH_PER_GROUP,
        stem_conv_kernel_size=(pattern[0][0], 7, 7),
        stage1_pool=nn.MaxPool3d if pooled > 1 else None,
        stage1_pool_kernel_size=(pooled, 1, 1),
        stage_conv_a_kernel_size=stage_kernels(pattern, cfg.RESNET.DEPTH, temporal),
        stage_conv_b_dilation=tuple((1, each, each) for each in dilations),
        stage_spatial_h_stride=strides,
        stage_spatial_w_stride=strides,
    )


# ------------------------------------------------------------------ SlowFast


def _slowfast_problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from residual_problems(cfg, pathways=2)
    yield from pathway_problems(cfg)


@MODEL_REGISTRY.register(
    archs=("slowfast",),
    pathways=2,
    own_keys=(*FAMILY_KEYS, "SLOWFAST."),
    problems=_slowfast_problems,
    warnings=not_recomputed,
)
def PTVSlowFast(cfg: CfgNode) -> LibraryNetwork:
    """SlowFast of pytorchvideo. It takes a list [slow clip, fast clip], each (N, C, T, H, W).

    RESNET.SPATIAL_DILATIONS holds for each pathway. Upstream gives stages 4 and 5 of the fast
    pathway the dilation of its stage 3.
    """
    with importing_library():
        from pytorchvideo.models.slowfast import create_slowfast
    alpha, width = cfg.SLOWFAST.ALPHA, cfg.RESNET.WIDTH_PER_GROUP
    channels_in = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 2)
    strides = stage_values(cfg, "SPATIAL_STRIDES", 2)
    dilations = stage_values(cfg, "SPATIAL_DILATIONS", 2)
    temporal = stage_values(cfg, "NUM_BLOCK_TEMP_KERNEL", 2)
    sides = [math.ceil(cfg.DATA.TRAIN_CROP_SIZE / (4 * math.prod(own))) for own in strides]
    frames = (cfg.DATA.NUM_FRAMES // alpha, cfg.DATA.NUM_FRAMES)
    network = library_network(
        cfg,
        create_slowfast,
        windows=[(count, side, side) for count, side in zip(frames, sides, strict=True)],
        channels_in=channels_in,
        slowfast_channel_reduction_ratio=(cfg.SLOWFAST.BETA_INV,),
        slowfast_conv_channel_fusion_ratio=cfg.SLOWFAST.FUSION_CONV_CHANNEL_RATIO,
        slowfast_fusion_conv_kernel_size=(cfg.SLOWFAST.FUSION_KERNEL_SZ, 1, 1),
        slowfast_fusion_conv_stride=(alpha, 1, 1),
        model_depth=cfg.RESNET.DEPTH,
        norm=get_norm(cfg),
        stem_dim_outs=(width, width // cfg.SLOWFAST.BETA_INV),
        stem_conv_kernel_sizes=((SLOW[0][0], 7, 7), (FAST[0][0], 7, 7)),
        stage_conv_a_kernel_sizes=tuple(
            stage_kernels(pattern, cfg.RESNET.DEPTH, own)
            for pattern, own in zip((SLOW, FAST), temporal, strict=True)
        ),
        stage_conv_b_dilations=tuple(tuple((1, each, each) for each in own) for own in dilations),
        stage_spatial_strides=tuple(strides),
        input_channels=tuple(channels_in),
    )
    network.model.blocks[-2] = Kept()  # the library's pool of both pathways
    return network


# ------------------------------------------------------------------ X3D

_X3D_SERVED = {
    "RESNET.TRANS_FUNC": "x3d_transform",
    "RESNET.STRIDE_1X1": False,
    "X3D.CHANNELWISE_3x3x3": True,
    "X3D.SCALE_RES2": False,
    "MODEL.DROPCONNECT_RATE": 0.0,
}


def _x3d_problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from library_problems(cfg, _X3D_SERVED)


@MODEL_REGISTRY.register(
    archs=("x3d",), pathways=1, own_keys=("X3D.",), problems=_x3d_problems, warnings=not_recomputed
)
def PTVX3D(cfg: CfgNode) -> LibraryNetwork:
    """X3D of pytorchvideo. It takes a list of one clip (N, C, T, H, W)."""
    with importing_library():
        from pytorchvideo.models.x3d import create_x3d
    (channels_in,) = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 1)
    crop, frames = cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.NUM_FRAMES
    side = math.ceil(crop / X3D_STRIDE)
    return library_network(
        cfg,
        create_x3d,
        windows=[(frames, side, side)],
        channels_in=[channels_in],
        input_channel=channels_in,
        # The library makes its pool of these two. That pool is not used.
        input_clip_length=frames,
        input_crop_size=max(crop, X3D_STRIDE),
        width_factor=cfg.X3D.WIDTH_FACTOR,
        depth_factor=cfg.X3D.DEPTH_FACTOR,
        norm=get_norm(cfg),
        stem_dim_in=cfg.X3D.DIM_C1,
        stem_conv_kernel_size=(STEM_TEMPORAL_KERNEL, 3, 3),
        stage_conv_kernel_size=((TEMPORAL_KERNEL, 3, 3),) * 4,
        bottleneck_factor=cfg.X3D.BOTTLENECK_FACTOR,
        head_dim_out=cfg.X3D.DIM_C5,
        head_bn_lin5_on=cfg.X3D.BN_LIN5,
    )


# ------------------------------------------------------------------ CSN, R(2+1)D

_FACTORISED_STRIDE = 32  # of the last map


def _factorised_problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from library_problems(cfg, {"MODEL.DROPCONNECT_RATE": 0.0})
    yield from depth_problems(cfg)


@MODEL_REGISTRY.register(
    archs=("csn",),
    pathways=1,
    own_keys=("RESNET.DEPTH", "RESNET.WIDTH_PER_GROUP"),
    problems=_factorised_problems,
    warnings=not_recomputed,
)
def PTVCSN(cfg: CfgNode) -> LibraryNetwork:
    """The channel-separated network. It takes a list of one clip (N, C, T, H, W)."""
    with importing_library():
        from pytorchvideo.models.csn import create_csn
    # Stages 3 to 5 halve the number of frames.
    return _factorised(cfg, create_csn, temporal_stride=8, stem_pool=nn.MaxPool3d)


@MODEL_REGISTRY.register(
    archs=("r2plus1d",),
    pathways=1,
    own_keys=("RESNET.DEPTH", "RESNET.WIDTH_PER_GROUP"),
    problems=_factorised_problems,
    warnings=not_recomputed,
)
def PTVR2plus1D(cfg: CfgNode) -> LibraryNetwork:
    """R(2+1)D with bottlenecks. It takes a list of one clip (N, C, T, H, W)."""
    with importing_library():
        from pytorchvideo.models.r2plus1d import create_r2plus1d
    # Stages 4 and 5 halve the number of frames.
    return _factorised(cfg, create_r2plus1d, temporal_stride=4)


def _factorised(
    cfg: CfgNode, build: Callable[..., nn.Module], temporal_stride: int, **arguments: Any
) -> LibraryNetwork:
    """Builds a network whose last map has `temporal_stride` times fewer frames than the clip."""
    (channels_in,) = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 1)
    side = math.ceil(cfg.DATA.TRAIN_CROP_SIZE / _FACTORISED_STRIDE)
    return library_network(
        cfg,
        build,
        windows=[(math.ceil(cfg.DATA.NUM_FRAMES / temporal_stride), side, side)],
        channels_in=[channels_in],
        input_channel=channels_in,
        model_depth=cfg.RESNET.DEPTH,
        norm=get_norm(cfg),
        stem_dim_out=cfg.RESNET.WIDTH_PER_GROUP,
        **arguments,
    )


# ------------------------------------------------------------------ MViT

# What the library cannot be told, and what has no published file or value.
_MVIT_SERVED = {
    **{f"MVIT.{key}": False for key in ("PATCH_2D", "DIM_MUL_IN_ATT", "USE_FIXED_SINCOS_POS")},
    **{f"MVIT.{key}": False for key in ("REL_POS_SPATIAL", "REL_POS_TEMPORAL", "RESIDUAL_POOLING")},
    **{f"MVIT.{key}": False for key in ("USE_MEAN_POOLING", "NORM_STEM", "POOL_FIRST")},
    "MVIT.CLS_EMBED_ON": True,
    "MVIT.USE_ABS_POS": True,
    "MVIT.REV.ENABLE": False,
    "MVIT.MODE": "conv",
    "MVIT.NORM": "layernorm",
    "MVIT.LAYER_SCALE_INIT_VALUE": 0.0,
    "MVIT.HEAD_INIT_SCALE": 1.0,
}


def _mvit_problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from library_problems(cfg, _MVIT_SERVED)
    crop, frames = cfg.DATA.TRAIN_CROP_SIZE, cfg.DATA.NUM_FRAMES
    if cfg.TEST.ENABLE and crop != cfg.DATA.TEST_CROP_SIZE:
        yield (
            "DATA.TEST_CROP_SIZE",
            f"MODEL.MODEL_NAME PTVMViT only takes the crop of its training, DATA.TRAIN_CROP_SIZE "
            f"{crop}; take MODEL.MODEL_NAME MViT for other crops",
        )
    time, height, width = cfg.MVIT.PATCH_STRIDE
    if frames % time:
        yield "DATA.NUM_FRAMES", f"not divisible by {time}, the first stride of MVIT.PATCH_STRIDE"
    if crop % height or crop % width:
        words = f"not divisible by {height} and {width}, the strides of MVIT.PATCH_STRIDE"
        yield "DATA.TRAIN_CROP_SIZE", words


@MODEL_REGISTRY.register(
    archs=("mvit",),
    pathways=1,
    own_keys=("MVIT.",),
    problems=_mvit_problems,
    warnings=not_recomputed,
)
def PTVMViT(cfg: CfgNode) -> LibraryTransformer:
    """The transformer of pytorchvideo. It takes a list of one clip (N, C, T, H, W).

    An empty MVIT.POOL_KV_STRIDE beside MVIT.POOL_KV_STRIDE_ADAPTIVE, as in upstream's published
    file, means none. Upstream does not build that.
    """
    with importing_library():
        from pytorchvideo.models.vision_transformers import create_multiscale_vision_transformers
    (channels_in,) = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 1)
    mvit, frames, crop = cfg.MVIT, cfg.DATA.NUM_FRAMES, cfg.DATA.TRAIN_CROP_SIZE
    model = create_multiscale_vision_transformers(
        spatial_size=crop,
        temporal_size=frames,
        sep_pos_embed=mvit.SEP_POS_EMBED,
        depth=mvit.DEPTH,
        input_channels=channels_in,
        patch_embed_dim=mvit.EMBED_DIM,
        conv_patch_embed_kernel=tuple(mvit.PATCH_KERNEL),
        conv_patch_embed_stride=tuple(mvit.PATCH_STRIDE),
        conv_patch_embed_padding=tuple(mvit.PATCH_PADDING),
        num_heads=mvit.NUM_HEADS,
        mlp_ratio=mvit.MLP_RATIO,
        qkv_bias=mvit.QKV_BIAS,
        dropout_rate_block=mvit.DROPOUT_RATE,
        droppath_rate_block=mvit.DROPPATH_RATE,
        embed_dim_mul=mvit.DIM_MUL or None,
        atten_head_mul=mvit.HEAD_MUL or None,
        pool_q_stride_size=mvit.POOL_Q_STRIDE or None,
        pool_kv_stride_size=mvit.POOL_KV_STRIDE or None,
        pool_kv_stride_adaptive=mvit.POOL_KV_STRIDE_ADAPTIVE or None,
        pool_kvq_kernel=mvit.POOL_KVQ_KERNEL or None,
        head_num_classes=cfg.MODEL.NUM_CLASSES,
    )
    size = (frames, crop, crop)
    return LibraryTransformer(model, HeadSpec.from_cfg(cfg), channels_in, size)
