"""Heads: from feature maps to the scores of clips.

In training a head pools the whole map and returns logits. In evaluation it computes scores at every
position at which its pooling window fits, and averages them. So a crop larger than the training
crop is scored at several places. Evaluation computes in float32 even under autocast, because scores
rounded to bfloat16 tie, and ties lower the average precision.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.models.layers.blocks import Kernel, Norm, conv3d

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": partial(torch.softmax, dim=-1),
    "sigmoid": torch.sigmoid,
}


@dataclass(frozen=True)
class HeadSpec:
    """The settings of every head.

    Attributes:
        num_classes: number of classes.
        dropout: probability that a feature is dropped in training.
        activation: a name in `ACTIVATIONS`. Evaluation applies it to the logits.
    """

    num_classes: int
    dropout: float = 0.0
    activation: str = "softmax"

    @classmethod
    def from_cfg(cls, cfg: CfgNode) -> "HeadSpec":
        return cls(
            num_classes=cfg.MODEL.NUM_CLASSES,
            dropout=cfg.MODEL.DROPOUT_RATE,
            activation=cfg.MODEL.HEAD_ACT,
        )


class Head(nn.Module):
    """The base class of heads. Each head defines `features` and the linear layer `projection`.

    Args:
        spec: classes, dropout, activation.
        windows: the pooling window (T, H, W) of each pathway in evaluation. It is the size of the
            feature map of a training clip. Training pools the whole map.

    Raises:
        UserError: there is no such activation.
    """

    projection: nn.Linear

    def __init__(self, spec: HeadSpec, windows: Sequence[Kernel]) -> None:
        super().__init__()
        if spec.activation not in ACTIVATIONS:
            raise UserError(
                f"MODEL.HEAD_ACT: found {spec.activation!r}, expected one of {list(ACTIVATIONS)}"
            )
        self.activate = ACTIVATIONS[spec.activation]
        self.windows = windows
        self.dropout = nn.Dropout(spec.dropout)

    def features(self, pathways: list[Tensor]) -> Tensor:
        """Features (N, C, T, H, W) to project, a vector for each position. Training has one."""
        raise NotImplementedError

    def forward(self, pathways: list[Tensor]) -> Tensor:
        """Scores feature maps.

        Args:
            pathways: one tensor (N, C, T, H, W) for each pathway.

        Returns:
            (N, classes): logits in training, activated scores averaged over positions in
            evaluation.
        """
        if self.training:
            return self._logits(pathways).mean(dim=(1, 2, 3))
        with torch.autocast(pathways[0].device.type, enabled=False):
            logits = self._logits([x.float() for x in pathways])
            return self.activate(logits).mean(dim=(1, 2, 3))

    def pool(self, x: Tensor, window: Kernel) -> Tensor:
        """Averages over the whole map in training, over a sliding window in evaluation."""
        size = x.shape[2:]
        if self.training:
            window = size
        # A test clip smaller than the training clips has one position, its whole map.
        return F.avg_pool3d(x, [min(w, s) for w, s in zip(window, size, strict=True)], stride=1)

    def _logits(self, pathways: list[Tensor]) -> Tensor:
        """Logits (N, T, H, W, classes) of each position."""
        features = self.features(pathways).permute(0, 2, 3, 4, 1)
        return self.projection(self.dropout(features))


class PoolHead(Head):
    """Pools each pathway, concatenates the channels and projects them.

    Args:
        channels: channels of each pathway.
        spec: see `Head`.
        windows: see `Head`.
    """

    def __init__(self, channels: Sequence[int], spec: HeadSpec, windows: Sequence[Kernel]) -> None:
        super().__init__(spec, windows)
        self.projection = nn.Linear(sum(channels), spec.num_classes)

    def features(self, pathways: list[Tensor]) -> Tensor:
        pooled = [self.pool(x, w) for x, w in zip(pathways, self.windows, strict=True)]
        return torch.cat(pooled, dim=1)


class X3DHead(Head):
    """Widens, pools, widens again and projects (Feichtenhofer, 2020, table 1).

    Args:
        channels: channels of the pathway.
        channels_pooled: channels that are pooled.
        channels_out: channels that are projected.
        spec: see `Head`.
        window: pooling window, see `Head`.
        norm: makes the normalisation layers.
        norm_after_pool: whether the layer after the pool has a norm.
        inplace_relu: whether activations overwrite their input.
    """

    def __init__(
        self,
        channels: int,
        channels_pooled: int,
        channels_out: int,
        spec: HeadSpec,
        window: Kernel,
        norm: Norm = nn.BatchNorm3d,
        norm_after_pool: bool = False,
        inplace_relu: bool = True,
    ) -> None:
        super().__init__(spec, [window])
        self.conv_5 = conv3d(channels, channels_pooled, (1, 1, 1))
        self.conv_5_bn = norm(channels_pooled)
        self.lin_5 = conv3d(channels_pooled, channels_out, (1, 1, 1))
        self.lin_5_bn = norm(channels_out) if norm_after_pool else nn.Identity()
        self.relu = nn.ReLU(inplace=inplace_relu)
        self.projection = nn.Linear(channels_out, spec.num_classes)

    def features(self, pathways: list[Tensor]) -> Tensor:
        (x,) = pathways
        x = self.relu(self.conv_5_bn(self.conv_5(x)))
        x = self.pool(x, self.windows[0])
        return self.relu(self.lin_5_bn(self.lin_5(x)))
