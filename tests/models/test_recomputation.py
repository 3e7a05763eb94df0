"""MODEL.ACT_CHECKPOINT: the backward pass computes again what was not kept."""

import pytest
import torch

from slowfast.models import build_model
from tests.models.network_cases import I3D, SLOWFAST, TINY, X3D, network_cfg

RANDOM = {"MODEL.DROPCONNECT_RATE": 0.5, "MODEL.DROPOUT_RATE": 0.5}
NONLOCAL = {"NONLOCAL.LOCATION": [[[]], [[1]], [[0]], [[]]]}
SPLIT = {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2}
FROZEN = {"MODEL.FROZEN_BN": True}


def after_steps(*settings) -> tuple[list[torch.Tensor], dict[str, torch.Tensor], int]:
    """Losses of three steps, the state then, and the values kept for one backward pass."""
    cfg = network_cfg(TINY, *settings)
    torch.manual_seed(0)
    model = build_model(cfg)
    frames = [2, 4] if cfg.MODEL.ARCH == "slowfast" else [4]
    clips = [torch.randn(4, 3, t, 64, 64) for t in frames]
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
    ],
    ids=["slowfast, random", "x3d, random", "i3d, non-local", "sub-batch norm", "frozen norm"],
)
def test_the_results_are_the_same_to_the_bit_and_less_is_kept(settings):
    losses, state, kept = after_steps(*settings)
    losses_again, state_again, kept_again = after_steps(*settings, {"MODEL.ACT_CHECKPOINT": True})
    assert losses == losses_again
    assert state.keys() == state_again.keys()
    for name, value in state.items():
        assert torch.equal(value, state_again[name]), name
    assert kept_again < kept / 2
