"""Which weights are tested."""

import logging
from pathlib import Path

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.saving import CheckpointWriter, save_checkpoint
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from tests.checkpoints.checkpoint_cases import average, make, other_run_file, save_epochs


def write_best(cfg, model, average_state=None):
    """Writes the weights of an evaluation as the best so far."""
    best = Best.from_cfg(cfg, "top1_err").after_evaluation(1, {"top1_err": 5.0})
    CheckpointWriter.from_cfg(cfg, "from scratch", "").write_evaluation(best, model, average_state)


def test_the_order_is_named_file_own_checkpoint_starting_weights(cfg, tmp_path, caplog):
    model, optimizer = make(cfg)
    loaded = load_test_checkpoint(cfg, model)
    assert loaded.path is None
    assert "weights are random" in caplog.text

    _, train_file = other_run_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = train_file
    assert load_test_checkpoint(cfg, model).path == train_file
    last = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    assert load_test_checkpoint(cfg, model).path == last
    test_file = save_checkpoint(tmp_path / "other", model, optimizer, 0, cfg)
    cfg.TEST.CHECKPOINT_FILE_PATH = test_file
    assert load_test_checkpoint(cfg, model).path == test_file


def test_a_run_that_trains_is_tested_with_its_own_last_checkpoint(cfg):
    model, optimizer = make(cfg)
    own, later = map(str, save_epochs(cfg, model, optimizer, 10, 30))
    assert load_test_checkpoint(cfg, model).path == own
    cfg.TRAIN.ENABLE = False
    assert load_test_checkpoint(cfg, model).path == later
    cfg.TRAIN.ENABLE = True
    Path(own).unlink()
    assert load_test_checkpoint(cfg, model).path == later


def test_a_damaged_checkpoint_is_skipped(cfg, caplog):
    model, optimizer = make(cfg)
    paths = [str(path) for path in save_epochs(cfg, model, optimizer, 9, 10)]
    Path(paths[1]).write_bytes(Path(paths[1]).read_bytes()[:-1])
    assert load_test_checkpoint(cfg, model).path == paths[0]
    assert f"Skipped: {paths[1]}" in caplog.text
    Path(paths[0]).write_bytes(b"")
    with pytest.raises(UserError, match="is intact"):
        load_test_checkpoint(cfg, model)


def test_a_damaged_best_is_not_tested(cfg):
    model, _ = make(cfg)
    cfg.TEST.WEIGHTS = "best"
    write_best(cfg, model)
    assert load_test_checkpoint(cfg, model).path.endswith("best.pyth")
    path = Path(cfg.OUTPUT_DIR, "checkpoints", "best.pyth")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"best\.pyth: it is damaged"):
        load_test_checkpoint(cfg, model)


@pytest.mark.parametrize("which", ["last", "named", "best"])
def test_the_running_average_is_tested(cfg, caplog, which):
    model, optimizer = make(cfg)
    averaged = average(model)
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, average_state=averaged)
    write_best(cfg, model, averaged)
    if which == "named":
        cfg.TEST.CHECKPOINT_FILE_PATH = path
    elif which == "best":
        cfg.TEST.WEIGHTS = "best"
    with caplog.at_level(logging.INFO):
        loaded = load_test_checkpoint(cfg, model)
    assert loaded.averaged
    assert "ema_state" not in loaded.extra
    assert "These are averaged weights (SOLVER.EMA_DECAY)" in caplog.text
    for name, value in model.state_dict().items():
        assert torch.equal(value, averaged[name]), name


def test_plain_weights_are_not_called_averaged(cfg, caplog):
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    with caplog.at_level(logging.INFO):
        assert not load_test_checkpoint(cfg, model).averaged
    assert "averaged" not in caplog.text
