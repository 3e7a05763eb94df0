"""Multigrid training: batches, norms and rates follow the schedule, and a stop changes nothing."""

import pytest

from slowfast.ak.norms.sync import SyncBatchNorm3d
from slowfast.checkpoints.best import Best
from slowfast.engine.step import TrainStep
from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train
from slowfast.models import build_model
from slowfast.models.batchnorm_helper import GridBatchNorm3d
from slowfast.schedules.plan import RunPlan
from slowfast.tasks import classification
from slowfast.tasks.classification import Classification
from slowfast.utils.distributed import unwrap
from tests.engine.runs import (
    assert_same,
    assert_same_run,
    epochs,
    in_two_processes,
    last_state,
    results,
    stats,
    train_with_a_stop,
)

# Epochs 0 and 1: batches of 8 clips of 4 x 16 x 16; epochs 2 and 3: of 8 x 32 x 32 and smaller.
GRID = {
    "MULTIGRID.LONG_CYCLE": True,
    "MULTIGRID.SHORT_CYCLE": True,
    "MULTIGRID.LONG_CYCLE_FACTORS": [[0.5, 0.5], [1, 1]],
    "MULTIGRID.BN_BASE_SIZE": 4,
    "MULTIGRID.EVAL_FREQ": 1,
    "DATA.NUM_FRAMES": 8,
    "SOLVER.LR_POLICY": "steps_with_relative_lrs",
    "SOLVER.STEPS": [0, 2],
    "SOLVER.LRS": [1, 0.1],
    "SOLVER.MAX_EPOCH": 4,
    "MULTIGRID.EPOCH_FACTOR": 1.0,
    "SOLVER.BASE_LR": 0.01,
    "TRAIN.BATCH_SIZE": 1,
    "MODEL.ACT_CHECKPOINT": False,
}


@pytest.fixture
def seen(monkeypatch):
    """What each step of training and each batch of an evaluation sees, by epoch."""
    steps, scored = [], []
    take_step, prepare = TrainStep.__call__, Classification.prepare

    def step(self, batch, lr, moment):
        layers = [
            layer
            for layer in unwrap(self.learner.network).modules()
            if isinstance(layer, GridBatchNorm3d)
        ]
        (splits,) = {layer.groups.splits for layer in layers} or {0}
        steps.append((moment.epoch, tuple(batch.inputs[0].shape), splits, lr))
        return take_step(self, batch, lr, moment)

    def prepared(self, batch, moment=None):
        if moment is None:
            scored.append(tuple(batch.inputs[0].shape))
        return prepare(self, batch, moment)

    monkeypatch.setattr(TrainStep, "__call__", step)
    monkeypatch.setattr(Classification, "prepare", prepared)
    return steps, scored


def test_steps_evaluations_and_checkpoints_follow_the_schedule(small_cfg, seen):
    cfg = small_cfg(**GRID, **{"BN.USE_PRECISE_STATS": False})
    plan = RunPlan.from_cfg(cfg)
    assert [phase.end for phase in plan.phases] == [2, 3, 4]
    train(cfg)
    steps, scored = seen
    small, whole = (8, 3, 4, 16, 16), [(4, 3, 8, 16, 16), (2, 3, 8, 23, 23), (1, 3, 8, 32, 32)]
    assert [(epoch, shape) for epoch, shape, *_ in steps] == [
        *((epoch, small) for epoch in (0, 1)),
        *((epoch, shape) for epoch in (2, 3) for shape in whole),
    ]
    assert [splits for *_, splits, _ in steps] == [2, 2, *[1] * 6]
    assert [lr for *_, lr in steps] == pytest.approx([0.08] * 2 + [0.01] * 3 + [0.001] * 3)
    assert set(scored) == {(4, 3, 4, 16, 16), (1, 3, 8, 32, 32)}, "4 clips in all"

    lines = stats(cfg, "train_iter_")
    assert [line["iter"] for line in lines] == ["1/1", "1/1", *["1/3", "2/3", "3/3"] * 2]
    assert [line["epoch"] for line in epochs(cfg) if line["_type"] == "val_epoch"] == [
        "2/4",
        "3/4",
        "4/4",
    ]
    assert last_state(cfg)["epoch"] == 3
    plain = build_model(small_cfg(**{"DATA.NUM_FRAMES": 8}))
    assert last_state(cfg)["model_state"].keys() == plain.state_dict().keys()
    run_test(cfg)
    assert results(cfg)["clips"] == 4


def test_the_best_evaluation_is_one_of_clips_of_the_last_shape(small_cfg, monkeypatch):
    """An evaluation of small clips does not compete with those of whole clips."""
    maps = {2: 0.9, 3: 0.5, 4: 0.4}
    choose = Best.after_evaluation
    monkeypatch.setattr(
        Best, "after_evaluation", lambda best, epoch, _: choose(best, epoch, {"map": maps[epoch]})
    )
    cfg = small_cfg(**GRID, **{"BN.USE_PRECISE_STATS": False})
    train(cfg)
    evaluations = [line for line in epochs(cfg) if line["_type"] == "val_epoch"]
    assert [line["best_epoch"] for line in evaluations] == [2, 3, 3]


STOPPED = GRID | {"SOLVER.EMA_DECAY": 0.9, "MULTIGRID.BN_BASE_SIZE": 3}


@pytest.fixture(scope="module")
def whole(make_small_cfg, tmp_path_factory):
    """The configuration of a run without a stop."""
    cfg = make_small_cfg(tmp_path_factory.mktemp("whole"), **STOPPED)
    train(cfg)
    return cfg


@pytest.mark.parametrize(
    ("step", "workers"),
    [pytest.param(2, 0, marks=pytest.mark.slow), (3, 0), (5, 2), (7, 0)],
    ids=["within a phase", "between phases", "within a cycle", "between epochs of cycles"],
)
def test_a_stopped_run_ends_as_one_without_a_stop(small_cfg, whole, step, workers):
    cfg = small_cfg(**STOPPED, **{"DATA_LOADER.NUM_WORKERS": workers})
    train_with_a_stop(cfg, step)
    assert_same_run(whole, cfg)


def test_two_processes_join_small_batches_in_norms(small_cfg, tmp_path, monkeypatch):
    """Two clips of each process are a group; when each has one clip, both are."""
    settings = {"MULTIGRID.SHORT_CYCLE": False, "MULTIGRID.LONG_CYCLE_FACTORS": [[0.5, 1], [1, 1]]}
    cfg = small_cfg(**GRID | settings | {"NUM_SHARDS": 2, "MULTIGRID.BN_BASE_SIZE": 2})
    models, joined = [], []
    build, take_step = classification.build_model, TrainStep.__call__

    def build_model(cfg):
        models.append(build(cfg))
        return models[-1]

    def step(self, batch, *args):
        norm = models[0].module.s1.pathway0_stem.bn
        joined.append((batch.size, type(norm.split_bn) is SyncBatchNorm3d))
        return take_step(self, batch, *args)

    monkeypatch.setattr(classification, "build_model", build_model)
    monkeypatch.setattr(TrainStep, "__call__", step)

    def work(rank):
        train(cfg)
        return models[0].module.state_dict(), joined

    (one, steps), (other, _) = in_two_processes(work, tmp_path)
    assert_same(one, other)
    epochs_of_a_phase = RunPlan.from_cfg(cfg).phases[0].end
    assert steps[: 2 * epochs_of_a_phase] == [(2, False)] * 2 * epochs_of_a_phase
    assert set(steps[2 * epochs_of_a_phase :]) == {(1, True)}


def test_the_short_cycle_alone_changes_the_crops(small_cfg, seen):
    settings = GRID | {"MULTIGRID.LONG_CYCLE": False, "SOLVER.LR_POLICY": "cosine"}
    settings |= {"SOLVER.STEPS": [], "SOLVER.MAX_EPOCH": 1, "MULTIGRID.EPOCH_FACTOR": 2.0}
    cfg = small_cfg(**settings, **{"TRAIN.EVAL_PERIOD": 2})
    train(cfg)
    steps, scored = seen
    cycle = [(4, 3, 8, 16, 16), (2, 3, 8, 23, 23), (1, 3, 8, 32, 32)]
    assert [shape for _, shape, *_ in steps] == cycle * 2
    # Norm statistics are measured, and clips are scored, at the whole crop.
    assert set(scored) == {(1, 3, 8, 32, 32)}
