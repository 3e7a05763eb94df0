"""Small configurations and clips for the tests of networks."""

import pytest
import torch
from fvcore.common.config import CfgNode

import slowfast.datasets  # noqa: F401  registers the data sets, whose facts are asked for
from slowfast.config.defaults import get_cfg

# Networks of a few ten thousand parameters, for clips of 4 frames and 64 pixels.
TINY = {
    "RESNET.DEPTH": 18,
    "RESNET.WIDTH_PER_GROUP": 8,
    "SLOWFAST.ALPHA": 2,
    "SLOWFAST.BETA_INV": 4,
    "X3D.DIM_C5": 32,
    "DATA.NUM_FRAMES": 4,
    "DATA.TRAIN_CROP_SIZE": 64,
    "DATA.TEST_CROP_SIZE": 64,
    "MODEL.NUM_CLASSES": 5,
    "MODEL.DROPOUT_RATE": 0.0,
}
SLOW = {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "slow"}
I3D = {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "i3d"}
C2D = {"MODEL.MODEL_NAME": "ResNet", "MODEL.ARCH": "c2d"}
SLOWFAST = {"MODEL.MODEL_NAME": "SlowFast", "MODEL.ARCH": "slowfast"}
X3D = {"MODEL.MODEL_NAME": "X3D", "MODEL.ARCH": "x3d", "RESNET.TRANS_FUNC": "x3d_transform"}

MVIT = {
    "MODEL.MODEL_NAME": "MViT",
    "MODEL.ARCH": "mvit",
    "DATA.INPUT_CHANNEL_NUM": [3],
    "MVIT.PATCH_PADDING": [1, 3, 3],
    "MVIT.EMBED_DIM": 16,
    "MVIT.DEPTH": 4,
    "MVIT.DIM_MUL": [[1, 2.0], [3, 2.0]],
    "MVIT.HEAD_MUL": [[1, 2.0], [3, 2.0]],
    "MVIT.POOL_Q_STRIDE": [[1, 1, 2, 2], [3, 1, 2, 2]],
    "MVIT.POOL_KV_STRIDE_ADAPTIVE": [1, 8, 8],
    "MVIT.POOL_KVQ_KERNEL": [3, 3, 3],
    "MVIT.SEP_POS_EMBED": True,
    "MVIT.DROPPATH_RATE": 0.0,
}
MVITV2 = MVIT | {
    "MVIT.DIM_MUL_IN_ATT": True,
    "MVIT.RESIDUAL_POOLING": True,
    "MVIT.USE_ABS_POS": False,
    "MVIT.REL_POS_SPATIAL": True,
    "MVIT.REL_POS_TEMPORAL": True,
}
REV_MVIT = MVIT | {"MVIT.REV.ENABLE": True, "MVIT.REV.BUFFER_LAYERS": [1, 3]}
VIT = {
    "MODEL.MODEL_NAME": "MViT",
    "MODEL.ARCH": "mvit",
    "DATA.INPUT_CHANNEL_NUM": [3],
    "MVIT.PATCH_KERNEL": [2, 16, 16],
    "MVIT.PATCH_STRIDE": [2, 16, 16],
    "MVIT.PATCH_PADDING": [0, 0, 0],
    "MVIT.EMBED_DIM": 32,
    "MVIT.NUM_HEADS": 2,
    "MVIT.DEPTH": 2,
    "MVIT.DROPPATH_RATE": 0.0,
}
IMAGES = {
    "MVIT.PATCH_2D": True,
    "MVIT.PATCH_KERNEL": [7, 7],
    "MVIT.PATCH_STRIDE": [4, 4],
    "MVIT.PATCH_PADDING": [3, 3],
    "MVIT.POOL_KVQ_KERNEL": [1, 3, 3],
    "DATA.NUM_FRAMES": 1,
}

EACH_FAMILY = pytest.mark.parametrize(
    "family", [I3D, SLOWFAST, X3D], ids=["i3d", "slowfast", "x3d"]
)


def network_cfg(*overrides: dict) -> CfgNode:
    """The defaults on the CPU, changed by dictionaries of dotted keys. The last one wins."""
    cfg = get_cfg()
    for settings in ({"NUM_GPUS": 0}, *overrides):
        cfg.merge_from_list([part for item in settings.items() for part in item])
    return cfg


def clips_for(cfg: CfgNode, count: int = 2, side: int = 64, **settings) -> list[torch.Tensor]:
    """Random clips (count, 3, T, side, side), one tensor for each pathway, slow pathway first."""
    frames = [cfg.DATA.NUM_FRAMES]
    if cfg.MODEL.ARCH == "slowfast":
        frames.insert(0, cfg.DATA.NUM_FRAMES // cfg.SLOWFAST.ALPHA)
    generator = torch.Generator().manual_seed(1) if not settings else None
    return [torch.randn(count, 3, t, side, side, generator=generator, **settings) for t in frames]
