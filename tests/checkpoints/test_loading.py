"""What a file hands on: weights in any case, the rest to the model that it was saved of alone."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.checkpoint import load_checkpoint, load_train_checkpoint, save_checkpoint
from slowfast.models.optimizer import construct_optimizer
from tests.checkpoints.checkpoint_cases import Network, is_new, make, make_cfg, step, weights


@pytest.fixture
def cfg(tmp_path):
    return make_cfg(tmp_path)


def test_settings_of_the_optimizer_are_the_configured_ones(cfg):
    model, optimizer = make(cfg)
    step(model, optimizer, 0)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.SOLVER.WEIGHT_DECAY = 0.5
    resumed, optimizer = make(cfg)
    load_train_checkpoint(cfg, resumed, optimizer)
    assert optimizer.param_groups[1]["weight_decay"] == 0.5


def test_a_file_in_which_nothing_matches_is_refused(cfg, tmp_path):
    torch.save({"model_state": {"encoder.weight": torch.zeros(2)}}, tmp_path / "x.pyth")
    with pytest.raises(UserError, match=r"nothing in it matches.*encoder\.weight"):
        load_checkpoint(tmp_path / "x.pyth", Network())


def test_another_optimizer_is_said(cfg):
    model, optimizer = make(cfg)
    step(model, optimizer, 0)
    save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    cfg.SOLVER.ZERO_WD_1D_PARAM = True
    model, optimizer = make(cfg)
    with pytest.raises(UserError, match="optimizer state does not fit"):
        load_train_checkpoint(cfg, model, optimizer)


def test_a_caffe2_file_taken_for_a_pytorch_one_is_said(cfg, tmp_path):
    with (tmp_path / "zoo.pkl").open("wb") as file:
        pickle.dump({"blobs": {"pred_b": np.ones(5, np.float32)}}, file, protocol=2)
    with pytest.raises(UserError, match="CHECKPOINT_TYPE to caffe2"):
        load_checkpoint(tmp_path / "zoo.pkl", Network())


def test_statistics_of_sub_batch_norm_are_folded_and_come_back(cfg):
    from slowfast.models.batchnorm_helper import SubBatchNorm3d

    def make_sub():
        model = nn.Sequential(nn.Conv3d(3, 4, 1), SubBatchNorm3d(4, num_splits=2))
        return model, construct_optimizer(model, cfg)

    model, optimizer = make_sub()
    model(torch.randn(4, 3, 1, 2, 2))
    model[1].aggregate_stats()
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    saved = torch.load(path, weights_only=True)["model_state"]
    assert set(saved) == set(nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4)).state_dict())
    assert torch.equal(saved["1.running_var"], model[1].bn.running_var)

    resumed, optimizer = make_sub()
    load_train_checkpoint(cfg, resumed, optimizer)
    assert torch.equal(weights(resumed), weights(model)), "each split keeps its own in a resume"
    other, _ = make_sub()
    load_checkpoint(path, other, epoch_reset=True)
    assert torch.equal(other[1].split_bn.running_mean, saved["1.running_mean"].repeat(2))
    assert torch.equal(other[1].bn.running_mean, saved["1.running_mean"])


@pytest.mark.parametrize("change", ["missing", "unexpected", "shape"])
def test_a_partial_fit_hands_on_weights_alone(cfg, tmp_path, change):
    cfg.SOLVER.OPTIMIZING_METHOD = "adam"
    given, optimizer = make(cfg)
    step(given, optimizer, 0)
    path = save_checkpoint(tmp_path, given, optimizer, 4, cfg)
    model, _ = make(cfg, seed=1)
    if change == "missing":
        model.s1.append(nn.Conv3d(4, 4, 1))
    elif change == "unexpected":
        del model.s1[1]
    else:
        model.s1[0] = nn.Conv3d(3, 4, (3, 1, 1))
    optimizer = construct_optimizer(model, cfg)
    assert load_checkpoint(path, model, optimizer=optimizer) == -1
    assert torch.equal(model.head.projection.weight, given.head.projection.weight)
    assert is_new(optimizer)
    step(model, optimizer, 1)


@pytest.mark.parametrize(("before", "now"), [("adamw", "sgd"), ("sgd", "adamw"), ("sgd", "adam")])
@pytest.mark.parametrize("has_cfg", [True, False])
def test_another_method_is_refused_by_name(cfg, before, now, has_cfg):
    cfg.SOLVER.OPTIMIZING_METHOD = before
    model, optimizer = make(cfg)
    step(model, optimizer, 0)
    path = save_checkpoint(cfg.OUTPUT_DIR, model, optimizer, 0, cfg)
    if not has_cfg:
        saved = torch.load(path)
        torch.save({name: value for name, value in saved.items() if name != "cfg"}, path)
        before = before.removesuffix("w")
    cfg.SOLVER.OPTIMIZING_METHOD = now
    cfg.TRAIN.CHECKPOINT_FILE_PATH, cfg.OUTPUT_DIR = path, f"{cfg.OUTPUT_DIR}/other"
    model, optimizer = make(cfg)
    with pytest.raises(UserError, match=rf"OPTIMIZING_METHOD {before}, and {now} .*EPOCH_RESET"):
        load_train_checkpoint(cfg, model, optimizer)


def test_sgd_without_momentum_has_no_state_to_be_at_odds_with(cfg, tmp_path):
    cfg.SOLVER.MOMENTUM, cfg.SOLVER.NESTEROV = 0.0, False
    model, optimizer = make(cfg)
    step(model, optimizer, 0)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = save_checkpoint(tmp_path, model, optimizer, 0, cfg)
    cfg.SOLVER.OPTIMIZING_METHOD = "adamw"
    model, optimizer = make(cfg)
    assert load_train_checkpoint(cfg, model, optimizer).epoch == 1
    step(model, optimizer, 1)


def test_another_number_of_splits_takes_the_shared_statistics(cfg, tmp_path):
    from slowfast.models.batchnorm_helper import SubBatchNorm3d

    def make_sub(splits):
        model = nn.Sequential(nn.Conv3d(3, 4, 1), SubBatchNorm3d(4, num_splits=splits))
        return model, construct_optimizer(model, cfg)

    model, optimizer = make_sub(2)
    model(torch.randn(4, 3, 1, 2, 2))
    model[1].aggregate_stats()
    path = save_checkpoint(tmp_path, model, optimizer, 0, cfg)
    other, optimizer = make_sub(4)
    assert load_checkpoint(path, other, optimizer=optimizer) == 0
    assert torch.equal(other[1].split_bn.running_mean, model[1].bn.running_mean.repeat(4))
