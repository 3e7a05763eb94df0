"""Mean average precision over classes and segments (``map``), and of all pairs (``map_micro``).

The values are scikit-learn's (``average_precision_score``), ties included. One sort of all scores
and a look-up of the positive clips take the place of a loop over scikit-learn.
"""

import numpy as np

from slowfast.ak.metrics.bootstrap import resampled_ap, resampled_micro_ap
from slowfast.ak.metrics.inputs import checked, clips_above, pooled
from slowfast.ak.registries.metrics import METRICS


def chance_average_precision(positives: np.ndarray, clips: int) -> np.ndarray:
    """Returns the average precision that random scores without ties reach on average.

    A positive clip at rank k has k - 1 clips before it, each of them positive with probability
    (P - 1)/(N - 1). Its precision, averaged over all ranks, is (H + (P - 1)/(N - 1) (N - H)) / N
    with H = 1 + 1/2 + ... + 1/N (Bestgen, "Exact Expected Average Precision of the Random Baseline
    for System Evaluation", 2015).

    Args:
        positives: (C,) numbers of clips that carry each class.
        clips: N, the number of all clips.

    Returns:
        (C,) float64, nan for a class without a positive clip.
    """
    positives = np.asarray(positives, dtype=np.float64)
    harmonic = (1 / np.arange(1, clips + 1)).sum()
    others = (positives - 1) / max(1, clips - 1)
    chance = (harmonic + others * (clips - harmonic)) / max(1, clips)
    return np.where(positives > 0, chance, np.nan)


@METRICS.register(
    "map",
    reported="always",
    title="mAP",
    column="overall",
    quantity="mAP",
    class_column="AP",
    class_title="average precision",
    by_segment=True,
    chance=chance_average_precision,
    resampled=resampled_ap,
    also_logged_as=("top1_acc", "top5_acc"),  # as upstream logs it
)
def average_precision(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns the average precision of each class.

    It is the mean, over the positive clips of the class, of the precision among all clips that
    score at least as high. Clips of equal score count together.

    Args:
        scores: (N, C), any finite numbers; higher means more likely.
        labels: (N, C) of 0 and 1.

    Returns:
        (C,) float64 in 0..1, nan for a class without a positive clip.

    Raises:
        UserError: as `slowfast.ak.metrics.inputs.checked`.
    """
    result = np.full(np.shape(scores)[-1:], np.nan)
    for index, clips, true in clips_above(scores, labels):
        result[index] = (true / clips).mean()
    return result


def _micro_chance(positives: np.ndarray, clips: int) -> float:
    return float(chance_average_precision(positives.sum(), clips * len(positives)))


@METRICS.register(
    "map_micro",
    reported="always",
    title="micro",
    column="micro",
    quantity="mAP",
    chance=_micro_chance,
    resampled=resampled_micro_ap,
)
def micro_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """Returns the average precision of all (clip, class) pairs taken as clips of one class.

    This is scikit-learn's ``average="micro"``; nan where nothing is positive. Most positive pairs
    belong to head classes, so the value says little about other classes and cannot be compared
    with a mean over classes. Arguments and errors are those of `average_precision`.
    """
    for _, pairs, true in clips_above(*pooled(*checked(scores, labels))):
        return float((true / pairs).mean())
    return float("nan")
