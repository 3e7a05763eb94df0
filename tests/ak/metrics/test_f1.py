"""F1 is scikit-learn's, and the best threshold is the best of all."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from slowfast.ak.metrics.f1 import best_f1, f1_at


@pytest.fixture(params=[None, 1], ids=["distinct", "ties"])
def clips(request):
    generator = np.random.default_rng(5)
    scores = generator.random((80, 7))
    scores = scores if request.param is None else scores.round(request.param)
    labels = generator.random(scores.shape) < 0.2
    labels[:, 3] = False
    return scores, labels


def test_at_a_threshold(clips):
    scores, labels = clips
    found = f1_at(scores, labels)
    expected = f1_score(labels, scores >= 0.5, average=None, zero_division=0)
    assert np.isnan(found[3])
    np.testing.assert_allclose(np.delete(found, 3), np.delete(expected, 3), atol=1e-12)
    micro = f1_at(scores.reshape(-1, 1), labels.reshape(-1, 1))[0]
    assert micro == pytest.approx(f1_score(labels, scores >= 0.5, average="micro"))


def test_the_best_threshold_is_the_best_of_all(clips):
    scores, labels = clips
    found = best_f1(scores, labels)
    for index, value in enumerate(found):
        if labels[:, index].any():
            tried = [f1_score(labels[:, index], scores[:, index] >= t) for t in scores[:, index]]
            assert value == pytest.approx(max(tried), abs=1e-12)
        else:
            assert np.isnan(value)


def test_what_is_never_said_has_an_f1_of_0():
    labels = np.array([[1, 0], [0, 0]])
    assert f1_at(np.zeros((2, 2)), labels)[0] == 0
