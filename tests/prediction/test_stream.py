"""Windows of a video: which frames they have, and that each frame is read once."""

import numpy as np
import pytest

from slowfast.ak.clips.sampling import EvenParts, EvenWindows
from slowfast.ak.clips.views import UniformCrops
from slowfast.ethograms.windows import Windows
from slowfast.prediction.videos.stream import FrameSampling, blocks

CROPS = UniformCrops(16, 3)


def picture(number):
    rng = np.random.default_rng(number)
    return rng.integers(0, 256, (20, 30, 4), dtype=np.uint8)


class Frames:
    """Gives frames that differ, and records which were read."""

    def __init__(self, last=10**9):
        self.read, self.last = [], last

    def __call__(self, indices):
        for index in indices:
            if index > self.last:
                return
            self.read.append(index)
            yield picture(index)


def windows_of(indices, frames, size, first=0):
    """Copies of all windows by number, since blocks use their memory again."""
    found = {}
    for block in blocks(indices, frames, CROPS, size, first):
        views = block.views.batch(0, len(block.views))
        for number, crops in enumerate(views.split(3)):
            found[block.first + number] = crops.clone()
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("length", "stride"), [(29, 2), (30, 1), (31, 4), (64, 5), (3, 2), (1, 2), (40, 9)]
)
def test_windows_equal_those_of_test_clips_and_each_frame_is_read_once(length, stride, size):
    sampling = FrameSampling(4, 3)
    windows = Windows(sampling.cells(length), 4, stride)
    indices = sampling.indices(windows, length)
    frames = Frames()
    found = windows_of(indices, frames, size)
    assert sorted(found) == list(range(len(indices)))
    assert frames.read == sorted(set(indices.ravel().tolist()))
    for number, (start, own) in enumerate(zip(windows.starts, indices, strict=True)):
        assert own.tolist() == [min(3 * (start + k), length - 1) for k in range(4)]
        distinct, rows = np.unique(own, return_inverse=True)
        clip = CROPS(map(picture, distinct.tolist()), rows[None], None)
        assert (found[number] == clip.batch(0, 3)).all()


def test_a_video_as_long_as_a_window_has_the_frames_of_a_test_clip():
    for length, rate in ((10, 3), (7, 3), (2, 3)):
        indices = FrameSampling(4, rate).indices(Windows(-(-length // rate), 4, 2), length)
        assert indices.tolist() == EvenWindows(4, rate).draw(None, length).tolist()


def test_uniform_sampling_takes_the_centres_of_parts():
    indices = FrameSampling(4, 5, 5 // 2).indices(Windows(4, 4, 2), 20)
    assert indices.tolist() == EvenParts(4).draw(None, 20).tolist()


def test_what_can_be_read_of_a_broken_video_is_kept():
    indices = FrameSampling(4, 2).indices(Windows(20, 4, 2), 40)
    whole = windows_of(indices, Frames(), 3)
    found = windows_of(indices, Frames(last=23), 3)
    assert sorted(found) == [0, 1, 2, 3, 4]  # the fifth ends at frame 22
    assert all((found[number] == whole[number]).all() for number in found)
    assert windows_of(indices, Frames(last=5), 3) == {}


def test_reading_goes_on_at_any_window():
    indices = FrameSampling(4, 2).indices(Windows(20, 4, 2), 40)
    whole, frames = windows_of(indices, Frames(), 2), Frames()
    rest = windows_of(indices, frames, 2, first=5)
    assert sorted(rest) == [5, 6, 7, 8]
    assert frames.read[0] == 20
    assert all((rest[number] == whole[number]).all() for number in rest)


def test_two_blocks_of_frames_are_in_memory_for_a_video_of_any_length():
    indices = FrameSampling(4, 2).indices(Windows(400, 4, 2), 800)
    blocks_seen = list(blocks(indices, Frames(), CROPS, 5))
    assert len(blocks_seen) == 40
    assert len({block.views.frames.data_ptr() for block in blocks_seen}) == 2
    assert max(len(block.views.frames) for block in blocks_seen) == 12
