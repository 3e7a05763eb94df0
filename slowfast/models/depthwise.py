"""Convolutions channel by channel (X3D's), with gradients that a CPU computes several times faster.

Notable: parameters and results are those of `torch.nn.Conv3d`, to rounding; only the way differs,
and only on the CPU. PyTorch's forward pass of such a layer is fast there. Its backward pass is a
general kernel that multiplies every channel as a block of 16, most of it zeros. Instead:

- The gradient of the input, at stride 1, is the forward convolution of the output's gradient with
  the kernel turned round.
- The gradient of the weight, and that of a strided layer's input, are sums over the kernel's taps
  in time of 2D convolutions' gradients, for which there are kernels made for single channels. They
  are taken clip by clip: in channels-last memory a clip's frames are 2D images as they lie.
- A kernel of T x 1 x 1 is a T x 1 kernel on an image of frames by pixels.

docs/SPEED.md has what each costs, and what did not help.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable


class DepthwiseConv3d(nn.Conv3d):
    """A `Conv3d` with as many groups as channels, of those that `can_replace` accepts."""

    @staticmethod
    def can_replace(layer: nn.Module) -> bool:
        """Whether a layer is a convolution channel by channel, without bias or dilation, with odd
        kernels and zeros around, whose stride is spatial and the same both ways."""
        return (
            isinstance(layer, nn.Conv3d)
            and layer.groups == layer.in_channels == layer.out_channels > 1
            and layer.bias is None
            and layer.padding_mode == "zeros"
            and all(k % 2 for k in layer.kernel_size)
            and layer.padding == tuple(k // 2 for k in layer.kernel_size)
            and layer.dilation == (1, 1, 1)
            and layer.stride == (1, layer.stride[2], layer.stride[2])
        )

    @classmethod
    def sharing(cls, layer: nn.Conv3d) -> "DepthwiseConv3d":
        """A layer that computes with another one's parameter."""
        own = cls(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,
            stride=layer.stride,
            padding=layer.padding,
            groups=layer.groups,
            bias=False,
            device="meta",
        )
        own.weight = layer.weight
        return own.train(layer.training)

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return super().forward(x)
        if self.kernel_size[1:] == self.stride[1:] == (1, 1):
            weight, padding = self.weight.flatten(3), (self.padding[0], 0)
            rows = F.conv2d(x.flatten(3), weight, padding=padding, groups=self.groups)
            return rows.unflatten(3, x.shape[3:])
        if torch.is_grad_enabled():
            return _Depthwise.apply(x, self.weight, self.stride[2])
        return super().forward(x)


def replace_depthwise(model: nn.Module) -> int:
    """Puts a `DepthwiseConv3d` in the place of every layer that can be one; how many that were.

    Parameters, their names and the hooks on them stay; hooks on the layers themselves do not.
    """
    places = [
        (parent, name, layer)
        for parent in model.modules()
        for name, layer in parent.named_children()
        if DepthwiseConv3d.can_replace(layer)
    ]
    for parent, name, layer in places:
        setattr(parent, name, DepthwiseConv3d.sharing(layer))
    return len(places)


class _Depthwise(torch.autograd.Function):
    """The convolution of clips (N, C, T, H, W) with a weight (C, 1, K, k, k'), all of them odd."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return _convolve(x, weight, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wants_x, wants_weight, _ = ctx.needs_input_grad
        # Under autocast the output, and so its gradient, is of another type than what was saved.
        x, kernel = x.to(grad.dtype), weight.to(grad.dtype)
        if x.is_contiguous(memory_format=torch.channels_last_3d):
            grad = grad.contiguous(memory_format=torch.channels_last_3d)
        turns_kernel = ctx.stride == 1
        by_taps = wants_x and not turns_kernel, wants_weight
        grad_x, grad_weight = _sum_over_taps(grad, x, kernel, ctx.stride, by_taps)
        if wants_x and turns_kernel:
            grad_x = _convolve(grad, kernel.flip(2, 3, 4))
        return grad_x, grad_weight, None


def _convolve(x: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    padding = [k // 2 for k in weight.shape[2:]]
    return F.conv3d(x, weight, None, (1, stride, stride), padding, groups=len(weight))


def _sum_over_taps(
    grad: Tensor, x: Tensor, kernel: Tensor, stride: int, wanted: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of input and weight, those that are wanted, from 2D convolutions'."""
    grad_x = torch.zeros_like(x) if wanted[0] else None
    # Many summands: a sum in half precision would lose what they are made of.
    summed = torch.promote_types(kernel.dtype, torch.float32)
    grad_weight = torch.zeros_like(kernel, dtype=summed) if wanted[1] else None
    channels, _, taps, *window = kernel.shape
    padding, frames = [k // 2 for k in window], x.shape[2]
    for tap in range(taps):
        # Frame t + offset of the input went into frame t of the output.
        offset = tap - taps // 2
        length = frames - abs(offset)
        if length <= 0 or not any(wanted):
            continue
        begin_in, begin_out = max(0, offset), max(0, -offset)
        weight = kernel[:, :, tap].contiguous()
        for clip in range(len(x)):
            of_input, of_weight, _ = torch.ops.aten.convolution_backward(
                grad[clip].narrow(1, begin_out, length).transpose(0, 1),
                x[clip].narrow(1, begin_in, length).transpose(0, 1),
                *(weight, None, [stride, stride], padding, [1, 1]),
                *(False, [0, 0], channels, [*wanted, False]),
            )
            if wanted[0]:
                grad_x[clip].narrow(1, begin_in, length).add_(of_input.transpose(0, 1))
            if wanted[1]:
                grad_weight[:, :, tap].add_(of_weight)
    return grad_x, grad_weight
