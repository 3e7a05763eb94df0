"""Videos are opened and decoded as upstream samples them."""

import json
import math
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from slowfast.ak.errors import BadClip, UserError
from slowfast.datasets import decoder
from slowfast.datasets.video_container import get_video_container

# Frames that upstream takes of 300 frames at 30 a second: start, end, place and frames by clip.
WHOLE = json.loads((Path(__file__).parents[1] / "reference/kinetics_clips.json").read_text())


def test_places_and_frames_equal_upstreams():
    for case in WHOLE["start_end"]:
        for clip, expected in enumerate(case["start_end_fraction"]):
            found = decoder.get_start_end_idx(
                case["video_size"], case["clip_size"], clip, case["num_clips"], case["use_offset"]
            )
            assert found == pytest.approx(expected)
    for case in WHOLE["whole_video"]:
        numbers = torch.arange(case["video_frames"])
        for view in case["views"]:
            ends = view["start"], view["end"]
            taken = decoder.temporal_sampling(numbers, *ends, case["num_frames"])
            assert taken.tolist() == view["frames"]


def test_several_random_clips_keep_their_gaps():
    np.random.seed(0)  # noqa: NPY002
    for _ in range(20):
        clips = decoder.get_multiple_start_end_idx(300, [64, 32], -1, 1, min_delta=5, max_delta=90)
        assert clips.shape == (2, 3)
        assert 5 <= clips[1, 2] <= 90
        assert clips[1, 2] == clips[1, 0] - clips[0, 1]
        assert sorted(clips[:, 1] - clips[:, 0] + 1) == pytest.approx([32, 64])
    fixed = decoder.get_multiple_start_end_idx(300, [64, 32], 1, 3)
    assert fixed.tolist()[0] == pytest.approx([236 / 3, 236 / 3 + 63, 0])


@pytest.fixture(scope="module")
def frames(tiny_ak) -> np.ndarray:
    """(20, 48, 64, 3): all frames of the video v0, which has 25 a second."""
    with av.open(str(tiny_ak.video / "v0.mp4")) as container:
        return np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])


@pytest.fixture
def video(tiny_ak):
    with get_video_container(str(tiny_ak.video / "v0.mp4"), True, "torchvision") as container:
        yield container


def test_one_clip_and_several(video, frames):
    settings = {"clip_idx": 1, "num_clips_uniform": 2, "target_fps": 25, "use_offset": True}
    clip = decoder.decode(video, 2, 4, **settings)  # 8 frames from 12 on
    assert clip.dtype == torch.uint8
    assert np.abs(clip.numpy().astype(int) - frames[[12, 14, 16, 19]]).max() <= 4
    (same, short), places, changed = decoder.decode(video, [2, 2], [4, 2], **settings)
    assert places[:, 0].tolist() == [12, 16]
    assert torch.equal(same, clip)
    assert len(short) == 2
    assert changed == [False, False]
    np.random.seed(0)  # noqa: NPY002
    (one,), ((start, _, gap),), _ = decoder.decode(video, [1], [3], clip_idx=-1, target_fps=25)
    assert gap == 0
    assert np.abs(one[0].numpy().astype(int) - frames[math.floor(start)]).max() <= 4
    with pytest.raises(UserError, match="time_diff_prob"):
        decoder.decode(video, 2, 4, time_diff_prob=0.5)


def test_whole_videos(video, frames, tiny_ak):
    found, fps, whole = decoder.pyav_decode(video, 1, 1, 0)
    assert (len(found), fps, whole) == (20, pytest.approx(25), True)
    assert np.abs(found.numpy().astype(int) - frames).max() <= 4
    data = np.fromfile(tiny_ak.video / "v0.mp4", np.uint8)
    again, fps, _ = decoder.torchvision_decode(torch.from_numpy(data), 1, 1, 0, {})
    assert torch.equal(again, found)
    stream = video.streams.video[0]
    part, last = decoder.pyav_decode_stream(
        video, int(stream.duration * 0.4), int(stream.duration * 0.6), stream, {"video": 0}
    )
    assert len(part) in (4, 5)
    assert last >= part[-1].pts
    assert [frame.pts for frame in part] == sorted(frame.pts for frame in part)


def test_a_file_that_is_no_video(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"no video")
    with pytest.raises(BadClip, match=r"a\.mp4: this video cannot be opened"):
        get_video_container(str(tmp_path / "a.mp4"))
