"""Decoupled training: the classifier alone is trained anew, the rest stays bit for bit."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from slowfast.ak.norms.frozen import HEAD
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.engine import train, training
from slowfast.engine.device.pending import PendingSteps
from slowfast.models import build_model
from slowfast.tasks import classification
from slowfast.utils import distributed

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


def checkpoint(cfg) -> dict:
    last = max(Path(cfg.OUTPUT_DIR, "checkpoints").glob("checkpoint_*"))
    return torch.load(last, weights_only=True)


@pytest.fixture
def first_stage(small_cfg):
    """A trained network's configuration; keyword values override."""

    def make(**settings):
        cfg = small_cfg("first", **{"SOLVER.MAX_EPOCH": 1, **settings})
        train(cfg)
        return cfg

    return make


def second_stage(small_cfg, first, **settings):
    path = str(max(Path(first.OUTPUT_DIR, "checkpoints").glob("checkpoint_*")))
    return small_cfg("second", **{"TRAIN.CHECKPOINT_FILE_PATH": path, **SECOND_STAGE, **settings})


def assert_head_alone_moved(before: dict, after: dict) -> None:
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert torch.equal(value, after[name]) != name.startswith(HEAD), name


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"BN.USE_PRECISE_STATS": False},
        {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2},
        X3D,
    ],
    ids=["slowfast", "no precise BN", "sub-batch norm", "x3d"],
)
def test_all_but_the_classifier_stays_bit_for_bit(small_cfg, first_stage, settings):
    first = first_stage(**settings)
    cfg = second_stage(small_cfg, first, **settings)
    train(assert_and_infer_cfg(cfg))
    one, two = checkpoint(first), checkpoint(cfg)
    assert_head_alone_moved(one["model_state"], two["model_state"])
    assert two["epoch"] == cfg.SOLVER.MAX_EPOCH - 1, "epochs count from the first"
    assert "new head" in two["initialisation"]
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    assert "The head starts at random, because TRAIN.CHECKPOINT_SKIP_HEAD is True." in log
    assert "missing in the file" not in log
    assert "WARNING" not in log


def test_the_second_stage_resumes(small_cfg, first_stage, monkeypatch):
    first = first_stage()
    cfg = second_stage(small_cfg, first)
    train(cfg)
    whole = checkpoint(cfg)
    Path(cfg.OUTPUT_DIR, "checkpoints", "checkpoint_epoch_00002.pyth").unlink()
    train(cfg)
    again = checkpoint(cfg)
    for name, value in whole["model_state"].items():
        assert torch.equal(value, again["model_state"][name]), name


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


def _train(rank: int, cfg, init: str, folder: str) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(0, 1, rank, 2, init, "gloo")
    clips, states = [], []
    build, add = classification.build_model, PendingSteps.add
    classification.build_model = lambda cfg: states.append(build(cfg)) or states[-1]

    def record(self, iteration, index, *args):
        clips.append(index.tolist())
        add(self, iteration, index, *args)

    PendingSteps.add = record
    train(cfg)
    torch.save((states[0].module.state_dict(), clips), f"{folder}/rank{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_train_one_classifier_on_shares_of_one_balanced_epoch(
    small_cfg, first_stage, tmp_path
):
    first = first_stage()
    both = {"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2, "SOLVER.MAX_EPOCH": 1, "MIXUP.ENABLE": True}
    cfg = second_stage(small_cfg, first, **both)
    mp.spawn(_train, args=(cfg, f"file://{tmp_path}/meet", str(tmp_path)), nprocs=2)
    (one, clips), (other, others) = (torch.load(tmp_path / f"rank{r}.pt") for r in range(2))
    for name in one:
        assert torch.equal(one[name], other[name]), name
    assert_head_alone_moved(checkpoint(first)["model_state"], one)

    alone = training.construct_loader(
        second_stage(small_cfg, first, **{"TRAIN.BATCH_SIZE": 4}), "train"
    )
    drawn = [key[1] for key in alone.sampler]
    flat = [[index for batch in batches for index in batch] for batches in (clips, others)]
    assert flat == [drawn[0::2], drawn[1::2]]
