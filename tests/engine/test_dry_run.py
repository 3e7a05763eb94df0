"""A dry run prints what the run will do, stops where the run would, and writes nothing."""

import re
from pathlib import Path

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.checkpoints.names import get_last_checkpoint
from slowfast.engine import dry_run as module
from slowfast.engine.dry_run import dry_run
from slowfast.models import build_model
from slowfast.tasks import classification


@pytest.fixture
def rows(capsys):
    """Returns a function that gives the printed rows of a dry run by their names."""

    def run(cfg) -> dict[str, str]:
        dry_run(cfg)
        found = re.findall(r"^(\w[\w ]*?)  +(\S.*)$", capsys.readouterr().out, re.MULTILINE)
        return dict(found)

    return run


def test_prints_what_the_run_will_do(small_cfg, rows):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 7, "TRAIN.EVAL_PERIOD": 3, "MODEL.FROZEN_BN": False})
    shown = rows(cfg)
    parameters = sum(p.numel() for p in build_model(cfg).parameters())
    assert f"{parameters / 1e6:.4g} M parameters" in shown["network"]
    assert shown["a step"].startswith("4 clips in 1 process, ")
    clip, step = (
        float(re.search(r"([\d.]+) G multiply-adds", shown[name])[1])
        for name in ("a clip", "a step")
    )
    assert step == pytest.approx(3 * 4 * clip, abs=0.06)  # as printed, to one decimal
    assert shown["steps an epoch"] == "2, of 8 clips"
    assert shown["norm group"] == "4 clips"
    assert shown["training"].startswith("7 epochs x 2 steps x ")
    assert shown["evaluation"].startswith("4 clips x ")
    assert shown["evaluation"].endswith(", 3 times")  # after epochs 3, 6 and 7
    assert shown["test"].startswith("4 clips of 6 views x ")
    assert re.match(r"at most \d+\.\d\d GiB in a process", shown["memory"])
    assert all(name in shown for name in ("time a step", "reading", "together"))


def test_writes_nothing(small_cfg, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    dry_run(small_cfg())
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_of_a_resumed_run_shows_what_is_left(copy_of_trained, rows):
    cfg = copy_of_trained(**{"SOLVER.MAX_EPOCH": 4})
    folder = Path(cfg.OUTPUT_DIR)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert rows(cfg)["training"].startswith("3 epochs x ")
    after = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert after == before
    assert get_last_checkpoint(folder).endswith("00001.pyth")


def test_only_a_test(small_cfg, rows):
    shown = rows(small_cfg(**{"TRAIN.ENABLE": False, "TEST.NUM_ENSEMBLE_VIEWS": -1}))
    assert shown["test"].startswith(f"4 clips of {3 * (1 + 3 + 5 + 7 + 10)} views x ")
    assert "training" not in shown


def test_stops_where_the_run_would(small_cfg):
    with pytest.raises(UserError, match=r"nowhere/train\.csv"):
        dry_run(small_cfg(**{"DATA.PATH_TO_DATA_DIR": "nowhere"}))


def test_a_step_that_does_not_fit_stops_it_as_in_training(small_cfg, monkeypatch):
    def build(cfg):
        network = build_model(cfg)

        def refuse(_, inputs):
            if len(inputs[0][0]) > 2:
                raise torch.OutOfMemoryError

        network.register_forward_pre_hook(refuse)
        return network

    monkeypatch.setattr(classification, "build_model", build)
    with pytest.raises(UserError, match=r"4 clips .* do not fit, 2 do .*ACCUMULATE_STEPS 2 "):
        dry_run(small_cfg())


@pytest.mark.parametrize(("workers", "pace"), [(0, 2.5), (2, 2.0), (1, 2.0)])
def test_workers_read_while_the_device_computes(small_cfg, rows, monkeypatch, workers, pace):
    """A step of 2 seconds, and 4 clips of 0.125 seconds each."""

    def timed(device, job):
        result = job()
        return (2.0 if isinstance(result, dict) else 0.125), result

    monkeypatch.setattr(module, "_timed", timed)
    shown = rows(small_cfg(**{"DATA_LOADER.NUM_WORKERS": workers}))
    assert f"x {pace:.3f} s: " in shown["training"]
