"""Top-k accuracies and errors."""

import pytest
import torch

from slowfast.ak.metrics.top_k import topk_accuracies, topk_errors, topks_correct

SCORES = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.4, 0.5, 0.1]])
LABELS = torch.tensor([1, 1, 0, 0])


def test_the_class_of_a_clip_is_searched_among_the_k_best_scores():
    assert [float(x) for x in topks_correct(SCORES, LABELS, (1, 2))] == [1, 3]
    assert [float(x) for x in topk_accuracies(SCORES, LABELS, (1, 5))] == [25, 100]
    assert [float(x) for x in topk_errors(SCORES, LABELS, (1, 2))] == [75, 25]


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 3\) and labels \(3,\)"):
        topks_correct(SCORES, LABELS[:3], (1,))
