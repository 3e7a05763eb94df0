"""A run that was stopped anywhere and resumes ends as a run without a stop."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from slowfast.checkpoints.names import path_to_digest
from slowfast.checkpoints.saving import CheckpointWriter
from slowfast.engine import precise_bn, step, training
from slowfast.engine.meters import ValMeter
from slowfast.engine.training import train
from slowfast.utils.processes.launch import Stopped
from tests.engine.runs import assert_same_run, epochs, last_state, stats

FOUR_STEPS = {"TRAIN.BATCH_SIZE": 2, "SOLVER.MAX_EPOCH": 2}


@pytest.fixture
def stop_at(monkeypatch):
    """Sends SIGTERM at the n-th call, counted from 1, of a function of a module."""

    def set_up(owner, name: str, call: int, number: int = signal.SIGTERM) -> None:
        function, calls = getattr(owner, name), []

        def called(*args, **kwargs):
            calls.append(None)
            if len(calls) == call:
                os.kill(os.getpid(), number)
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, called)

    return set_up


def unfinished(cfg) -> list[str]:
    return sorted(p.name for p in Path(cfg.OUTPUT_DIR, "checkpoints").glob("unfinished*.pyth"))


@pytest.fixture
def stopped(stop_at, monkeypatch):
    """Trains a run until a signal stops it; sends no more signals afterwards."""

    def start(cfg, owner, name: str, call: int) -> None:
        with monkeypatch.context():
            stop_at(owner, name, call)
            with pytest.raises(Stopped):
                train(cfg)
        monkeypatch.undo()

    return start


SETTINGS = {
    "sgd": {},
    "adamw, workers, EMA": {
        "SOLVER.OPTIMIZING_METHOD": "adamw",
        "DATA_LOADER.NUM_WORKERS": 2,
        "SOLVER.EMA_DECAY": 0.9,
    },
    "bf16, drop path, a random loss": {
        "TRAIN.MIXED_PRECISION": True,
        "TRAIN.MIXED_PRECISION_TYPE": "bf16",
        "MODEL.DROPCONNECT_RATE": 0.5,
        "MODEL.LOSS_FUNC": "EQL",
        "LOSS.EQL.GAMMA": 0.9,
    },
    "rebalanced, augmented, mixed": {
        "DATA_LOADER.SAMPLER": "repeat_factor",
        "DATA_LOADER.REPEAT_THRESHOLD": 0.5,
        "AUG.ENABLE": True,
        "MIXUP.ENABLE": True,
    },
}


@pytest.fixture(scope="module", params=SETTINGS.values(), ids=SETTINGS)
def whole_run(request, make_small_cfg, tmp_path_factory):
    """Settings, and the configuration of a run with them that was never stopped."""
    cfg = make_small_cfg(tmp_path_factory.mktemp("whole"), **{**FOUR_STEPS, **request.param})
    train(cfg)
    return request.param, cfg


@pytest.mark.parametrize("call", [1, 4, 6])
def test_a_run_stopped_after_any_step_is_bit_identical(small_cfg, stopped, whole_run, call):
    settings, whole = whole_run
    steps = len(stats(whole, "train_iter_")) // 2

    parts = small_cfg("parts", **{**FOUR_STEPS, **settings})
    stopped(parts, step.TrainStep, "__call__", call)
    epoch, done = divmod(call - 1, steps)
    name = f"unfinished_epoch_{epoch + 1:05d}_iteration_{done + 1:06d}.pyth"
    assert unfinished(parts) == [name]
    torch.rand(17)  # draws of other code between the two parts
    train(parts)

    assert_same_run(whole, parts)
    assert unfinished(parts) == []
    assert len(stats(parts, "train_iter_")) == 2 * steps


@pytest.mark.parametrize("period", [1, 2])
def test_a_run_stopped_between_epochs_is_bit_identical(small_cfg, stopped, period):
    every = {**FOUR_STEPS, "TRAIN.CHECKPOINT_PERIOD": period}
    whole = small_cfg("whole", **every)
    train(whole)
    places = [(ValMeter, "data_toc")]  # in the evaluation of the first epoch
    if period == 1:
        places += [
            (precise_bn, "share_norm_statistics"),  # before the checkpoint of the epoch
            (training, "epoch_line"),  # between two epochs
            (training, "construct_loader"),  # before the first step
        ]
    for number, (owner, name) in enumerate(places):
        parts = small_cfg(f"parts{number}", **every)
        stopped(parts, owner, name, 1)
        train(parts)
        assert_same_run(whole, parts)


def test_a_stop_after_the_last_epoch_is_not_forgotten(small_cfg, stopped):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1})
    stopped(cfg, CheckpointWriter, "write_evaluation", 1)
    train(cfg)
    assert len(epochs(cfg)) == 2


@pytest.fixture
def hears_ctrl_c():
    """Handles Ctrl-C, which a program that a shell starts in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_ctrl_c_leaves_at_once(small_cfg, monkeypatch, hears_ctrl_c):
    def press_twice(*args):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("went on")

    cfg = small_cfg()
    monkeypatch.setattr(step.TrainStep, "__call__", press_twice)
    with pytest.raises(KeyboardInterrupt):
        train(cfg)
    assert unfinished(cfg) == []


def test_signal_handlers_are_restored_after_training(small_cfg):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    train(small_cfg(**{"SOLVER.MAX_EPOCH": 1}))
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


@pytest.mark.parametrize(
    ("settings", "saved"),
    [
        ({"TRAIN.CHECKPOINT_ITERATIONS": 2}, [2]),
        ({"TRAIN.CHECKPOINT_MINUTES": 1e-9}, [1, 2, 3]),
        ({"TRAIN.CHECKPOINT_MINUTES": 0.0}, []),
    ],
)
def test_an_unfinished_epoch_is_saved_as_configured(small_cfg, monkeypatch, settings, saved):
    made = []
    save = CheckpointWriter.write_unfinished
    monkeypatch.setattr(
        CheckpointWriter, "write_unfinished", lambda *args: made.append(args[2]) or save(*args)
    )
    cfg = small_cfg(
        **{"TRAIN.BATCH_SIZE": 2, "SOLVER.MAX_EPOCH": 1, "BN.USE_PRECISE_STATS": False, **settings}
    )
    train(cfg)
    assert made == saved


def test_a_run_resumes_with_another_batch_size_at_the_same_clips(small_cfg, stopped, caplog):
    stopped(small_cfg(**FOUR_STEPS), step.TrainStep, "__call__", 3)
    cfg = small_cfg(**{**FOUR_STEPS, "TRAIN.BATCH_SIZE": 4})
    train(cfg)
    assert "3 steps of 2 clips were done in this epoch. With 4 clips per step" in caplog.text
    assert "it continues after step 1" in caplog.text
    assert len(epochs(cfg)) == 4
    assert last_state(cfg)["epoch"] == 1


@pytest.mark.parametrize("buffers", [[[[]]], [[[torch.ones(3)]], [[torch.ones(3)]]]])
def test_other_processes_or_layers_resume_with_the_norms_of_the_first_process(
    small_cfg, stopped, caplog, buffers
):
    cfg = small_cfg(**FOUR_STEPS)
    stopped(cfg, step.TrainStep, "__call__", 3)
    (path,) = Path(cfg.OUTPUT_DIR, "checkpoints").glob("unfinished*.pyth")
    saved = torch.load(path)
    saved["extra"]["buffers"] = buffers
    torch.save(saved, path)
    path_to_digest(path).unlink()
    train(cfg)
    assert "All of them continue with the statistics of the first process" in caplog.text
    assert last_state(cfg)["epoch"] == 1


def test_unreadable_clips_are_counted_over_a_stop(small_cfg, stopped, tmp_path):
    """The line of the epoch counts the bad clips of both parts."""
    settings = {**FOUR_STEPS, "SOLVER.MAX_EPOCH": 1, "DATA.MAX_BAD_FRACTION": 0.9}
    runs = []
    for output in ("whole", "parts"):
        cfg = small_cfg(output, **settings)
        lines = Path(cfg.DATA.PATH_TO_DATA_DIR, "train.csv").read_text().replace("t1/", "gone/")
        (tmp_path / "train.csv").write_text(lines)
        (tmp_path / "val.csv").write_text(Path(cfg.DATA.PATH_TO_DATA_DIR, "val.csv").read_text())
        cfg.merge_from_list(["DATA.PATH_TO_DATA_DIR", str(tmp_path)])
        runs.append(cfg)
    whole, parts = runs
    train(whole)
    stopped(parts, step.TrainStep, "__call__", 4)
    train(parts)
    assert epochs(whole)[0]["bad_clips"] == 1
    assert_same_run(whole, parts)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_run_killed_twenty_times_is_bit_identical(small_cfg, tmp_path, processes):
    cfg = small_cfg(
        **{
            "TRAIN.BATCH_SIZE": 4,
            "CPU_PROCESSES": processes,
            "SOLVER.MAX_EPOCH": 24,
            "TRAIN.CHECKPOINT_ITERATIONS": 1,
            "TRAIN.CHECKPOINT_PERIOD": 2,
            "TRAIN.CHECKPOINT_KEEP": 2,
            "TRAIN.EVAL_PERIOD": 3,
            "MODEL.DROPCONNECT_RATE": 0.3,
        }
    )
    path = tmp_path / "killed.yaml"
    path.write_text(cfg.dump())
    command = [sys.executable, str(Path(__file__).with_name("killed.py")), str(path), "20"]
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [*command, str(processes)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": root},
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split()[-1] == "20", "the run ended before the last kill"
    undisturbed = cfg.clone()
    undisturbed.OUTPUT_DIR += "-undisturbed"
    assert_same_run(undisturbed, cfg)
    assert len(stats(cfg, "train_epoch")) == 24
