"""The residual block and the stage that C2D, I3D, Slow, SlowFast and X3D share.

The networks differ in their widths, in the places of the temporal kernels, and in the residual
branch: `basic_transform` (ResNet-18), `bottleneck_transform` (ResNet-50 and ResNet-101) or
`x3d_transform`. Strides and dilations are spatial. No block changes the number of frames.
"""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

Norm = Callable[[int], nn.Module]
Kernel = tuple[int, int, int]


@dataclass(frozen=True)
class BlockSpec:
    """The sizes and settings of a residual block.

    Attributes:
        channels_in: channels of the input.
        channels_inner: channels between the convolutions of a bottleneck.
        channels_out: channels of the output.
        norm: makes a normalisation layer for a number of channels.
        index: the number of the block in the stage, from 0.
        temporal_kernel: frames that the temporal convolution spans.
        stride: spatial stride.
        stride_on_1x1: whether a bottleneck's first convolution has the stride, not the second.
        dilation: spatial dilation of the 3 x 3 convolutions.
        groups: groups of a bottleneck's 3 x 3 convolution.
        drop_path: probability that a clip skips the residual branch in training.
        inplace_relu: whether activations overwrite their input, which saves memory.
    """

    channels_in: int
    channels_inner: int
    channels_out: int
    norm: Norm = nn.BatchNorm3d
    index: int = 0
    temporal_kernel: int = 1
    stride: int = 1
    stride_on_1x1: bool = False
    dilation: int = 1
    groups: int = 1
    drop_path: float = 0.0
    inplace_relu: bool = True


def conv3d(
    channels_in: int,
    channels_out: int,
    kernel: Kernel,
    stride: int = 1,
    dilation: int = 1,
    groups: int = 1,
    time_stride: int = 1,
) -> nn.Conv3d:
    """A convolution without bias that keeps the size (T, H, W) at stride 1.

    `stride` and `dilation` are spatial.
    """
    dilations = (1, dilation, dilation)
    return nn.Conv3d(
        channels_in,
        channels_out,
        kernel,
        stride=(time_stride, stride, stride),
        padding=tuple(d * (k // 2) for k, d in zip(kernel, dilations, strict=True)),
        dilation=dilations,
        groups=groups,
        bias=False,
    )


def max_pool(kernel: Kernel) -> nn.Module:
    """Max pooling without overlap; the identity for a kernel of 1 x 1 x 1."""
    return nn.MaxPool3d(kernel) if max(kernel) > 1 else nn.Identity()


def round_width(width: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to a width, but at least 90 % of the width.

    This is the rounding rule of the MobileNets, which X3D follows.
    """
    steps = max(1, math.floor(width / divisor + 0.5))
    steps += steps * divisor < 0.9 * width
    return steps * divisor


class Swish(nn.Module):
    """x sigmoid(x), with the rounding of the published networks, which `torch.nn.SiLU` lacks."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class SqueezeExcitation(nn.Module):
    """Scales every channel by a gate, computed from the means of all channels (Hu et al., 2018)."""

    def __init__(self, channels: int, ratio: float = 1 / 16) -> None:
        super().__init__()
        squeezed = round_width(channels * ratio)
        self.fc1 = nn.Conv3d(channels, squeezed, kernel_size=1)
        self.fc2 = nn.Conv3d(squeezed, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean(dim=(2, 3, 4), keepdim=True)
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(means))))


def basic_transform(spec: BlockSpec) -> nn.Sequential:
    """T x 3 x 3 and 1 x 3 x 3, both with the channels of the output (He et al., 2016)."""
    width, dilation = spec.channels_out, spec.dilation
    return nn.Sequential(
        OrderedDict(
            a=conv3d(spec.channels_in, width, (spec.temporal_kernel, 3, 3), spec.stride, dilation),
            a_bn=spec.norm(width),
            a_relu=nn.ReLU(inplace=spec.inplace_relu),
            b=conv3d(width, width, (1, 3, 3), dilation=dilation),
            b_bn=spec.norm(width),
        )
    )


def bottleneck_transform(spec: BlockSpec) -> nn.Sequential:
    """T x 1 x 1 to the inner width, 1 x 3 x 3, 1 x 1 x 1 to the output (He et al., 2016)."""
    relu = OrderedDict(b_relu=nn.ReLU(inplace=spec.inplace_relu))
    return _bottleneck(spec, (spec.temporal_kernel, 1, 1), (1, 3, 3), relu)


def x3d_transform(spec: BlockSpec) -> nn.Sequential:
    """A bottleneck with the temporal kernel in its middle, then swish (Feichtenhofer, 2020).

    Every second block, starting with the first, has squeeze-excitation before the swish.
    """
    between = OrderedDict[str, nn.Module]()
    if spec.index % 2 == 0:
        between["se"] = SqueezeExcitation(spec.channels_inner)
    between["b_swish"] = Swish()
    return _bottleneck(spec, (1, 1, 1), (spec.temporal_kernel, 3, 3), between)


def _bottleneck(
    spec: BlockSpec, kernel_a: Kernel, kernel_b: Kernel, between: Mapping[str, nn.Module]
) -> nn.Sequential:
    """Three convolutions. The layers `between` follow the norm of the second one."""
    inner = spec.channels_inner
    stride_a, stride_b = (spec.stride, 1) if spec.stride_on_1x1 else (1, spec.stride)
    return nn.Sequential(
        OrderedDict(
            a=conv3d(spec.channels_in, inner, kernel_a, stride_a),
            a_bn=spec.norm(inner),
            a_relu=nn.ReLU(inplace=spec.inplace_relu),
            b=conv3d(inner, inner, kernel_b, stride_b, spec.dilation, spec.groups),
            b_bn=spec.norm(inner),
            **between,
            c=conv3d(inner, spec.channels_out, (1, 1, 1)),
            c_bn=spec.norm(spec.channels_out),
        )
    )


Transform = Callable[[BlockSpec], nn.Sequential]
TRANSFORMS: dict[str, Transform] = {
    "basic_transform": basic_transform,
    "bottleneck_transform": bottleneck_transform,
    "x3d_transform": x3d_transform,
}


class ResidualBlock(nn.Module):
    """relu(shortcut + transform), on (N, C, T, H, W).

    If the block changes the size or the number of channels, the shortcut is a strided 1 x 1 x 1
    convolution. Otherwise it is the input itself.

    Args:
        spec: sizes and settings.
        transform: makes the residual branch. Its last two layers are a convolution and a norm.
    """

    def __init__(self, spec: BlockSpec, transform: Transform = bottleneck_transform) -> None:
        super().__init__()
        changes = spec.channels_in != spec.channels_out or spec.stride != 1
        if changes:
            self.branch1 = conv3d(spec.channels_in, spec.channels_out, (1, 1, 1), spec.stride)
            self.branch1_bn = spec.norm(spec.channels_out)
        self.branch2 = transform(spec)
        self.drop_path = StochasticDepth(spec.drop_path, mode="row")
        self.relu = nn.ReLU(inplace=spec.inplace_relu)
        self._changes = changes

    @property
    def final_conv(self) -> nn.Module:
        """The last convolution of the residual branch."""
        return self.branch2[-2]

    @property
    def final_norm(self) -> nn.Module:
        """The last norm of the residual branch. With weight 0 the block passes on its shortcut."""
        return self.branch2[-1]

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.branch1_bn(self.branch1(x)) if self._changes else x
        return self.relu(shortcut + self.drop_path(self.branch2(x)))


def stage(
    first: BlockSpec,
    temporal_kernels: Sequence[int],
    transform: Transform = bottleneck_transform,
    nonlocal_after: Mapping[int, nn.Module] | None = None,
) -> OrderedDict[str, nn.Module]:
    """The blocks of one pathway in one stage. Only the first block changes sizes.

    Args:
        first: the first block. The other blocks have the same settings, except the sizes.
        temporal_kernels: the temporal kernel of each block. Their number is the number of blocks.
        transform: makes the residual branches.
        nonlocal_after: the non-local block after a block, by the number of that block.

    Returns:
        The layers by name: ``res0``, ``res1``, ``nonlocal1``, ...
    """
    layers = OrderedDict[str, nn.Module]()
    rest = replace(first, channels_in=first.channels_out, stride=1)
    for index, temporal_kernel in enumerate(temporal_kernels):
        spec = rest if index else first
        spec = replace(spec, index=index, temporal_kernel=temporal_kernel)
        layers[f"res{index}"] = ResidualBlock(spec, transform)
        if nonlocal_after and index in nonlocal_after:
            layers[f"nonlocal{index}"] = nonlocal_after[index]
    return layers
