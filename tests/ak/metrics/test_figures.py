"""`Figures` computes all registered metrics of an evaluation or a test."""

import numpy as np
import pytest
from sklearn.metrics import (
    confusion_matrix,
    f1_score,
    precision_recall_fscore_support,
    roc_auc_score,
)

import slowfast.ak.losses  # noqa: F401  registers LDAM
from slowfast.ak.metrics.bootstrap import resample_weights
from slowfast.ak.metrics.figure_sets import FigureSets, line_of_set
from slowfast.ak.metrics.figures import Figures, TestOptions
from slowfast.ak.registries.metrics import column_of as figures_column
from slowfast.ak.registries.metrics import title_of
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
    empty = Figures(scores, 0 * labels, options=TestOptions(resamples=5))
    assert np.isnan(empty.evaluation_line()["map"]), "a mean over no class has no value"
    line = empty.test_line()
    assert (line["map"], line["top1_acc"], line["interval_map"]) == (None, None, None)


def test_one_label_a_clip():
    scores = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]])
    classes = np.array([1, 1, 0, 0])
    # Class 0 has a clip in third and one in second place, class 1 one in first and one in second.
    line = Figures(scores, classes, ["head", "tail", "tail"]).evaluation_line()
    accuracies = {"top1_micro": 0.25, "top1_macro": 0.25}
    by_segment = {"top1_macro_head": 0, "top1_macro_tail": 0.5}
    assert line == {"top1_err": 75, "top5_err": 0, **accuracies, **by_segment}
    figures = Figures(scores, classes, options=TestOptions(resamples=10))
    line = figures.test_line()
    assert line["top1_acc"] == line["top1_micro"] == "25.00"
    assert line["top5_acc"] == line["top3_macro"] == "100.00"
    assert line["interval_top3_micro"] == ["100.00", "100.00"]
    assert figures.chance["top1_micro"] == figures.chance["top1_macro"] == 1 / 3
    assert np.isnan(figures.by_class("map")).tolist() == [False, False, True]
    # A list without a clip of any class, and a segment without a test clip.
    assert Figures(scores[:0], classes[:0], options=TestOptions()).test_line()["top1_micro"] is None
    only_tail = Figures(scores[:2], classes[:2], ["head", "tail", "tail"]).evaluation_line()
    assert np.isnan(only_tail["top1_macro_head"])


def witness(scores, classes, k):
    """Micro and macro top-k accuracy in plain Python: lists of hits by class."""
    hits = {}
    for row, true in zip(scores.tolist(), classes.tolist(), strict=True):
        best = sorted(range(len(row)), key=lambda c: (-row[c], c))[:k]
        hits.setdefault(true, []).append(true in best)
    every = [hit for found in hits.values() for hit in found]
    return sum(every) / len(every), sum(sum(f) / len(f) for f in hits.values()) / len(hits)


@pytest.mark.parametrize("decimals", [8, 1])
def test_accuracies_equal_plain_python_and_scikit_learn(decimals):
    generator = np.random.default_rng(1)
    classes = generator.choice(8, 300, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02, 0])
    scores = (generator.random((300, 8)) + 0.5 * np.eye(8)[classes]).round(decimals)  # with ties
    figures = Figures(scores, classes, options=TestOptions(on_request=True))
    for k in (1, 3, 5):
        expected = witness(scores, classes, k)
        found = [figures.values[f"top{k}_{mean}"] for mean in ("micro", "macro")]
        assert found == pytest.approx(expected, abs=1e-12)
    predicted = scores.argmax(axis=1)
    matrix = figures.ranks.confusion()
    assert (matrix == confusion_matrix(classes, predicted, labels=range(8))).all()
    each = precision_recall_fscore_support(classes, predicted, labels=range(7), zero_division=0)
    for head, values in zip(("precision", "recall", "F1"), each, strict=False):
        of_class = figures.by_class(figures.class_columns[head])
        assert of_class[:7] == pytest.approx(values)
        assert np.isnan(of_class[7]), "it has no test clip"


def test_a_class_that_is_never_predicted_has_no_precision():
    scores = np.array([[0.9, 0.1], [0.8, 0.2]])
    figures = Figures(scores, np.array([0, 1]), options=TestOptions(on_request=True))
    assert np.isnan(figures.by_class("top1_precision")).tolist() == [False, True]
    assert figures.by_class("top1_f1").tolist() == [pytest.approx(2 / 3), 0]
    assert figures.values["top1_precision"] == 0.5


def test_accuracies_of_multi_label_targets(clips):
    """They are reported if each clip has exactly one class; else on request, over such clips."""
    scores, labels = clips
    keys = {f"top{k}_{mean}" for k in (1, 3, 5) for mean in ("micro", "macro")}
    assert not keys & Figures(scores, labels, options=TestOptions()).values.keys()
    options = TestOptions(on_request=True, resamples=5)
    figures, single = Figures(scores, labels, options=options), labels.sum(axis=1) == 1
    expected = witness(scores[single], labels[single].argmax(axis=1), 3)
    assert (figures.values["top3_micro"], figures.values["top3_macro"]) == pytest.approx(expected)
    assert figures.test_line()["top1_acc"] == figures.test_line()["map"], "as upstream logs it"
    assert "overall" in {figures_column(key) for key in figures.columns}
    assert not any(key.startswith("top") for key in figures.columns)
    of_single = Figures(scores[single], labels[single], options=TestOptions()).values
    assert of_single.items() >= {key: figures.values[key] for key in keys}.items()
    asked = Figures(scores, labels, options=TestOptions(is_test=False, asked=("top1_macro",)))
    assert "top1_macro" in asked.values
    none = Figures(scores[:3], np.ones((3, 6), bool), options=options).test_line()
    assert (none["top1_micro"], none["interval_top1_micro"]) == (None, None)


def test_resampled_accuracies_equal_those_of_the_drawn_clips():
    generator = np.random.default_rng(2)
    classes, scores = generator.integers(4, size=30), generator.random((30, 5))
    weights = resample_weights(30, 20)
    found = Figures(scores, classes, options=TestOptions()).resampled(weights)
    for number, own in enumerate(weights.T):
        drawn = np.repeat(np.arange(30), own)
        micro, macro = witness(scores[drawn], classes[drawn], 3)
        assert found["top3_micro"][number] == pytest.approx(micro)
        assert found["top3_macro"][number] == pytest.approx(macro)


def test_figures_of_several_label_sets_have_keys_of_their_own():
    scores, classes = np.eye(3)[[0, 1, 1]], np.array([0, 1, 2])
    figures = Figures(scores, classes, ["head", "tail", "tail"], TestOptions(resamples=5))
    sets = FigureSets({"behavior": figures, "animal": figures}, {"short": "animal/top1_macro"})
    line = sets.test_line()
    assert line["animal/top1_macro"] == line["short"] == "66.67"
    assert line_of_set("behavior", line) == figures.test_line() | {"short": "66.67"}
    assert sets.evaluation_line()["behavior/top1_macro_tail"] == 0.5
    assert title_of("animal/top1_macro_tail") == "animal, macro top-1 accuracy, tail"


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
