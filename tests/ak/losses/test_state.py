"""The state of a loss: class counts, epoch and step, and the context that keeps them."""

import logging

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.losses import LOSSES, LossState, context, state
from slowfast.ak.losses.eql import EQL
from slowfast.ak.losses.ldam import LDAM
from tests.ak.losses.conftest import COUNTED, COUNTS, SETTINGS, batch, build


@pytest.mark.parametrize("name", COUNTED)
def test_counts_come_from_an_argument_or_the_context(name):
    logits, targets = batch()
    expected = build(name, num_clips=None)(logits, targets)
    with pytest.raises(UserError, match=f"{LOSSES[name].__name__}: needs class_counts"):
        LOSSES[name](reduction="mean")
    context.set(LossState(COUNTS))
    assert torch.equal(LOSSES[name](**SETTINGS[name])(logits, targets), expected)


def test_losses_that_are_built_in_every_step_share_one_state():
    """Upstream's training loop builds its loss in every step."""
    made = []

    def make():
        made.append(LossState(COUNTS, seed=1))
        return made[-1]

    context.set(make)
    context.set_epoch(4)
    assert not made  # no loss needs it yet
    lasting = EQL(class_counts=COUNTS, seed=1, gamma=0.5, reduction="none")
    lasting.set_epoch(4)
    logits, targets = batch()
    moved = set()
    for _ in range(5):
        passing = EQL(gamma=0.5, reduction="none")
        assert torch.equal(passing(logits, targets), lasting(logits, targets))
        moved.add(passing.state.counts.data_ptr())
    assert len(made) == 1
    assert made[0].step.item() == 5
    assert len(moved) == 1
    meta = [LDAM() for _ in range(2)]
    for loss in meta:
        loss(logits.to("meta"), targets.to("meta"))
    assert meta[0].state.counts is meta[1].state.counts


def test_an_epoch_of_the_context_reaches_the_losses_of_that_context():
    context.set(LossState(COUNTS))
    early = LDAM()
    context.set_epoch(3)
    assert early.state.epoch.item() == 3
    LDAM().set_epoch(5)
    assert early.state.epoch.item() == 5
    context.set(LossState(COUNTS))  # for the next run
    context.set_epoch(1)
    assert early.state.epoch.item() == 5


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ([1, -2, 3], "expected numbers from 0 on, found -2 for class 1"),
        ([1, 2, float("nan")], "found nan for class 2"),
        ([], r"one number for each class, found \[\]"),
        (["many", 2], "one number for each class"),
        (7, "one number for each class, found 7"),
        ([1, 2, 3], "found 3 numbers, expected 5, one for each class"),
    ],
)
def test_impossible_counts_are_refused(counts, says):
    with pytest.raises(UserError, match=f"class_counts: .*{says}"):
        LDAM(class_counts=counts)(*batch())


@pytest.mark.parametrize("make", [list, tuple, np.array, torch.tensor])
def test_counts_may_be_any_sequence(make):
    loss = LDAM(class_counts=make([5, 4, 3, 2, 1]))
    assert loss(*batch()).isfinite()


@pytest.mark.parametrize("name", COUNTED)
def test_a_class_without_a_clip_is_treated_as_a_class_with_one_clip(name):
    logits, targets = batch()
    found = build(name, class_counts=[9, 8, 7, 2, 0], num_clips=20)(logits.clone(), targets)
    expected = build(name, class_counts=[9, 8, 7, 2, 1], num_clips=20)(logits, targets)
    assert torch.equal(found, expected)
    assert found.isfinite()
    none = build(name, class_counts=[0] * 5, num_clips=None)(logits, targets)
    assert none.isfinite()


def test_classes_without_a_clip_cause_one_warning(caplog):
    state._warn_of_empty_classes.cache_clear()
    with caplog.at_level(logging.WARNING, logger="slowfast"):
        for _ in range(3):
            LDAM(class_counts=[3, 0, 1, 0])
    assert caplog.text.count("2 of 4 classes have no training clip (1, 3)") == 1
    with caplog.at_level(logging.WARNING, logger="slowfast"):
        LDAM(class_counts=[0] * 30)
    assert (
        "30 of 30 classes have no training clip (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...)" in caplog.text
    )
