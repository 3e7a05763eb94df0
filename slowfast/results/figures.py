"""What a test of many labels is measured by, beside its mAP: intervals, and more where asked for.

Notable: all of it comes from the ensembled scores, whose ensemble decides what they are: a maximum
of probabilities over views is taken for one, a sum is divided by their number. Figures are in per
cent with two decimals, as texts, like all that `json_stats` tells of a test.
"""

from math import isnan

import numpy as np
from fvcore.common.config import CfgNode

from slowfast.ak.metrics.average_precision import known_mean, mean_figures, per_cent
from slowfast.ak.metrics.bootstrap import centred, interval, resample_weights, resampled_means
from slowfast.ak.metrics.calibration import as_probabilities, calibration_error
from slowfast.ak.metrics.f1 import best_f1, f1_at
from slowfast.ak.metrics.ranking import coverage_error, roc_auc


def intervals(
    scores: np.ndarray, labels: np.ndarray, segments: list[str] | None, resamples: int, seed: int
) -> dict[str, list[str] | None]:
    """The 95 % interval of each mAP over resampled clips: ``interval_map``, ``interval_map_head``
    and so on, each a low and a high value, None where there is none.

    Args:
        scores, labels: (N, C).
        segments: of each class.
    """
    figures = mean_figures(scores, labels, segments)
    weights = resample_weights(len(scores), resamples, seed)
    found = resampled_means(scores, labels, segments, weights)
    return {
        f"interval_{key}": _pair(*interval(centred(found[key], figure)))
        for key, figure in figures.items()
    }


def more_figures(cfg: CfgNode, scores: np.ndarray, labels: np.ndarray) -> dict[str, str | None]:
    """F1, area under the ROC curve, coverage and calibration error.

    ``macro`` is the mean over classes with a test clip (for ``roc_auc`` also one without the
    class), ``micro`` is of all (clip, class) pairs together. ``f1_*`` are at threshold 0.5,
    ``best_f1_*`` at the best one for each class, or for all: found on these very clips, and
    optimistic. ``coverage`` counts classes. Calibration errors have
    `slowfast.ak.metrics.calibration.BINS` bins.

    Args:
        cfg: of the number of views that was tested.
        scores, labels: (N, C).
    """
    probabilities = probabilities_of(cfg, scores)
    pooled = probabilities.reshape(-1, 1), labels.reshape(-1, 1)
    with_clip = labels.any(axis=0)
    return {
        "f1_macro": per_cent(known_mean(f1_at(probabilities, labels))),
        "f1_micro": per_cent(f1_at(*pooled)[0]),
        "best_f1_macro": per_cent(known_mean(best_f1(probabilities, labels))),
        "best_f1_micro": per_cent(best_f1(*pooled)[0]),
        "roc_auc": per_cent(known_mean(roc_auc(scores, labels))),
        "coverage": f"{coverage_error(scores, labels):.2f}",
        "calibration_error_macro": per_cent(
            known_mean(calibration_error(probabilities, labels)[with_clip])
        ),
        "calibration_error_micro": per_cent(calibration_error(*pooled)[0]),
    }


def probabilities_of(cfg: CfgNode, scores: np.ndarray) -> np.ndarray:
    """What ensembled scores say of probability; those of LDAM are sigmoid(s x)."""
    summed = cfg.DATA.ENSEMBLE_METHOD == "sum"
    views = cfg.TEST.NUM_ENSEMBLE_VIEWS * cfg.TEST.NUM_SPATIAL_CROPS if summed else 1
    scale = cfg.LOSS.LDAM.S if cfg.MODEL.LOSS_FUNC == "LDAM" else 1
    # Sums of float32 may pass the number of views by a rounding.
    return np.clip(as_probabilities(scores, views, scale), 0, 1)


def _pair(low: float, high: float) -> list[str] | None:
    """Centred resamples may pass the ends of the scale."""
    return None if isnan(low) else [per_cent(max(0.0, low)), per_cent(min(1.0, high))]
