"""The check of one file finds its fault, and no fault in a good file."""

import os
import struct
import threading

import av
import cv2
import numpy as np
import pytest

from slowfast.ak.checks.files import check_image_file, check_video_file, video_header
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
def fault_of(tmp_path):
    """Checks an image file with the given bytes."""

    def check(data: bytes):
        path = tmp_path / "frame.jpg"
        path.write_bytes(data)
        return check_image_file(str(path))

    return check


def test_good_images_have_no_fault(fault_of, jpeg):
    grey16 = np.arange(600, dtype=np.uint16).reshape(20, 30) * 100
    for data in (
        jpeg,
        jpeg + b"\0" * 9,
        jpeg + b"a note of the camera",
        cv2.imencode(".png", grey16)[1].tobytes(),
        cv2.imencode(".jpg", (grey16 // 256).astype(np.uint8))[1].tobytes(),
    ):
        assert fault_of(data) is None


def test_deep_images_that_become_one_grey_are_found(fault_of, tmp_path):
    deep = np.arange(600, dtype=np.uint16).reshape(20, 30) * 6  # a camera of 12 bits
    for image in (deep, deep + 30000):
        fault = fault_of(cv2.imencode(".png", image)[1].tobytes())
        assert fault.kind == "few_levels"
        assert f"lie in {image.min()}..{image.max()}" in fault.text
        assert "Set AK.IMAGE_RANGE" in fault.text
        assert check_image_file(str(tmp_path / "frame.jpg"), (0, 4095)) is None
    assert fault_of(cv2.imencode(".png", np.zeros((9, 9), np.uint16))[1].tobytes()) is None
    floats = cv2.imencode(".tiff", np.zeros((9, 9, 3), np.float32))[1].tobytes()
    assert "values are float32; set AK.IMAGE_RANGE" in fault_of(floats).text


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_rotation_in_the_file_is_remarked(fault_of, jpeg, order):
    for orientation, kind in ((1, None), (6, "rotated")):
        mark = b"II" if order == "<" else b"MM"
        tiff = mark + struct.pack(order + "HIHHHIHHI", 42, 8, 1, 0x112, 3, 1, orientation, 0, 0)
        exif = b"Exif\0\0" + tiff
        segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        fault = fault_of(jpeg[:2] + segment + jpeg[2:])
        assert getattr(fault, "kind", None) == kind


def test_a_jpeg_cut_off_at_any_byte_is_found(fault_of, jpeg):
    kinds = [getattr(fault_of(jpeg[:size]), "kind", None) for size in range(len(jpeg))]
    assert kinds == ["empty", "unreadable"] + ["truncated"] * (len(jpeg) - 2)


def test_a_cut_jpeg_with_a_complete_thumbnail_in_its_header_is_found(fault_of, jpeg):
    thumbnail = b"\xff\xe1" + (2 + len(jpeg)).to_bytes(2, "big") + jpeg
    whole = jpeg[:2] + thumbnail + jpeg[2:]
    assert fault_of(whole) is None
    kinds = {
        getattr(fault_of(whole[:size]), "kind", None) for size in range(len(whole) - 60, len(whole))
    }
    assert kinds == {"truncated"}


def test_other_files_are_unreadable_and_described(fault_of, tmp_path):
    assert fault_of(PAGE).kind == "unreadable"
    assert "web page" in fault_of(PAGE).text
    assert fault_of(b"\0" * 500).kind == "unreadable"
    assert check_image_file(str(tmp_path / "none.jpg")).kind == "missing"
    assert check_image_file(str(tmp_path)).kind == "unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_the_check_does_not_wait_for_a_pipe(tmp_path):
    """The usual way to open a pipe waits until a program writes into it."""
    found = []

    def check():
        found.extend((check_image_file(str(pipe)), check_video_file(str(pipe))[1]))

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    thread = threading.Thread(target=check, daemon=True)
    thread.start()
    thread.join(20)
    assert [fault.kind for fault in found] == ["unreadable"] * 2
    assert all("no regular file" in fault.text for fault in found)


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
def test_frames_of_good_videos_are_counted_and_cut_videos_are_found(
    tmp_path, video_tools, name, options
):
    path = tmp_path / name
    data = encode(path, video_tools.moving_square(15, 64, 48, seed=1), **options)
    assert check_video_file(str(path)) == (15, None)
    assert check_video_file(str(path), decode=True) == (15, None)
    assert video_header(str(path))[1] is None

    cuts = [0, 1, 7, 8, 30, 50, *range(100, len(data), len(data) // 25), len(data) - 1]
    for size in cuts:
        path.write_bytes(data[:size])
        frames, fault = check_video_file(str(path))
        # A fragmented file that is cut between two fragments is a complete shorter file.
        assert fault is not None or (name == "parts.mp4" and frames < 15), size
        if fault is not None:
            assert fault.kind in ("empty", "truncated", "unreadable")
            assert fault.kind == "truncated" or size < 100, (size, fault)


def test_other_files_are_not_taken_for_videos(tmp_path):
    def check(data: bytes):
        path = tmp_path / "clip.mp4"
        path.write_bytes(data)
        return check_video_file(str(path))[1]

    assert check(b"").kind == "empty"
    assert "web page" in check(PAGE).text
    assert check(bytes(range(256)) * 8).kind == "unreadable"
    assert check_video_file(str(tmp_path / "none.mp4"))[1].kind == "missing"
    assert check_video_file(str(tmp_path))[1].kind == "unreadable"


def test_a_file_with_sound_only_is_not_a_video(tmp_path):
    path = tmp_path / "song.mp4"
    write_sound_alone(path)
    assert "no video stream" in check_video_file(str(path))[1].text
    assert "no video stream" in video_header(str(path))[1].text


def test_decoding_finds_damage_inside_a_video(tmp_path, video_tools):
    path = tmp_path / "clip.mp4"
    data = bytearray(encode(path, video_tools.moving_square(15, 64, 48, seed=1)))
    middle = data.index(b"mdat") + 900
    data[middle : middle + 600] = b"\xff" * 600
    path.write_bytes(data)
    assert check_video_file(str(path))[1] is None
    assert check_video_file(str(path), decode=True)[1] is not None
