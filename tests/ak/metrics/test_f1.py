"""F1 equals scikit-learn's, and no threshold is better than the best one."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from slowfast.ak.metrics.f1 import best_f1, f1_at, f1_micro


@pytest.fixture(params=[None, 1], ids=["distinct", "ties"])
def clips(request):
    generator = np.random.default_rng(5)
    scores = generator.random((30, 4))
    scores = scores if request.param is None else scores.round(request.param)
    labels = generator.random(scores.shape) < 0.2
    labels[:, 3] = False
    return scores, labels


def test_f1_at_a_threshold_equals_scikit_learn(clips):
    scores, labels = clips
    found = f1_at(scores, labels)
    expected = f1_score(labels, scores >= 0.5, average=None, zero_division=0)
    assert np.isnan(found[3])
    np.testing.assert_allclose(np.delete(found, 3), np.delete(expected, 3), atol=1e-12)
    assert f1_micro(scores, labels) == pytest.approx(
        f1_score(labels, scores >= 0.5, average="micro")
    )


def test_no_threshold_is_better_than_the_best(clips):
    scores, labels = clips
    found = best_f1(scores, labels)
    for index, value in enumerate(found):
        if labels[:, index].any():
            tried = [f1_score(labels[:, index], scores[:, index] >= t) for t in scores[:, index]]
            assert value == pytest.approx(max(tried), abs=1e-12)
        else:
            assert np.isnan(value)


def test_a_class_that_is_never_predicted_has_f1_0():
    labels = np.array([[1, 0], [0, 0]])
    assert f1_at(np.zeros((2, 2)), labels)[0] == 0
