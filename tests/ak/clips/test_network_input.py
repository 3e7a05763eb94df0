"""uint8 clips become normalised floats, one tensor for each pathway."""

import pytest
import torch

from slowfast.ak.clips.network_input import InputTransform

MEAN, STD = [0.4, 0.45, 0.5], [0.2, 0.225, 0.25]


@pytest.fixture
def clips():
    return torch.randint(256, (2, 3, 8, 4, 5), dtype=torch.uint8)


def normalised(clips):
    mean, std = (torch.tensor(v).view(3, 1, 1, 1) for v in (MEAN, STD))
    return (clips / 255 - mean) / std


def test_channels_are_normalised_in_the_order_the_network_sees(clips):
    before = clips.clone()
    (rgb,) = InputTransform(MEAN, STD)(clips)
    assert rgb.dtype == torch.float32
    assert torch.allclose(rgb, normalised(clips), atol=1e-6)
    (bgr,) = InputTransform(MEAN, STD, rgb=False)(clips)
    assert torch.allclose(bgr, normalised(clips[:, [2, 1, 0]]), atol=1e-6)
    assert torch.equal(clips, before)


def test_the_slow_pathway_is_first(clips):
    slow, fast = InputTransform(MEAN, STD, alpha=4)(clips)
    assert torch.allclose(fast, normalised(clips), atol=1e-6)
    assert torch.equal(slow, fast[:, :, [0, 7]])


@pytest.mark.parametrize("rgb", [True, False])
def test_channels_last(clips, rgb):
    plain = InputTransform(MEAN, STD, rgb, alpha=4)(clips)
    laid_out = InputTransform(MEAN, STD, rgb, alpha=4, channels_last=True)(clips)
    for one, other in zip(plain, laid_out, strict=True):
        assert torch.equal(one, other)
        assert one.is_contiguous()
        assert other.is_contiguous(memory_format=torch.channels_last_3d)


def test_the_input_is_float32_under_autocast(clips):
    plain = InputTransform(MEAN, STD, alpha=4)(clips)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = InputTransform(MEAN, STD, alpha=4)(clips)
    for one, other in zip(plain, cast, strict=True):
        assert one.dtype == other.dtype == torch.float32
        assert torch.equal(one, other)


@pytest.mark.cuda
def test_the_input_is_on_the_device_of_the_clips(clips):
    transform = InputTransform(MEAN, STD, alpha=4)
    for one, other in zip(transform(clips), transform(clips.cuda()), strict=True):
        assert other.is_cuda
        assert torch.allclose(one, other.cpu(), atol=1e-6)
