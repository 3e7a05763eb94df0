"""Which weights training starts from, and what the log says about them."""

import logging
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.saving import save_checkpoint
from slowfast.checkpoints.starting_weights import initialisation, load_train_checkpoint
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from slowfast.models.optimizer import construct_optimizer
from tests.checkpoints.checkpoint_cases import (
    average,
    is_new,
    make,
    other_run_file,
    save_within,
    step,
    weights,
)


def test_a_resumed_run_equals_the_uninterrupted_run(cfg):
    model, optimizer = make(cfg)
    for seed in range(3):
        step(model, optimizer, seed)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 4, cfg)
    resumed, its_optimizer = make(cfg, seed=1)
    assert load_train_checkpoint(cfg, resumed, its_optimizer).epoch == 5
    for net, opt in ((model, optimizer), (resumed, its_optimizer)):
        step(net, opt, 3)
    assert torch.equal(weights(model), weights(resumed))


def test_weights_of_another_model_are_refused(cfg):
    model, optimizer = make(cfg)
    cfg.MODEL.NUM_CLASSES = 5
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.MODEL.NUM_CLASSES = 7
    other, optimizer = make(cfg, classes=7)
    with pytest.raises(UserError, match=r"another run than(?s:.)*NUM_CLASSES 5 there, 7 here"):
        load_train_checkpoint(cfg, other, optimizer)
    with pytest.raises(UserError, match=r"another model.*NUM_CLASSES 5 there, 7 here"):
        load_test_checkpoint(cfg, other)
    cfg.MODEL.NUM_CLASSES = 5
    with pytest.raises(UserError, match="another model"):
        load_train_checkpoint(cfg, other, optimizer)


def test_training_starts_from_a_named_file_with_its_epoch_and_optimizer(cfg, tmp_path):
    given, path = other_run_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg)
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 4
    assert torch.equal(weights(model), weights(given))
    assert not is_new(optimizer)
    assert initialisation(cfg) == f"from {path} (pytorch)"


def test_epoch_reset_takes_only_weights(cfg, tmp_path):
    given, path = other_run_file(cfg, tmp_path, epoch=195)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg)
    with pytest.raises(UserError, match="CHECKPOINT_EPOCH_RESET True"):
        load_train_checkpoint(cfg, model, optimizer)
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    model, optimizer = make(cfg)
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert torch.equal(weights(model), weights(given))
    assert is_new(optimizer)


def test_a_head_for_other_classes_starts_a_new_head_and_a_new_run(cfg, tmp_path, caplog):
    given, path = other_run_file(cfg, tmp_path, classes=400)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg)
    fresh_head = model.head.projection.weight.clone()
    with caplog.at_level(logging.INFO):
        assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert torch.equal(model.s1[0].weight, given.s1[0].weight)
    assert torch.equal(model.head.projection.weight, fresh_head)
    assert is_new(optimizer)
    assert "400 classes and this model's for 5" in caplog.text
    assert "everything but the head is loaded" in caplog.text


def test_skip_head_starts_a_new_head_and_a_new_run(cfg, tmp_path, caplog):
    given, path = other_run_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH, cfg.TRAIN.CHECKPOINT_SKIP_HEAD = path, True
    model, optimizer = make(cfg)
    head = model.head.projection.weight.clone()
    with caplog.at_level(logging.INFO):
        assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert is_new(optimizer)
    assert torch.equal(model.head.projection.weight, head)
    assert torch.equal(model.s1[0].weight, given.s1[0].weight)
    assert "The head starts at random, because TRAIN.CHECKPOINT_SKIP_HEAD is True." in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert initialisation(cfg) == f"from {path} (pytorch, new head)"
    # Testing this network untrained gives worthless results. A file named for the test is complete.
    load_test_checkpoint(cfg, model)
    assert "the results are worthless" in caplog.text
    cfg.TEST.CHECKPOINT_FILE_PATH = path
    assert load_test_checkpoint(cfg, model).report.is_complete
    assert torch.equal(weights(model), weights(given))


def test_a_run_in_progress_comes_before_the_named_file(cfg, tmp_path, caplog):
    _, path = other_run_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg, seed=5)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 6, cfg)
    resumed, optimizer = make(cfg)
    assert load_train_checkpoint(cfg, resumed, optimizer).epoch == 7
    assert torch.equal(weights(resumed), weights(model))
    cfg.TRAIN.AUTO_RESUME = False
    caplog.clear()
    assert load_train_checkpoint(cfg, resumed, optimizer).epoch == 4
    assert "contains checkpoints of another run" in caplog.text


def test_the_origin_of_the_first_weights_stays_with_the_run(cfg, tmp_path):
    _, path = other_run_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    origin = initialisation(cfg)
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = ""
    assert initialisation(cfg) == origin
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 1, cfg)
    loaded = load_test_checkpoint(cfg, model)
    assert loaded.initialisation == origin
    assert loaded.path.endswith("checkpoint_epoch_00002.pyth")


@pytest.mark.parametrize("key", ["CHECKPOINT_INFLATE", "CHECKPOINT_IN_INIT"])
def test_caffe2_weights_are_renamed_inflated_and_padded(key, cfg, tmp_path, caplog):
    kernel = np.arange(12, dtype=np.float32).reshape(4, 3, 1, 1)
    blobs = {
        "conv1_w": kernel,
        "conv1_w_momentum": kernel,
        "lr": np.float32(0.1),
        "pred_b": np.ones(5, np.float32),
    }
    with (tmp_path / "zoo.pkl").open("wb") as file:
        pickle.dump({"blobs": blobs}, file, protocol=2)

    class Stem(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.s1 = nn.Module()
            self.s1.pathway0_stem = nn.Module()
            self.s1.pathway0_stem.conv = nn.Conv3d(3, 4, (2, 1, 1), bias=False)
            self.head = nn.Module()
            self.head.projection = nn.Conv3d(4, 5, 1)

    cfg.TRAIN.CHECKPOINT_FILE_PATH = str(tmp_path / "zoo.pkl")
    cfg.TRAIN.CHECKPOINT_TYPE = "caffe2"
    cfg.TRAIN[key] = True
    model = Stem()
    with caplog.at_level(logging.INFO):
        assert load_train_checkpoint(cfg, model, construct_optimizer(model, cfg)).epoch == 0
    half = torch.from_numpy(kernel)[:, :, None] / 2
    assert torch.equal(model.s1.pathway0_stem.conv.weight, torch.cat([half, half], dim=2))
    assert torch.equal(model.head.projection.bias, torch.ones(5))
    assert "2 of 3 entries" in caplog.text
    assert "2 entries of the file are not weights" in caplog.text
    assert "missing in the file: head.projection.weight" in caplog.text
    assert initialisation(cfg).endswith("zoo.pkl (caffe2, 2D kernels spread over time)")


def test_a_partial_match_is_a_warning(cfg, tmp_path, caplog):
    _, path = other_run_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, _ = make(cfg)
    model.s1.append(nn.Conv3d(4, 4, 1))
    optimizer = construct_optimizer(model, cfg)
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert is_new(optimizer)
    assert "only its weights are taken" in caplog.text
    assert "missing in the file: s1.2.{weight,bias}" in caplog.text
    caplog.clear()
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert "only its weights are taken" not in caplog.text


def test_a_file_of_another_model_is_refused(cfg, tmp_path, caplog):
    _, path = other_run_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg, width=8)
    with pytest.raises(UserError, match=r"contains 0% of this model(?s:.)*CHECKPOINT_EPOCH_RESET"):
        load_train_checkpoint(cfg, model, optimizer)
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    caplog.clear()
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert "most of it starts at random" in caplog.text


def test_a_folder_of_another_run_is_refused_with_the_differences(cfg):
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.MODEL.LOSS_FUNC, cfg.SOLVER.OPTIMIZING_METHOD = "bce_loss", "adamw"
    before = weights(model)
    with pytest.raises(UserError) as error:
        load_train_checkpoint(cfg, *make(cfg, seed=1))
    assert str(error.value).splitlines()[1:] == [
        "  MODEL.LOSS_FUNC cross_entropy there, bce_loss here",
        "  SOLVER.OPTIMIZING_METHOD sgd there, adamw here",
        "Set these keys back to continue that run, or name another OUTPUT_DIR for a new one.",
    ]
    assert torch.equal(weights(model), before)


def test_changed_settings_are_listed_in_one_warning(cfg, caplog):
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.SOLVER.MAX_EPOCH, cfg.SOLVER.BASE_LR, cfg.DATA.PATH_PREFIX = 20, 0.5, "/elsewhere"
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 1
    (warning,) = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert warning.splitlines()[1:] == [
        "  SOLVER.MAX_EPOCH 10 there, 20 here",
        "  SOLVER.BASE_LR 0.1 there, 0.5 here",
    ]


def test_a_running_average_is_restored_beside_the_weights(cfg):
    model, optimizer = make(cfg)
    averaged = average(model)
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, average_state=averaged)
    for iteration in (0, 5):
        if iteration:
            save_within(cfg, model, optimizer, 2, iteration, averaged)
        resumed, its_optimizer = make(cfg, seed=1)
        start = load_train_checkpoint(cfg, resumed, its_optimizer)
        assert (start.epoch, start.iteration) == (1, iteration)
        for name, value in averaged.items():
            assert torch.equal(start.extra["ema_state"][name], value), name
        assert torch.equal(weights(resumed), weights(model))
    cfg.OUTPUT_DIR, cfg.TRAIN.CHECKPOINT_FILE_PATH = f"{cfg.OUTPUT_DIR}/other", path
    assert list(load_train_checkpoint(cfg, *make(cfg)).extra) == ["ema_state"]
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    assert load_train_checkpoint(cfg, *make(cfg)).extra == {}


def test_a_missing_file_is_named_with_its_key(cfg):
    cfg.TRAIN.CHECKPOINT_FILE_PATH = cfg.TEST.CHECKPOINT_FILE_PATH = "nowhere.pyth"
    model, optimizer = make(cfg)
    with pytest.raises(UserError, match=r"TRAIN\.CHECKPOINT_FILE_PATH.*nowhere.*model zoo"):
        load_train_checkpoint(cfg, model, optimizer)
    with pytest.raises(UserError, match=r"TEST\.CHECKPOINT_FILE_PATH.*nowhere.*model zoo"):
        load_test_checkpoint(cfg, model)
