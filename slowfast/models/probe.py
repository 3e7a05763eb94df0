"""Probes: small networks on features that another network gave.

A linear probe is the classifier of a network, and learns what a network learns whose other layers
are frozen. An attentive probe takes the features of all positions. One learned query attends to
them (Bardes et al., "Revisiting Feature Prediction for Learning Visual Representations from
Video", 2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import torch
from fvcore.common.config import CfgNode
from torch import Tensor, nn

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Finding, Limits
from slowfast.models.build import MODEL_REGISTRY
from slowfast.models.layers.head import Head, HeadSpec, Pool
from slowfast.models.resnet import with_initial_weights


class AttentivePool(nn.Module):
    """Pools features (N, P, C) to (N, C) by multi-head attention with one learned query.

    Args:
        channels: C.
        heads: of the attention; they divide C.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(1, 1, channels))
        self.norm_in, self.norm_out = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        nn.init.normal_(self.query, std=0.02)

    def forward(self, features: Tensor) -> Tensor:
        query, given = self.query.expand(len(features), -1, -1), self.norm_in(features)
        found, _ = self.attention(query, given, given, need_weights=False)
        return self.norm_out((query + found)[:, 0])


class ProbeHead(Head):
    """Pools features (N, P, C), given as maps (N, C, P, 1, 1), and projects them.

    Args:
        channels: C.
        spec: see `Head`.
        attend: pools the positions; None: their mean.
    """

    def __init__(self, channels: int, spec: HeadSpec, attend: AttentivePool | None) -> None:
        super().__init__(spec, [(1, 1, 1)])
        self.attend = attend
        self.projection = nn.Linear(channels, spec.num_classes)

    def features(self, pathways: list[Tensor], pool: Pool) -> Tensor:
        (x,) = pathways
        x = x.flatten(2).transpose(1, 2)
        pooled = x.mean(dim=1) if self.attend is None else self.attend(x)
        return pooled[:, :, None, None, None]


class ProbeNetwork(nn.Module):
    """A head alone: features -> scores.

    Args:
        head: pools and projects.
        channels: C.
    """

    def __init__(self, head: ProbeHead, channels: int) -> None:
        super().__init__()
        self.head, self._channels = head, channels

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Scores features.

        Args:
            inputs: a list with one float tensor (N, P, C).

        Returns:
            (N, classes): logits in training, activated scores in evaluation.

        Raises:
            UserError: the input is something else.
        """
        shape = tuple(inputs[0].shape) if len(inputs) == 1 else f"{len(inputs)} tensors"
        if len(shape) != 3 or shape[2] != self._channels:
            raise UserError(
                f"the probe received {shape}; expected features (N, P, {self._channels})"
            )
        return self.head([inputs[0].transpose(1, 2)[..., None, None]])


def _problems(cfg: CfgNode) -> Iterator[Finding]:
    probe = cfg.PROBE
    if probe.KIND == "attentive" and probe.CHANNELS % probe.HEADS:
        below = range(min(probe.HEADS, probe.CHANNELS), 0, -1)
        near = next(heads for heads in below if probe.CHANNELS % heads == 0)
        yield "PROBE.HEADS", f"does not divide PROBE.CHANNELS {probe.CHANNELS}; take {near}"


def _warnings(cfg: CfgNode) -> Iterator[Finding]:
    if cfg.PROBE.KIND == "attentive" and cfg.PROBE.TOKENS == 1:
        yield (
            "PROBE.KIND",
            "features with one position leave attention no choice; extract them with --tokens, or "
            "take linear",
        )


def _feature_shape(cfg: CfgNode) -> tuple[int, int]:
    return cfg.PROBE.TOKENS, cfg.PROBE.CHANNELS


@MODEL_REGISTRY.register(
    own_keys=("PROBE.",), feature_shape=_feature_shape, problems=_problems, warnings=_warnings
)
def Probe(
    cfg: CfgNode,
    kind: Annotated[str, Limits(choices=("linear", "attentive"))] = "linear",
    channels: Annotated[int, Limits(low=1)] = 2048,
    tokens: Annotated[int, Limits(low=1)] = 1,
    heads: Annotated[int, Limits(low=1)] = 8,
) -> ProbeNetwork:
    """A classifier on features. It takes a list of one tensor (N, P, C).

    Args:
        kind: linear is a classifier on the mean over positions. attentive pools the positions by
            attention with a learned query.
        channels: C, the number of channels of the features. tools/extract_features.py writes it
            into probe.yaml.
        tokens: P, the number of positions of the features; 1 for means.
        heads: of the attention; they divide the channels.
    """
    attend = AttentivePool(channels, heads) if kind == "attentive" else None
    head = ProbeHead(channels, HeadSpec.from_cfg(cfg), attend)
    return with_initial_weights(cfg, ProbeNetwork(head, channels))
