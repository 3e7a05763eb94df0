"""MODEL.ACT_CHECKPOINT changes what is kept for the backward pass, not the results."""

import pytest
import torch

from slowfast.models import build_model
from tests.models.network_cases import I3D, MVITV2, SLOWFAST, TINY, X3D, clips_for, network_cfg

RANDOM = {"MODEL.DROPCONNECT_RATE": 0.5, "MODEL.DROPOUT_RATE": 0.5}
NONLOCAL = {"NONLOCAL.LOCATION": [[[]], [[1]], [[0]], [[]]]}
SPLIT = {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2}
FROZEN = {"MODEL.FROZEN_BN": True}


def after_steps(*settings) -> tuple[list[torch.Tensor], dict[str, torch.Tensor], int]:
    """Losses of three steps, the state after them, and the number of values kept for one step."""
    cfg = network_cfg(TINY, *settings)
    torch.manual_seed(0)
    model, clips = build_model(cfg), clips_for(cfg, count=4, side=32)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses, kept = [], 0

    def count(x):
        nonlocal kept
        kept += x.numel()
        return x

    for _ in range(3):
        optimizer.zero_grad()
        kept = 0
        with torch.autograd.graph.saved_tensors_hooks(count, lambda x: x):
            loss = model(clips).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return losses, model.state_dict(), kept


@pytest.mark.parametrize(
    "settings",
    [
        (SLOWFAST, RANDOM),
        (X3D, {"MODEL.DROPCONNECT_RATE": 0.5}),
        (I3D, NONLOCAL),
        (I3D, SPLIT),
        (I3D, FROZEN),
        (MVITV2, {"MVIT.DROPPATH_RATE": 0.5, "MVIT.DROPOUT_RATE": 0.2}),
    ],
    ids=[
        "slowfast, random",
        "x3d, random",
        "i3d, non-local",
        "sub-batch norm",
        "frozen norm",
        "mvitv2, random",
    ],
)
def test_results_are_equal_bit_for_bit_and_fewer_values_are_kept(settings):
    losses, state, kept = after_steps(*settings)
    losses_again, state_again, kept_again = after_steps(*settings, {"MODEL.ACT_CHECKPOINT": True})
    assert losses == losses_again
    assert state.keys() == state_again.keys()
    for name, value in state.items():
        assert torch.equal(value, state_again[name]), name
    assert kept_again < kept / 2
