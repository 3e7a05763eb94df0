"""The benchmark of depthwise convolutions measures the layers of X3D-L."""

from collections import Counter

import pytest
import torch
from torch import nn

from benchmarks import depthwise, step
from benchmarks.step_parts.steps import load_cfg
from slowfast.models.build import build_model
from slowfast.models.layers.depthwise import DepthwiseConv3d


@pytest.mark.slow
def test_the_layers_are_the_layers_of_x3d_l():
    recipe = str(step.ROOT / "configs" / "AK" / "X3D_L.yaml")
    with torch.device("meta"):
        model = build_model(load_cfg(recipe, ["NUM_GPUS", "0"]))
    found: Counter = Counter()

    def note(layer: nn.Conv3d, inputs: tuple, _: torch.Tensor) -> None:
        found[layer.in_channels, inputs[0].shape[-1], layer.kernel_size, layer.stride[2]] += 1

    for layer in model.modules():
        if isinstance(layer, DepthwiseConv3d):
            layer.register_forward_hook(note)
    with torch.no_grad():
        model([torch.zeros(1, 3, depthwise.FRAMES, 256, 256, device="meta")])
    assert found == {layer[:-1]: layer[-1] for layer in depthwise.LAYERS}
