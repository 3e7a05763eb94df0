"""What the tests of the networks share: small configurations, and tensors made by formula."""

import zlib

import numpy as np
import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.config.defaults import get_cfg

# Networks of a few ten thousand parameters, on clips of 4 frames and 64 pixels.
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


def network_cfg(*overrides: dict) -> CfgNode:
    """The defaults on the CPU, changed by dictionaries of dotted keys, the last one winning."""
    cfg = get_cfg()
    for settings in ({"NUM_GPUS": 0}, *overrides):
        cfg.merge_from_list([part for item in settings.items() for part in item])
    return cfg


def normal(seed: int, shape) -> torch.Tensor:
    """Normal numbers that depend on seed and shape alone."""
    values = np.random.Generator(np.random.PCG64(seed)).standard_normal(tuple(shape))
    return torch.from_numpy(np.asarray(values, dtype=np.float32))


def fill_by_name(model: nn.Module) -> None:
    """Give every parameter and buffer the value that its name stands for in the reference files."""
    model.load_state_dict({name: _by_name(name, x) for name, x in model.state_dict().items()})


def _by_name(name: str, like: torch.Tensor) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.zeros_like(like)
    n = normal(zlib.crc32(name.encode()), like.shape)
    if name.endswith("running_mean"):
        return 0.1 * n
    if name.endswith("running_var"):
        return 1 + 0.1 * n.abs()
    if n.ndim == 1:
        return 1 + 0.1 * n if name.endswith("weight") else 0.1 * n
    if name == "head.projection.weight":
        return 0.02 * n
    return n * (0.5 / n[0].numel()) ** 0.5
