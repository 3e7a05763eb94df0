"""The registry of losses, which MODEL.LOSS_FUNC names."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from slowfast.ak.keys import Key, keys_from_signature
from slowfast.ak.registries.registry import Facts, Registry

# Arguments of a loss that training gives, and not the configuration.
_GIVEN = ("reduction", "reduce", "logits", "class_counts", "num_clips", "seed", "rank")


@dataclass(frozen=True)
class LossFacts(Facts):
    """Facts about a loss.

    Args:
        labels: what a target is: ``many`` (N, C), several classes a clip; ``one`` (N,), one class
            a clip; ``any``: the loss takes both.
        needs_counts: whether the loss needs the number of training clips of each class; None: not
            stated.
        fewest_classes: the number of classes from which on the loss can teach anything. A loss that
            compares the classes of a clip, such as a softmax, needs 2.
        probability_scale: the dotted key of a factor: calibrated scores are sigmoid(factor x) for
            logits x; empty: sigmoid(x).
    """

    labels: str = "any"
    needs_counts: bool | None = None
    fewest_classes: int = 1
    probability_scale: str = ""


class LossRegistry(Registry[LossFacts], MutableMapping):
    """Losses by name, usable as the dict that programs written for upstream expect.

    The keys LOSS.<NAME>.<ARGUMENT> follow from the signature of a loss.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys_of(self, name: str, entry: Any) -> dict[str, Key]:
        return keys_from_signature(entry, f"LOSS.{name.upper()}", without=_GIVEN)


LOSSES = LossRegistry(
    "loss",
    "MODEL.LOSS_FUNC",
    LossFacts,
    not_built={
        "contrastive_loss": "belongs to contrastive training, which is not built here yet",
        "multi_mse": "belongs to masked pre-training, which is not built here yet",
    },
)
