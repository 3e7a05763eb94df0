"""Losses of torch under upstream's names."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from slowfast.ak.keys import Finding
from slowfast.ak.registries.losses import LOSSES


def _grows_with_labels(cfg) -> Iterator[Finding]:
    if cfg.DATA.MULTI_LABEL:
        words = "grows with the number of labels of a clip, and DATA.MULTI_LABEL is True"
        yield "MODEL.LOSS_FUNC", f"{words}; bce_loss is usual"


def _takes_probabilities(cfg) -> Iterator[Finding]:
    words = "takes probabilities, but a network in training returns logits"
    yield "MODEL.LOSS_FUNC", f"{words}; take bce_logit"


def _register(name: str, loss: type[nn.Module], **facts) -> None:
    LOSSES.register(name, keys={}, needs_counts=False, **facts)(loss)


_register("cross_entropy", nn.CrossEntropyLoss, labels="one", fewest_classes=2)
# Takes a distribution over classes (N, C) as well as a class (N,).
_register(
    "soft_cross_entropy",
    nn.CrossEntropyLoss,
    labels="any",
    fewest_classes=2,
    warnings=_grows_with_labels,
)
_register("bce", nn.BCELoss, labels="many", problems=_takes_probabilities)
_register("bce_logit", nn.BCEWithLogitsLoss, labels="many")
_register("mse", nn.MSELoss, labels="many")
