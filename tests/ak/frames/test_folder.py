"""If a list has no frames, the files in the folder of a clip are its frames."""

import pickle
import shutil

import numpy as np
import pytest

from slowfast.ak.checks.clips import check_clip
from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.frames import images as jpeg_frames
from slowfast.ak.frames.images import JpegFrames, frame_files
from slowfast.ak.frames.open_reader import open_reader
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.lists.lines import ListForm


def test_frames_are_sorted_by_number_and_other_files_are_skipped(tmp_path):
    frames = ["x_2.jpg", "x_03.JPG", "x_10.jpeg", "x_000011.jpg", "12.jpg", "x 13.jpg"]
    others = ["x.jpg", ".x_1.jpg", "._x_000011.jpg", "x_1.png", "x_1.jpg.part", "x_1 (1).jpg"]
    for name in [*reversed(frames), *others, "Thumbs.db", "x_1.mp4"]:
        (tmp_path / name).touch()
    assert frame_files(str(tmp_path)) == frames


@pytest.fixture
def light(tiny_ak, tmp_path):
    """The full training list of `tiny_ak`, and a reader for a light list of the same clips."""
    full = ClipList.read(tiny_ak.annot / "train.csv")
    lines = [f'{full.name(i)};"{",".join(map(str, full.labels(i)))}"' for i in range(len(full))]
    (tmp_path / "train.csv").write_text("\n".join(["video_id;labels", *lines]))
    shutil.copytree(tiny_ak.image, tmp_path / "image")
    return full, JpegFrames(ClipList.read(tmp_path / "train.csv"), tmp_path / "image")


def test_a_light_list_gives_the_frames_of_the_full_one(light, tiny_ak):
    full, reader = light
    expected = JpegFrames(full, tiny_ak.image)
    reader.check()
    for found in (reader, pickle.loads(pickle.dumps(reader))):
        for clip in range(len(full)):
            last = full.num_frames(clip) - 1
            assert found.num_frames(clip) == last + 1
            assert (found.read(clip, [last, 0]) == expected.read(clip, [last, 0])).all()


def test_a_light_list_gives_the_items_of_the_full_one(light, cfg, tmp_path):
    full = Ak(cfg, "train")
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    data = Ak(cfg, "train")
    assert (data.label_matrix() == full.label_matrix()).all()
    for key in ((0, 1), (3, 6)):
        one, other = full[key], data[key]
        assert (one[0][0] == other[0][0]).all()
        assert (one[1] == other[1]).all()


def test_a_folder_is_listed_once_for_a_clip(light, monkeypatch):
    _, reader = light
    listed = []
    frames = jpeg_frames.frame_files
    monkeypatch.setattr(
        jpeg_frames, "frame_files", lambda path: listed.append(path) or frames(path)
    )
    reader.num_frames(1)
    reader.read(1, np.arange(10))
    reader.num_frames(2)
    assert len(listed) == 2


def test_a_list_can_state_the_number_of_frames_of_a_folder(light, tmp_path):
    """As MMAction2's lists of folders. Files of optical flow beside the frames are left out."""
    full, _ = light
    (tmp_path / "image/t0/flow_x_00001.jpg").touch()
    (tmp_path / "folders.csv").write_text("t0 12 1\nt1 24 0\nt2 18 2\n")
    folder = str(tmp_path / "image")
    clips = ClipList.read(tmp_path / "folders.csv", form=ListForm(" "), folder=folder)
    reader = open_reader(clips, "video", folder, "no videos")
    assert [reader.num_frames(clip) for clip in range(3)] == [12, 24, 18]
    every = range(12)
    assert (reader.read(0, every) == JpegFrames(full, tmp_path / "image").read(0, every)).all()
    with pytest.raises(BadClip, match=r"frame 18 of clip t2: its folder has 17 frames"):
        reader.read(2, [17])
    faults = [fault for clip in range(3) for fault in check_clip(reader, clip, "names")]
    assert [(fault.clip, fault.kind) for fault in faults] == [
        ("t0", "frame_count"),
        ("t2", "frame_count"),
    ]


def test_a_missing_folder_or_one_without_frames_is_a_bad_clip(light, tmp_path):
    _, reader = light
    for path in (tmp_path / "image/t1").iterdir():
        path.rename(path.with_suffix(".txt"))
    shutil.rmtree(tmp_path / "image/t2")
    for clip, says in ((1, "is a frame"), (2, "No such file")):
        with pytest.raises(BadClip, match=rf"image/t{clip}: cannot read .*clip t{clip}: .*{says}"):
            reader.num_frames(clip)
    assert reader.missing(1) is None  # only folders are looked for
    with pytest.raises(UserError, match=r"train.csv:4: clip t2: there is no file .*/t2/\*\.jpg"):
        reader.check()
