"""Losses read late: nothing is lost, and the first that is not finite stops the run by name."""

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.engine.pending import DivergedError, PendingSteps


def pending() -> PendingSteps:
    return PendingSteps(lambda index: f"clip{index}", "epoch 3/9")


def test_reads_all_steps_in_order_once():
    steps = pending()
    for iteration in range(3):
        steps.add(iteration, torch.tensor([iteration]), 0.1, torch.tensor(float(iteration)))
    assert [(step.iteration, values) for step, values in steps.read()] == [
        (0, [0.0]),
        (1, [1.0]),
        (2, [2.0]),
    ]
    assert steps.read() == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_names_iteration_clips_and_rate(bad):
    steps = pending()
    steps.add(0, torch.tensor([4]), 0.1, torch.tensor(1.0), torch.tensor(float("inf")))
    steps.add(1, torch.tensor([7, 8]), 0.05, torch.tensor(bad), torch.tensor(1.0))
    with pytest.raises(DivergedError) as error:
        steps.read()
    assert isinstance(error.value, UserError)
    for words in ("epoch 3/9", "iteration 2", "clip7, clip8", "0.05", "SOLVER.BASE_LR"):
        assert words in str(error.value)
    assert "clip4" not in str(error.value), "an infinite gradient norm alone is the scaler's matter"


def test_values_are_held_without_their_graph():
    weight = torch.ones(1, requires_grad=True)
    steps = pending()
    steps.add(0, torch.tensor([0]), 0.1, (weight * 2).sum())
    ((step, _),) = steps.read()
    assert not step.values[0].requires_grad
