"""A checkpoint of a small network, and short films to predict on."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import slowfast.datasets  # noqa: F401 -- registers the data sets
from slowfast.ak.classes.label_sets import Classes
from slowfast.ak.classes.table import ClassTable
from slowfast.ak.clips.views import UniformCrops
from slowfast.checkpoints.best import Best
from slowfast.checkpoints.saving import CheckpointWriter
from slowfast.config.defaults import get_cfg
from slowfast.tasks import build_task
from tests.conftest import moving_square

NAMES = ["walking", "resting, lying", "küssen", "never seen"]
COUNTS = [5, 3, 2, 0]
SETTINGS = {
    "MODEL.ARCH": "slow",
    "MODEL.MODEL_NAME": "ResNet",
    "MODEL.NUM_CLASSES": len(NAMES),
    "MODEL.LOSS_FUNC": "bce_logit",
    "MODEL.HEAD_ACT": "sigmoid",
    "RESNET.DEPTH": 18,
    "RESNET.TRANS_FUNC": "basic_transform",
    "RESNET.WIDTH_PER_GROUP": 4,
    "DATA.INPUT_CHANNEL_NUM": [3],
    "DATA.NUM_FRAMES": 4,
    "DATA.SAMPLING_RATE": 2,
    "DATA.TRAIN_JITTER_SCALES": [32, 40],
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TEST_CROP_SIZE": 32,
    "DATA.MULTI_LABEL": True,
    "DATA.REVERSE_INPUT_CHANNEL": True,
    "TRAIN.DATASET": "ak",
    "TRAIN.BATCH_SIZE": 8,
    "NUM_GPUS": 0,
    "NUM_SHARDS": 4,  # the training had several machines
}


def small_cfg(**overrides):
    cfg = get_cfg()
    settings = {**SETTINGS, **overrides}
    cfg.merge_from_list([part for pair in settings.items() for part in pair])
    return cfg


def write_model(path: Path, cfg, classes: Classes = None) -> Path:
    """Writes the best weights of a run, which are random, below a folder."""
    torch.manual_seed(0)
    task = build_task(cfg, torch.device("cpu"), trains=False)
    network = task.network.eval()
    with torch.no_grad():  # so that scores change over time, and reach 0.5 now and then
        heads = [layer for layer in network.head.modules() if isinstance(layer, nn.Linear)]
        for layer in heads:
            layer.weight.mul_(100)
        frames = [np.dstack([frame, frame[..., :1]]) for frame in moving_square(4, 64, 48, seed=1)]
        clip = UniformCrops(32, 1)(frames, np.arange(4)[None], None).batch(0, 1)
        if len(heads) == 1:
            heads[0].bias -= torch.logit(network(task.to_input(clip))[0])
    best = Best("map", "val", 1, 0.5, 1)
    writer = CheckpointWriter.from_cfg(cfg, "from scratch", "", classes, path)
    writer.write_evaluation(best, network, None)
    return path / "checkpoints" / "best.pyth"


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    table = ClassTable(NAMES, ["tail"] * 4, "test", np.array(COUNTS))
    return write_model(tmp_path_factory.mktemp("model"), small_cfg(), table)


@pytest.fixture(scope="session")
def films(tmp_path_factory, video_tools) -> SimpleNamespace:
    """A folder with `long.mp4` of 47 frames and `a, b/kürz.mp4` of 5 frames; 25 frames a second."""
    folder = tmp_path_factory.mktemp("films")
    long, short = folder / "long.mp4", folder / "a, b" / "kürz.mp4"
    short.parent.mkdir()
    video_tools.write_video(long, video_tools.moving_square(47, 64, 48, seed=1))
    video_tools.write_video(short, video_tools.moving_square(5, 48, 64, seed=2))
    return SimpleNamespace(folder=folder, long=long, short=short)
