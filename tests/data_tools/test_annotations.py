"""Lists from a sheet and from files: a data set reads them, and every missing clip is reported."""

import csv
import shutil

import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.frames.images import JpegFrames
from slowfast.ak.lists.clip_list import ClipList
from slowfast.data_tools.annotations import make_annotations
from tests.data_tools.sheet_cases import rows_of_tiny_ak, write_workbook


@pytest.fixture
def sheet(tmp_path):
    return write_workbook(tmp_path / "AR_metadata.xlsx", rows_of_tiny_ak())


def contents(clips: ClipList) -> list[tuple]:
    def frames(clip):
        return [clips.frame_path(clip, frame) for frame in range(clips.num_frames(clip))]

    return [(clips.name(clip), clips.labels(clip), frames(clip)) for clip in range(len(clips))]


@pytest.mark.parametrize("kind", ["video", "image"])
def test_the_lists_equal_the_original_lists(tiny_ak, sheet, tmp_path, kind):
    out = tmp_path / "new" / "annot"
    made = make_annotations(sheet, getattr(tiny_ak, kind), out, videos=kind == "video")
    assert not made.left_out
    assert not made.not_in_sheet
    for name in ("train.csv", "val.csv"):
        written, original = ClipList.read(out / name), ClipList.read(tiny_ak.annot / name)
        assert contents(written) == contents(original)


def test_clips_without_a_readable_file_are_left_out_and_reported(ak_copy, sheet, tmp_path):
    videos = ak_copy / "video"
    (videos / "t0.mp4").unlink()
    (videos / "t1.mp4").write_bytes((videos / "t1.mp4").read_bytes()[:-1])
    shutil.copy(videos / "t2.mp4", videos / "stranger.mp4")
    (videos / "notes.txt").write_text("no video")
    out = tmp_path / "new"
    made = make_annotations(sheet, videos, out, videos=True)
    assert made.left_out.keys() == {"t0", "t1"}
    assert "breaks off" in made.left_out["t1"]
    assert made.not_in_sheet == ["stranger.mp4"]
    clips = ClipList.read(out / "train.csv")
    assert [clips.name(clip) for clip in range(len(clips))] == ["t2", "t3", "t4", "t5", "t6", "t7"]
    with pytest.raises(UserError, match=r"2 of the 12 clips.*t0"):
        make_annotations(sheet, videos, tmp_path / "strict", videos=True, strict=True)
    assert not (tmp_path / "strict").exists()


def test_frames_with_other_names_are_listed_in_the_order_of_their_numbers(tiny_ak, tmp_path):
    clip = tmp_path / "image" / "my zebra"
    clip.mkdir(parents=True)
    files = [f"frame {number}.JPG" for number in (0, 1, 2, 10, 11, 100)]
    for file in files:
        shutil.copy(tiny_ak.image / "t0" / "t0_000001.jpg", clip / file)
    (clip / "._frame 0.jpg").write_bytes(b"a file of the system")
    (clip / "list.txt").write_bytes(b"not a frame")
    (tmp_path / "clips.csv").write_text("clip,split,labels\nmy zebra,train,3\n")
    made = make_annotations(
        tmp_path / "clips.csv", tmp_path / "image", tmp_path / "annot", videos=False
    )
    assert [path.name for path in made.lists] == ["train.csv"]
    clips = ClipList.read(tmp_path / "annot" / "train.csv")
    assert contents(clips) == [("my zebra", [3], [f"my zebra/{file}" for file in files])]


def test_clips_may_be_in_subfolders(tiny_ak, tmp_path):
    (tmp_path / "video" / "day1").mkdir(parents=True)
    shutil.copy(tiny_ak.video / "t4.mp4", tmp_path / "video" / "day1" / "a.mp4")
    (tmp_path / "clips.csv").write_text("clip,split,labels\nday1/a,val,0\n")
    made = make_annotations(
        tmp_path / "clips.csv", tmp_path / "video", tmp_path / "annot", videos=True
    )
    assert not made.not_in_sheet
    clips = ClipList.read(tmp_path / "annot" / "val.csv")
    assert clips.num_frames(0) == 5
    assert clips.frame_path(0, 4) == "day1/a/a_000005.jpg"


def test_a_light_list_has_one_line_for_each_clip(tiny_ak, sheet, tmp_path):
    make_annotations(sheet, tiny_ak.video, tmp_path / "annot", videos=True, light=True)
    with (tmp_path / "annot" / "train.csv").open(newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    assert rows[:2] == [["video_id", "labels"], ["t0", "0"]]
    assert rows[4] == ["t3", "0,2"]
    assert rows[8] == ["t7", ""]


def test_existing_lists_are_overwritten_with_force_only(tiny_ak, sheet, tmp_path):
    out = tmp_path / "annot"
    out.mkdir()
    (out / "val.csv").write_text("mine")
    with pytest.raises(UserError, match=r"val\.csv: exist already.*--force"):
        make_annotations(sheet, tiny_ak.video, out, videos=True)
    assert (out / "val.csv").read_text() == "mine"
    assert not (out / "train.csv").exists()
    make_annotations(sheet, tiny_ak.video, out, videos=True, force=True)
    assert len(ClipList.read(out / "val.csv")) == 4


def test_nothing_is_written_if_no_clip_has_a_file(tiny_ak, sheet, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(UserError, match="12 of the 12 clips"):
        make_annotations(sheet, tmp_path / "elsewhere", tmp_path / "annot", videos=True)
    with pytest.raises(UserError, match="no such folder"):
        make_annotations(sheet, tmp_path / "nowhere", tmp_path / "annot", videos=True)
    assert not (tmp_path / "annot").exists()
    (tmp_path / "annot").write_text("a file")
    with pytest.raises(UserError, match="cannot be written"):
        make_annotations(sheet, tiny_ak.video, tmp_path / "annot", videos=True)


def test_a_light_list_leaves_out_frames_that_its_reader_would_not_find(ak_copy, sheet, tmp_path):
    images = ak_copy / "image"
    for file in (images / "t1").iterdir():
        file.rename(file.with_suffix(".png"))
    made = make_annotations(sheet, images, tmp_path / "new", videos=False, light=True)
    assert made.left_out.keys() == {"t1"}
    clips = ClipList.read(tmp_path / "new" / "train.csv")
    reader = JpegFrames(clips, images)
    assert all(reader.num_frames(clip) for clip in range(len(clips)))
