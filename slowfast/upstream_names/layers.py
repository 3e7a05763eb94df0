"""`slowfast.models.*_helper`, `common` and `operators`: layers with upstream's arguments.

Each is a layer of `slowfast.models.layers`; parameter names are those of the published weights.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.ops import stochastic_depth

from slowfast.ak.norms.sync import SyncBatchNorm3d
from slowfast.models.layers import blocks, head, init
from slowfast.models.layers.blocks import BlockSpec, ResidualBlock, SqueezeExcitation
from slowfast.models.layers.blocks import Swish as Swish
from slowfast.models.layers.nonlocal_block import NonLocal
from slowfast.models.network import Pathways
from slowfast.models.settings import look_up
from slowfast.models.slowfast import LateralConnection

# A pooling window that is larger than any feature map: the whole map is pooled.
_WHOLE = (2**31,) * 3


def _norm(norm_module: Callable[..., nn.Module], eps: float, bn_mmt: float) -> blocks.Norm:
    return partial(norm_module, eps=eps, momentum=bn_mmt)


# ------------------------------------------------------------------ common, operators


def drop_path(x: Tensor, drop_prob: float = 0.0, training: bool = False) -> Tensor:
    """Sets whole clips to 0 with a probability, and scales the others up (Huang et al., 2016)."""
    return stochastic_depth(x, drop_prob, "row", training)


class DropPath(nn.Module):
    """`drop_path` as a module."""

    def __init__(self, drop_prob: float | None = None) -> None:
        super().__init__()
        self.drop_prob = drop_prob

    def forward(self, x: Tensor) -> Tensor:
        return drop_path(x, self.drop_prob or 0.0, self.training)


class Mlp(nn.Module):
    """Linear, activation, dropout, linear, dropout.

    Args:
        hidden_features, out_features: None: as many as `in_features`.
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: int | None = None,
        out_features: int | None = None,
        act_layer: Callable[[], nn.Module] = nn.GELU,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        hidden = hidden_features or in_features
        self.fc1 = nn.Linear(in_features, hidden)
        self.act = act_layer()
        self.fc2 = nn.Linear(hidden, out_features or in_features)
        self.drop = nn.Dropout(drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class Permute(nn.Module):
    """A tensor with its dimensions in another order."""

    def __init__(self, dims: Sequence[int]) -> None:
        super().__init__()
        self.dims = tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)


class SE(SqueezeExcitation):
    """Squeeze-excitation.

    Args:
        relu_act: whether the activation between the layers is ReLU; otherwise swish.
    """

    def __init__(self, dim_in: int, ratio: float, relu_act: bool = True) -> None:
        super().__init__(dim_in, ratio)
        self._relu_act = relu_act

    def forward(self, x: Tensor) -> Tensor:
        if self._relu_act:
            return super().forward(x)
        means = x.mean(dim=(2, 3, 4), keepdim=True)
        return x * torch.sigmoid(self.fc2(nn.functional.silu(self.fc1(means))))


def NaiveSyncBatchNorm3d(num_sync_devices: int, **args: Any) -> nn.Module:
    """Batch norm over all processes.

    Args:
        num_sync_devices: not used; `slowfast.models.batchnorm_helper.get_norm` makes norms over
            some of the processes.
        args: as in `torch.nn.BatchNorm3d`.
    """
    return SyncBatchNorm3d(**args)


class Nonlocal(NonLocal):
    """A non-local block.

    Args:
        pool_size: the max pooling (T, H, W) of keys and values; None: no pooling.
        zero_init_final_conv, zero_init_final_norm: whether the block starts as the identity.
    """

    def __init__(
        self,
        dim: int,
        dim_inner: int,
        pool_size: Sequence[int] | None = None,
        instantiation: str = "softmax",
        zero_init_final_conv: bool = False,
        zero_init_final_norm: bool = True,
        norm_eps: float = 1e-5,
        norm_momentum: float = 0.1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
    ) -> None:
        pool = tuple(pool_size or (1, 1, 1))
        norm = _norm(norm_module, norm_eps, norm_momentum)
        super().__init__(dim, dim_inner, instantiation, pool, norm=norm)
        for wanted, layer in (
            (zero_init_final_conv, self.conv_out),
            (zero_init_final_norm, self.bn),
        ):
            if wanted:
                nn.init.zeros_(layer.weight)


# ------------------------------------------------------------------ stems


def get_stem_func(name: str) -> type[nn.Module]:
    """The stem ``basic_stem`` or ``x3d_stem``.

    Raises:
        UserError: there is no such stem.
    """
    return look_up("stem", name, {"basic_stem": ResNetBasicStem, "x3d_stem": X3DStem})


class ResNetBasicStem(nn.Sequential):
    """Convolution, norm, ReLU, and 1 x 3 x 3 max pool with stride 2. Lists are (T, H, W)."""

    def __init__(
        self,
        dim_in: int,
        dim_out: int,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
    ) -> None:
        sizes = (tuple(each) for each in (kernel, stride, padding))
        super().__init__(
            OrderedDict(
                conv=nn.Conv3d(dim_in, dim_out, *sizes, bias=False),
                bn=norm_module(num_features=dim_out, eps=eps, momentum=bn_mmt),
                relu=nn.ReLU(inplace_relu),
                pool_layer=nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            )
        )


class X3DStem(nn.Sequential):
    """Convolution over space, then a depthwise one over time, norm, ReLU. Lists are (T, H, W)."""

    def __init__(
        self,
        dim_in: int,
        dim_out: int,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
    ) -> None:
        space = ((1, *kernel[1:]), (1, *stride[1:]), (0, *padding[1:]))
        time = ((kernel[0], 1, 1), (stride[0], 1, 1), (padding[0], 0, 0))
        super().__init__(
            OrderedDict(
                conv_xy=nn.Conv3d(dim_in, dim_out, *space, bias=False),
                conv=nn.Conv3d(dim_out, dim_out, *time, groups=dim_out, bias=False),
                bn=norm_module(num_features=dim_out, eps=eps, momentum=bn_mmt),
                relu=nn.ReLU(inplace_relu),
            )
        )


class VideoModelStem(Pathways):
    """The stem of every pathway. Each of the five first arguments has one value a pathway."""

    def __init__(
        self,
        dim_in: Sequence[int],
        dim_out: Sequence[int],
        kernel: Sequence[Sequence[int]],
        stride: Sequence[Sequence[int]],
        padding: Sequence[Sequence[int]],
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
        stem_func_name: str = "basic_stem",
    ) -> None:
        stem = get_stem_func(stem_func_name)
        own = zip(dim_in, dim_out, kernel, stride, padding, strict=True)
        super().__init__(
            [{"stem": stem(*sizes, inplace_relu, eps, bn_mmt, norm_module)} for sizes in own]
        )


# ------------------------------------------------------------------ residual blocks


def get_trans_func(name: str) -> type[nn.Module]:
    """The residual branch of RESNET.TRANS_FUNC.

    Raises:
        UserError: there is no such branch.
    """
    return look_up(
        "RESNET.TRANS_FUNC",
        name,
        {
            "basic_transform": BasicTransform,
            "bottleneck_transform": BottleneckTransform,
            "x3d_transform": X3DTransform,
        },
    )


class BasicTransform(nn.Sequential):
    """T x 3 x 3 and 1 x 3 x 3 convolutions. `dim_inner`, `num_groups`, `stride_1x1`: not used."""

    def __init__(
        self,
        dim_in: int,
        dim_out: int,
        temp_kernel_size: int,
        stride: int,
        dim_inner: int | None = None,
        num_groups: int = 1,
        stride_1x1: bool | None = None,
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        dilation: int = 1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
        block_idx: int = 0,
    ) -> None:
        spec = BlockSpec(
            channels_in=dim_in,
            channels_inner=dim_inner or dim_out,
            channels_out=dim_out,
            norm=_norm(norm_module, eps, bn_mmt),
            temporal_kernel=temp_kernel_size,
            stride=stride,
            dilation=dilation,
            inplace_relu=inplace_relu,
        )
        super().__init__(OrderedDict(blocks.basic_transform(spec).named_children()))


class BottleneckTransform(nn.Sequential):
    """T x 1 x 1, 1 x 3 x 3 and 1 x 1 x 1 convolutions."""

    def __init__(
        self,
        dim_in: int,
        dim_out: int,
        temp_kernel_size: int,
        stride: int,
        dim_inner: int,
        num_groups: int,
        stride_1x1: bool = False,
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        dilation: int = 1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
        block_idx: int = 0,
    ) -> None:
        spec = BlockSpec(
            channels_in=dim_in,
            channels_inner=dim_inner,
            channels_out=dim_out,
            norm=_norm(norm_module, eps, bn_mmt),
            index=block_idx,
            temporal_kernel=temp_kernel_size,
            stride=stride,
            stride_on_1x1=stride_1x1,
            dilation=dilation,
            groups=num_groups,
            inplace_relu=inplace_relu,
        )
        super().__init__(OrderedDict(blocks.bottleneck_transform(spec).named_children()))


class X3DTransform(nn.Sequential):
    """1 x 1 x 1, T x 3 x 3 and 1 x 1 x 1 convolutions.

    Every second block has squeeze-excitation.

    Args:
        se_ratio: channels of the squeeze for each channel; 0: none.
        swish_inner: whether the activation after the second convolution is swish, else ReLU.
    """

    def __init__(
        self,
        dim_in: int,
        dim_out: int,
        temp_kernel_size: int,
        stride: int,
        dim_inner: int,
        num_groups: int,
        stride_1x1: bool = False,
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        dilation: int = 1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
        se_ratio: float = 0.0625,
        swish_inner: bool = True,
        block_idx: int = 0,
    ) -> None:
        spec = BlockSpec(
            channels_in=dim_in,
            channels_inner=dim_inner,
            channels_out=dim_out,
            norm=_norm(norm_module, eps, bn_mmt),
            index=block_idx,
            temporal_kernel=temp_kernel_size,
            stride=stride,
            stride_on_1x1=stride_1x1,
            dilation=dilation,
            groups=num_groups,
            inplace_relu=inplace_relu,
        )
        layers = OrderedDict(blocks.x3d_transform(spec).named_children())
        if "se" in layers and se_ratio:
            layers["se"] = SE(dim_inner, se_ratio)
        elif "se" in layers:
            del layers["se"]
        if not swish_inner:
            relu = nn.ReLU(inplace=inplace_relu)
            layers = OrderedDict(
                ("b_relu", relu) if name == "b_swish" else (name, layer)
                for name, layer in layers.items()
            )
        super().__init__(layers)


class ResBlock(ResidualBlock):
    """relu(shortcut + branch).

    Args:
        trans_func: makes the branch: a class of `get_trans_func`, or one with the same arguments.
        drop_connect_rate: probability that a clip skips the branch in training.
    """

    def __init__(
        self,
        dim_in: int,
        dim_out: int,
        temp_kernel_size: int,
        stride: int,
        trans_func: Callable[..., nn.Module],
        dim_inner: int,
        num_groups: int = 1,
        stride_1x1: bool = False,
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        dilation: int = 1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
        block_idx: int = 0,
        drop_connect_rate: float = 0.0,
    ) -> None:
        spec = BlockSpec(
            channels_in=dim_in,
            channels_inner=dim_inner,
            channels_out=dim_out,
            norm=_norm(norm_module, eps, bn_mmt),
            stride=stride,
            drop_path=drop_connect_rate,
            inplace_relu=inplace_relu,
        )
        super().__init__(
            spec,
            lambda _: trans_func(
                dim_in,
                dim_out,
                temp_kernel_size,
                stride,
                dim_inner,
                num_groups,
                stride_1x1=stride_1x1,
                inplace_relu=inplace_relu,
                eps=eps,
                bn_mmt=bn_mmt,
                dilation=dilation,
                norm_module=norm_module,
                block_idx=block_idx,
            ),
        )

    @property
    def final_norm(self) -> nn.Module:
        """The last norm of the branch: the layer that upstream marks, or the last one."""
        marked = [m for m in self.branch2.modules() if getattr(m, "transform_final_bn", False)]
        return marked[-1] if marked else super().final_norm

    @property
    def final_conv(self) -> nn.Module:
        """The last convolution of the branch."""
        return [m for m in self.branch2.modules() if isinstance(m, nn.Conv3d)][-1]


class ResStage(Pathways):
    """The residual and non-local blocks of a stage, for every pathway.

    All arguments before `instantiation` have one value a pathway.

    Args:
        temp_kernel_sizes: the kernels that the blocks of a pathway use in turn.
        num_block_temp_kernel: blocks that have these kernels; the others have 1.
        nonlocal_inds: blocks after which a non-local block stands.
        nonlocal_group: parts into which a non-local block cuts the frames.
        nonlocal_pool: max pooling (T, H, W) of its keys and values.
    """

    def __init__(
        self,
        dim_in: Sequence[int],
        dim_out: Sequence[int],
        stride: Sequence[int],
        temp_kernel_sizes: Sequence[Sequence[int]],
        num_blocks: Sequence[int],
        dim_inner: Sequence[int],
        num_groups: Sequence[int],
        num_block_temp_kernel: Sequence[int],
        nonlocal_inds: Sequence[Sequence[int]],
        nonlocal_group: Sequence[int],
        nonlocal_pool: Sequence[Sequence[int]],
        dilation: Sequence[int],
        instantiation: str = "softmax",
        trans_func_name: str = "bottleneck_transform",
        stride_1x1: bool = False,
        inplace_relu: bool = True,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
        drop_connect_rate: float = 0.0,
    ) -> None:
        chains = []
        for pathway in range(len(dim_in)):
            kernels = list(temp_kernel_sizes[pathway]) * num_blocks[pathway]
            chain = OrderedDict[str, nn.Module]()
            for index in range(num_blocks[pathway]):
                chain[f"res{index}"] = ResBlock(
                    dim_out[pathway] if index else dim_in[pathway],
                    dim_out[pathway],
                    kernels[index] if index < num_block_temp_kernel[pathway] else 1,
                    1 if index else stride[pathway],
                    get_trans_func(trans_func_name),
                    dim_inner[pathway],
                    num_groups[pathway],
                    stride_1x1=stride_1x1,
                    inplace_relu=inplace_relu,
                    dilation=dilation[pathway],
                    norm_module=norm_module,
                    block_idx=index,
                    drop_connect_rate=drop_connect_rate,
                )
                if index in nonlocal_inds[pathway]:
                    chain[f"nonlocal{index}"] = NonLocal(
                        dim_out[pathway],
                        dim_out[pathway] // 2,
                        instantiation,
                        tuple(nonlocal_pool[pathway]),
                        nonlocal_group[pathway],
                        norm_module,
                    )
            chains.append(chain)
        super().__init__(chains)


# ------------------------------------------------------------------ heads


class ResNetBasicHead(head.PoolHead):
    """Pools each pathway, concatenates the channels and projects them.

    Training returns logits, evaluation activated scores, both (N, classes).

    Args:
        dim_in: channels of each pathway.
        pool_size: pooling window (T, H, W) of each pathway; None for a pathway: the whole map.
        act_func: softmax or sigmoid.
        detach_final_fc: whether only the projection is trained.
        cfg: not used; upstream reads settings of pre-training from it.
    """

    def __init__(
        self,
        dim_in: Sequence[int],
        num_classes: int,
        pool_size: Sequence[Sequence[int] | None],
        dropout_rate: float = 0.0,
        act_func: str = "softmax",
        detach_final_fc: bool = False,
        cfg: Any = None,
    ) -> None:
        windows = [tuple(window) if window else _WHOLE for window in pool_size]
        super().__init__(dim_in, head.HeadSpec(num_classes, dropout_rate, act_func), windows)
        self._detach_final_fc = detach_final_fc

    def features(self, pathways: list[Tensor], pool: head.Pool) -> Tensor:
        found = super().features(pathways, pool)
        return found.detach() if self._detach_final_fc else found


class X3DHead(head.X3DHead):
    """Widens, pools, widens again and projects.

    Args:
        pool_size: pooling window (T, H, W); None: the whole map.
        bn_lin5_on: whether the layer after the pool has a norm.
    """

    def __init__(
        self,
        dim_in: int,
        dim_inner: int,
        dim_out: int,
        num_classes: int,
        pool_size: Sequence[int] | None,
        dropout_rate: float = 0.0,
        act_func: str = "softmax",
        inplace_relu: bool = True,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
        bn_lin5_on: bool = False,
    ) -> None:
        super().__init__(
            dim_in,
            dim_inner,
            dim_out,
            head.HeadSpec(num_classes, dropout_rate, act_func),
            tuple(pool_size) if pool_size else _WHOLE,
            _norm(norm_module, eps, bn_mmt),
            bn_lin5_on,
            inplace_relu,
        )


class FuseFastToSlow(LateralConnection):
    """Adds channels of the fast pathway to the slow one: [slow, fast] -> [slow, fast].

    Args:
        dim_in: channels of the fast pathway.
        fusion_conv_channel_ratio: channels that the slow pathway gains, for each of these.
        fusion_kernel: frames that the convolution spans.
        alpha: frames of the fast pathway for each frame of the slow one.
    """

    def __init__(
        self,
        dim_in: int,
        fusion_conv_channel_ratio: int,
        fusion_kernel: int,
        alpha: int,
        eps: float = 1e-5,
        bn_mmt: float = 0.1,
        inplace_relu: bool = True,
        norm_module: Callable[..., nn.Module] = nn.BatchNorm3d,
    ) -> None:
        channels = dim_in * fusion_conv_channel_ratio
        norm = _norm(norm_module, eps, bn_mmt)
        super().__init__(dim_in, channels, fusion_kernel, alpha, norm, inplace_relu)


def init_weights(
    model: nn.Module,
    fc_init_std: float = 0.01,
    zero_init_final_bn: bool = True,
    zero_init_final_conv: bool = False,
) -> None:
    """Draws all weights of a network (`slowfast.models.layers.init.init_weights`)."""
    init.init_weights(model, fc_init_std, zero_init_final_bn, zero_init_final_conv)
