"""SlowFast: a slow pathway for appearance and a thin, fast pathway for motion.

Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019. The fast pathway has
ALPHA times as many frames and 1 / BETA_INV of the channels. After the stem and after stages 2 to 4
its features are added to the channels of the slow pathway.
"""

from collections.abc import Iterator, Sequence

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding
from slowfast.models.batchnorm_helper import get_norm
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.blocks import Norm, conv3d
from slowfast.models.network import Network
from slowfast.models.resnet import (
    FAMILY_KEYS,
    FAST,
    SLOW,
    PathwayPlan,
    resnet_head,
    resnet_stage,
    resnet_stems,
    stage_problems,
    unusual_block,
    with_initial_weights,
)
from slowfast.models.settings import per_pathway


class LateralConnection(nn.Module):
    """Appends to the slow pathway the output of a time-strided convolution of the fast one.

    Args:
        channels_fast: channels of the fast pathway.
        channels_lent: channels that the slow pathway gains.
        kernel: frames that the convolution spans.
        alpha: frames of the fast pathway for each frame of the slow one.
        norm: makes the normalisation layer.
        inplace_relu: whether the activation overwrites its input.
    """

    def __init__(
        self,
        channels_fast: int,
        channels_lent: int,
        kernel: int,
        alpha: int,
        norm: Norm = nn.BatchNorm3d,
        inplace_relu: bool = True,
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.conv_f2s = conv3d(channels_fast, channels_lent, (kernel, 1, 1), time_stride=alpha)
        self.bn = norm(channels_lent)
        self.relu = nn.ReLU(inplace=inplace_relu)

    def forward(self, pathways: list[Tensor]) -> list[Tensor]:
        slow, fast = pathways
        if fast.shape[2] != self.alpha * slow.shape[2]:
            raise UserError(
                f"the slow pathway has {slow.shape[2]} frames and the fast one {fast.shape[2]}; "
                f"expected {self.alpha} (SLOWFAST.ALPHA) times as many"
            )
        lent = self.relu(self.bn(self.conv_f2s(fast)))
        return [torch.cat([slow, lent], dim=1), fast]


def _problems(cfg: CfgNode) -> Iterator[Finding]:
    yield from stage_problems(cfg, pathways=2)
    yield from pathway_problems(cfg)


def pathway_problems(cfg: CfgNode) -> Iterator[Finding]:
    """Finds settings with which the two pathways do not fit each other."""
    alpha, kernel = cfg.SLOWFAST.ALPHA, cfg.SLOWFAST.FUSION_KERNEL_SZ
    if cfg.DATA.NUM_FRAMES % alpha:
        near = max(1, round(cfg.DATA.NUM_FRAMES / alpha)) * alpha
        yield (
            "DATA.NUM_FRAMES",
            f"not divisible by SLOWFAST.ALPHA {alpha}, by which the slow pathway thins the frames; "
            f"take {near}, or another ALPHA",
        )
    if kernel % 2 == 0:
        words = "an even kernel changes the number of frames, and the pathways no longer fit"
        yield "SLOWFAST.FUSION_KERNEL_SZ", f"{words}; take {kernel - 1} or {kernel + 1}"
    width = cfg.RESNET.WIDTH_PER_GROUP
    if width < cfg.SLOWFAST.BETA_INV:
        words = f"leaves the fast pathway no channel of RESNET.WIDTH_PER_GROUP {width}"
        yield "SLOWFAST.BETA_INV", f"{words}; take at most {width}"


@MODEL_REGISTRY.register(
    archs=("slowfast",),
    pathways=2,
    own_keys=(*FAMILY_KEYS, "SLOWFAST."),
    problems=_problems,
    warnings=unusual_block,
)
def SlowFast(cfg: CfgNode) -> Network:
    """The two-pathway network. It takes a list [slow clip, fast clip], each (N, C, T, H, W)."""
    return slowfast(cfg)


def slowfast(cfg: CfgNode, label_sets: Sequence[str] = ()) -> Network:
    """The network `SlowFast`, with a head for `label_sets` as in `resnet_head`."""
    alpha, frames = cfg.SLOWFAST.ALPHA, cfg.DATA.NUM_FRAMES
    channels_in = per_pathway("DATA.INPUT_CHANNEL_NUM", cfg.DATA.INPUT_CHANNEL_NUM, 2)
    slow_channels = cfg.RESNET.WIDTH_PER_GROUP
    fast_channels = slow_channels // cfg.SLOWFAST.BETA_INV
    lent = fast_channels * cfg.SLOWFAST.FUSION_CONV_CHANNEL_RATIO
    slow = PathwayPlan(channels_in[0], slow_channels, SLOW, channels_lent=lent)
    fast = PathwayPlan(channels_in[1], fast_channels, FAST)
    plans = [slow, fast]
    norm = get_norm(cfg)

    def fuse_after(number: int) -> LateralConnection:
        return LateralConnection(
            fast.channels_after(number),
            slow.channels_lent_after(number),
            kernel=cfg.SLOWFAST.FUSION_KERNEL_SZ,
            alpha=alpha,
            norm=norm,
            inplace_relu=cfg.RESNET.INPLACE_RELU,
        )

    layers = {
        "s1": resnet_stems(cfg, plans, norm),
        "s1_fuse": fuse_after(1),
        "s2": resnet_stage(cfg, 2, plans, norm),
        "s2_fuse": fuse_after(2),
        "s3": resnet_stage(cfg, 3, plans, norm),
        "s3_fuse": fuse_after(3),
        "s4": resnet_stage(cfg, 4, plans, norm),
        "s4_fuse": fuse_after(4),
        "s5": resnet_stage(cfg, 5, plans, norm),
        "head": resnet_head(cfg, plans, [frames // alpha, frames], label_sets),
    }
    return with_initial_weights(cfg, Network(layers, channels_in))
