"""The command extract_frames: its files, a second start, and its errors."""

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList

TOOL = Path(__file__).parents[2] / "tools" / "extract_frames.py"
main = runpy.run_path(str(TOOL))["main"]


@pytest.fixture
def videos(tmp_path, video_tools):
    folder = tmp_path / "video"
    (folder / "day").mkdir(parents=True)
    for file, count in {"a.mp4": 7, "b.MKV": 3, "day/c.avi": 5}.items():
        video_tools.write_video(folder / file, video_tools.moving_square(count, 96, 64, seed=1))
    (folder / "notes.txt").write_text("no video")
    return folder


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))


def test_frame_k_of_the_video_is_image_k(videos, tmp_path, capsys):
    images = tmp_path / "image"
    assert main([str(videos), str(images), "--quality", "100"]) == 0
    summary = "3 clips written (15 frames), 0 existed already, 0 failed\n"
    assert capsys.readouterr().out.endswith(summary)
    assert files(images) == [
        *(f"a/a_{k:06d}.jpg" for k in range(1, 8)),
        *(f"b/b_{k:06d}.jpg" for k in range(1, 4)),
        *(f"day/c/c_{k:06d}.jpg" for k in range(1, 6)),
    ]
    (tmp_path / "list").write_text("a.mp4 0\n")
    frames = VideoFrames(ClipList.read_pairs(tmp_path / "list"), videos).read(0, range(7))
    for k, frame in enumerate(frames, 1):
        image = cv2.imread(str(images / f"a/a_{k:06d}.jpg"))[..., ::-1]
        assert np.abs(image.astype(int) - frame).mean() < 3


def test_a_stopped_extraction_is_completed(videos, tmp_path, capsys):
    images = tmp_path / "image"
    command = [str(videos), str(images), "--workers", "1"]
    assert main(command) == 0
    whole = files(images)
    before = (images / "a/a_000001.jpg").stat().st_mtime_ns
    (images / "b").rename(images / ".b.part")  # as if it had been stopped there
    (images / ".b.part/b_000003.jpg").unlink()
    (images / ".b.part/b_000009.jpg").touch()
    assert main(command) == 0
    assert "1 clips written (3 frames), 2 existed already" in capsys.readouterr().out
    assert files(images) == whole
    assert (images / "a/a_000001.jpg").stat().st_mtime_ns == before
    assert not list(images.rglob("*.part"))


def test_videos_that_fail_are_reported_and_the_others_are_written(videos, tmp_path, capsys):
    (videos / "empty.mp4").touch()
    (videos / "page.mp4").write_text("<html>not found</html>")
    assert main([str(videos), str(tmp_path / "image")]) == 1
    told = capsys.readouterr()
    assert "3 clips written (15 frames), 0 existed already, 2 failed" in told.out
    assert [line.split(": ")[1] for line in told.err.splitlines() if "failed" in line] == [
        str(videos / "empty.mp4"),
        str(videos / "page.mp4"),
    ]
    assert {path.name for path in (tmp_path / "image").iterdir()} == {"a", "b", "day"}


def test_larger_frames_are_scaled_down(videos, tmp_path):
    assert main([str(videos), str(tmp_path / "small"), "--short-side", "32"]) == 0
    assert cv2.imread(str(tmp_path / "small/a/a_000001.jpg")).shape == (32, 48, 3)
    assert main([str(videos), str(tmp_path / "same"), "--short-side", "80"]) == 0
    assert cv2.imread(str(tmp_path / "same/a/a_000001.jpg")).shape == (64, 96, 3)


def test_mistakes_of_a_user_are_errors_with_status_2(videos, tmp_path, capsys):
    image = str(tmp_path / "image")
    (tmp_path / "none").mkdir()
    (tmp_path / "file").touch()
    for command, words in (
        ([str(tmp_path / "none"), image], "there is no video in it"),
        ([str(tmp_path / "nowhere"), image], "there is no such folder"),
        ([str(videos), image, "--quality", "0"], "a quality of 1 to 100"),
        ([str(videos), image, "--workers", "-2"], "--workers -2"),
        ([str(videos), str(tmp_path / "file")], "cannot be written"),
    ):
        assert main(command) == 2
        assert words in capsys.readouterr().err
    (videos / "a.mkv").write_bytes((videos / "a.mp4").read_bytes())
    assert main([str(videos), image]) == 2
    assert "would go to the same folder" in capsys.readouterr().err


def test_ctrl_c_ends_it_with_status_130(videos, tmp_path, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("slowfast.data_tools.extract_frames.every_frame", stop)
    assert main([str(videos), str(tmp_path / "image")]) == 130
    assert capsys.readouterr().err.strip().endswith("interrupted.")
    assert not files(tmp_path / "image")
