"""Inside a vision transformer: its tokens are drawn as maps."""

import torch

from slowfast.models import build_model
from slowfast.visualization.tensorboard.inside import (
    grad_cam,
    last_of_each_pathway,
    layers,
    watched,
)
from tests.models.network_cases import MVITV2, TINY, clips_for, network_cfg


def test_the_map_of_a_transformer_has_the_size_of_its_clip():
    torch.manual_seed(0)
    network = build_model(network_cfg(TINY, MVITV2)).eval()
    (clip,) = clips_for(network_cfg(TINY, MVITV2), count=1)
    shown = layers(network, "KEY", last_of_each_pathway(network))
    with watched(shown) as seen, torch.no_grad():
        network([clip])
    assert all(output.ndim == 5 for output in seen.values())
    (heat,) = grad_cam(network, shown, [clip], [0])
    assert heat.shape == clip.shape[2:]
    assert 0 < heat.max() <= 1
