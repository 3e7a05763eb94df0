"""`Figures` computes all registered metrics of an evaluation or a test."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

import slowfast.ak.losses  # noqa: F401  registers LDAM
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.config.defaults import get_cfg


@pytest.fixture
def clips():
    generator = np.random.default_rng(0)
    labels = generator.random((200, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0]
    return np.clip(generator.random(labels.shape) * 0.6 + 0.3 * labels, 0, 1), labels


def test_further_metrics_equal_scikit_learn(clips):
    scores, labels = clips
    line = Figures(scores, labels, options=TestOptions(on_request=True)).test_line()
    tested = labels.any(axis=0)
    predicted = scores >= 0.5
    macro = f1_score(labels[:, tested], predicted[:, tested], average="macro", zero_division=0)
    assert line["f1_macro"] == f"{100 * macro:.2f}"
    assert line["f1_micro"] == f"{100 * f1_score(labels, predicted, average='micro'):.2f}"
    auc = roc_auc_score(labels[:, tested], scores[:, tested], average="macro")
    assert line["roc_auc"] == f"{100 * auc:.2f}"
    assert float(line["best_f1_macro"]) > float(line["f1_macro"])
    assert "f1_macro" not in Figures(scores, labels, options=TestOptions()).values


def test_probabilities_undo_the_sum_over_views_and_the_scale_of_ldam(clips):
    scores, labels = clips
    cfg = get_cfg()
    cfg.DATA.ENSEMBLE_METHOD, cfg.TEST.MORE_METRICS, cfg.TEST.BOOTSTRAP = "max", True, 0
    cfg.TEST.NUM_ENSEMBLE_VIEWS, cfg.TEST.NUM_SPATIAL_CROPS = 5, 2
    cfg.MODEL.LOSS_FUNC, cfg.LOSS.LDAM.S = "LDAM", 20.0
    logits = np.log(scores.clip(0.01, 0.99)) - np.log1p(-scores.clip(0.01, 0.99))
    unscaled = 1 / (1 + np.exp(-logits / 20))
    by_maximum = Figures(unscaled, labels, options=TestOptions.from_cfg(cfg)).values
    expected = Figures(scores.clip(0.01, 0.99), labels, options=TestOptions(on_request=True)).values
    cfg.DATA.ENSEMBLE_METHOD = "sum"
    by_sum = Figures(10 * unscaled, labels, options=TestOptions.from_cfg(cfg)).values
    for key, value in expected.items():
        assert by_maximum[key] == pytest.approx(value, abs=1e-9)
        assert by_sum[key] == pytest.approx(value, abs=1e-9)


def test_lines_of_evaluations_and_tests(clips):
    scores, labels = clips
    segments = ["head"] * 5 + ["tail"]
    line = Figures(scores, labels, segments).evaluation_line()
    assert list(line) == ["map", "map_head", "map_tail", "map_micro"]
    assert np.isnan(line["map_tail"])
    assert 0 < line["map"] < 1
    test = Figures(scores, labels, segments, TestOptions()).test_line()
    assert test["map"] == test["top1_acc"] == test["top5_acc"] == f"{100 * line['map']:.2f}"
    assert test["map_tail"] is None
    # Upstream logs 0 where no class has a positive clip; the figure itself has no value.
    empty = Figures(scores, 0 * labels)
    assert (empty.evaluation_line()["map"], np.isnan(empty.values["map"])) == (0, True)


def test_one_label_a_clip():
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]])
    classes = np.array([1, 1, 0, 0])
    assert Figures(scores, classes).evaluation_line() == {"top1_err": 75, "top5_err": 0}
    figures = Figures(scores, classes, options=TestOptions(resamples=10))
    assert figures.test_line() == {"top1_acc": "25.00", "top5_acc": "100.00"}
    assert np.isnan(figures.by_class("map")).tolist() == [False, False, True]


def test_intervals_stay_within_the_scale(clips):
    _, labels = clips
    segments, options = ["head"] * 5 + ["tail"], TestOptions(resamples=40)
    line = Figures(labels.astype(float), labels, segments, options).test_line()
    assert line["interval_map"] == ["100.00", "100.00"]
    assert line["interval_map_tail"] is None, "its one class has no test clip"
    # One class has two clips, in second and last place. An unbounded interval would be below 0.
    labels = np.zeros((40, 1), bool)
    labels[[1, 39]] = True
    scores, options = -np.arange(40.0)[:, None], TestOptions(resamples=200)
    low, high = Figures(scores, labels, options=options).test_line()["interval_map"]
    assert low == "0.00"
    assert float(high) > 27.5
