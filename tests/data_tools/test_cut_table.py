"""The table of segments: every mistake is reported with its line before anything is cut."""

import re

import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools import cut_table
from slowfast.data_tools.cut_table import Segment, VideoFacts

HEADER = "video,start,end,split,labels"


@pytest.fixture
def read(tmp_path):
    def do(text):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return cut_table.read_table(path)

    return do


def segment(start, end, split="train", video="a.mp4", line=2, labels=("x",)):
    return Segment(line, video, start, end, split, labels)


def test_rows_are_read(read):
    rows = read(
        f'{HEADER}\na.mp4,0,1.5,train,fly; two flies\nb.avi,2,3,val,"fly,fly"\nc.mov,0,1,val,\n'
    )
    assert rows[0] == Segment(2, "a.mp4", 0.0, 1.5, "train", ("fly", "two flies"))
    assert [row.labels for row in rows[1:]] == [("fly",), ()]
    assert read("\ufeff" + f"{HEADER}\na.mp4,0,1,train,x")[0].video == "a.mp4"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.mp4,0,1,train,fly,mouse", r"table.csv:2: the number of fields is not 5.*quotes"),
        ("a.mp4,0:10,1,train,x", r"table.csv:2: start '0:10': expected seconds"),
        ("a.mp4,0,nan,train,x", r"end 'nan': expected seconds"),
        ("a.mp4,2,1,train,x", r"end 1: expected more than the start, 2"),
        ("a.mp4,0,1,test,x", r"split 'test': expected train or val"),
        (",0,1,train,x", r"video is empty"),
    ],
)
def test_a_wrong_row_is_reported_with_its_line(read, row, message):
    with pytest.raises(UserError, match=message):
        read(f"{HEADER}\n{row}\n")


def test_one_error_lists_up_to_twenty_mistakes(read):
    with pytest.raises(UserError) as raised:
        read(HEADER + "\na.mp4,2,1,train,x" * 50)
    lines = str(raised.value).splitlines()
    assert re.search("table.csv:2:", lines[0])
    assert lines[-1] == "... and 30 more"


def test_a_file_that_is_not_such_a_table_is_refused(read, tmp_path):
    with pytest.raises(UserError, match=r"table.csv:1: found the columns video, from; expected"):
        read("video,from\n")
    with pytest.raises(UserError, match="no rows"):
        read(HEADER)
    with pytest.raises(UserError, match="cannot be read"):
        cut_table.read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ([segment(0, 11)], r"t.csv:2: 0 to 11 s, but a.mp4 is 10.00 s long"),
        ([segment(10, 10.3)], r"10 to 10.3 s, but a.mp4 is 10.00 s long"),
        (
            [segment(0, 2), segment(1, 3, "val", line=3)],
            r"t.csv:3: overlaps line 2, which is in train",
        ),
        (
            [segment(0, 2), segment(0, 2, line=5)],
            r"t.csv:5: is the same segment of a.mp4 as line 2",
        ),
        ([segment(0, 2), segment(0, 1, "val", "a.avi", 4)], r"t.csv:4: clips of a.avi and a.mp4"),
        (
            [segment(0, 1, labels=("Fly",)), segment(1, 2, labels=("fly",), line=3)],
            r"t.csv:3: label 'fly' is spelled 'Fly' in an earlier row",
        ),
    ],
)
def test_rows_are_checked_against_videos_and_each_other(monkeypatch, tmp_path, segments, message):
    monkeypatch.setattr(cut_table, "probe", lambda path: VideoFacts(10.0, 25))
    with pytest.raises(UserError, match=message):
        cut_table.check_videos(tmp_path / "t.csv", tmp_path, segments)


def test_segments_of_one_split_may_overlap(monkeypatch, tmp_path):
    monkeypatch.setattr(cut_table, "probe", lambda path: VideoFacts(10.0, 25))
    rows = [segment(0, 2), segment(1, 3), segment(3, 10.2, "val")]
    facts = cut_table.check_videos(tmp_path / "t.csv", tmp_path, rows)
    assert facts["a.mp4"].seconds == 10
    assert cut_table.split_segment(rows[2], 10.0, 0)[0].end == 10


def test_missing_videos_and_other_files_are_reported(tmp_path):
    (tmp_path / "a.mp4").write_text("not a video")
    (tmp_path / "d.mp4").mkdir()
    rows = [segment(0, 1), segment(0, 1, video="b.mp4", line=3), segment(0, 1, video="d.mp4")]
    with pytest.raises(UserError) as raised:
        cut_table.check_videos(tmp_path / "t.csv", tmp_path, rows)
    assert re.search(r"t.csv:2: \S*a.mp4: cannot be opened as a video", str(raised.value))
    assert re.search(r"t.csv:3: \S*b.mp4: no such file", str(raised.value))


def test_names_of_clips_are_safe_file_names():
    assert segment(1.5, 12, video="My clips/Fly (1).mp4").name == "My_clips_Fly_1_001500-012000"
    assert segment(0, 1, video="übung.mp4").name == "bung_000000-001000"
    assert segment(0, 1, video="猫.mp4").name == "video_000000-001000"
