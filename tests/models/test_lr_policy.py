"""Learning rates agree with the published schedules."""

import json
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.models.lr_policy import get_lr_at_epoch

SCHEDULES = json.loads((Path(__file__).parents[1] / "reference/lr_schedules.json").read_text())


@pytest.mark.parametrize(
    "schedule", SCHEDULES, ids=lambda s: s["config"] or s["solver"]["LR_POLICY"]
)
def test_schedules_agree_with_the_reference(schedule):
    cfg = get_cfg()
    for key, value in schedule["solver"].items():
        cfg.SOLVER[key] = value
    rates = [get_lr_at_epoch(cfg, epoch) for epoch in schedule["epochs"]]
    assert rates == pytest.approx(schedule["lr"], rel=1e-12, abs=1e-15)


def test_an_unknown_policy_is_refused():
    cfg = get_cfg()
    cfg.SOLVER.LR_POLICY = "linear"
    with pytest.raises(UserError, match=r"SOLVER\.LR_POLICY.*'linear'.*cosine"):
        get_lr_at_epoch(cfg, 0)


def test_a_warm_up_of_all_epochs_ends_at_the_base_rate():
    cfg = get_cfg()
    cfg.SOLVER.MAX_EPOCH = cfg.SOLVER.WARMUP_EPOCHS = 4.0
    cfg.SOLVER.COSINE_AFTER_WARMUP = True
    assert get_lr_at_epoch(cfg, 2.0) == pytest.approx((0.01 + 0.1) / 2)
