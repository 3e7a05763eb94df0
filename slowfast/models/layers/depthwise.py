"""Depthwise 3D convolutions, as X3D has them, with a fast backward pass on the CPU.

Parameters and results are those of `torch.nn.Conv3d`, except for rounding. On the CPU PyTorch's
forward pass of such a layer is fast. Its backward pass is a general kernel that computes each
channel as a block of 16 channels, most of them zero. `DepthwiseConv3d` computes instead:

- the gradient of the input, at stride 1: the forward convolution of the output's gradient with the
  flipped kernel;
- the gradient of the weight, and of the input of a strided layer: a sum, over the kernel's taps in
  time, of gradients of 2D convolutions. PyTorch has depthwise kernels for these. They run clip by
  clip, because the frames of one clip are 2D images in channels-last memory.
- A kernel of T x 1 x 1 is a T x 1 kernel on an image of frames by pixels.

On CUDA the layer computes in the contiguous layout. There PyTorch has a depthwise kernel of its
own. For channels-last tensors it takes cuDNN's grouped kernels, which used to be 7 to 10 times
slower. docs/SPEED.md lists the time of each part, and what did not help.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable


class DepthwiseConv3d(nn.Conv3d):
    """A depthwise `Conv3d` of the kind that `can_replace` accepts."""

    @staticmethod
    def can_replace(layer: nn.Module) -> bool:
        """Whether a layer is a depthwise convolution that this class can compute.

        It has no bias and no dilation, odd kernels, zero padding that keeps the size, and a spatial
        stride that is equal in height and width.
        """
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
        """A layer that uses the weight of another layer."""
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
            return super().forward(x.contiguous() if x.device.type == "cuda" else x)
        if self.kernel_size[1:] == self.stride[1:] == (1, 1):
            weight, padding = self.weight.flatten(3), (self.padding[0], 0)
            rows = F.conv2d(x.flatten(3), weight, padding=padding, groups=self.groups)
            return rows.unflatten(3, x.shape[3:])
        if torch.is_grad_enabled():
            return _Depthwise.apply(x, self.weight, self.stride[2])
        return super().forward(x)


def replace_depthwise(model: nn.Module) -> int:
    """Replaces every layer that a `DepthwiseConv3d` can replace. Returns their number.

    Parameters, their names and their hooks stay. Hooks on the layers themselves are lost.
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
    """The convolution of clips (N, C, T, H, W) with a weight (C, 1, K, k, k') of odd sizes."""

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
        # Under autocast the gradient has the type of the output, not that of the saved tensors.
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
    """The wanted gradients of input and weight, as sums of gradients of 2D convolutions."""
    grad_x = torch.zeros_like(x) if wanted[0] else None
    # A sum of this many terms in half precision would lose the small ones.
    summed = torch.promote_types(kernel.dtype, torch.float32)
    grad_weight = torch.zeros_like(kernel, dtype=summed) if wanted[1] else None
    channels, _, taps, *window = kernel.shape
    padding, frames = [k // 2 for k in window], x.shape[2]
    for tap in range(taps):
        # Frame t of the output depends on frame t + offset of the input.
        offset = tap - taps // 2
        length = frames - abs(offset)
        if length <= 0 or not any(wanted):
            continue
        begin_in, begin_out = max(0, offset), max(0, -offset)
        weight = kernel[:, :, tap].contiguous()
        for clip in range(len(x)):
            clip_grad_x, tap_grad_weight, _ = torch.ops.aten.convolution_backward(
                grad[clip].narrow(1, begin_out, length).transpose(0, 1),
                x[clip].narrow(1, begin_in, length).transpose(0, 1),
                *(weight, None, [stride, stride], padding, [1, 1]),
                *(False, [0, 0], channels, [*wanted, False]),
            )
            if wanted[0]:
                grad_x[clip].narrow(1, begin_in, length).add_(clip_grad_x.transpose(0, 1))
            if wanted[1]:
                grad_weight[:, :, tap].add_(tap_grad_weight)
    return grad_x, grad_weight
