"""Clips cut from videos: the right frames, upright, from many kinds of files."""

import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from openpyxl import load_workbook

from slowfast.ak.errors import UserError
from slowfast.data_tools import ak_writer, cut_videos
from slowfast.data_tools.cut_videos import CutOptions

AS_IS = CutOptions(short_side=0, crf=12)
BARS = 6  # black and white bars in the lower half: the number of the frame in binary


def picture(number, size):
    """A frame that shows its number; its upper left corner is white."""
    width, height = size
    image = np.full((height, width, 3), 60, dtype=np.uint8)
    image[: height // 3, : width // 3] = 255
    for bar in range(BARS):
        across = slice(bar * width // BARS, (bar + 1) * width // BARS)
        image[height // 2 :, across] = 255 * (number >> bar & 1)
    return image


def make_video(
    path, count=50, size=(64, 48), times=None, codec="libx264", pixels="yuv420p", aspect=1
):
    """Writes a video at 25 frames per second, or with frames at `times` (in 1/100 s)."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        if codec == "libx264":
            stream.options = {"crf": "8", "g": "12"}
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 100)
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, 100)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def cut(tmp_path):
    """Cuts rows (without the header) of the videos in tmp_path; returns the folder and result."""

    def do(*rows, options=AS_IS, root="set", **arguments):
        table = tmp_path / "table.csv"
        table.write_text("\n".join(["video,start,end,split,labels", *rows]) + "\n")
        root = tmp_path / root
        return root, cut_videos.cut_videos(tmp_path, table, root, options, **arguments)

    return do


def images(root, name):
    paths = sorted((root / "image" / name).iterdir())
    return np.stack([cv2.imread(str(path))[..., ::-1] for path in paths])


def numbers(frames):
    """The numbers that the frames show."""
    row, width = frames.shape[1] * 3 // 4, frames.shape[2]
    middles = [(2 * bar + 1) * width // (2 * BARS) for bar in range(BARS)]
    bits = frames[:, row, middles].mean(axis=2) > 128
    return (bits @ 2 ** np.arange(BARS)).tolist()


def test_a_clip_has_the_frames_of_its_segment(cut, tmp_path):
    make_video(tmp_path / "a.mp4")
    root, result = cut("a.mp4,0,0.4,train,walking;fly", "a.mp4,1.0,1.6,val,fly")
    (first,), (second,) = result.clips["train"], result.clips["val"]
    assert [c.name for c in result.classes] == ["fly", "walking"]
    assert (first.name, first.labels) == ("a_000000-000400", (1, 0))
    assert numbers(images(root, first.name)) == list(range(10))
    assert numbers(images(root, second.name)) == list(range(25, 40))
    lines = (root / "annot" / "val.csv").read_text().splitlines()
    assert lines[1] == 'a_001000-001600 1 0 a_001000-001600/a_001000-001600_000001.jpg "0"'
    assert len(lines) == 16


def test_no_frame_is_lost_or_repeated_at_any_start(cut, tmp_path):
    make_video(tmp_path / "a.mp4")
    starts = [0.01, 0.02, 0.03, 0.07, 0.41]
    root, result = cut(*(f"a.mp4,{start},{start + 0.8},train,x" for start in starts))
    for start, clip in zip(starts, result.clips["train"], strict=True):
        shown = numbers(images(root, clip.name))
        assert shown == list(range(shown[0], shown[0] + 20))
        assert shown[0] == pytest.approx(start * 25, abs=1)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.avi", {"codec": "mpeg4", "size": (64, 48)}),
        ("a.avi", {"codec": "ffv1", "size": (63, 47), "pixels": "yuv444p"}),
        ("a.mkv", {"codec": "libx264", "size": (48, 80)}),
    ],
)
def test_other_containers_and_odd_sizes(cut, tmp_path, name, how):
    make_video(tmp_path / name, **how)
    root, result = cut(f"{name},0.4,1.2,train,x")
    frames = images(root, result.clips["train"][0].name)
    assert numbers(frames) == list(range(10, 30))
    height, width = frames.shape[1:3]
    assert height % 2 == width % 2 == 0
    assert abs(width - how["size"][0]) <= 1
    assert abs(height - how["size"][1]) <= 1


def test_a_variable_frame_rate_becomes_constant(cut, tmp_path):
    # Ten frames of 1/25 s, then ten frames of 1/5 s.
    times = [4 * n for n in range(10)] + [40 + 20 * n for n in range(10)]
    make_video(tmp_path / "a.mp4", count=20, times=times)
    root, result = cut("a.mp4,0,2.0,train,x", options=CutOptions(short_side=0, fps=25, crf=12))
    expected = [*range(10), *np.repeat(np.arange(10, 18), 5)]
    assert numbers(images(root, result.clips["train"][0].name)) == expected


def test_the_frame_rate_and_the_number_of_frames_can_be_limited(cut, tmp_path):
    make_video(tmp_path / "a.mp4")
    options = CutOptions(short_side=0, fps=5, max_frames=4, crf=12)
    root, result = cut("a.mp4,0,2,train,x", options=options)
    assert numbers(images(root, result.clips["train"][0].name)) == [0, 5, 10, 15]
    with av.open(str(next((root / "video").iterdir()))) as container:
        assert container.streams.video[0].average_rate == 5


def test_a_video_with_a_rotation_is_turned_upright(cut, tmp_path):
    """The display matrix, as telephones write it, is a quarter turn clockwise."""
    path = make_video(tmp_path / "a.mp4", size=(80, 48))
    one = (1 << 16).to_bytes(4, "big", signed=True)
    minus, zero, last = (-1 << 16).to_bytes(4, "big", signed=True), bytes(4), b"\x40\0\0\0"
    data = path.read_bytes()
    straight = one + zero * 3 + one + zero * 3 + last
    turned = zero + one + zero + minus + zero * 4 + last
    head, tail = data.split(b"tkhd")
    path.write_bytes(head + b"tkhd" + tail.replace(straight, turned, 1))
    root, result = cut("a.mp4,0,0.4,train,x")
    frames = images(root, result.clips["train"][0].name).astype(int)
    assert frames.shape[1:3] == (80, 48)
    corners = frames[0, [2, 2, -3, -3], [2, -3, 2, -3]].mean(axis=1)
    assert np.argmax(corners) == 1  # the white corner moved from upper left to upper right


def test_videos_are_scaled_down_and_never_up(cut, tmp_path):
    make_video(tmp_path / "wide.mp4", size=(160, 90))
    make_video(tmp_path / "tall.mp4", size=(30, 50))
    root, result = cut(
        "wide.mp4,0,0.4,train,x", "tall.mp4,0,0.4,train,x", options=CutOptions(short_side=45)
    )
    wide, tall = (images(root, clip.name).shape[1:3] for clip in result.clips["train"])
    assert wide == (44, 80)
    assert tall == (50, 30)


def test_a_long_segment_becomes_clips_of_equal_length(cut, tmp_path):
    make_video(tmp_path / "a.mp4")
    root, result = cut("a.mp4,0,1.9,train,x", clip_seconds=0.5)
    shown = [numbers(images(root, clip.name)) for clip in result.clips["train"]]
    assert [len(numbers) for numbers in shown] == [12, 12, 12, 12]
    assert len({number for clip in shown for number in clip}) == 48


def test_the_class_sheet_has_the_order_and_the_segments_asked_for(cut, tmp_path):
    make_video(tmp_path / "a.mp4")
    rows = [f"a.mp4,{n / 10},{n / 10 + 0.1},train,mouse{';fly' * (n < 2)}" for n in range(5)]
    root, result = cut(*rows, "a.mp4,1,1.2,val,", head_min=5, tail_max=2, order="first")
    rows = list(load_workbook(root / "annot" / "df_action.xlsx").active.values)[1:]
    assert [row[1:] for row in rows] == [("mouse", 0, "head", 5), ("fly", 1, "tail", 2)]
    assert result.clips["val"][0].labels == ()


def test_labels_can_be_changed_and_no_clip_is_cut_twice(cut, tmp_path):
    make_video(tmp_path / "a.mp4")
    root, _ = cut("a.mp4,0,0.4,train,fly")
    video = root / "video" / "a_000000-000400.mp4"
    stamp = video.stat().st_mtime_ns
    _, result = cut("a.mp4,0,0.4,train,mouse", "a.mp4,1,1.4,val,fly")
    assert video.stat().st_mtime_ns == stamp
    assert [c.name for c in result.classes] == ["fly", "mouse"]
    assert result.clips["train"][0].labels == (1,)
    assert ak_writer.has_clip(root, "a_001000-001400")


def test_other_options_and_other_folders_are_refused(cut, tmp_path):
    make_video(tmp_path / "a.mp4")
    cut("a.mp4,0,0.4,train,fly")
    with pytest.raises(UserError, match=r"--short-side 0 then and 32 now.*the same options"):
        cut("a.mp4,0,0.4,train,fly", options=CutOptions(short_side=32))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "text.txt").write_text("years")
    with pytest.raises(UserError, match="not empty"):
        cut("a.mp4,0,0.4,train,fly", root="thesis")


@pytest.mark.parametrize(
    ("options", "arguments", "words"),
    [
        (CutOptions(short_side=-5), {}, "--short-side -5: expected pixels"),
        (CutOptions(fps=float("nan")), {}, "--fps nan: expected frames per second"),
        (CutOptions(max_frames=-1), {}, "--max-frames -1: expected frames"),
        (CutOptions(crf=52), {}, "--crf 52: expected 0 .* to 51"),
        (CutOptions(jpeg_quality=0), {}, "--jpeg-quality 0: expected 1 to 95"),
        (AS_IS, {"clip_seconds": -1.0}, "--clip-seconds -1: expected seconds"),
        (AS_IS, {"tail_max": -1}, "--tail-max -1: expected clips"),
    ],
)
def test_a_number_out_of_range_is_refused_before_anything_is_read(cut, options, arguments, words):
    with pytest.raises(UserError, match=words):
        cut("none.mp4,0,0.4,train,fly", options=options, **arguments)


def test_a_video_that_was_cut_off_is_reported_with_the_row(cut, tmp_path):
    """The header at the beginning of the file states the original length."""
    path = make_video(tmp_path / "a.mp4", count=200)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(
        UserError, match=r"table\.csv:2: .*a\.mp4 (cannot be decoded|is \d\.\d\d s long)"
    ):
        cut("a.mp4,7,7.9,train,x")


def test_resample_shows_the_frame_at_each_time():
    timed = [(0.0, "a"), (0.1, "b"), (0.52, "c"), (0.6, "d"), (1.0, "e")]
    shown = cut_videos.resample(iter(timed), 0, 1, Fraction(10), slack=0.01)
    assert "".join(shown) == "abbbbbdddd"
    assert list(cut_videos.resample(iter(timed), 5, 6, Fraction(10), slack=0.01)) == []


def test_pixels_become_square(cut, tmp_path):
    make_video(tmp_path / "a.mp4", size=(64, 48), aspect=Fraction(3, 2))
    root, result = cut("a.mp4,0,0.4,train,x")
    assert images(root, result.clips["train"][0].name).shape[1:3] == (48, 96)


def test_frame_numbers_mean_the_frames_of_the_video_itself(cut, tmp_path):
    """The rate of this video changes, so no single rate gives the times of its frames."""
    times = [4 * n for n in range(10)] + [40 + 20 * n for n in range(10)]
    make_video(tmp_path / "a.mp4", count=20, times=times)
    table = tmp_path / "frames.csv"
    table.write_text("video,start_frame,end_frame,split,labels\na.mp4,8,12,train,x\n")
    options = CutOptions(short_side=0, fps=25, crf=12)
    root = tmp_path / "set"
    result = cut_videos.cut_videos(tmp_path, table, root, options)
    shown = numbers(images(root, result.clips["train"][0].name))
    assert shown == [8, 9, *[10] * 5, *[11] * 5]


def test_an_event_of_boris_in_two_files_becomes_clips_of_both(tmp_path):
    """The files were played in a row, and their times begin at 100 s."""
    for name in ("a.mp4", "b.mp4"):
        make_video(tmp_path / name)
    events = [[101.6, "fox", "walking", "", "", 40], [102.4, "fox", "walking", "", "", 10]]
    observation = {
        "type": "MEDIA",
        "file": {"1": ["D:\\films\\a.mp4", "D:\\films\\b.mp4"]},
        "time offset": 100.0,
        "events": events,
        "media_info": {"length": {"D:\\films\\a.mp4": 2.0, "D:\\films\\b.mp4": 2.0}},
    }
    project = {
        "behaviors_conf": {"0": {"code": "walking", "type": "State event"}},
        "observations": {"day 1": observation},
    }
    table = tmp_path / "project.boris"
    table.write_text(json.dumps(project))
    root, notes = tmp_path / "set", []
    result = cut_videos.cut_videos(tmp_path, table, root, AS_IS, report=notes.append)
    clips = {
        clip.name: numbers(images(root, clip.name)) for c in result.clips.values() for clip in c
    }
    assert clips == {
        "a_001600-002000": list(range(40, 50)),
        "b_000000-000400": list(range(10)),
    }
    # Parts of one event are never on both sides.
    assert {split: len(found) for split, found in result.clips.items()} == {"train": 2, "val": 0}
    assert "nothing can be held out" in notes[0]
