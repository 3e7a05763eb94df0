"""Average precision is scikit-learn's, and segments average what they should."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from slowfast.ak.errors import UserError
from slowfast.ak.metrics import average_precision, map_by_segment


@pytest.mark.parametrize("decimals", [None, 2, 1, 0], ids=lambda d: f"rounded to {d}")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("num_clips", [1, 2, 37, 1000])
def test_values_are_scikit_learns_ties_included(num_clips, dtype, decimals):
    generator = np.random.Generator(np.random.PCG64(num_clips))
    scores = generator.standard_normal((num_clips, 20)).astype(dtype)
    scores = scores if decimals is None else scores.round(decimals)
    labels = (generator.random(scores.shape) < 0.2).astype(np.float32)
    labels[:, 0], labels[:, 1] = 0, 1
    found = average_precision(scores, labels)
    for column, value in enumerate(found):
        if labels[:, column].any():
            expected = average_precision_score(labels[:, column], scores[:, column])
            assert value == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(value)


def test_segments_average_their_classes_and_no_missing_ones():
    ap = np.array([0.2, 0.4, np.nan, 0.9, np.nan])
    means = map_by_segment(ap, ["tail", "head", "head", "", "middle"])
    assert list(means) == ["map", "map_head", "map_middle", "map_tail"]
    assert means["map"] == pytest.approx(0.5)
    assert means["map_head"] == 0.4
    assert means["map_tail"] == 0.2
    assert np.isnan(means["map_middle"])
    assert list(map_by_segment(ap)) == ["map"]


@pytest.mark.parametrize(
    ("scores", "labels", "reason"),
    [
        (np.zeros((2, 3)), np.zeros((2, 4)), r"\(2, 3\) and \(2, 4\)"),
        (np.zeros(3), np.zeros(3), "clips, classes"),
        (np.array([[np.nan, 1.0], [0, 0]]), np.zeros((2, 2)), "1 clips have scores that are nan"),
        (np.zeros((2, 2)), np.full((2, 2), 0.5), "0 and 1 alone"),
    ],
)
def test_bad_input_is_said(scores, labels, reason):
    with pytest.raises(UserError, match=reason):
        average_precision(scores, labels)


def test_a_wrong_number_of_segments_is_said():
    with pytest.raises(UserError, match="2 classes, and 3 classes"):
        map_by_segment(np.zeros(3), ["head", "tail"])
