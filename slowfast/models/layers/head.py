"""Heads: from feature maps to the scores of clips.

In training a head pools the whole map and returns logits. In evaluation it computes scores at every
position at which its pooling window fits, and averages them. So a crop larger than the training
crop is scored at several places. Evaluation computes in float32 even under autocast, because scores
rounded to bfloat16 tie, and ties lower the average precision.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import numbers_of_classes
from slowfast.models.layers.blocks import Kernel, Norm, conv3d

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": partial(torch.softmax, dim=-1),
    "sigmoid": torch.sigmoid,
}


# Joins the maps (N, C, T, H, W) of all pathways to one, pooled or not.
Pool = Callable[[list[Tensor]], Tensor]


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

    def features(self, pathways: list[Tensor], pool: Pool) -> Tensor:
        """Features (N, C, T, H, W) to project, a vector for each position that `pool` leaves."""
        raise NotImplementedError

    def vectors(self, pathways: list[Tensor], each_position: bool = False) -> Tensor:
        """What is projected, in float32 and without dropout.

        Args:
            pathways: one tensor (N, C, T, H, W) for each pathway.
            each_position: whether nothing is pooled, except that maps of several pathways are
                averaged to the size of the smallest. Otherwise the whole maps are pooled, as in
                training.

        Returns:
            (N, P, C): P positions, in the order time, height, width; P = 1 for whole maps.
        """
        with torch.autocast(pathways[0].device.type, enabled=False):
            pool = _pool_to_smallest if each_position else _pool_whole
            features = self.features([x.float() for x in pathways], pool)
        return features.flatten(2).transpose(1, 2)

    def forward(self, pathways: list[Tensor]) -> Tensor:
        """Scores feature maps.

        Args:
            pathways: one tensor (N, C, T, H, W) for each pathway.

        Returns:
            (N, classes): logits in training, activated scores averaged over positions in
            evaluation. `LabelSetsHead` returns a tuple of such tensors.
        """
        if self.training:
            return self._scores(pathways, lambda logits: logits)
        with torch.autocast(pathways[0].device.type, enabled=False):
            return self._scores([x.float() for x in pathways], self.activate)

    def pool(self, x: Tensor, window: Kernel) -> Tensor:
        """Averages over the whole map in training, over a sliding window in evaluation."""
        size = x.shape[2:]
        if self.training:
            window = size
        # A test clip smaller than the training clips has one position, its whole map.
        return F.avg_pool3d(x, [min(w, s) for w, s in zip(window, size, strict=True)], stride=1)

    def pool_each(self, pathways: list[Tensor]) -> Tensor:
        """Pools each pathway and concatenates the channels."""
        pooled = [self.pool(x, w) for x, w in zip(pathways, self.windows, strict=True)]
        return torch.cat(pooled, dim=1)

    def _scores(self, pathways: list[Tensor], activate: Callable[[Tensor], Tensor]) -> Any:
        """Activated logits (N, classes), averaged over positions."""
        return self._averaged(self.projection, self._positions(pathways), activate)

    def _positions(self, pathways: list[Tensor]) -> Tensor:
        """Features (N, T, H, W, C) to project."""
        return self.dropout(self.features(pathways, self.pool_each).permute(0, 2, 3, 4, 1))

    @staticmethod
    def _averaged(
        projection: nn.Linear, features: Tensor, activate: Callable[[Tensor], Tensor]
    ) -> Tensor:
        return activate(projection(features)).mean(dim=(1, 2, 3))


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

    def features(self, pathways: list[Tensor], pool: Pool) -> Tensor:
        return pool(pathways)


class LabelSetsHead(Head):
    """Projects pooled features once for each label set; its output is a tuple of scores.

    The layer of the set ``animal`` is ``_animal_head``.

    Args:
        channels: channels of each pathway.
        spec: see `Head`; its number of classes is not read.
        windows: see `Head`.
        num_classes: number of classes of each label set by its name, in the order of the output.
    """

    def __init__(
        self,
        channels: Sequence[int],
        spec: HeadSpec,
        windows: Sequence[Kernel],
        num_classes: Mapping[str, int],
    ) -> None:
        super().__init__(spec, windows)
        self._layers = [f"_{name}_head" for name in num_classes]
        for layer, count in zip(self._layers, num_classes.values(), strict=True):
            self.add_module(layer, nn.Linear(sum(channels), count))

    def features(self, pathways: list[Tensor], pool: Pool) -> Tensor:
        return pool(pathways)

    def _scores(
        self, pathways: list[Tensor], activate: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, ...]:
        features = self._positions(pathways)
        layers = [getattr(self, name) for name in self._layers]
        return tuple(self._averaged(layer, features, activate) for layer in layers)


def pool_head(
    cfg: CfgNode, channels: Sequence[int], windows: Sequence[Kernel], label_sets: Sequence[str] = ()
) -> Head:
    """The head that scores one set of MODEL.NUM_CLASSES classes, or several label sets.

    Args:
        channels: channels of each pathway.
        windows: see `Head`.
        label_sets: names of the label sets, each with a key for its number of classes; empty: one
            set.
    """
    spec = HeadSpec.from_cfg(cfg)
    if not label_sets:
        return PoolHead(channels, spec, windows)
    return LabelSetsHead(channels, spec, windows, numbers_of_classes(cfg, label_sets))


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

    def features(self, pathways: list[Tensor], pool: Pool) -> Tensor:
        (x,) = pathways
        x = pool([self.relu(self.conv_5_bn(self.conv_5(x)))])
        return self.relu(self.lin_5_bn(self.lin_5(x)))


def _pool_whole(pathways: list[Tensor]) -> Tensor:
    return torch.cat([F.avg_pool3d(x, x.shape[2:]) for x in pathways], dim=1)


def _pool_to_smallest(pathways: list[Tensor]) -> Tensor:
    size = [min(sides) for sides in zip(*(x.shape[2:] for x in pathways), strict=True)]
    return torch.cat([F.adaptive_avg_pool3d(x, size) for x in pathways], dim=1)
