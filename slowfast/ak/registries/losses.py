"""The registry of losses, which MODEL.LOSS_FUNC names."""

from dataclasses import dataclass

from slowfast.ak.registries.registry import Facts, Registry


@dataclass(frozen=True)
class LossFacts(Facts):
    """Facts about a loss.

    Args:
        labels: what a target is: ``many`` (N, C), several classes a clip; ``one`` (N,), one class
            a clip; ``any``: the loss takes both.
        needs_counts: whether the loss needs the number of training clips of each class.
        probability_scale: the dotted key of a factor: calibrated scores are sigmoid(factor x) for
            logits x; empty: sigmoid(x).
    """

    labels: str = "any"
    needs_counts: bool = False
    probability_scale: str = ""


LOSSES: Registry[LossFacts] = Registry("loss", "MODEL.LOSS_FUNC", LossFacts)
