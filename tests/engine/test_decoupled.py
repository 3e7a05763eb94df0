"""Decoupled training: the second stage trains only a new classifier; the rest stays the same."""

import pytest
import torch

from slowfast.ak.norms.frozen import HEAD
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.datasets.loader import construct_loader
from slowfast.engine import train
from slowfast.engine.device.pending import PendingSteps
from slowfast.models import build_model
from slowfast.tasks import classification
from tests.engine.runs import assert_same, checkpoints, in_two_processes, last_state, log

SECOND_STAGE = {
    "TRAIN.CHECKPOINT_SKIP_HEAD": True,
    "MODEL.DETACH_FINAL_FC": True,
    "MODEL.FROZEN_BN": True,
    "DATA_LOADER.SAMPLER": "class_balanced",
    "SOLVER.WEIGHT_DECAY": 0.1,
    "BN.WEIGHT_DECAY": 0.1,
}
X3D = {
    "MODEL.ARCH": "x3d",
    "MODEL.MODEL_NAME": "X3D",
    "RESNET.TRANS_FUNC": "x3d_transform",
    "X3D.WIDTH_FACTOR": 0.5,
    "X3D.DIM_C5": 32,
    "DATA.INPUT_CHANNEL_NUM": [3],
}


def second_stage(small_cfg, first, **settings):
    path = str(checkpoints(first) / "checkpoint_epoch_00001.pyth")
    return small_cfg("second", **{"TRAIN.CHECKPOINT_FILE_PATH": path, **SECOND_STAGE, **settings})


def assert_only_the_head_moved(before: dict, after: dict) -> None:
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]) != name.startswith(HEAD), name


@pytest.mark.parametrize(
    "settings",
    [
        {"BN.USE_PRECISE_STATS": False},
        {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2},
        X3D,
    ],
    ids=["slowfast", "sub-batch norm", "x3d"],
)
def test_only_the_classifier_changes(small_cfg, settings):
    first = small_cfg("first", **{"SOLVER.MAX_EPOCH": 1, **settings})
    train(first)
    cfg = second_stage(small_cfg, first, **settings)
    train(assert_and_infer_cfg(cfg))
    one, two = last_state(first), last_state(cfg)
    assert_only_the_head_moved(one["model_state"], two["model_state"])
    assert two["epoch"] == cfg.SOLVER.MAX_EPOCH - 1, "epochs count from the first"
    assert "new head" in two["initialisation"]
    assert "The head starts at random, because TRAIN.CHECKPOINT_SKIP_HEAD is True." in log(cfg)
    assert "missing in the file" not in log(cfg)
    assert "WARNING" not in log(cfg)


def test_no_graph_is_kept_below_the_classifier(small_cfg):
    model = build_model(small_cfg(**SECOND_STAGE))
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        f"{HEAD}weight",
        f"{HEAD}bias",
    ]
    inputs = []
    model.head.register_forward_pre_hook(lambda _, args: inputs.extend(args[0]))
    model([torch.randn(2, 3, 1, 32, 32), torch.randn(2, 3, 4, 32, 32)]).sum().backward()
    assert [x.requires_grad for x in inputs] == [False, False]
    assert model.head.projection.weight.grad is not None


def test_two_processes_share_a_balanced_epoch(trained, small_cfg, tmp_path, monkeypatch):
    both = {"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2, "SOLVER.MAX_EPOCH": 1, "MIXUP.ENABLE": True}
    cfg = second_stage(small_cfg, trained, **both)
    clips, states = [], []
    build, add = classification.build_model, PendingSteps.add

    def build_model(cfg):
        states.append(build(cfg))
        return states[-1]

    def record(self, iteration, index, *args):
        clips.extend(index.tolist())
        add(self, iteration, index, *args)

    monkeypatch.setattr(classification, "build_model", build_model)
    monkeypatch.setattr(PendingSteps, "add", record)

    def train_here(rank):
        train(cfg)
        return states[0].module.state_dict(), clips

    (one, drawn), (other, others) = in_two_processes(train_here, tmp_path)
    assert_same(one, other)
    assert_only_the_head_moved(last_state(trained)["model_state"], one)
    alone = second_stage(small_cfg, trained, **{"TRAIN.BATCH_SIZE": 4})
    expected = [key[1] for key in construct_loader(alone, "train").sampler]
    assert [drawn, others] == [expected[0::2], expected[1::2]]
