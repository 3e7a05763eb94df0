"""Runs with several samples of each video in a step (AUG.NUM_SAMPLE)."""

import re

import pytest
import torch

from slowfast.engine import test as run_test
from slowfast.engine import train
from slowfast.engine.dry_run import dry_run
from tests.engine.runs import (
    assert_same_run,
    epochs,
    in_two_processes,
    last_state,
    log,
    results,
    stats,
    train_with_a_stop,
)

SAMPLES = {"AUG.NUM_SAMPLE": 2}
# No layer looks at other clips, and nothing in the network is random.
APART = {"MODEL.FROZEN_BN": True, "BN.USE_PRECISE_STATS": False, "MODEL.DROPOUT_RATE": 0.0}


def test_steps_count_clips_and_epochs_count_videos(small_cfg, capsys):
    cfg = small_cfg(**SAMPLES, **{"MODEL.FROZEN_BN": False})
    dry_run(cfg)
    shown = dict(re.findall(r"^(\w[\w ]*?)  +(\S.*)$", capsys.readouterr().out, re.MULTILINE))
    assert shown["a step"].startswith("8 clips of 4 videos in 1 process, ")
    assert shown["norm group"] == "8 clips"
    assert shown["steps an epoch"] == "2, of 8 clips"


@pytest.mark.slow
def test_a_run_trains_resumes_evaluates_and_tests(small_cfg):
    """With mixup, augmentation and precise batch norm."""
    settings = {"MIXUP.ENABLE": True, "AUG.ENABLE": True, "MODEL.FROZEN_BN": False}
    settings |= {"BN.USE_PRECISE_STATS": True, "BN.NUM_BATCHES_PRECISE": 2}
    whole, stopped = (small_cfg(name, **SAMPLES, **settings) for name in ("whole", "stopped"))
    train(whole)
    train_with_a_stop(stopped, step=4)
    assert_same_run(whole, stopped)
    assert "global batch 4 clips, samples of each clip 2, norm group 8 clips" in log(whole)
    assert [line["iter"] for line in stats(whole, "train_iter_")] == ["1/2", "2/2"] * 2
    run_test(whole)
    assert results(whole)["clips"] == 4


@pytest.mark.slow
def test_parts_and_processes_share_a_step_with_samples(small_cfg, tmp_path):
    """The mean over 4 videos x 2 samples is the same whole, in 2 parts, and in 2 processes."""
    whole = small_cfg("whole", **SAMPLES, **APART)
    parts = small_cfg("parts", **SAMPLES, **APART, **{"SOLVER.ACCUMULATE_STEPS": 2})
    shared = small_cfg("shared", **SAMPLES, **APART, **{"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2})
    train(whole)
    train(parts)
    in_two_processes(lambda rank: train(shared), tmp_path)
    for other in (parts, shared):
        for line, same in zip(epochs(whole), epochs(other), strict=True):
            if "loss" in line:
                assert same["loss"] == pytest.approx(line["loss"], rel=1e-4)
        weights = last_state(other)["model_state"]
        for name, weight in last_state(whole)["model_state"].items():
            assert torch.allclose(weight, weights[name], rtol=1e-4, atol=1e-6), name
