"""Losses are read late: none is lost, and the first that is not finite stops the run."""

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.engine.device.pending import DivergedError, PendingSteps
from tests.engine.runs import in_two_processes


def measured(loss, grad_norm=1.0) -> dict[str, torch.Tensor]:
    return {"loss": torch.tensor(loss), "grad_norm": torch.tensor(grad_norm)}


def pending() -> PendingSteps:
    return PendingSteps(lambda index: f"clip{index}", "epoch 3/9")


def test_reads_all_steps_in_order_once():
    steps = pending()
    for iteration in range(3):
        steps.add(iteration, torch.tensor([iteration]), 0.1, measured(float(iteration)))
    read = [(step.iteration, step.values["loss"]) for step in steps.read()]
    assert read == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert steps.read() == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_loss_that_is_not_finite_names_iteration_clips_and_rate(bad):
    steps = pending()
    steps.add(0, torch.tensor([4]), 0.1, measured(1.0))
    steps.add(1, torch.tensor([7, 8]), 0.05, measured(bad))
    with pytest.raises(DivergedError) as error:
        steps.read()
    assert isinstance(error.value, UserError)
    for words in ("epoch 3/9", "iteration 2", "clip7, clip8", "0.05", "SOLVER.BASE_LR"):
        assert words in str(error.value)
    assert "clip4" not in str(error.value)


def test_a_gradient_that_is_not_finite_stops_the_run():
    steps = pending()
    steps.add(0, torch.tensor([4]), 0.1, measured(1.0, float("inf")))
    with pytest.raises(DivergedError, match=r"gradient norm became inf.*on clip4"):
        steps.read()


def test_a_scaler_skips_steps_whose_gradient_is_not_finite():
    steps = PendingSteps(lambda index: f"clip{index}", "epoch 3/9", skips_bad_gradients=True)
    steps.add(0, torch.tensor([4]), 0.1, measured(1.0, float("inf")))
    assert len(steps.read()) == 1


def test_every_process_names_the_clips_of_the_one_that_diverged(tmp_path):
    def diverge_on_rank_1(rank):
        steps = PendingSteps(lambda index: f"rank{rank}clip{index}", "epoch 3/9")
        steps.add(0, torch.tensor([4]), 0.1, measured(float("nan") if rank else 1.0))
        with pytest.raises(DivergedError) as error:
            steps.read()
        return str(error.value)

    one, other = in_two_processes(diverge_on_rank_1, tmp_path)
    assert one == other
    assert "rank1clip4" in one
