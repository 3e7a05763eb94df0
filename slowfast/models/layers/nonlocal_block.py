"""Non-local block: each position of a clip attends to all positions (Wang et al., CVPR 2018)."""

import torch
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.models.layers.blocks import Kernel, Norm, max_pool

INSTANTIATIONS = ("softmax", "dot_product")


class NonLocal(nn.Module):
    """Attention over space and time with a residual connection, on (N, C, T, H, W).

    Args:
        channels: channels of input and output.
        channels_inner: channels of queries (theta), keys (phi) and values (g).
        instantiation: ``softmax``: attention scaled by 1 / sqrt(channels_inner);
            ``dot_product``: similarities divided by the number of keys.
        pool: the max-pooling (T, H, W) of keys and values.
        time_groups: the number of parts into which the frames are cut. Attention stays within a
            part.
        norm: makes the normalisation layer.
    """

    def __init__(
        self,
        channels: int,
        channels_inner: int,
        instantiation: str = "softmax",
        pool: Kernel = (1, 1, 1),
        time_groups: int = 1,
        norm: Norm = nn.BatchNorm3d,
    ) -> None:
        super().__init__()
        if instantiation not in INSTANTIATIONS:
            raise UserError(
                f"NONLOCAL.INSTANTIATION: found {instantiation!r}, expected one of {INSTANTIATIONS}"
            )
        self.instantiation = instantiation
        self.time_groups = time_groups
        self.conv_theta = nn.Conv3d(channels, channels_inner, kernel_size=1)
        self.conv_phi = nn.Conv3d(channels, channels_inner, kernel_size=1)
        self.conv_g = nn.Conv3d(channels, channels_inner, kernel_size=1)
        self.conv_out = nn.Conv3d(channels_inner, channels, kernel_size=1)
        self.bn = norm(channels)
        self.pool = max_pool(pool)

    @property
    def final_norm(self) -> nn.Module:
        """The normalisation before the residual sum. With weight 0 the block is the identity."""
        return self.bn

    def forward(self, x: Tensor) -> Tensor:
        clips, _, frames, *_ = x.shape
        if frames % self.time_groups:
            raise UserError(
                f"NONLOCAL.GROUP: {frames} frames cannot be cut into {self.time_groups} equal "
                "parts; take a divisor of the number of frames"
            )
        # (N, C, T, H, W) to (N * groups, C, T / groups, H, W): each part is a clip of its own.
        parts = x.unflatten(2, (self.time_groups, -1)).transpose(1, 2).flatten(0, 1)
        pooled = self.pool(parts)
        seen = self._attend(self.conv_theta(parts), self.conv_phi(pooled), self.conv_g(pooled))
        update = self.bn(self.conv_out(seen))
        return x + update.unflatten(0, (clips, -1)).transpose(1, 2).flatten(2, 3)

    def _attend(self, theta: Tensor, phi: Tensor, g: Tensor) -> Tensor:
        """For each position of theta the sum of g, weighted by the similarity of theta and phi."""
        queries, keys, values = (y.flatten(2) for y in (theta, phi, g))
        if self.instantiation == "softmax":
            similarity = torch.einsum("ncq,nck->nqk", queries, keys) * queries.shape[1] ** -0.5
            seen = torch.einsum("nqk,nck->ncq", similarity.softmax(dim=2), values)
        else:
            # Without a softmax between them the two products may be taken in the other order. The
            # matrix in between then has channels x channels entries, not positions x positions.
            summary = torch.einsum("nck,ndk->ncd", keys, values) / keys.shape[2]
            seen = torch.einsum("ncq,ncd->ndq", queries, summary)
        return seen.unflatten(2, theta.shape[2:])
