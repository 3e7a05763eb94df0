"""Clips or images -> tokens: a convolution that makes a token of each patch."""

from dataclasses import dataclass

from torch import Tensor, nn

from slowfast.models.transformer.tokens import Grid


@dataclass(frozen=True)
class PatchSpec:
    """The size of patches.

    Attributes:
        channels_in, channels: channels of a clip and of a token.
        kernel, stride, padding: of the convolution, (T, H, W) each, or (H, W) for images.
    """

    channels_in: int
    channels: int
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]

    @property
    def of_images(self) -> bool:
        """Whether the network takes images, not clips."""
        return len(self.kernel) == 2

    def grid_of(self, frames: int, side: int) -> Grid:
        """The grid of tokens of a square clip. A size without a token is 0 or less."""
        sizes = (side, side) if self.of_images else (frames, side, side)
        grid = tuple(
            (size + 2 * p - k) // s + 1
            for size, k, s, p in zip(sizes, self.kernel, self.stride, self.padding, strict=True)
        )
        return (1, *grid) if self.of_images else grid


class PatchEmbed(nn.Module):
    """(N, C, T, H, W), or (N, C, H, W) for images -> tokens (N, T' * H' * W', C'), their grid."""

    def __init__(self, spec: PatchSpec) -> None:
        super().__init__()
        kind = nn.Conv2d if spec.of_images else nn.Conv3d
        self.proj = kind(
            spec.channels_in, spec.channels, spec.kernel, stride=spec.stride, padding=spec.padding
        )

    def forward(self, clips: Tensor) -> tuple[Tensor, Grid]:
        maps = self.proj(clips)
        grid = (1, *maps.shape[2:]) if maps.ndim == 4 else tuple(maps.shape[2:])
        return maps.flatten(2).transpose(1, 2), grid
