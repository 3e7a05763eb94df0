"""The check of clips finds each kind of fault with its place, and no fault in good data."""

import os
import shutil
import threading

import cv2
import numpy as np
import pytest

from slowfast.ak import paths
from slowfast.ak.checks import clips as clip_checks
from slowfast.ak.checks.clips import (
    LEVELS,
    check_clip,
    check_labels,
    sample_warnings,
    shared_clips,
)
from slowfast.ak.frames import images as jpeg_frames
from slowfast.ak.frames.images import JpegFrames, frame_files
from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList


def train_list(root) -> ClipList:
    return ClipList.read(root / "annot" / "train.csv")


def kinds(reader, level="files") -> dict[str, list[str]]:
    found = [fault for i in range(len(reader.clips)) for fault in check_clip(reader, i, level)]
    return {f.clip: [g.kind for g in found if g.clip == f.clip] for f in found}


@pytest.mark.parametrize("level", LEVELS)
def test_good_data_have_no_fault(tiny_ak, level):
    clips = train_list(tiny_ak.root)
    assert kinds(JpegFrames(clips, tiny_ak.image), level) == {}
    assert kinds(VideoFrames(clips, tiny_ak.video), level) == {}


def test_every_fault_of_images_is_found(ak_copy):
    image = ak_copy / "image"
    shutil.rmtree(image / "t0")
    (image / "t1" / "t1_000010.jpg").unlink()
    (image / "t2" / "t2_000003.jpg").write_bytes(b"")
    whole = (image / "t3" / "t3_000008.jpg").read_bytes()
    (image / "t3" / "t3_000008.jpg").write_bytes(whole[:-1])
    (image / "t4" / "t4_000005.jpg").write_bytes(b"<html>not found</html>")
    shutil.copy(image / "t6" / "t6_000001.jpg", image / "t6" / "t6_000031.jpg")
    (image / "t6" / ".DS_Store").write_bytes(b"a file of the system")
    reader = JpegFrames(train_list(ak_copy), image)
    missing = {"t0": ["missing"], "t1": ["missing"], "t6": ["extra_frames"]}
    assert kinds(reader, "names") == missing
    opened = {"t2": ["empty"], "t3": ["truncated"], "t4": ["unreadable"]}
    assert kinds(reader, "ends") == missing | {"t4": ["unreadable"]}  # the last frame of t4
    assert kinds(reader, "files") == missing | opened


def test_a_fault_has_its_list_line_file_and_the_number_of_similar_ones(ak_copy):
    for frame in (4, 5, 6):
        (ak_copy / "image" / "t1" / f"t1_{frame:06d}.jpg").write_bytes(b"")
    (fault,) = check_clip(JpegFrames(train_list(ak_copy), ak_copy / "image"), 1)
    assert (fault.kind, fault.clip, fault.line) == ("empty", "t1", 22)
    assert fault.list.endswith("train.csv")
    assert fault.path.endswith("t1/t1_000004.jpg")
    assert "2 more" in fault.text


def test_decoding_finds_damage_in_the_middle_of_a_file(ak_copy):
    frame = ak_copy / "image" / "t5" / "t5_000001.jpg"
    data = frame.read_bytes()
    frame.write_bytes(data[:20] + b"\xff" * (len(data) - 40) + data[-20:])
    reader = JpegFrames(train_list(ak_copy), ak_copy / "image")
    assert kinds(reader, "files") == {}
    assert kinds(reader, "decode") == {"t5": ["unreadable"]}


def test_every_fault_of_videos_is_found(ak_copy, video_tools):
    video = ak_copy / "video"
    (video / "t0.mp4").unlink()
    (video / "t1.mp4").write_bytes(b"")
    whole = (video / "t2.mp4").read_bytes()
    (video / "t2.mp4").write_bytes(whole[:-1])
    (video / "t3.mp4").write_bytes(b"<html>not found</html>")
    video_tools.write_video(video / "t4.mp4", video_tools.moving_square(4, 64, 48, seed=0))
    reader = VideoFrames(train_list(ak_copy), video)
    assert kinds(reader, "names") == {"t0": ["missing"]}
    found = {
        "t0": ["missing"],
        "t1": ["empty"],
        "t2": ["truncated"],
        "t3": ["unreadable"],
        "t4": ["frame_count"],
    }
    for level in ("ends", "files", "decode"):
        assert kinds(reader, level) == found


def test_frames_of_other_clips_in_the_same_folder_are_not_extra_frames(ak_copy):
    (ak_copy / "flat").mkdir()
    text = (ak_copy / "annot" / "train.csv").read_text()
    for clip in ("t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"):
        for file in (ak_copy / "image" / clip).iterdir():
            shutil.copy(file, ak_copy / "flat")
        text = text.replace(f" {clip}/{clip}_", f" flat/{clip}_")
    (ak_copy / "annot" / "flat.csv").write_text(text)
    reader = JpegFrames(ClipList.read(ak_copy / "annot" / "flat.csv"), ak_copy)
    assert kinds(reader) == {}
    (ak_copy / "flat" / "t6_000030.jpg").unlink()
    assert kinds(reader) == {"t6": ["missing"]}


def test_each_folder_of_a_light_list_is_listed_once(ak_copy, monkeypatch):
    (ak_copy / "annot" / "light.csv").write_text("video_id;labels\nt0;0\nt1;1\nt2;1\nnone;2\n")
    shutil.rmtree(ak_copy / "image" / "t1")
    for file in (ak_copy / "image" / "t2").iterdir():
        file.unlink()
    reader = JpegFrames(ClipList.read(ak_copy / "annot" / "light.csv"), ak_copy / "image")
    looked_at = []

    def listing(folder):
        reader._listed = (-1, [])  # as if another thread had checked another clip
        looked_at.append(folder)
        return frame_files(folder)

    monkeypatch.setattr(jpeg_frames, "frame_files", listing)
    assert kinds(reader) == {"t1": ["missing"], "t2": ["no_frames"], "none": ["missing"]}
    assert len(looked_at) == len(reader.clips)
    for clip, name in ((1, "t1"), (2, "t2")):
        (fault,) = check_clip(reader, clip)
        assert fault.path == str(ak_copy / "image" / name)
        assert str(ak_copy) not in fault.text
        assert not fault.text.endswith(".")


def test_a_remote_file_that_cannot_be_fetched_is_unreadable(tiny_ak, monkeypatch):
    def fetch(path):
        raise OSError("the server is gone")

    monkeypatch.setattr(clip_checks, "local_path", fetch)
    images = JpegFrames(train_list(tiny_ak.root), tiny_ak.image)
    videos = VideoFrames(train_list(tiny_ak.root), tiny_ak.video)
    for reader in (images, videos):
        (fault,) = check_clip(reader, 0)
        assert (fault.kind, fault.text) == ("unreadable", "the server is gone")


def test_the_check_before_training_fetches_no_remote_file(tiny_ak, monkeypatch):
    monkeypatch.setattr(paths, "_ask", lambda *arguments: pytest.fail("asked for"))
    train, val = (ClipList.read(tiny_ak.annot / f"{name}.csv") for name in ("train", "val"))
    for kind in (JpegFrames, VideoFrames):
        assert sample_warnings(kind(train, "s3://bucket"), kind(val, "s3://bucket")) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_unreadable(ak_copy):
    (ak_copy / "image" / "t5" / "t5_000001.jpg").chmod(0)
    assert kinds(JpegFrames(train_list(ak_copy), ak_copy / "image")) == {"t5": ["unreadable"]}


def test_labels_out_of_range_are_found_for_each_clip(tiny_ak):
    clips = train_list(tiny_ak.root)
    assert check_labels(clips, tiny_ak.num_classes) == []
    found = {fault.clip: fault.text for fault in check_labels(clips, 3)}
    assert found.keys() == {"t4", "t5", "t6"}
    assert "[4]" in found["t5"]


def test_clips_in_both_lists_are_found(ak_copy):
    train = train_list(ak_copy)
    val = ak_copy / "annot" / "val.csv"
    assert shared_clips(train, ClipList.read(val)) == []
    val.write_text(val.read_text() + 't4 9 0 t4/t4_000001.jpg "3"\n')
    (fault,) = shared_clips(train, ClipList.read(val))
    assert (fault.kind, fault.clip, fault.line) == ("both_splits", "t4", 53)
    assert "train.csv:83" in fault.text


def test_before_training_shared_clips_and_faults_in_a_sample_are_warnings(ak_copy):
    val = ak_copy / "annot" / "val.csv"

    def warnings():
        lists = (train_list(ak_copy), ClipList.read(val))
        return sample_warnings(*(JpegFrames(clips, ak_copy / "image") for clips in lists))

    assert warnings() == []
    (ak_copy / "image" / "t3" / "t3_000020.jpg").write_bytes(b"<html>")
    val.write_text(val.read_text() + 't4 9 0 t4/t4_000001.jpg "3"\n')
    shared, faults, *_ = warnings()
    assert "1 of the 5 clips" in shared
    assert "t4" in shared
    assert "t3" in faults
    assert "web page" in faults


def test_before_training_deep_images_that_become_one_grey_are_pointed_out_once(tmp_path):
    lists = []
    for name in "ab":
        lines = [f'{name} 0 {k} {name}{k}.png "0"\n' for k in range(4)]
        path = tmp_path / f"{name}.csv"
        path.write_text("original_vido_id video_id frame_id path labels\n" + "".join(lines))
        for k in range(4):
            image = np.arange(600, dtype=np.uint16).reshape(20, 30) * (6 if name == "a" else 100)
            cv2.imwrite(str(tmp_path / f"{name}{k}.png"), image)
        lists.append(ClipList.read(path))
    (warning,) = sample_warnings(*(JpegFrames(clips, tmp_path) for clips in lists))
    assert "a.csv: 1 of 1 clips in a sample have faults: a" in warning
    assert "a0.png: its 16-bit values lie in 0..3594" in warning
    assert sample_warnings(*(JpegFrames(clips, tmp_path, (0, 4095)) for clips in lists)) == []


def test_the_check_before_training_does_not_wait_for_a_file_that_hangs(tiny_ak, monkeypatch):
    released, check_clip = threading.Event(), clip_checks.check_clip

    def hang(reader, clip, level):
        if reader.clips.name(clip) == "t3":
            released.wait(60)
        return check_clip(reader, clip, level)

    monkeypatch.setattr(clip_checks, "check_clip", hang)
    lists = (ClipList.read(tiny_ak.annot / f"{name}.csv") for name in ("train", "val"))
    (warning,) = sample_warnings(*(JpegFrames(clips, tiny_ak.image) for clips in lists), seconds=2)
    released.set()
    for words in ("image/t3: clip t3", "within 2 seconds", "DATA.READ_TIMEOUT"):
        assert words in warning
