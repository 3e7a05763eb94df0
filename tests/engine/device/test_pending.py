"""Losses read late: nothing is lost, and the first that is not finite stops the run by name."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from slowfast.ak.errors import UserError
from slowfast.engine.device.pending import DivergedError, PendingSteps


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


def test_a_gradient_that_is_not_finite_has_spoilt_the_weights():
    steps = pending()
    steps.add(0, torch.tensor([4]), 0.1, measured(1.0, float("inf")))
    with pytest.raises(DivergedError, match=r"gradient norm became inf.*on clip4"):
        steps.read()


def test_but_a_scaler_leaves_such_steps_out():
    steps = PendingSteps(lambda index: f"clip{index}", "epoch 3/9", skips_bad_gradients=True)
    steps.add(0, torch.tensor([4]), 0.1, measured(1.0, float("inf")))
    assert len(steps.read()) == 1


def _diverge_on_rank_1(rank: int, init: str, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    steps = PendingSteps(lambda index: f"rank{rank}clip{index}", "epoch 3/9")
    steps.add(0, torch.tensor([4]), 0.1, measured(float("nan") if rank else 1.0))
    try:
        steps.read()
    except DivergedError as error:
        Path(folder, str(rank)).write_text(str(error))
    torch.distributed.destroy_process_group()


def test_every_process_names_the_clips_of_the_one_that_diverged(tmp_path):
    init = f"file://{tmp_path}/rendezvous"
    mp.spawn(_diverge_on_rank_1, args=(init, str(tmp_path)), nprocs=2)
    texts = [(tmp_path / str(rank)).read_text() for rank in range(2)]
    assert texts[0] == texts[1]
    assert "rank1clip4" in texts[0]
