"""The non-local block agrees with its equations."""

import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.models.layers.nonlocal_block import NonLocal


def by_definition(block: NonLocal, x: torch.Tensor) -> torch.Tensor:
    """Equations 1 and 6 of Wang et al., without any shortcut."""
    theta, phi, g = (
        conv(y).flatten(2)
        for conv, y in [
            (block.conv_theta, x),
            (block.conv_phi, block.pool(x)),
            (block.conv_g, block.pool(x)),
        ]
    )
    similarity = theta.transpose(1, 2) @ phi
    if block.instantiation == "softmax":
        weights = torch.softmax(similarity / theta.shape[1] ** 0.5, dim=-1)
    else:
        weights = similarity / phi.shape[2]
    seen = (weights @ g.transpose(1, 2)).transpose(1, 2).reshape(x.shape[0], -1, *x.shape[2:])
    return x + block.bn(block.conv_out(seen))


@pytest.mark.parametrize("instantiation", ["softmax", "dot_product"])
@pytest.mark.parametrize("pool", [(1, 1, 1), (1, 2, 2), (2, 2, 2)])
def test_every_position_sees_all_others(instantiation, pool):
    block = NonLocal(6, 3, instantiation, pool=pool).eval()
    x = torch.randn(2, 6, 4, 5, 6)
    torch.testing.assert_close(block(x), by_definition(block, x))


def test_frames_of_different_groups_do_not_see_each_other():
    block = NonLocal(6, 3, time_groups=2).eval()
    x = torch.randn(2, 6, 4, 3, 3)
    whole = NonLocal(6, 3).eval()
    whole.load_state_dict(block.state_dict())
    halves = torch.cat([whole(x[:, :, :2]), whole(x[:, :, 2:])], dim=2)
    torch.testing.assert_close(block(x), halves)


def test_impossible_settings_are_refused():
    with pytest.raises(UserError, match=r"5 frames .* 2 equal parts"):
        NonLocal(6, 3, time_groups=2)(torch.randn(1, 6, 5, 2, 2))
    with pytest.raises(UserError, match=r"NONLOCAL.INSTANTIATION.*'gaussian'.*softmax"):
        NonLocal(6, 3, "gaussian")
