"""Kernels of image networks for video networks, and kernels of video networks for images.

Both ways keep what a network computes on a still clip: the sum of a kernel over time stays.
"""

from collections.abc import Sequence

import torch


def spread_over_time(kernel: torch.Tensor, frames: int) -> torch.Tensor:
    """Returns a 2D kernel (N, C, h, w) as a 3D one (N, C, T, h, w), repeated and divided by T.

    On a still clip the 3D kernel gives what the 2D kernel gives on its image (Carreira and
    Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017).
    """
    return kernel.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames


def for_videos(kernel: torch.Tensor, shape: Sequence[int]) -> torch.Tensor | None:
    """Returns a 2D kernel, (N, C, h, w) or (N, C, 1, h, w), spread over the frames of a 3D one.

    Args:
        kernel: the kernel in the file.
        shape: the shape (N, C, T, h, w) of the kernel in the network. N and C may differ.

    Returns:
        None if the two are no such pair.
    """
    flat = kernel.squeeze(2) if kernel.ndim == 5 and kernel.shape[2] == 1 else kernel
    if len(shape) != 5 or flat.ndim != 4 or tuple(flat.shape[2:]) != tuple(shape[3:]):
        return None
    return spread_over_time(flat, shape[2])


def for_images(kernel: torch.Tensor, shape: Sequence[int]) -> torch.Tensor | None:
    """Returns a 3D kernel (N, C, T, h, w) summed over time, for a network of images.

    Args:
        kernel: the kernel in the file.
        shape: the shape of the kernel in the network: (N, C, h, w) or (N, C, 1, h, w).

    Returns:
        None if the two are no such pair.
    """
    if kernel.ndim != 5 or not is_flat(shape, kernel.shape):
        return None
    return kernel.sum(dim=2).reshape(tuple(shape))


def is_flat(shape: Sequence[int], of: Sequence[int]) -> bool:
    """Returns whether a shape is that of a 3D kernel without time, or with one frame."""
    frames = tuple(shape[2:-2])
    flat = (*shape[:2], *shape[-2:])
    return len(of) == 5 and len(shape) >= 4 and frames in ((), (1,)) and flat == (*of[:2], *of[3:])


def with_further_channels(kernel: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
    """Returns a 3D kernel that has the target's weights for the input channels it lacks.

    Returns:
        None if the kernels differ in anything but that the target reads more channels.
    """
    rest, wanted = (shape[:1] + shape[2:] for shape in (kernel.shape, target.shape))
    if kernel.ndim != 5 or rest != wanted or kernel.shape[1] >= target.shape[1]:
        return None
    return torch.cat([kernel.to(target), target[:, kernel.shape[1] :]], dim=1)
