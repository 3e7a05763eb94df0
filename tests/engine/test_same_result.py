"""A batch that is split among processes, or into parts, makes the same step."""

import copy
import shutil

import pytest
import torch
from torch import nn

from slowfast.ak.clips import loader
from slowfast.ak.errors import UserError
from slowfast.ak.losses import multi_label_losses
from slowfast.datasets.loader import construct_loader
from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.engine.device.runtime import Precision
from slowfast.engine.learner import Learner
from slowfast.engine.step import TrainStep
from slowfast.models.optimizer import construct_optimizer
from slowfast.tasks import Batch, Moment, build_task
from slowfast.utils.parser import DEFAULT_INIT_METHOD
from slowfast.utils.processes.launch import launch_job
from tests.engine.runs import results, stats
from tests.engine.test_losses_in_training import SETTINGS

# Rounding stays small for 20 steps with norms over many values, residual branches that start at
# zero, and units without a kink. At the kink of a ReLU it decides between a gradient and none.
TWENTY_STEPS = {
    "BN.NORM_TYPE": "sync_batchnorm",
    "BN.GLOBAL_SYNC": True,
    "BN.USE_PRECISE_STATS": False,
    "RESNET.ZERO_INIT_FINAL_BN": True,
    "MODEL.DROPOUT_RATE": 0.0,
    "DATA.TRAIN_JITTER_SCALES": [48, 56],
    "DATA.TRAIN_CROP_SIZE": 48,
    "DATA.TEST_CROP_SIZE": 48,
    "SOLVER.BASE_LR": 0.005,
    "SOLVER.MAX_EPOCH": 10,
    "TRAIN.EVAL_PERIOD": 10,
    "TRAIN.CHECKPOINT_PERIOD": 10,
}


def train_without_kinks(cfg):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.ReLU, "forward", lambda _, x: nn.functional.silu(x))
        train(cfg)


@pytest.fixture
def three_clips(tiny_ak, tmp_path):
    """Lists whose validation has three clips, fewer than four processes."""
    shutil.copytree(tiny_ak.annot, tmp_path / "annot")
    validation = tmp_path / "annot/val.csv"
    lines = validation.read_text().splitlines(keepends=True)
    validation.write_text("".join(line for line in lines if not line.startswith("v3 ")))
    return tmp_path / "annot"


@pytest.mark.parametrize("processes", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_processes_train_and_evaluate_as_one(small_cfg, three_clips, processes):
    runs = []
    for count in (1, processes):
        settings = {**TWENTY_STEPS, "DATA.PATH_TO_DATA_DIR": str(three_clips)}
        cfg = small_cfg(f"of{count}", **settings, CPU_PROCESSES=count)
        launch_job(cfg, DEFAULT_INIT_METHOD, train_without_kinks)
        launch_job(cfg, DEFAULT_INIT_METHOD, run_test)
        runs.append(cfg)

    losses = [[line["loss"] for line in stats(cfg, "train_iter_")] for cfg in runs]
    assert len(losses[0]) == 20
    assert losses[1] == pytest.approx(losses[0], abs=2e-5)
    weights = [
        torch.load(f"{cfg.OUTPUT_DIR}/checkpoints/checkpoint_epoch_00010.pyth")["model_state"]
        for cfg in runs
    ]
    for name, expected in weights[0].items():
        scale = float(expected.abs().max())
        torch.testing.assert_close(
            weights[1][name], expected, rtol=0, atol=1e-5 * scale + 1e-7, msg=name
        )
    (expected,), (found,) = (stats(cfg, "val_epoch") for cfg in runs)
    assert found["map"] == expected["map"]
    expected, found = map(results, runs)
    assert (found["map"], found["clips"]) == (expected["map"], 3)


def test_more_processes_than_clips_are_refused(small_cfg, monkeypatch):
    monkeypatch.setattr(loader, "rank_and_size", lambda: (0, 9))
    cfg = small_cfg(**{"CPU_PROCESSES": 9, "TRAIN.BATCH_SIZE": 9})
    with pytest.raises(UserError, match=r"8 clips fill no batch.* 9 processes.*Start at most 8"):
        construct_loader(cfg, "train")


def test_an_empty_validation_list_is_named(small_cfg, three_clips):
    validation = three_clips / "val.csv"
    validation.write_text(validation.read_text().splitlines(keepends=True)[0])
    with pytest.raises(UserError, match=r"val\.csv"):
        train(small_cfg(**{"DATA.PATH_TO_DATA_DIR": str(three_clips)}))


# EQL draws the negatives that it ignores in each call.
@pytest.mark.parametrize("name", sorted({*multi_label_losses(), "mse", "bce_logit"} - {"EQL"}))
def test_parts_of_a_batch_have_its_gradients_where_norms_are_frozen(small_cfg, name):
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(256, (8, 3, 4, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.randint(2, (8, 5), generator=generator).float()
    settings = {"MODEL.LOSS_FUNC": name, "MODEL.FROZEN_BN": True, "MODEL.DROPOUT_RATE": 0.0}
    cfg = small_cfg(**settings, **SETTINGS.get(name, {}))
    torch.manual_seed(0)
    task = build_task(cfg, clips.device)
    before = {key: value.clone() for key, value in task.network.state_dict().items()}
    batch = Batch([clips], labels, torch.arange(8))
    moved = [moved_weights(cfg, copy.deepcopy(task), batch, n) for n in (1, 2, 4)]
    whole = moved[0]
    assert any(not torch.equal(whole[key], before[key]) for key in whole)
    for parts in moved[1:]:
        for key, expected in whole.items():
            step = float((expected - before[key]).abs().max())
            torch.testing.assert_close(
                parts[key], expected, rtol=1e-6, atol=1e-4 * step + 1e-7, msg=key
            )


def moved_weights(cfg, task, batch, parts):
    """The weights after a step that takes the batch in so many parts."""
    cfg.SOLVER.ACCUMULATE_STEPS = parts
    precision = Precision(batch.clips.device)
    optimizer = construct_optimizer(task.network, cfg)
    step = TrainStep.from_cfg(cfg, Learner(task, optimizer, precision, precision.make_scaler()))
    step(batch, 0.1, Moment(0, 0, 0, 0))
    return task.network.state_dict()
