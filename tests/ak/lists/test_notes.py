"""What is seldom meant in a list is said, and a list without labels is not trained with."""

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.lists.lines import ListForm
from slowfast.ak.lists.notes import check_has_labels, list_notes, notes_on_classes

HEADER = "original_vido_id video_id frame_id path labels\n"


@pytest.fixture
def notes(tmp_path):
    """Returns the notes on a list of a text."""

    def of(text: str, num_classes=None, clip_label: str = "", split="train", **form) -> list[str]:
        path = tmp_path / "train.csv"
        path.write_text(text)
        separator = None if text.startswith("original") else " "
        clips = ClipList.read(path, None, ListForm(separator, **form))
        return list_notes(clips, num_classes, clip_label, split)

    return of


def test_a_usual_list_needs_no_note(notes):
    assert notes("a/x.mp4 0\na/y.mp4 3\n", 5) == []
    lines = [f'c {k} {k} c/{k}.jpg "{k % 2}"\n' for k in range(4)]
    assert notes(HEADER + "".join(lines), 2) == []


def test_a_class_0_that_is_not_used_is_pointed_out(notes, tmp_path):
    (note,) = notes("a/x.avi 1\na/y.avi 3\n", 101)
    assert (
        "the lowest label is 1; no clip has label 0. Labels are taken as classes of 0..100" in note
    )
    assert "If the list counts from 1, set AK.FIRST_LABEL 1." in note
    assert notes("a/x.avi 1\na/y.avi 3\n", 101, first_label=1) == []
    (tmp_path / "classInd.txt").write_text("1 ApplyEyeMakeup\n")
    assert "classInd.txt beside the list counts classes from 1" in notes("a/x.avi 1\n", 101)[0]
    columns = {"columns": ("behavior", "animal")}
    (note,) = notes("x.mp4 0 1\ny.mp4 2 4\n", {"behavior": 3, "animal": 5}, **columns)
    assert "the lowest animal is 1; no clip has animal 0" in note
    assert "MODEL.NUM_CLASSES_ANIMAL 5" in note


def test_a_split_file_of_hmdb_is_recognised(notes):
    (note,) = notes("x.avi 1 \ny.avi 2 \nz.avi 0 \n", 51)
    assert "its labels are only 0, 1, 2 of 51 classes" in note
    assert "1 there means training" in note


def test_repeats_are_counted(notes):
    (note,) = notes("x.mp4 0\nx.mp4 0\ny.mp4 1\nx.mp4 0\n", 2)
    assert "lines that repeat a clip: 2; x.mp4 has 3 lines" in note
    assert "4 draws of 2 clips" in note
    (note,) = notes("x.mp4 0\nx.mp4 0\ny.mp4 1\n", 2, split="val")
    assert "Each clip counts once." in note
    clip = [f'c 0 {k} c/{k + 1}.jpg "0"\n' for k in range(3)]
    (note,) = notes(HEADER + "".join(clip * 2), 1)
    assert "1 of 1 clips list a frame more than once (c)" in note


def test_clips_that_change_their_class_are_pointed_out(notes):
    lines = [
        f"{clip} 0 {k} {clip}/{k}.jpg {k // 3}\n"
        for clip in "ab"
        for k in range(2 + 2 * (clip == "b"))
    ]
    assert notes(HEADER + "".join(lines), 2) == []
    (note,) = notes(HEADER + "".join(lines), 2, clip_label="majority")
    assert "the class changes within 1 of 2 clips (b)" in note
    assert "AK.CLIP_LABEL majority" in note


def test_a_list_without_labels_is_not_trained_with(notes, tmp_path):
    assert notes(HEADER + 'c 0 0 c/1.jpg ""\n') == [f"{tmp_path}/train.csv: no clip has a label."]
    clips = ClipList.read(tmp_path / "train.csv")
    with pytest.raises(
        UserError, match=r"none of its 1 clips has a label.*AVA and Something-Somet"
    ):
        check_has_labels(clips)


def test_classes_without_training_clips_are_counted_in_one_line(tmp_path):
    def read(name, text, columns=()):
        (tmp_path / name).write_text(text)
        return ClipList.read(tmp_path / name, None, ListForm(" ", columns=columns))

    train, val = read("train.csv", "x.mp4 0\ny.mp4 2\n"), read("val.csv", "z.mp4 4\n")
    (note,) = notes_on_classes(train, val, 8)
    assert "6 of 8 classes (MODEL.NUM_CLASSES 8) have no training clip: 1, 3, 4, ...; 5 of" in note
    assert f"none in {val.path} either. The highest label is 2." in note
    (note,) = notes_on_classes(train.select(np.array([False, True])), val, 8)
    assert "7 of 8 classes" in note
    assert notes_on_classes(read("a.csv", "x.mp4 0\ny.mp4 1\n"), val, 2) == []

    columns = ("behavior", "animal")
    both = read("both.csv", "x.mp4 0 1\ny.mp4 1 1\n", columns)
    (note,) = notes_on_classes(both, both, {"behavior": 2, "animal": 2})
    assert "1 of 2 classes (MODEL.NUM_CLASSES_ANIMAL 2) have no training clip: 0;" in note
