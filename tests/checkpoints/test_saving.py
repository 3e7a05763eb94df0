"""The content of a checkpoint, and when one is due."""

from pathlib import Path

import pytest
import torch

from slowfast.checkpoints import file as checkpoint_file
from slowfast.checkpoints.saving import is_checkpoint_epoch, save_checkpoint
from slowfast.config.defaults import get_cfg
from tests.checkpoints.checkpoint_cases import make, save_epochs


def test_a_checkpoint_has_the_name_and_content_of_upstreams(cfg):
    model, optimizer = make(cfg)
    scaler = torch.amp.GradScaler("cpu")
    model.s1[0].to(memory_format=torch.channels_last_3d)
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, scaler, {"loss": [1, "a"]})
    assert Path(path) == Path(cfg.OUTPUT_DIR) / "checkpoints" / "checkpoint_epoch_00001.pyth"
    saved = torch.load(path, weights_only=True)
    assert saved["epoch"] == 0
    assert list(saved["model_state"]) == list(model.state_dict())
    assert all(value.is_contiguous() for value in saved["model_state"].values())
    assert {"optimizer_state", "scaler_state", "cfg"} <= saved.keys()
    assert get_cfg().load_cfg(saved["cfg"]).SOLVER.MAX_EPOCH == 10
    assert saved["initialisation"] == "from scratch"
    assert saved["loss"] == [1, "a"]
    names = sorted(file.name for file in Path(path).parent.iterdir())
    assert names == ["checkpoint_epoch_00001.pyth", "epoch_00001.sha256"]


def test_extra_state_that_cannot_be_read_back_is_refused(cfg):
    model, optimizer = make(cfg)
    with pytest.raises(TypeError, match=r"'sampler'.*found object"):
        save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, extra={"sampler": object()})


def test_a_checkpoint_is_due_after_each_period_and_after_the_last_epoch(cfg):
    cfg.TRAIN.CHECKPOINT_PERIOD = 4
    assert [epoch for epoch in range(10) if is_checkpoint_epoch(cfg, epoch)] == [3, 7, 9]


def test_a_given_initialisation_saves_reading_the_last_checkpoint(cfg, monkeypatch):
    opened = []
    monkeypatch.setattr(checkpoint_file, "read_weight_file", lambda path, **_: opened.append(path))
    _, path = save_epochs(cfg, *make(cfg), 1, 2)
    assert not opened
    assert torch.load(path, weights_only=True)["initialisation"] == "from scratch"
