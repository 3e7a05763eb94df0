"""From a table to segments: every mistake is reported with its line before anything is cut."""

import re

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools import cut_table
from slowfast.data_tools.cut_table import SegmentOptions, VideoFacts
from slowfast.data_tools.events import Place, ReadOptions
from slowfast.data_tools.segments.segment import Segment, split_segment

HEADER = "video,start,end,split,labels"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Plans the segments of a table, written as text; every video is there and 10 s long."""

    def do(text, videos=("a.mp4",), name="t.csv", reading=None, seconds=10.0, **options):
        path = tmp_path / "tables" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for video in videos:
            (tmp_path / "videos" / video).parent.mkdir(exist_ok=True, parents=True)
            (tmp_path / "videos" / video).touch()
        stamps = np.arange(int(25 * seconds)) / 25
        monkeypatch.setattr(cut_table, "probe", lambda path: VideoFacts(seconds, 25, 1, stamps))
        return cut_table.plan_segments(
            path, tmp_path / "videos", reading or ReadOptions(), SegmentOptions(**options)
        )

    return do


def times(found):
    return [(s.video, s.start, s.end, s.split, s.labels) for s in found.segments]


def segment(start, end, video="a.mp4"):
    return Segment(Place("t.csv", 2), video, start, end, "train", ("x",))


def test_rows_become_segments(plan):
    found = plan(
        f'{HEADER}\na.mp4,0,1.5,train,fly; two flies\nb.avi,2,3,val,"fly,fly"\nc.mov,0,1,val,\n',
        videos=("a.mp4", "b.avi", "c.mov"),
    )
    assert times(found) == [
        ("a.mp4", 0.0, 1.5, "train", ("fly", "two flies")),
        ("b.avi", 2.0, 3.0, "val", ("fly",)),
        ("c.mov", 0.0, 1.0, "val", ()),
    ]
    assert plan("\ufeff" + f"{HEADER}\na.mp4,0,1,train,x").segments[0].video == "a.mp4"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.mp4,0,1,train,fly,mouse", r"t.csv:2: the number of fields is not 5.*quotes"),
        ("a.mp4,0,1,train", r"t.csv:2: the number of fields is not 5"),
        ("a.mp4,0:99,1,train,x", r"t.csv:2: start '0:99': minutes and seconds .* up to 59"),
        ("a.mp4,0,nan,train,x", r"end 'nan': expected seconds"),
        ("a.mp4,-1,2,train,x", r"start '-1': expected seconds"),
        ("a.mp4,0,01/02/2026 10:00,train,x", r"end .* is a date"),
        ("a.mp4,2,1,train,x", r"end 1: expected more than the start, 2"),
        ("a.mp4,2,2,train,x", r"x is a point event at 2 s, without a length; --point-length"),
        ("a.mp4,0,1,both,x", r"split 'both': expected train, val or test"),
        (",0,1,train,x", r"video is empty"),
        ('a.mp4,0,1,train,"a, b;c"', r"labels 'a, b;c': has semicolons and commas"),
        ("a.mp4,0,11,train,x", r"t.csv:2: 0 to 11 s, but a.mp4 is 10.00 s long"),
        ("a.mp4,10.2,10.3,train,x", r"10.2 to 10.3 s, but a.mp4 is 10.00 s long$"),
        ("a.mp4,250,300,train,x", r"250 to 300 s, but a.mp4 .*long; if .*give --time-unit"),
        ("a.mp4,0,2,train,x\na.mp4,1,3,val,x", r"t.csv:3: overlaps line 2, which is in train"),
        ("a.mp4,0,2,test,x\na.mp4,1,3,val,x", r"t.csv:3: overlaps line 2, which is in test"),
        (
            "a.mp4,0,2,train,x\na.mp4,4,6,val,x\na.mp4,0,2,train,x",
            r"t.csv:4: is the same segment of a.mp4 as line 2",
        ),
        ("a.mp4,0,1,train,Fly\na.mp4,1,2,train,fly", r"t.csv:3: label 'fly' is spelled 'Fly'"),
    ],
)
def test_a_wrong_row_is_reported_with_its_line(plan, row, message):
    with pytest.raises(UserError, match=message):
        plan(f"{HEADER}\n{row}\n")


def test_one_error_lists_up_to_twenty_mistakes_of_all_kinds_in_the_order_of_lines(plan):
    rows = ["none.mp4,0,1,train,x", "a.mp4,0,99,val,x", "a.mp4,3,3,train,x", "none.mp4,1,2,val,x"]
    with pytest.raises(UserError) as raised:
        plan("\n".join([HEADER, *rows, *["a.mp4,2,1,train,x"] * 47]))
    lines = str(raised.value).splitlines()
    assert re.search(r"t.csv:2: \S*none.mp4: no such file.*\(2 events\)", lines[0])
    assert re.search("t.csv:3: 0 to 99 s", lines[1])
    assert re.search("t.csv:4: .*point event", lines[2])
    assert lines[-1] == "... and 30 more"


def test_mistakes_can_be_left_out_and_are_listed(plan):
    found = plan(f"{HEADER}\na.mp4,0,1,train,x\na.mp4,0,99,val,x\n", skip_mistakes=True)
    assert len(found.segments) == 1
    assert any("t.csv:3: 0 to 99 s" in note for note in found.notes)
    with pytest.raises(UserError, match="nothing is left to cut"):
        plan(f"{HEADER}\na.mp4,0,99,val,x\n", skip_mistakes=True)


def test_a_file_that_is_not_such_a_table_is_refused(plan, tmp_path):
    with pytest.raises(UserError, match=r"t.csv:1: found the columns video, from; expected"):
        plan("video,from\n")
    with pytest.raises(UserError, match="no rows"):
        plan(HEADER)
    with pytest.raises(UserError, match=r"none.csv: cannot be read"):
        cut_table.plan_segments(tmp_path / "none.csv", tmp_path)


def test_two_videos_whose_clips_would_have_the_same_names_are_reported(plan):
    rows = "a.mp4,0,2,train,x\na.avi,0,1,val,x"
    with pytest.raises(UserError, match=r"t.csv:3: clips of a.avi and a.mp4"):
        plan(f"{HEADER}\n{rows}\n", videos=("a.mp4", "a.avi"))


def test_segments_of_one_split_and_the_same_labels_may_overlap(plan):
    rows = "a.mp4,0,2,train,x\na.mp4,1,3,train,x\na.mp4,3,10.2,val,x"
    found = plan(f"{HEADER}\n{rows}\n")
    assert [row[1:3] for row in times(found)] == [(0, 2), (1, 3), (3, 10)]


def test_rows_that_overlap_with_other_labels_become_stretches(plan):
    text = f"{HEADER}\na.mp4,1,5,train,walking\na.mp4,3,4,train,sniffing\na.mp4,6,7,val,walking\n"
    found = plan(text)
    assert [row[1:3] + row[4:] for row in times(found)] == [
        (1, 3, ("walking",)),
        (3, 4, ("sniffing", "walking")),
        (4, 5, ("walking",)),
        (6, 7, ("walking",)),
    ]
    assert any("line 3" in note and "--rows clips" in note for note in found.notes)
    assert len(plan(text, rows="clips").segments) == 3


def test_events_of_one_class_that_touch_or_overlap_are_one_stretch(plan):
    text = (
        "file,onset,offset,behaviour,animal\n"
        "a.mp4,0,2,walking,A\na.mp4,2,3,walking,A\na.mp4,2.5,4,walking,B\na.mp4,6,7,walking,B\n"
    )
    found = plan(text, val_share=0)
    assert [row[1:3] for row in times(found)] == [(0, 4), (6, 7)]
    assert any("2 subjects (A, B)" in note for note in found.notes)
    assert [row[1:3] for row in times(plan(text, subjects=("B",), val_share=0))] == [
        (2.5, 4),
        (6, 7),
    ]
    with pytest.raises(UserError, match=r"--subject b: .* it has A, B; did you mean B"):
        plan(text, subjects=("b",))


def test_the_time_without_events_can_be_a_class(plan):
    text = f"{HEADER}\na.mp4,1,2,train,x\na.mp4,3,4,train,x\na.mp4,6,7,val,x\n"
    found = plan(text, background="nothing")
    rest = [row[1:4] for row in times(found) if row[4] == ("nothing",)]
    # The time between training and validation is on no side.
    assert sorted(rest) == [(0, 1, "train"), (2, 3, "train"), (7, 10, "val")]


def test_a_stretch_shorter_than_a_frame_is_left_out(plan):
    text = "video,start,stop,class\na.mp4,1,2.01,x\na.mp4,2,3,y\na.mp4,4,4.5,x\n"
    found = plan(text, val_share=0)
    assert [row[1:3] for row in times(found)] == [(1, 2), (2.01, 3), (4, 4.5)]
    assert any("1 stretch shorter than a frame left out" in note for note in found.notes)
    assert len(plan(text, val_share=0, min_seconds=0.7).segments) == 2


def test_points_get_the_length_that_the_user_gives(plan):
    text = "video,start,stop,class\na.mp4,1,1,peck\na.mp4,9.8,9.8,peck\na.mp4,4,5,walk\n"
    found = plan(text, point_length=0.5, val_share=0)
    assert [row[1:3] for row in times(found)] == [(1, 1.5), (9.8, 10), (4, 5)]
    assert [row[1:3] for row in times(plan(text, point_length=0, val_share=0))] == [(4, 5)]


@pytest.mark.parametrize("name", ["Training", "TRAIN", "train"])
def test_splits_have_their_usual_names(plan, name):
    rows = f"a.mp4,0,1,{name},x\na.mp4,2,3,Validation,x\na.mp4,4,5,TEST,x"
    assert [row[3] for row in times(plan(f"{HEADER}\n{rows}\n"))] == ["train", "val", "test"]


def test_a_test_split_without_validation_is_the_validation_list(plan):
    found = plan(f"{HEADER}\na.mp4,0,1,train,x\na.mp4,2,3,test,x\n")
    assert [row[3] for row in times(found)] == ["train", "val"]
    assert any("no validation" in note for note in found.notes)


def test_without_splits_whole_videos_are_held_out(plan):
    videos = [f"v{n}.mp4" for n in range(10)]
    rows = [
        f"{v},{s},{s + 1},{'rare' if n in (3, 7) else 'x'}"
        for n, v in enumerate(videos)
        for s in (0, 4)
    ]
    text = "\n".join(["video,start,end,labels", *rows])
    found = plan(text, videos=videos)
    sides = {video: {row[3] for row in times(found) if row[0] == video} for video in videos}
    assert all(len(side) == 1 for side in sides.values())
    assert sum(side == {"val"} for side in sides.values()) == 2
    # A class of two videos is on both sides.
    assert sides["v3.mp4"] != sides["v7.mp4"]
    assert any("2 of 10 videos" in note and "--val-share" in note for note in found.notes)
    assert times(plan(text, videos=videos)) == times(found)
    assert {row[3] for row in times(plan(text, videos=videos, val_share=0))} == {"train"}


def test_without_splits_the_end_of_a_single_video_is_held_out(plan):
    rows = [f"a.mp4,{s},{s + 0.6},x" for s in range(9)] + ["a.mp4,8.2,9.4,x"]
    found = plan("\n".join(["video,start,end,labels", *rows]))
    held = [row[1] for row in times(found) if row[3] == "val"]
    assert held == [8, 8.2]  # they overlap, and stay together
    # A gap is preferred to a cut through a bout.
    rows = ["a.mp4,0,4,x", "a.mp4,6,9,y", "a.mp4,8,9.5,z"]
    found = plan("\n".join(["video,start,end,class", *rows]))
    assert [row[1] for row in times(found) if row[3] == "val"] == [6, 8, 9]
    found = plan("video,start,end,labels\na.mp4,1,2,x\n")
    assert [row[3] for row in times(found)] == ["train"]
    assert any("nothing can be held out" in note for note in found.notes)


def test_missing_videos_and_other_files_are_reported(tmp_path):
    (tmp_path / "a.mp4").write_text("not a video")
    (tmp_path / "d.mp4").mkdir()
    table = tmp_path / "t.csv"
    table.write_text(
        f"{HEADER}\na.mp4,0,1,train,x\nb.mp4,0,1,train,x\nd.mp4,0,1,val,x\n", encoding="utf-8"
    )
    with pytest.raises(UserError) as raised:
        cut_table.plan_segments(table, tmp_path)
    assert re.search(r"t.csv:2: \S*a.mp4: cannot be opened as a video", str(raised.value))
    assert re.search(r"t.csv:3: \S*b.mp4: no such file", str(raised.value))
    assert re.search(r"t.csv:4: \S*d.mp4: no such file", str(raised.value))


def test_frame_numbers_become_times_by_the_frames_of_the_video(plan):
    text = "video,start_frame,end_frame,label\na.mp4,25,50,x\na.mp4,100,125,x\n"
    assert [row[1:3] for row in times(plan(text))] == [(1, 2), (4, 5)]
    rate = ReadOptions(frame_rate=50.0)
    assert [row[1:3] for row in times(plan(text, reading=rate))] == [(0.5, 1), (2, 2.5)]
    with pytest.raises(UserError, match=r"t.csv:2: frames 25 to 900, but a.mp4 has 250 frames"):
        plan("video,start_frame,end_frame,label\na.mp4,25,900,x\n")


def test_names_of_clips_are_safe_file_names():
    assert segment(1.5, 12, video="My clips/Fly (1).mp4").name == "My_clips_Fly_1_001500-012000"
    assert segment(0, 1, video="übung.mp4").name == "bung_000000-001000"
    assert segment(0, 1, video="猫.mp4").name == "video_000000-001000"


def test_a_segment_is_divided_into_equal_pieces_up_to_the_end_of_the_video():
    pieces = split_segment(segment(3, 10.2), 10.0, 3)
    assert [(p.start, p.end) for p in pieces] == [(3, 6.5), (6.5, 10)]
    assert split_segment(segment(3, 10.2), 10.0, 0)[0].end == 10


def test_names_of_two_folders_are_not_taken_for_one_video(plan):
    """The table names two videos, and the folder has one of them only."""
    rows = "day1/a.mp4,0,1,train,x\nday2/a.mp4,0,1,val,x"
    with pytest.raises(UserError, match=r"t.csv:3: day2/a.mp4 and day1/a.mp4 can be different"):
        plan(f"{HEADER}\n{rows}\n")


def test_the_observation_stands_for_a_video_that_is_not_named(plan):
    text = "Observation id,start,stop,behavior\na,1,2,x\na,3,4,x\n"
    assert {row[0] for row in times(plan(text))} == {"a.mp4"}


def test_labels_of_frames_must_be_those_of_the_video(plan):
    """DeepEthogram has one row for each frame; frames that nobody labelled are not background."""
    lines = [f"{n},{int(n < 100)},{int(n >= 100)}" for n in range(200)]
    lines += [f"{n},-1,-1" for n in range(200, 250)]
    text = ",background,walk\n" + "\n".join(lines)
    found = plan(text, name="a_labels.csv", background="background", val_share=0)
    assert [row[1:3] + row[4:] for row in times(found)] == [
        (4, 8, ("walk",)),
        (0, 4, ("background",)),
    ]
    with pytest.raises(UserError, match=r"has labels of 250 frames, but a.mp4 has 200"):
        plan(text, name="a_labels.csv", seconds=8.0)


def test_a_length_of_several_files_is_noticed_in_an_older_table_of_boris(plan):
    names = "Observation id,Media file,Total length,Behavior,Behavior type,Start (s),Stop (s)"
    with pytest.raises(UserError, match=r"states a length of 20 s for a.mp4, which is 10.00 s"):
        plan(f"{names}\no,a.mp4,20,x,STATE,1,2\n")
    assert len(plan(f"{names}\no,a.mp4,10.2,x,STATE,1,2\n").segments) == 1


def test_whole_videos_are_segments(plan):
    reading = ReadOptions(whole_videos=True)
    found = plan("video,label\na.mp4,x\na.mp4,y\n", reading=reading, val_share=0)
    assert times(found) == [("a.mp4", 0, 10, "train", ("x", "y"))]


def test_modifiers_can_be_part_of_the_class(plan):
    header = "Observation id\tSource\tMedia duration (s)\tBehavior\tModifiers\tBehavior type"
    rows = [
        f"o\tplayer #1:a.mp4\t10.000\twalk\t{modifiers}\tSTATE\t{start}\t{start + 1}"
        for start, modifiers in ((1, "slow|None"), (4, "None|left"), (6, ""))
    ]
    text = "\n".join([f"{header}\tStart (s)\tStop (s)", *rows])
    found = plan(text, modifiers=True, val_share=0)
    assert [row[4] for row in times(found)] == [("walk|slow",), ("walk|left",), ("walk",)]
    assert {row[4] for row in times(plan(text, val_share=0))} == {("walk",)}


def test_files_in_which_an_event_goes_on_stay_on_one_side(plan):
    """a and b were played in a row, and so were c and d; one event goes on from a to b."""
    header = "Observation id\tSource\tMedia duration (s)\tBehavior\tBehavior type"
    rows = [
        f"{a}\tplayer #1:{a}.mp4;{b}.mp4\t10.000;10.000\twalk\tSTATE\t{start}\t{stop}"
        for a, b, start, stop in (("a", "b", 1, 2), ("a", "b", 8, 13), ("c", "d", 1, 2),
                                  ("c", "d", 12, 13))
    ]  # fmt: skip
    videos = [f"{name}.mp4" for name in "abcd"]
    found = plan("\n".join([f"{header}\tStart (s)\tStop (s)", *rows]), videos=videos)
    sides = {video: {row[3] for row in times(found) if row[0] == video} for video in videos}
    assert sides["a.mp4"] == sides["b.mp4"] == {"train"}
    assert {"val"} in (sides["c.mp4"], sides["d.mp4"])
    found = plan("\n".join([f"{header}\tStart (s)\tStop (s)", *rows[:2]]), videos=videos)
    assert [row[:2] + row[3:4] for row in times(found)] == [
        ("a.mp4", 1, "train"), ("a.mp4", 8, "val"), ("b.mp4", 0, "val"),
    ]  # fmt: skip
