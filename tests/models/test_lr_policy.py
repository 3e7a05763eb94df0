"""Learning rates agree with the published schedules."""

import json
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.config import checks
from slowfast.config.defaults import get_cfg
from slowfast.models.lr_policy import get_lr_at_epoch

REFERENCE = Path(__file__).parents[1] / "reference"
VARIANTS = json.loads((REFERENCE / "lr_variants.json").read_text())
SCHEDULES = json.loads((REFERENCE / "lr_schedules.json").read_text()) + VARIANTS["cases"]


@pytest.mark.parametrize(
    "schedule", SCHEDULES, ids=lambda s: s["config"] or s["solver"]["LR_POLICY"]
)
def test_schedules_agree_with_the_reference(schedule):
    cfg = get_cfg()
    for key, value in schedule["solver"].items():
        cfg.SOLVER[key] = value
    rates = [get_lr_at_epoch(cfg, epoch) for epoch in schedule["epochs"]]
    assert rates == pytest.approx(schedule["lr"], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("case", VARIANTS["refused"], ids=["no_descent", "linear"])
def test_what_upstream_refuses_is_refused_before_a_run(case):
    cfg = get_cfg()
    for key, value in case["solver"].items():
        cfg.SOLVER[key] = value
    key = "COSINE_END_LR" if "COSINE_END_LR" in case["solver"] else "LR_POLICY"
    assert [f"SOLVER.{key} = " in problem for problem in checks.problems(cfg)] == [True]


def test_steps_can_be_fractions_of_epochs():
    cfg = get_cfg()
    cfg.merge_from_list(["SOLVER.LR_POLICY", "steps_with_relative_lrs", "SOLVER.LRS", [1, 0.5]])
    cfg.merge_from_list(["SOLVER.STEPS", [0, 41.5]])
    assert checks.problems(cfg) == []
    assert [get_lr_at_epoch(cfg, epoch) for epoch in (41.4, 41.5)] == [0.1, 0.05]
    cfg.merge_from_list(["SOLVER.STEPS", "[0, 41]"])
    assert [type(step) for step in cfg.SOLVER.STEPS] == [int, int]  # a value is never rewritten


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
