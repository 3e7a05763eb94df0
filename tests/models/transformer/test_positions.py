"""Sines and cosines have upstream's values."""

import torch

from slowfast.models.transformer.positions import sines

# One token each of `sincos_positions` in upstream's reference values: 16 channels, 2 x 2 x 2 and
# 1 x 3 x 3 tokens.
TIME_1 = [0.841471, 0.0099998, 0.5403023, 0.99995]
SIDE_0 = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
SIDE_1 = [0.841471, 0.0463992, 0.0021544, 0.5403023, 0.998923, 0.9999977]
SIDE_2 = [0.9092974, 0.0926985, 0.0043089, -0.4161468, 0.9956942, 0.9999907]
TIME_0 = [0.0, 0.0, 1.0, 1.0]


def test_time_width_and_height_come_in_upstreams_order():
    two, three = sines(16, (2, 2, 2)), sines(16, (1, 3, 3))
    assert (two.shape, three.shape) == ((1, 8, 16), (1, 9, 16))
    expected = {
        0: [*TIME_0, *SIDE_0, *SIDE_0],
        1: [*TIME_0, *SIDE_1, *SIDE_0],
        2: [*TIME_0, *SIDE_0, *SIDE_1],
        5: [*TIME_1, *SIDE_1, *SIDE_0],
    }
    for token, values in expected.items():
        torch.testing.assert_close(two[0, token], torch.tensor(values), rtol=0, atol=1e-6)
    last = torch.tensor([*TIME_0, *SIDE_1, *SIDE_2])
    torch.testing.assert_close(three[0, 7], last, rtol=0, atol=1e-6)
