"""Small networks, and weights that reveal every wrong pair of entries."""

import torch
from torch import nn

from reference_parts.networks import fill_by_name
from slowfast.models import build_model
from tests.models.network_cases import network_cfg

SMALL = {
    "RESNET.DEPTH": 50,
    "RESNET.WIDTH_PER_GROUP": 4,
    "DATA.NUM_FRAMES": 4,
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TEST_CROP_SIZE": 32,
    "MODEL.NUM_CLASSES": 5,
    "MODEL.DROPOUT_RATE": 0.0,
}
SIZE = (1, 3, 4, 32, 32)
CLASSES = SMALL["MODEL.NUM_CLASSES"]


def make(*settings: dict) -> tuple:
    """Returns a configuration and its network in evaluation mode."""
    cfg = network_cfg(SMALL, *settings)
    return cfg, build_model(cfg).eval()


def filled(network: nn.Module) -> nn.Module:
    """Returns a network in evaluation mode with weights and statistics drawn by name."""
    fill_by_name(network)
    return network.eval()


def logits(network: nn.Module, inputs: list[torch.Tensor]) -> torch.Tensor:
    """Returns the logits of this project's network, before the activation of its head."""
    network.head.activate = nn.Identity()
    with torch.inference_mode():
        return network(inputs)
