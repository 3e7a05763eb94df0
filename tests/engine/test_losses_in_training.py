"""Losses that change with epoch and step: a resumed run equals a run without a stop."""

import pytest
import torch

from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.errors import UserError
from slowfast.ak.losses import LOSSES, multi_label_losses
from slowfast.engine.training import train
from slowfast.models.losses import _LOSSES, build_loss
from tests.engine.runs import assert_same, assert_same_run, last_state

# These settings change the losses within three epochs of this small data set.
MOVING = {
    "LDAM": {"LOSS.LDAM.STEP_EPOCH": [1, 2], "LOSS.LDAM.BETA": [0.9, 0.99]},
    "EQL": {"LOSS.EQL.GAMMA": 0.5},
    "splc": {"LOSS.SPLC.START_EPOCH": 2, "LOSS.SPLC.THRESHOLD": 0.3},
}
# No setting has its default, so that a setting that is not passed on shows.
SETTINGS = {
    **MOVING,
    "focal_loss": {"LOSS.FOCAL_LOSS.GAMMA": 2.0},
    "class_balanced_bce": {"LOSS.CLASS_BALANCED_BCE.BETA": 0.5},
    "class_balanced_focal": {"LOSS.CLASS_BALANCED_FOCAL.GAMMA": 1.0},
    "asymmetric_loss": {"LOSS.ASYMMETRIC_LOSS.GAMMA_NEG": 1.0},
    "distribution_balanced": {"LOSS.DISTRIBUTION_BALANCED.MU": 0.5},
    "logit_adjusted_bce": {"LOSS.LOGIT_ADJUSTED_BCE.TAU": 0.5},
}


@pytest.mark.parametrize("name", MOVING)
def test_a_resumed_run_is_bit_identical(small_cfg, train_until_evaluation, name):
    settings = {"SOLVER.MAX_EPOCH": 3, "MODEL.LOSS_FUNC": name, **MOVING[name]}
    whole, parts = small_cfg("whole", **settings), small_cfg("parts", **settings)
    train(whole)
    train_until_evaluation(parts)
    train(parts)
    assert_same_run(whole, parts)


@pytest.mark.parametrize("name", ["mse", "LDAM"])
def test_targets_outside_0_to_1_stop_a_run_with_any_loss(small_cfg, monkeypatch, name):
    monkeypatch.setattr(Ak, "_labels", lambda *_: torch.full((5,), 2.0))
    with pytest.raises(UserError, match=r"targets: expected values from 0 to 1, found 2"):
        train(small_cfg(**{"MODEL.LOSS_FUNC": name}))


@pytest.mark.parametrize("name", [n for n in multi_label_losses() if LOSSES.facts(n).needs_counts])
def test_training_passes_counts_epochs_and_steps_to_the_loss(small_cfg, monkeypatch, name):
    """A loss that is built again in every iteration, as upstream does, has the same effect."""
    seen, build = [], multi_label_losses()[name]

    class BuiltAgain(torch.nn.Module):
        def __init__(self, **arguments):
            super().__init__()

        def forward(self, logits, targets):
            loss = build(reduction="mean")
            state = loss.state
            seen.append((int(state.epoch), int(state.step)))
            assert state.counts.tolist() == [4, 3, 2, 2, 1]
            assert state.num_clips == 8
            return loss(logits, targets)

    settings = {"SOLVER.MAX_EPOCH": 2, "MODEL.LOSS_FUNC": name, **SETTINGS.get(name, {})}
    lasting = small_cfg("lasting", **settings)
    train(lasting)
    monkeypatch.setitem(_LOSSES, name, BuiltAgain)
    passing = small_cfg("passing", **settings)
    train(passing)
    assert_same(last_state(lasting)["model_state"], last_state(passing)["model_state"])
    counts_steps = name == "EQL"
    assert seen == [(epoch, step * counts_steps) for epoch in (0, 1) for step in (0, 1)]


def test_each_process_draws_its_own_mask(small_cfg, monkeypatch):
    ranks = []
    for rank in (0, 3):
        monkeypatch.setattr("slowfast.models.losses.distributed.get_rank", lambda rank=rank: rank)
        ranks.append(build_loss(small_cfg(**{"MODEL.LOSS_FUNC": "EQL"})).state.rank)
    assert ranks == [0, 3]
