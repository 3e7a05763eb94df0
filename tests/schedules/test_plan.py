"""The schedule of multigrid training is the published one, and works where upstream's fails."""

import json
from pathlib import Path

import pytest

from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import set_value
from slowfast.models.optimizer import get_epoch_lr
from slowfast.schedules.multigrid import Shape, learning_rate_steps, long_cycle
from slowfast.schedules.plan import NormGroups, RunPlan

REFERENCE = Path(__file__).parents[1] / "reference"
DATA = json.loads((REFERENCE / "multigrid.json").read_text())
RECIPES = json.loads((REFERENCE / "zoo_configs.json").read_text())
CASES = [case for case in DATA["cases"] if "fails" not in case]
BY_CASE = pytest.mark.parametrize(
    "case", CASES, ids=[f"{c['config'].split('/')[0]}-{'-'.join(c['set'])}" for c in CASES]
)
KINETICS = "Kinetics/SLOWFAST_8x8_R50_stepwise_multigrid"


def configured(recipe, **changes):
    cfg = get_cfg()
    for key, value in {**RECIPES[recipe], **changes}.items():
        set_value(cfg, key, value)
    return cfg


def per_epoch(runs):
    """The value of each epoch, of a list of [first, last, value]."""
    return [value for first, last, value in runs for _ in range(first, last + 1)]


@BY_CASE
def test_phases_and_learning_rates(case):
    cfg = configured(case["config"], **case["set"])
    plan = RunPlan.from_cfg(cfg)
    if case["schedule_step_shape_until"]:
        phases = long_cycle(cfg)
        found = [[p.stage, [p.shape.batch, p.shape.frames, p.shape.side], p.end] for p in phases]
        assert found == case["schedule_step_shape_until"]
        steps, rates = zip(*learning_rate_steps(cfg, phases), strict=True)
        assert list(steps) == case["steps"]
        assert list(rates) == pytest.approx(case["lrs"], rel=1e-12)
    assert plan.epochs == case["max_epoch"]
    rates = [get_epoch_lr(epoch, plan.cfg) for epoch in range(plan.epochs)]
    assert rates == pytest.approx(case["lr_at_epoch_start"], rel=1e-8)
    rates = [get_epoch_lr(epoch + 0.5, plan.cfg) for epoch in range(6)]
    assert rates == pytest.approx(case["lr_at_half_epochs_0_to_5"], rel=1e-8)


@BY_CASE
def test_shapes_norms_evaluations_and_checkpoints_of_each_epoch(case):
    cfg = configured(case["config"], **case["set"])
    plan, gpus, epochs = RunPlan.from_cfg(cfg), cfg.NUM_GPUS, range(case["max_epoch"])
    shapes = [plan.phase(epoch).shape for epoch in epochs]
    found = [[shape.batch * cfg.TRAIN.BATCH_SIZE, shape.frames, shape.side] for shape in shapes]
    assert found == per_epoch(case["batch_frames_crop"])

    for epoch, cycle in zip(epochs, per_epoch(case["short_cycle"]), strict=True):
        steps = plan.shapes(epoch)
        share = cfg.TRAIN.BATCH_SIZE // gpus
        assert [share * step.batch for step in steps] == cycle["batch_sizes_per_gpu"]
        assert [step.side for step in steps] == cycle["crops"]

    longest = per_epoch(case["long_cycle_sampling_rate"])
    if cfg.MULTIGRID.LONG_CYCLE:
        assert [plan.longest_rate(epoch) for epoch in epochs] == longest
        norms = per_epoch(case["bn_type_and_splits_or_sync_devices"])
        expected = {
            "sub_batchnorm": lambda number: NormGroups(number, 1),
            "batchnorm": lambda number: NormGroups(1, 1),
            "sync_batchnorm": lambda number: NormGroups(1, number),
        }
        assert [plan.norm_groups(epoch) for epoch in epochs] == [
            expected[kind](number) for kind, number in norms
        ]
    assert [e for e in epochs if plan.is_evaluated(e)] == case["eval_epochs"]
    assert [e for e in epochs if plan.is_saved(e)] == case["checkpoint_epochs"]


def test_the_long_cycle_needs_no_short_cycle():
    """Upstream fails with an IndexError."""
    (case,) = (case for case in DATA["cases"] if "fails" in case)
    cfg = configured(case["config"], **case["set"])
    plan = RunPlan.from_cfg(cfg)
    assert plan.shapes(0) == [Shape(8, 8, 158)]
    assert plan.shapes(plan.epochs - 1) == [Shape(1, 32, 224)]
    assert plan.epochs == round(1.5 * cfg.SOLVER.MAX_EPOCH)
    # Each shape of a stage has as many steps, so its epochs are in proportion to its batch.
    ends = [phase.end for phase in plan.phases[:4]]
    assert [end / ends[3] for end in ends] == pytest.approx([8 / 15, 12 / 15, 14 / 15, 1], abs=0.01)
    first = f"epochs 1 to {plan.phases[0].end}: 8 x BATCH_SIZE clips of 8 x 158 x 158; "
    assert plan.description().startswith(f"Multigrid training of {plan.epochs} epochs: {first}")


def test_a_run_without_multigrid_has_one_phase():
    cfg = configured(KINETICS, **{"MULTIGRID.LONG_CYCLE": False, "MULTIGRID.SHORT_CYCLE": False})
    plan = RunPlan.from_cfg(cfg)
    assert (plan.epochs, plan.cfg is cfg, len(plan.phases)) == (239, True, 1)
    assert plan.norm_groups(0) is None
    assert plan.batches(0) == [(1, None)]
    assert plan.description() == ""


def test_a_norm_group_divides_the_clips_of_a_pass():
    cfg = configured(KINETICS, **{"NUM_GPUS": 1, "TRAIN.BATCH_SIZE": 7})
    plan = RunPlan.from_cfg(cfg)
    assert plan.norm_groups(0) == NormGroups(7, 1)  # 56 clips
    cfg.SOLVER.ACCUMULATE_STEPS = 7
    assert RunPlan.from_cfg(cfg).norm_groups(0) == NormGroups(1, 1)
