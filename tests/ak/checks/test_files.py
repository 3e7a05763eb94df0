"""A file that training could not read is told from a sound one, and what ails it is named."""

import os
import threading

import av
import cv2
import numpy as np
import pytest

from slowfast.ak.checks.files import check_video_file, image_flaw, video_header
from tests.media import write_sound_alone

PAGE = b"<!DOCTYPE html><html><body>404 Not Found</body></html>"


@pytest.fixture(scope="module")
def jpeg(video_tools) -> bytes:
    frame = video_tools.moving_square(1, 40, 24, seed=3)[0]
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def encode(path, frames, **options: str) -> bytes:
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264" if path.suffix != ".avi" else "mpeg4", rate=25)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path.read_bytes()


@pytest.fixture
def flaw_of(tmp_path):
    """What is wrong with an image of these bytes."""

    def look(data: bytes):
        path = tmp_path / "frame.jpg"
        path.write_bytes(data)
        return image_flaw(str(path))

    return look


def test_sound_images_have_no_flaw(flaw_of, jpeg):
    grey16 = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    for data in (
        jpeg,
        jpeg + b"\0" * 9,
        jpeg + b"a note of the camera",
        cv2.imencode(".png", grey16)[1].tobytes(),
        cv2.imencode(".jpg", (grey16 // 256).astype(np.uint8))[1].tobytes(),
    ):
        assert flaw_of(data) is None


def test_a_jpeg_cut_off_at_any_byte_is_found(flaw_of, jpeg):
    kinds = [getattr(flaw_of(jpeg[:size]), "kind", None) for size in range(len(jpeg))]
    assert kinds == ["empty", "unreadable"] + ["truncated"] * (len(jpeg) - 2)


def test_a_cut_jpeg_with_a_whole_thumbnail_in_its_head_is_found(flaw_of, jpeg):
    thumbnail = b"\xff\xe1" + (2 + len(jpeg)).to_bytes(2, "big") + jpeg
    whole = jpeg[:2] + thumbnail + jpeg[2:]
    assert flaw_of(whole) is None
    kinds = {
        getattr(flaw_of(whole[:size]), "kind", None) for size in range(len(whole) - 60, len(whole))
    }
    assert kinds == {"truncated"}


def test_what_is_no_image_is_unreadable_and_says_what_it_is(flaw_of, tmp_path):
    assert flaw_of(PAGE).kind == "unreadable"
    assert "web page" in flaw_of(PAGE).text
    assert flaw_of(b"\0" * 500).kind == "unreadable"
    assert image_flaw(str(tmp_path / "none.jpg")).kind == "missing"
    assert image_flaw(str(tmp_path)).kind == "unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    """To open one that nobody writes into blocks for ever."""
    found = []

    def look():
        found.extend((image_flaw(str(pipe)), check_video_file(str(pipe))[1]))

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    looker.join(20)
    assert [flaw.kind for flaw in found] == ["unreadable"] * 2
    assert all("no regular file" in flaw.text for flaw in found)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("end.mp4", {}),
        ("front.mp4", {"movflags": "faststart"}),
        ("parts.mp4", {"movflags": "frag_keyframe+empty_moov"}),
        ("old.mov", {}),
        ("clip.avi", {}),
        ("clip.mkv", {}),
    ],
)
def test_sound_videos_are_counted_and_cut_ones_found(tmp_path, video_tools, name, options):
    path = tmp_path / name
    data = encode(path, video_tools.moving_square(15, 64, 48, seed=1), **options)
    assert check_video_file(str(path)) == (15, None)
    assert check_video_file(str(path), decode=True) == (15, None)
    assert video_header(str(path))[1] is None

    cuts = [0, 1, 7, 8, 30, 50, *range(100, len(data), len(data) // 60), len(data) - 1]
    for size in cuts:
        path.write_bytes(data[:size])
        frames, flaw = check_video_file(str(path))
        # Of a file in parts, a cut between two leaves one that is whole but for its length.
        assert flaw is not None or (name == "parts.mp4" and frames < 15), size
        if flaw is not None:
            assert flaw.kind in ("empty", "truncated", "unreadable")
            assert flaw.kind == "truncated" or size < 100, (size, flaw)


def test_what_is_no_video_says_so(tmp_path):
    def look(data: bytes):
        path = tmp_path / "clip.mp4"
        path.write_bytes(data)
        return check_video_file(str(path))[1]

    assert look(b"").kind == "empty"
    assert "web page" in look(PAGE).text
    assert look(bytes(range(256)) * 8).kind == "unreadable"
    assert check_video_file(str(tmp_path / "none.mp4"))[1].kind == "missing"
    assert check_video_file(str(tmp_path))[1].kind == "unreadable"


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "song.mp4"
    write_sound_alone(path)
    assert "no video stream" in check_video_file(str(path))[1].text
    assert "no video stream" in video_header(str(path))[1].text


def test_a_video_damaged_inside_is_found_by_decoding(tmp_path, video_tools):
    path = tmp_path / "clip.mp4"
    data = bytearray(encode(path, video_tools.moving_square(15, 64, 48, seed=1)))
    middle = data.index(b"mdat") + 900
    data[middle : middle + 600] = b"\xff" * 600
    path.write_bytes(data)
    assert check_video_file(str(path))[1] is None
    assert check_video_file(str(path), decode=True)[1] is not None
