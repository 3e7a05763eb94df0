"""Stems: the first layers of a pathway. They lower the resolution of the clip."""

from collections import OrderedDict

from torch import nn

from slowfast.models.layers.blocks import Norm, conv3d


def resnet_stem(
    channels_in: int,
    channels_out: int,
    temporal_kernel: int,
    norm: Norm = nn.BatchNorm3d,
    inplace_relu: bool = True,
) -> nn.Sequential:
    """T x 7 x 7 convolution and 1 x 3 x 3 max pool. Height and width become a quarter."""
    return nn.Sequential(
        OrderedDict(
            conv=conv3d(channels_in, channels_out, (temporal_kernel, 7, 7), stride=2),
            bn=norm(channels_out),
            relu=nn.ReLU(inplace=inplace_relu),
            pool=nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        )
    )


def x3d_stem(
    channels_in: int,
    channels_out: int,
    temporal_kernel: int,
    norm: Norm = nn.BatchNorm3d,
    inplace_relu: bool = True,
) -> nn.Sequential:
    """1 x 3 x 3 convolution, then a depthwise T x 1 x 1 one. Height and width become half."""
    return nn.Sequential(
        OrderedDict(
            conv_xy=conv3d(channels_in, channels_out, (1, 3, 3), stride=2),
            conv=conv3d(channels_out, channels_out, (temporal_kernel, 1, 1), groups=channels_out),
            bn=norm(channels_out),
            relu=nn.ReLU(inplace=inplace_relu),
        )
    )
