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

CASES = json.loads((Path(__file__).parents[1] / "reference/kinetics_sampling.json").read_text())


def test_places_and_frames_equal_upstreams():
    for case in CASES["start_end"]:
        for clip, expected in enumerate(case["start_end_fraction"]):
            found = decoder.get_start_end_idx(
                case["video_size"], case["clip_size"], clip, case["num_clips"], case["use_offset"]
            )
            assert found == pytest.approx(expected)
    for case in CASES["whole_video"]:
        numbers = torch.arange(case["video_frames"])
        for view in case["views"]:
            ends = view["start"], view["end"]
            taken = decoder.temporal_sampling(numbers, *ends, case["num_frames"])
            assert taken.tolist() == view["frames"]
    for case in CASES["selective"]:
        frames = case["fps"] * case["duration"]
        settings = case["num_clips"], case["use_offset"]
        for view in case["views"]:
            found = decoder.get_start_end_idx(
                frames, case["clip_size"], view["clip_idx"], *settings
            )
            assert found[:2] == pytest.approx((view["start"], view["end"]))
    for case in CASES["subsample"]:
        numbers = torch.arange(case["decoded_frames"])
        taken = decoder.temporal_sampling(numbers, case["start"], case["end"], case["num_frames"])
        assert taken.tolist() == case["frames"]


def test_several_random_clips_keep_their_gaps():
    np.random.seed(0)  # noqa: NPY002
    for _ in range(20):
        clips = decoder.get_multiple_start_end_idx(300, [64, 32], -1, 1, min_delta=5, max_delta=90)
        assert clips.shape == (2, 3)
        assert 5 <= clips[1, 2] <= 90
        assert clips[1, 2] == clips[1, 0] - clips[0, 1]
        assert sorted(clips[:, 1] - clips[:, 0] + 1) == pytest.approx([32, 64])


def test_clips_of_unequal_lengths_keep_their_lengths():
    """Upstream sorts starts and ends apart, so that a row can have the end of another clip."""
    mixed = 0
    for case in CASES["multiple_fixed"]:
        found = decoder.get_multiple_start_end_idx(
            case["video_size"],
            case["clip_sizes"],
            case["clip_idx"],
            case["num_clips"],
            use_offset=case["use_offset"],
        )
        upstreams = np.array(case["start_end_gap"])
        assert found[:, 0] == pytest.approx(upstreams[:, 0])
        assert sorted(found[:, 1]) == pytest.approx(upstreams[:, 1])
        lengths = found[:, 1] - found[:, 0] + 1
        assert sorted(lengths) == pytest.approx([32, 64])
        mixed += sorted(upstreams[:, 1] - upstreams[:, 0] + 1) != pytest.approx([32, 64])
    assert mixed == 3


@pytest.mark.parametrize("case", CASES["multiple_random"][:4], ids=lambda c: str(c["clip_sizes"]))
def test_several_random_clips_lie_as_upstreams(case):
    """Two clips: where they start, and the gap between them, by rank."""
    np.random.seed(1)  # noqa: NPY002
    low = -np.inf if case["min_delta"] is None else case["min_delta"]
    high = np.inf if case["max_delta"] is None else case["max_delta"]
    settings = {"min_delta": low, "max_delta": high}
    drawn = np.stack(
        [
            decoder.get_multiple_start_end_idx(
                case["video_size"], case["clip_sizes"], -1, 1, **settings
            )
            for _ in range(1500)
        ]
    )
    found = {"start_0": drawn[:, 0, 0], "start_1": drawn[:, 1, 0], "gap": drawn[:, 1, 2]}
    equal = len(set(case["clip_sizes"])) == 1
    for name in ("start_0", "start_1", *["gap"] * equal):
        ranks = [(found[name] <= quantile).mean() for quantile in case[name]]
        assert ranks == pytest.approx(case["quantiles_at"], abs=0.04), name


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
