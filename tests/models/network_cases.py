"""Small configurations, which the tests of the networks share."""

from fvcore.common.config import CfgNode

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
