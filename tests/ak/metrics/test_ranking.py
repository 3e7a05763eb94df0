"""ROC AUC and coverage equal scikit-learn's values."""

import numpy as np
import pytest
from sklearn.metrics import coverage_error as sklearn_coverage
from sklearn.metrics import roc_auc_score

from slowfast.ak.metrics.coverage import coverage_error
from slowfast.ak.metrics.roc_auc import roc_auc


@pytest.mark.parametrize("decimals", [None, 0])
@pytest.mark.parametrize("clips", [2, 100])
def test_values_equal_scikit_learn_with_ties(clips, decimals):
    generator = np.random.default_rng(clips)
    scores = generator.random((clips, 12)).astype(np.float32)
    scores = scores if decimals is None else scores.round(decimals)
    labels = generator.random(scores.shape) < 0.3
    labels[:, 0], labels[:, 1], labels[0] = False, True, False
    assert coverage_error(scores, labels) == pytest.approx(sklearn_coverage(labels, scores))
    found = roc_auc(scores, labels)
    for index, value in enumerate(found):
        if 0 < labels[:, index].sum() < clips:
            expected = roc_auc_score(labels[:, index], scores[:, index])
            assert value == pytest.approx(expected, abs=1e-12)
        else:
            assert np.isnan(value)
