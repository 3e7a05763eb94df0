"""Corrections of a prediction beside the segments of an earlier data set."""

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools import cut_table
from slowfast.data_tools.cut_table import SegmentOptions, VideoFacts

TABLE = "video,start,end,split,labels\n"
BOUTS = "video,subject,class,start_s,stop_s,first_frame,last_frame,mean_score,peak_score,review\n"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Plans the segments of a table and of corrections, of videos that are 20 s long."""
    for name in ("a.mp4", "b.mp4", "new.mp4"):
        (tmp_path / "videos").mkdir(exist_ok=True)
        (tmp_path / "videos" / name).touch()
    stamps = np.arange(500) / 25
    monkeypatch.setattr(cut_table, "probe", lambda path: VideoFacts(20.0, 25, 1, stamps))

    def plan(table, corrections, **options):
        (tmp_path / "table.csv").write_text(TABLE + table)
        folder = tmp_path / "predictions" / "corrections"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "new.csv").write_text(BOUTS + corrections)
        return cut_table.plan_segments(
            tmp_path / "table.csv",
            tmp_path / "videos",
            options=SegmentOptions(**options),
            corrections=folder.parent,
        )

    return plan


def times(found):
    return sorted((s.video, s.start, s.end, s.split, s.labels) for s in found.segments)


def test_checked_times_become_training_segments_with_all_their_classes(plan):
    found = plan(
        "a.mp4,0,5,train,run;jump\na.mp4,6,9,val,run\n",
        "new.mp4,,run,2,6,50,149,,,accepted\n"
        "new.mp4,,jump,4,8,100,199,,,added\n"
        "new.mp4,,,0,10,0,249,,,checked\n",
    )
    assert times(found) == [
        ("a.mp4", 0, 5, "train", ("run", "jump")),
        ("a.mp4", 6, 9, "val", ("run",)),
        ("new.mp4", 0, 2, "train", ()),
        ("new.mp4", 2, 4, "train", ("run",)),
        ("new.mp4", 4, 6, "train", ("jump", "run")),
        ("new.mp4", 6, 8, "train", ("jump",)),
        ("new.mp4", 8, 10, "train", ()),
    ]
    assert "new.mp4" in found.facts


def test_bouts_that_nobody_has_looked_at_count_in_checked_times_only(plan):
    found = plan(
        "a.mp4,0,5,train,run;jump\na.mp4,6,9,val,run\n",
        "new.mp4,,run,2,12,50,299,0.5,0.6,\n"  # left as it is
        "new.mp4,,,3,5,75,124,,,checked\n"
        "new.mp4,,,4,6,100,149,,,checked\n"
        "new.mp4,,jump,11,15,275,374,,,added\n"
        "new.mp4,,jump,18,19,450,474,0.5,0.5,\n",
    )
    assert times(found)[2:] == [
        ("new.mp4", 3, 6, "train", ("run",)),
        ("new.mp4", 12, 15, "train", ("jump",)),
    ]
    assert any("9.0 s of predicted bouts that nobody has looked at" in n for n in found.notes)


def test_validation_stays_as_it_was_and_training_is_replaced(plan):
    found = plan(
        "a.mp4,0,5,train,run;jump\na.mp4,6,9,val,run\nb.mp4,0,5,val,jump\n",
        "a.mp4,,jump,4,7,100,174,,,moved\na.mp4,,,4,8,100,199,,,checked\n"
        "b.mp4,,run,10,12,250,299,,,added\nb.mp4,,,10,12,250,299,,,checked\n",
    )
    assert times(found) == [
        ("a.mp4", 0, 4, "train", ("run", "jump")),
        ("a.mp4", 4, 6, "train", ("jump",)),
        ("a.mp4", 6, 9, "val", ("run",)),
        ("b.mp4", 0, 5, "val", ("jump",)),
    ]
    notes = "\n".join(found.notes)
    assert "1.0 s of earlier training segments are replaced" in notes
    assert "4.0 s are left out, because the same time, or the whole video" in notes


def test_clips_of_one_class_stay_so(plan):
    table = "a.mp4,0,5,train,run\na.mp4,6,9,val,run\n"
    corrected = "new.mp4,,run,2,6,50,149,,,accepted\nnew.mp4,,,0,10,0,249,,,checked\n"
    assert times(plan(table, corrected))[2:] == [("new.mp4", 2, 6, "train", ("run",))]
    named = plan(table, corrected, background="other")
    assert [s[4] for s in times(named) if s[0] == "new.mp4"] == [("other",), ("run",), ("other",)]


def test_videos_of_corrections_can_be_elsewhere(plan, tmp_path, monkeypatch):
    """They are taken from the path of the prediction, even if the folder has one of their name."""
    table = "a.mp4,0,5,train,run\na.mp4,6,9,val,run\n"
    row = "{},,run,2,6,50,149,,,accepted\n"
    monkeypatch.chdir(tmp_path)
    for path in ("films/later.mp4", "films/a.mp4"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
        outside = str(tmp_path / path)
        for name in (path, outside):
            assert times(plan(table, row.format(name)))[0][:3] == (outside, 2, 6)
    inside = [row.format(name) for name in ("videos/new.mp4", tmp_path / "videos" / "new.mp4")]
    for rows in inside:
        assert times(plan(table, rows))[2][:3] == ("new.mp4", 2, 6)
    moved = row.format("/other/computer/new.mp4")  # found by its name
    assert times(plan(table, moved))[2][:3] == ("new.mp4", 2, 6)
    with pytest.raises(UserError, match="start the command in the folder in which tools/predict"):
        plan(table, row.format("films/gone.mp4"))


def test_videos_whose_clips_would_have_the_same_names_are_refused(plan, tmp_path):
    (tmp_path / "b.mp4").touch()
    twin = f"{tmp_path}/b.mp4".strip("/").replace("/", "_")  # as clips of this video are named
    (tmp_path / "videos").mkdir(exist_ok=True)
    (tmp_path / "videos" / twin).touch()
    table = f"{twin},0,5,train,run\n{twin},6,9,val,run\n"
    with pytest.raises(UserError, match=f"clips of {tmp_path}/b.mp4 and {twin} would have"):
        plan(table, f"{tmp_path}/b.mp4,,run,2,6,50,149,,,accepted\n")


def test_corrections_with_splits_and_a_prediction_without_corrections_are_refused(plan, tmp_path):
    table = "a.mp4,0,5,train,run\na.mp4,6,9,val,run\n"
    plan(table, "new.mp4,,run,2,6,50,149,,,accepted\n")
    other = tmp_path / "other.csv"
    other.write_text(TABLE + table)
    with pytest.raises(UserError, match="corrections are for training"):
        cut_table.plan_segments(tmp_path / "table.csv", tmp_path / "videos", corrections=other)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "windows.csv").touch()
    with pytest.raises(UserError, match="prediction without corrections"):
        cut_table.plan_segments(
            tmp_path / "table.csv", tmp_path / "videos", corrections=tmp_path / "out"
        )
