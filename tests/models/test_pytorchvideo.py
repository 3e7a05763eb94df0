"""pytorchvideo's network of depth 101, with our weights, gives the scores of our network.

The published values in tests/reference/models have no network of this depth.
"""

import warnings

import torch
from torch import nn

from reference_parts.networks import fill_by_name, normal
from slowfast.models import build_model
from tests.models.network_cases import SLOW, network_cfg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorchvideo.models.resnet import create_resnet

# The network is narrow. It has temporal kernels in all 23 blocks of stage 4.
SETTINGS = {
    "RESNET.DEPTH": 101,
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[3], [4], [23], [3]],
    "RESNET.WIDTH_PER_GROUP": 16,
    "MODEL.HEAD_ACT": "sigmoid",
    "MODEL.NUM_CLASSES": 7,
    "DATA.NUM_FRAMES": 4,
    "DATA.TRAIN_CROP_SIZE": 64,
}


def test_scores_at_depth_101_are_those_of_pytorchvideo():
    ours = build_model(network_cfg(SLOW, SETTINGS)).eval()
    theirs = create_resnet(
        model_depth=101,
        model_num_class=7,
        stem_dim_out=16,
        stem_conv_kernel_size=(1, 7, 7),
        head_pool_kernel_size=(4, 2, 2),
        head_activation=nn.Sigmoid,
    ).eval()
    fill_by_name(ours)
    # The names differ, but the order is the same. A wrong pair would differ in shape.
    state = dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True))
    theirs.load_state_dict(state)
    clip = normal(0, (1, 3, 4, 96, 96))  # the pooling window fits at four positions
    with torch.inference_mode():
        torch.testing.assert_close(ours([clip]), theirs(clip), rtol=1e-5, atol=1e-6)
