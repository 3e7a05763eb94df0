"""The views of a test clip equal views that are cut out one by one."""

import numpy as np
import pytest
import torch

from slowfast.ak.clips.sampling import crop_corners, scale
from slowfast.ak.clips.views import UniformCrops, view_batches

ROWS = np.array([[0, 1, 2, 2], [1, 2, 3, 4], [2, 3, 4, 5]])


def views_of(height: int, width: int, count: int):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (6, height, width, 3), dtype=np.uint8)
    return frames, UniformCrops(32, count)(iter(frames), ROWS, rng)


@pytest.mark.parametrize(("height", "width"), [(48, 64), (64, 48), (32, 32), (40, 40)])
@pytest.mark.parametrize("count", [1, 3])
def test_views_in_order(height, width, count):
    frames, views = views_of(height, width, count)
    size = views.frames.shape[1:3]
    assert len(views) == 3 * count
    whole = views.batch(0, len(views))
    assert whole.shape == (3 * count, 3, 4, 32, 32)
    assert whole.dtype == torch.uint8
    assert whole.is_contiguous()
    for v in range(len(views)):
        y0, x0 = crop_corners(*size, 32, count)[v % count]
        for t, row in enumerate(ROWS[v // count]):
            expected = scale(frames[row], tuple(size))[y0 : y0 + 32, x0 : x0 + 32]
            assert (whole[v, :, t].permute(1, 2, 0).numpy() == expected).all()


def test_batches_equal_parts_of_all_views():
    _, views = views_of(48, 64, 3)
    whole = views.batch(0, 9)
    for start in range(9):
        for stop in range(start + 1, 10):
            assert torch.equal(views.batch(start, stop), whole[start:stop])
    assert torch.equal(views.batch(8, 20), whole[8:])
    for start, stop in ((9, 12), (3, 3), (-1, 2)):
        with pytest.raises(IndexError):
            views.batch(start, stop)


def test_frames_are_held_once():
    _, views = views_of(48, 64, 3)
    assert views.frames.shape == (6, 32, 42, 3)
    assert torch.equal(views.to("cpu").batch(0, 9), views.batch(0, 9))


class Views:
    """A clip whose view v is the number 100 clip + v."""

    def __init__(self, clip: int, count: int) -> None:
        self.clip, self.count = clip, count

    def __len__(self) -> int:
        return self.count

    def batch(self, start: int, stop: int) -> torch.Tensor:
        return 100 * self.clip + torch.arange(start, stop)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 100])
def test_batches_of_views_span_clips_and_lose_none(size):
    clips = [Views(0, 3), Views(1, 1), Views(2, 6), Views(3, 2)]
    batches = list(view_batches(iter(clips), size))
    seen = torch.cat([batch for batch, _ in batches]).tolist()
    assert seen == [100 * c.clip + v for c in clips for v in range(c.count)]
    assert all(len(batch) == size for batch, _ in batches[:-1])
    assert [n for _, ends in batches for n in ends] == [3, 1, 6, 2]
    done = 0
    scored = 0
    for batch, ends in batches:  # a clip ends in the batch with its last view
        scored += len(batch)
        done += sum(ends)
        assert done <= scored
