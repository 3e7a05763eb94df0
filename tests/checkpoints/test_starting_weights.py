"""A run starts from the weights it should, and says so."""

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.checkpoint import (
    initialisation,
    load_test_checkpoint,
    load_train_checkpoint,
    save_checkpoint,
    save_evaluation,
    save_unfinished,
)
from slowfast.models.optimizer import construct_optimizer
from tests.checkpoints.checkpoint_cases import is_new, make, make_cfg, step, weights, zoo_file


@pytest.fixture
def cfg(tmp_path):
    return make_cfg(tmp_path)


def test_a_resumed_run_is_the_run_bit_for_bit(cfg):
    model, optimizer = make(cfg)
    for seed in range(3):
        step(model, optimizer, seed)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 4, cfg)
    resumed, its_optimizer = make(cfg, seed=1)
    assert load_train_checkpoint(cfg, resumed, its_optimizer).epoch == 5
    for net, opt in ((model, optimizer), (resumed, its_optimizer)):
        step(net, opt, 3)
    assert torch.equal(weights(model), weights(resumed))


def test_another_models_weights_are_refused(cfg):
    model, optimizer = make(cfg)
    cfg.MODEL.NUM_CLASSES = 5
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.MODEL.NUM_CLASSES = 7
    other, optimizer = make(cfg, classes=7)
    with pytest.raises(UserError, match=r"another run(?s:.)*NUM_CLASSES 5 there, 7 here"):
        load_train_checkpoint(cfg, other, optimizer)
    with pytest.raises(UserError, match=r"another model.*NUM_CLASSES 5 there, 7 here"):
        load_test_checkpoint(cfg, other)
    cfg.MODEL.NUM_CLASSES = 5
    with pytest.raises(UserError, match="another model"):
        load_train_checkpoint(cfg, other, optimizer)


def test_training_starts_from_a_named_file_with_its_epoch_and_optimizer(cfg, tmp_path):
    given, path = zoo_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg)
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 4
    assert torch.equal(weights(model), weights(given))
    assert not is_new(optimizer)
    assert initialisation(cfg) == f"from {path} (pytorch)"


def test_epoch_reset_takes_weights_alone(cfg, tmp_path):
    given, path = zoo_file(cfg, tmp_path, epoch=195)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg)
    with pytest.raises(UserError, match="CHECKPOINT_EPOCH_RESET True"):
        load_train_checkpoint(cfg, model, optimizer)
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    model, optimizer = make(cfg)
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert torch.equal(weights(model), weights(given))
    assert is_new(optimizer)


def test_another_head_starts_anew_and_so_does_the_run(cfg, tmp_path, caplog):
    given, path = zoo_file(cfg, tmp_path, classes=400)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg)
    fresh_head = model.head.projection.weight.clone()
    with caplog.at_level(logging.INFO):
        assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert torch.equal(model.s1[0].weight, given.s1[0].weight)
    assert torch.equal(model.head.projection.weight, fresh_head)
    assert is_new(optimizer)
    assert "400 classes and this model's for 5" in caplog.text
    assert "all but the head is loaded" in caplog.text


def test_a_head_that_is_not_wanted_starts_anew_and_so_does_the_run(cfg, tmp_path, caplog):
    given, path = zoo_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH, cfg.TRAIN.CHECKPOINT_SKIP_HEAD = path, True
    model, optimizer = make(cfg)
    head = model.head.projection.weight.clone()
    with caplog.at_level(logging.INFO):
        assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert is_new(optimizer)
    assert torch.equal(model.head.projection.weight, head)
    assert torch.equal(model.s1[0].weight, given.s1[0].weight)
    assert "The head starts anew, as TRAIN.CHECKPOINT_SKIP_HEAD asks." in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert initialisation(cfg) == f"from {path} (pytorch, head anew)"
    # To test such a network before it was trained is of no worth; what is named to test is whole.
    load_test_checkpoint(cfg, model)
    assert "results are of no worth" in caplog.text
    cfg.TEST.CHECKPOINT_FILE_PATH = path
    assert load_test_checkpoint(cfg, model).report.is_whole
    assert torch.equal(weights(model), weights(given))


def test_a_run_in_progress_comes_before_the_named_file(cfg, tmp_path, caplog):
    _, path = zoo_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg, seed=5)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 6, cfg)
    resumed, optimizer = make(cfg)
    assert load_train_checkpoint(cfg, resumed, optimizer).epoch == 7
    assert torch.equal(weights(resumed), weights(model))
    cfg.TRAIN.AUTO_RESUME = False
    caplog.clear()
    assert load_train_checkpoint(cfg, resumed, optimizer).epoch == 4
    assert "holds checkpoints of another run" in caplog.text


def test_how_a_run_began_stays_with_it(cfg, tmp_path):
    _, path = zoo_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    began = initialisation(cfg)
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = ""
    assert initialisation(cfg) == began
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 1, cfg)
    loaded = load_test_checkpoint(cfg, model)
    assert loaded.initialisation == began
    assert loaded.path.endswith("checkpoint_epoch_00002.pyth")


def test_what_is_tested(cfg, tmp_path, caplog):
    model, optimizer = make(cfg)
    loaded = load_test_checkpoint(cfg, model)
    assert loaded.path is None
    assert "weights are random" in caplog.text

    _, train_file = zoo_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = train_file
    assert load_test_checkpoint(cfg, model).path == train_file
    last = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    assert load_test_checkpoint(cfg, model).path == last
    test_file = save_checkpoint(tmp_path / "other", model, optimizer, 0, cfg)
    cfg.TEST.CHECKPOINT_FILE_PATH = test_file
    assert load_test_checkpoint(cfg, model).path == test_file


def test_a_missing_file_is_said_with_key_and_source(cfg):
    cfg.TRAIN.CHECKPOINT_FILE_PATH = cfg.TEST.CHECKPOINT_FILE_PATH = "nowhere.pyth"
    model, optimizer = make(cfg)
    with pytest.raises(UserError, match=r"TRAIN\.CHECKPOINT_FILE_PATH.*nowhere.*model zoo"):
        load_train_checkpoint(cfg, model, optimizer)
    with pytest.raises(UserError, match=r"TEST\.CHECKPOINT_FILE_PATH.*nowhere.*model zoo"):
        load_test_checkpoint(cfg, model)


def test_caffe2_weights_are_inflated_named_and_padded(cfg, tmp_path, caplog):
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
    cfg.TRAIN.CHECKPOINT_INFLATE = True
    model = Stem()
    with caplog.at_level(logging.INFO):
        assert load_train_checkpoint(cfg, model, construct_optimizer(model, cfg)).epoch == 0
    half = torch.from_numpy(kernel)[:, :, None] / 2
    assert torch.equal(model.s1.pathway0_stem.conv.weight, torch.cat([half, half], dim=2))
    assert torch.equal(model.head.projection.bias, torch.ones(5))
    assert "2 of 3 entries" in caplog.text
    assert "2 entries of the file are no weights" in caplog.text
    assert "missing in the file: head.projection.weight" in caplog.text
    assert initialisation(cfg).endswith("zoo.pkl (caffe2, 2D kernels spread over time)")


def test_a_partial_fit_is_warned_of(cfg, tmp_path, caplog):
    _, path = zoo_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, _ = make(cfg)
    model.s1.append(nn.Conv3d(4, 4, 1))
    optimizer = construct_optimizer(model, cfg)
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert is_new(optimizer)
    assert "its epoch and optimizer left" in caplog.text
    assert "missing in the file: s1.2.{weight,bias}" in caplog.text
    caplog.clear()
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert "its epoch and optimizer left" not in caplog.text


def test_a_file_of_another_model_is_refused(cfg, tmp_path, caplog):
    _, path = zoo_file(cfg, tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = path
    model, optimizer = make(cfg, width=8)
    with pytest.raises(UserError, match=r"holds 0% of this model(?s:.)*CHECKPOINT_EPOCH_RESET"):
        load_train_checkpoint(cfg, model, optimizer)
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    caplog.clear()
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 0
    assert "most of it starts at random" in caplog.text


def test_a_training_is_tested_with_its_own_last_checkpoint(cfg):
    model, optimizer = make(cfg)
    own = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 9, cfg)
    later = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 29, cfg)
    assert load_test_checkpoint(cfg, model).path == own
    cfg.TRAIN.ENABLE = False
    assert load_test_checkpoint(cfg, model).path == later
    cfg.TRAIN.ENABLE = True
    Path(own).unlink()
    assert load_test_checkpoint(cfg, model).path == later


def test_a_damaged_checkpoint_is_passed_over_in_a_test_too(cfg, caplog):
    model, optimizer = make(cfg)
    paths = [save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, epoch, cfg) for epoch in (8, 9)]
    Path(paths[1]).write_bytes(Path(paths[1]).read_bytes()[:-1])
    assert load_test_checkpoint(cfg, model).path == paths[0]
    assert f"Passed over: {paths[1]}" in caplog.text
    Path(paths[0]).write_bytes(b"")
    with pytest.raises(UserError, match="is whole"):
        load_test_checkpoint(cfg, model)


def test_a_damaged_best_is_not_tested(cfg):
    model, _ = make(cfg)
    cfg.TEST.WEIGHTS = "best"
    best = Best.of_run(cfg).or_better(1, {"top1_err": 5.0})
    save_evaluation(cfg, model, best, "from scratch", "")
    assert load_test_checkpoint(cfg, model).path.endswith("best.pyth")
    path = Path(cfg.OUTPUT_DIR, "checkpoints", "best.pyth")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"best\.pyth: it is damaged"):
        load_test_checkpoint(cfg, model)


def test_a_folder_of_another_run_is_refused_with_what_differs(cfg):
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.MODEL.LOSS_FUNC, cfg.SOLVER.OPTIMIZING_METHOD = "bce_loss", "adamw"
    before = weights(model)
    with pytest.raises(UserError) as error:
        load_train_checkpoint(cfg, *make(cfg, seed=1))
    assert str(error.value).splitlines()[1:] == [
        "  MODEL.LOSS_FUNC cross_entropy there, bce_loss here",
        "  SOLVER.OPTIMIZING_METHOD sgd there, adamw here",
        "Set that as it was to go on, or name another OUTPUT_DIR to train anew.",
    ]
    assert torch.equal(weights(model), before)


def test_other_settings_are_told_in_one_warning(cfg, caplog):
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.SOLVER.MAX_EPOCH, cfg.SOLVER.BASE_LR, cfg.DATA.PATH_PREFIX = 20, 0.5, "/elsewhere"
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 1
    (warning,) = (r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
    assert warning.splitlines()[1:] == [
        "  SOLVER.MAX_EPOCH 10 there, 20 here",
        "  SOLVER.BASE_LR 0.1 there, 0.5 here",
    ]


@pytest.fixture
def average(cfg):
    """A running average of the weights, which is nothing like them."""
    return {name: value + 1 for name, value in make(cfg)[0].state_dict().items()}


def test_a_running_average_comes_back_beside_the_weights(cfg, average):
    model, optimizer = make(cfg)
    held = {"initialisation": "from scratch", "holdout": "", "average_state": average}
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, **held)
    for iteration in (0, 5):
        if iteration:
            save_unfinished(cfg, model, optimizer, None, 1, iteration, {}, **held)
        resumed, its_optimizer = make(cfg, seed=1)
        start = load_train_checkpoint(cfg, resumed, its_optimizer)
        assert (start.epoch, start.iteration, list(start.extra)) == (1, iteration, ["ema_state"])
        for name, value in average.items():
            assert torch.equal(start.extra["ema_state"][name], value), name
        assert torch.equal(weights(resumed), weights(model))
    cfg.OUTPUT_DIR, cfg.TRAIN.CHECKPOINT_FILE_PATH = f"{cfg.OUTPUT_DIR}/other", path
    assert list(load_train_checkpoint(cfg, *make(cfg)).extra) == ["ema_state"]
    cfg.TRAIN.CHECKPOINT_EPOCH_RESET = True
    assert load_train_checkpoint(cfg, *make(cfg)).extra == {}


@pytest.mark.parametrize("which", ["last", "named", "best"])
def test_a_running_average_is_what_is_tested(cfg, average, caplog, which):
    model, optimizer = make(cfg)
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg, average_state=average)
    best = Best.of_run(cfg).or_better(1, {"top1_err": 5.0})
    save_evaluation(cfg, model, best, "from scratch", "", average)
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
        assert torch.equal(value, average[name]), name


def test_weights_without_an_average_are_not_called_one(cfg, caplog):
    model, optimizer = make(cfg)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    with caplog.at_level(logging.INFO):
        assert not load_test_checkpoint(cfg, model).averaged
    assert "averaged" not in caplog.text
