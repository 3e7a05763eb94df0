"""Top-k figures of single-label classification."""

from collections.abc import Sequence

import torch


def topks_correct(
    preds: torch.Tensor, labels: torch.Tensor, ks: Sequence[int]
) -> list[torch.Tensor]:
    """How many clips have their class among the k best scores, for each k; waits for no device.

    Args:
        preds: (N, C) scores.
        labels: (N,) class indices.
        ks: a k beyond C counts as C.

    Returns:
        A float scalar tensor for each k.
    """
    if preds.ndim != 2 or labels.shape != preds.shape[:1]:
        raise ValueError(
            f"scores {tuple(preds.shape)} and labels {tuple(labels.shape)} are not (N, C) and (N,)"
        )
    best = preds.topk(min(max(ks), preds.shape[1]), dim=1).indices
    hits = best == labels[:, None]
    return [hits[:, :k].sum().float() for k in ks]


def topk_errors(preds: torch.Tensor, labels: torch.Tensor, ks: Sequence[int]) -> list[torch.Tensor]:
    """Per cent of clips whose class is not among the k best scores, for each k."""
    return [100 - accuracy for accuracy in topk_accuracies(preds, labels, ks)]


def topk_accuracies(
    preds: torch.Tensor, labels: torch.Tensor, ks: Sequence[int]
) -> list[torch.Tensor]:
    """Per cent of clips whose class is among the k best scores, for each k."""
    return [correct * (100 / len(preds)) for correct in topks_correct(preds, labels, ks)]
