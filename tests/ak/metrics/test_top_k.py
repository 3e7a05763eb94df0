"""Top-k figures."""

import pytest
import torch

from slowfast.ak.metrics.top_k import topk_accuracies, topk_errors, topks_correct

SCORES = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]])
LABELS = torch.tensor([1, 1, 0, 0])


def test_figures_are_counted_right():
    assert [float(x) for x in topks_correct(SCORES, LABELS, (1, 2))] == [1, 3]
    assert [float(x) for x in topk_accuracies(SCORES, LABELS, (1, 2))] == [25, 75]
    assert [float(x) for x in topk_errors(SCORES, LABELS, (1, 2))] == [75, 25]


def test_a_k_beyond_the_classes_counts_all():
    assert float(topk_accuracies(SCORES, LABELS, (1, 5))[1]) == 100


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 3\) and labels \(3,\)"):
        topks_correct(SCORES, LABELS[:3], (1,))
