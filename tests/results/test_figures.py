"""Figures beside mAP: scikit-learn's, on probabilities, whatever the ensemble."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from slowfast.ak.metrics.average_precision import mean_figures
from slowfast.ak.metrics.calibration import calibration_error
from slowfast.config.defaults import get_cfg
from slowfast.results import figures
from slowfast.results.figures import intervals, more_figures


@pytest.fixture
def cfg():
    cfg = get_cfg()
    cfg.DATA.ENSEMBLE_METHOD = "max"
    cfg.TEST.NUM_ENSEMBLE_VIEWS, cfg.TEST.NUM_SPATIAL_CROPS = 5, 2
    return cfg


@pytest.fixture
def clips():
    generator = np.random.default_rng(0)
    labels = generator.random((200, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0]
    return np.clip(generator.random(labels.shape) * 0.6 + 0.3 * labels, 0, 1), labels


def test_they_are_scikit_learns(cfg, clips):
    scores, labels = clips
    found = more_figures(cfg, scores, labels)
    said = scores >= 0.5
    tested = labels.any(axis=0)
    macro = f1_score(labels[:, tested], said[:, tested], average="macro", zero_division=0)
    assert found["f1_macro"] == f"{100 * macro:.2f}"
    assert found["f1_micro"] == f"{100 * f1_score(labels, said, average='micro'):.2f}"
    auc = roc_auc_score(labels[:, tested], scores[:, tested], average="macro")
    assert found["roc_auc"] == f"{100 * auc:.2f}"
    assert float(found["best_f1_macro"]) > float(found["f1_macro"])


def test_calibration_is_averaged_over_the_classes_with_a_clip(cfg, clips):
    scores, labels = clips
    assert not labels[:, 5].any()
    by_class = calibration_error(scores, labels)
    found = float(more_figures(cfg, scores, labels)["calibration_error_macro"])
    assert found == pytest.approx(100 * by_class[:5].mean(), abs=0.006)
    assert found != pytest.approx(100 * by_class.mean(), abs=0.006)


def test_sums_over_views_are_taken_for_means(cfg, clips):
    scores, labels = clips
    of_means = more_figures(cfg, scores, labels)
    cfg.DATA.ENSEMBLE_METHOD = "sum"
    assert more_figures(cfg, 10 * scores, labels) == of_means
    assert figures.probabilities_of(cfg, np.full((1, 1), 10.000001)).max() == 1


def test_scores_of_ldam_are_scaled_back(cfg, clips):
    cfg.MODEL.LOSS_FUNC, cfg.LOSS.LDAM.S = "LDAM", 20.0
    p = np.array([[0.2, 0.49, 0.5, 0.6]])
    logits = np.log(p / (1 - p))
    np.testing.assert_allclose(figures.probabilities_of(cfg, p), 1 / (1 + np.exp(-20 * logits)))


def test_intervals_keep_to_the_scale(clips):
    _, labels = clips
    found = intervals(labels.astype(float), labels, ["head"] * 5 + ["tail"], 40, seed=0)
    assert found["interval_map"] == ["100.00", "100.00"]
    assert found["interval_map_tail"] is None, "its one class has no test clip"
    # One class, whose two clips are second and last: without an end the interval passes 0.
    labels = np.zeros((40, 1), bool)
    labels[[1, 39]] = True
    low, high = intervals(-np.arange(40.0)[:, None], labels, None, 200, seed=0)["interval_map"]
    assert low == "0.00"
    assert float(high) > 27.5


def test_an_interval_lies_around_its_figure():
    """Classes of two clips score higher in resamples, all of them together far above the figure."""
    generator = np.random.default_rng(0)
    scores = generator.random((60, 200))
    labels = np.zeros(scores.shape, bool)
    for column in labels.T:
        column[generator.permutation(60)[:2]] = True
    figure = 100 * mean_figures(scores, labels, None)["map"]
    low, high = map(float, intervals(scores, labels, None, 100, seed=0)["interval_map"])
    assert low < figure < high
    assert (low + high) / 2 == pytest.approx(figure, abs=1.5)
