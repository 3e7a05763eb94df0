"""What a checkpoint holds, and when one is due."""

from pathlib import Path

import pytest
import torch

from slowfast.checkpoints import checkpoint
from slowfast.checkpoints import file as checkpoint_file
from slowfast.checkpoints.checkpoint import save_checkpoint
from slowfast.config.defaults import get_cfg
from tests.checkpoints.checkpoint_cases import make, make_cfg


@pytest.fixture
def cfg(tmp_path):
    return make_cfg(tmp_path)


def test_a_checkpoint_is_named_and_filled_as_upstreams(cfg):
    model, optimizer = make(cfg)
    path = save_checkpoint(
        cfg.OUTPUT_DIR, model, optimizer, 0, cfg, torch.amp.GradScaler("cpu"), {"loss": [1, "a"]}
    )
    assert Path(path) == Path(cfg.OUTPUT_DIR) / "checkpoints" / "checkpoint_epoch_00001.pyth"
    saved = torch.load(path, weights_only=True)
    assert saved["epoch"] == 0
    assert list(saved["model_state"]) == list(model.state_dict())
    assert {"optimizer_state", "scaler_state", "cfg"} <= saved.keys()
    assert get_cfg().load_cfg(saved["cfg"]).SOLVER.MAX_EPOCH == 10
    assert saved["initialisation"] == "from scratch"
    assert saved["loss"] == [1, "a"]
    names = sorted(file.name for file in Path(path).parent.iterdir())
    assert names == ["checkpoint_epoch_00001.pyth", "epoch_00001.sha256"]


def test_only_what_can_be_read_back_is_saved(cfg):
    model, optimizer = make(cfg)
    with pytest.raises(TypeError, match="sampler"):
        save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, extra={"sampler": object()})


def test_checkpoints_are_due_each_period_and_at_the_end(cfg):
    cfg.TRAIN.CHECKPOINT_PERIOD = 4
    due = [epoch for epoch in range(10) if checkpoint.is_checkpoint_epoch(cfg, epoch)]
    assert due == [3, 7, 9]


def test_what_is_known_of_the_beginning_is_not_looked_up(cfg, monkeypatch):
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, initialisation="from a file")
    opened = []
    monkeypatch.setattr(checkpoint_file, "_local", lambda path: opened.append(path) or str(path))
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 1, cfg, None, None, "from a file")
    assert not opened
    assert torch.load(path, weights_only=True)["initialisation"] == "from a file"
