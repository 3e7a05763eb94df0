"""Loading a file: weights always, epoch and optimizer only into the model that was saved."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.loading import load_checkpoint
from slowfast.checkpoints.saving import save_checkpoint
from slowfast.checkpoints.starting_weights import load_train_checkpoint
from slowfast.models.batchnorm_helper import SubBatchNorm3d
from slowfast.models.optimizer import construct_optimizer
from tests.checkpoints.checkpoint_cases import Network, make, step, weights


@pytest.fixture
def trained(cfg, tmp_path):
    """Returns a model after one step with the present configuration, and its checkpoint's path."""

    def train(epoch=0):
        model, optimizer = make(cfg)
        step(model, optimizer, 0)
        return model, save_checkpoint(tmp_path / "zoo", model, optimizer, epoch, cfg)

    return train


def test_settings_of_the_optimizer_are_the_configured_ones(cfg, trained):
    _, path = trained()
    cfg.SOLVER.WEIGHT_DECAY = 0.5
    model, optimizer = make(cfg)
    assert load_checkpoint(path, model, optimizer=optimizer) == 0
    assert optimizer.param_groups[1]["weight_decay"] == 0.5


def test_other_parameter_groups_are_refused(cfg, trained):
    _, path = trained()
    cfg.SOLVER.ZERO_WD_1D_PARAM = True
    model, optimizer = make(cfg)
    with pytest.raises(UserError, match="optimizer state does not fit"):
        load_checkpoint(path, model, optimizer=optimizer)


def test_a_file_in_which_nothing_matches_is_refused(tmp_path):
    torch.save({"model_state": {"encoder.weight": torch.zeros(2)}}, tmp_path / "x.pyth")
    with pytest.raises(UserError, match=r"nothing in it matches.*encoder\.weight"):
        load_checkpoint(tmp_path / "x.pyth", Network())


@pytest.mark.parametrize("is_caffe2", [True, False])
@pytest.mark.parametrize("type_says_so", [True, False])
def test_the_content_of_a_file_decides_its_type(tmp_path, caplog, is_caffe2, type_says_so):
    path, bias = tmp_path / "zoo.pkl", np.arange(5, dtype=np.float32)
    if is_caffe2:
        path.write_bytes(pickle.dumps({"blobs": {"pred_b": bias}}, protocol=2))
    else:
        torch.save({"model_state": {"head.projection.bias": torch.from_numpy(bias)}}, path)
    model = Network()
    with caplog.at_level("INFO"):
        load_checkpoint(path, model, convert_from_caffe2=is_caffe2 is type_says_so)
    assert torch.equal(model.head.projection.bias.detach(), torch.from_numpy(bias))
    kind = "Caffe2 pickle" if is_caffe2 else "PyTorch file"
    assert (f"it is read as a {kind}" in caplog.text) is not type_says_so


def test_sub_batch_norm_is_saved_as_batch_norm_and_restored(cfg, tmp_path):
    def make_sub(splits=2):
        model = nn.Sequential(nn.Conv3d(3, 4, 1), SubBatchNorm3d(4, num_splits=splits))
        return model, construct_optimizer(model, cfg)

    model, optimizer = make_sub()
    model(torch.randn(4, 3, 1, 2, 2))
    model[1].aggregate_stats()
    path = save_checkpoint(tmp_path, model, optimizer, 0, cfg)
    saved = torch.load(path, weights_only=True)["model_state"]
    assert set(saved) == set(nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4)).state_dict())
    assert torch.equal(saved["1.running_var"], model[1].bn.running_var)

    resumed, optimizer = make_sub()
    assert load_checkpoint(path, resumed, optimizer=optimizer) == 0
    assert torch.equal(weights(resumed), weights(model)), "each split keeps its statistics"
    for other, arguments in ((make_sub()[0], {"epoch_reset": True}), (make_sub(4)[0], {})):
        load_checkpoint(path, other, **arguments)
        copies = other[1].num_splits
        assert torch.equal(
            other[1].split_bn.running_mean, saved["1.running_mean"].repeat(copies)
        ), "weights alone, or another number of splits: each split gets the plain statistics"


@pytest.mark.parametrize(("before", "now"), [("adamw", "sgd"), ("sgd", "adam")])
@pytest.mark.parametrize("has_cfg", [True, False])
def test_the_state_of_another_optimizer_is_refused(cfg, trained, before, now, has_cfg):
    cfg.SOLVER.OPTIMIZING_METHOD = before
    _, path = trained()
    if not has_cfg:
        saved = torch.load(path)
        torch.save({name: value for name, value in saved.items() if name != "cfg"}, path)
        before = before.removesuffix("w")
    cfg.SOLVER.OPTIMIZING_METHOD, cfg.TRAIN.CHECKPOINT_FILE_PATH = now, path
    with pytest.raises(UserError, match=rf"OPTIMIZING_METHOD {before}, and {now} .*EPOCH_RESET"):
        load_train_checkpoint(cfg, *make(cfg))
