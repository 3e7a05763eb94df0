"""Seeds, and shared norm statistics."""

import numpy as np
import pytest
import torch

from slowfast.engine.device.runtime import seed_everything, share_norm_statistics
from slowfast.models.batchnorm_helper import FrozenBatchNorm3d
from slowfast.utils import distributed


def draw() -> tuple:
    return torch.rand(3).tolist(), np.random.rand(3).tolist()  # noqa: NPY002


def test_the_randomness_of_an_epoch_depends_only_on_seed_and_epoch():
    seed_everything(1, 5)
    first = draw()
    seed_everything(1, 4)
    other = draw()
    seed_everything(1, 5)
    assert draw() == first != other
    seed_everything(2, 5)
    assert draw() != first


@pytest.mark.parametrize("frozen", [False, True])
def test_frozen_norms_are_not_averaged_over_processes(monkeypatch, frozen):
    """The mean of three equal floats may differ from them by rounding."""
    layer = FrozenBatchNorm3d(1000) if frozen else torch.nn.BatchNorm3d(1000)
    layer.running_mean.copy_(torch.randn(1000, generator=torch.Generator().manual_seed(0)))
    before = layer.running_mean.clone()
    monkeypatch.setattr(distributed, "get_world_size", lambda: 3)
    monkeypatch.setattr(
        distributed, "all_reduce", lambda tensors: [(t + t + t) / 3 for t in tensors]
    )
    share_norm_statistics(torch.nn.Sequential(layer))
    assert torch.equal(layer.running_mean, before) == frozen
    torch.testing.assert_close(layer.running_mean, before)
