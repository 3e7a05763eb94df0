"""Lists with one line a clip: light lists and lists of pairs."""

from pathlib import Path

import numpy as np
import pytest

import slowfast.datasets  # noqa: F401  registers the data sets that messages name
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.lists.lines import ListForm
from slowfast.ak.statistics.summary import Split

LIGHT = 'video_id;labels\nA;"2,40"\nB;""\nC;7\n'


@pytest.fixture
def write(tmp_path):
    def to(text: str | bytes, name: str = "train.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return to


@pytest.mark.parametrize(
    "text", [LIGHT, LIGHT.replace("video_id", '"video_id"'), LIGHT.replace("2,", "2, ")]
)
def test_a_light_list(write, text):
    clips = ClipList.read(write(text), 41)
    assert [clips.name(i) for i in range(len(clips))] == ["A", "B", "C"]
    assert [clips.labels(i) for i in range(3)] == [[2, 40], [], [7]]
    assert clips.labels(0, 3, 9) == [2, 40]  # the labels of the whole clip
    assert not clips.has_frames
    assert [clips.num_frames(i) for i in range(3)] == [None] * 3
    assert clips.class_counts(41).nonzero()[0].tolist() == [2, 7, 40]
    assert clips.line(0) == clips.line(0, 30) == 2
    with pytest.raises(IndexError):
        clips.frame_path(0, 0)
    part = clips.select(np.array([False, True, True]))
    assert (part.name(1), part.labels(1), part.num_frames(1)) == ("C", [7], None)


@pytest.mark.parametrize("between", [",", "\t"])
def test_a_light_list_can_have_another_separator(write, between):
    clips = ClipList.read(write(LIGHT.replace(";", between)), 41)
    assert [(clips.name(i), clips.labels(i)) for i in (0, 2)] == [("A", [2, 40]), ("C", [7])]
    with pytest.raises(
        UserError, match=r"train\.csv:2: expected a clip, a (comma|tab) and its labels"
    ):
        ClipList.read(write(f"video_id{between}label\nA{between}2{between}3\n"))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("D", "a clip, a semicolon and its labels"),
        ('D;"1', "a clip, a semicolon and its labels"),
        ("D;x", "whole numbers from 0"),
        ("D;41", "label 41 is outside 0..40"),
        ('D;"0,1,0"', "seems to be a 0 or 1 for each class"),
        ("A;1", "clip A has a line already, line 2"),
    ],
)
def test_bad_lines_of_a_light_list_are_refused_with_their_number(write, bad, says):
    with pytest.raises(UserError) as error:
        ClipList.read(write(LIGHT + "\n" + bad + "\nE;1\n"), 41)
    assert "train.csv:6: " in str(error.value)
    assert says in str(error.value)


@pytest.mark.parametrize("separator", [" ", ", "])
def test_a_list_of_pairs(write, separator):
    text = f"\ufeffa/x.mp4{separator}3\r\nmy clip/y.mp4{separator}0\r\n\r\n"
    clips = ClipList.read_pairs(write(text), separator, num_classes=4)
    assert [clips.name(i) for i in range(len(clips))] == ["a/x.mp4", "my clip/y.mp4"]
    assert [clips.labels(i) for i in range(2)] == [[3], [0]]
    assert clips.num_frames(0) is None
    assert clips.line(1) == 2


def test_a_path_can_be_in_quotes(write):
    clips = ClipList.read_pairs(write('"my clip.mp4" 1\n"a ""b"".mp4" 0\nc.mp4 0\n'))
    assert [clips.name(i) for i in range(3)] == ["my clip.mp4", 'a "b".mp4', "c.mp4"]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("b.mp4", "one label"),
        ("b.mp4" + " 1" * 10_000, "No line of a list of videos is that long"),
        ("b.mp4 -1", "one label"),
        ("b.mp4 " + "1" * 30, "whole numbers from 0"),
        ("b.mp4 4", "label 4 is outside 0..3"),
        ("a.mp4 2", "clip a.mp4 has a line already, line 1"),
    ],
)
def test_bad_pairs_are_refused_with_their_number(write, bad, says):
    with pytest.raises(UserError) as error:
        ClipList.read_pairs(write("a.mp4 1\n" + bad + "\nc.mp4 1\n"), num_classes=4)
    assert "train.csv:2: " in str(error.value)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ('a.mp4 0,1\nb c.mp4  2 \nd.mp4 "0, 3"\ne.mp4\t3, 1\n', " "),
        ('a.mp4,"0,1"\nb c.mp4,2\nd.mp4, 0,3\ne.mp4,1,3\n', ","),
        ("a.mp4 0 1\nb c.mp4 2\nd.mp4 0 3 \ne.mp4 3 1\n", " "),
    ],
)
def test_a_video_can_have_several_labels(write, text, separator):
    clips = ClipList.read(write(text), 4, ListForm(separator, several=True))
    assert [clips.name(i) for i in range(4)] == ["a.mp4", "b c.mp4", "d.mp4", "e.mp4"]
    assert [clips.labels(i) for i in range(4)] == [[0, 1], [2], [0, 3], [1, 3]]


@pytest.mark.parametrize("line", ["a.mp4 0,1,0,0,1", "a.mp4 0 1 0", "a.mp4 3,3"])
def test_a_0_or_1_for_each_class_is_not_taken_for_labels(write, line):
    with pytest.raises(
        UserError, match=r"train\.csv:1: a label is there twice: 'a\.mp4 .*A 0 or 1"
    ):
        ClipList.read(write(line + "\n"), 5, ListForm(" ", several=True))


def test_two_numbers_behind_a_path_need_a_meaning(write, tmp_path):
    path = write("a/v1 163 1\na/v2 12 0\n")
    says = r"train\.csv:1: expected one label .*found 2 numbers: 'a/v1 163 1'\. Upstream"
    with pytest.raises(UserError, match=says):
        ClipList.read(path, form=ListForm(" "), folder=str(tmp_path))
    (tmp_path / "a" / "v1").mkdir(parents=True)
    clips = ClipList.read(path, form=ListForm(" "), folder=str(tmp_path))
    assert [(clips.labels(i), clips.num_frames(i)) for i in (0, 1)] == [([1], 163), ([0], 12)]
    assert clips.has_folders
    assert not clips.has_frames
    for line in ("a/v3 1", "a/v3 12 0 1", "a/v3 0 1", f"a/v3 {'9' * 20} 1"):
        path.write_text(f"a/v1 163 1\n{line}\n")
        with pytest.raises(UserError, match=r"train\.csv:2: expected a folder of images"):
            ClipList.read(path, form=ListForm(" "), folder=str(tmp_path))


@pytest.mark.parametrize(
    ("header", "separator"),
    [("path label", " "), ("video_path,label_id", ","), ('"file name";"Class index"', ";")],
)
def test_a_header_of_a_list_of_videos_is_left_out(write, caplog, header, separator):
    caplog.set_level("INFO")
    clips = ClipList.read_pairs(write(f"{header}\na.mp4{separator}1\n"), separator)
    assert [(clips.name(0), clips.labels(0), clips.line(0))] == [("a.mp4", [1], 2)]
    assert f"train.csv:1: the header {header!r} is left out" in caplog.text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("HandStand/v_g01_c01.avi", "no label. Upstream takes it as class 0"),
        ("original_vido_id video_id frame_id path labels", "the header of a frame list; TRAIN.D"),
        ("video_id;labels", "the header of a light list; TRAIN.DATASET ak or charades reads it"),
        ("a.mp4,3", r"'a\.mp4,3'\. DATA\.PATH_LABEL_SEPARATOR sets the .*may be ','"),
        ("a.mp4 3.0", r"one label, a whole number from 0 on, found 'a\.mp4 3\.0'"),
        ("a.mp4 [3,4]", "without brackets, as in 0,1"),
        ("a.mp4 run", "'run' is a name: write the number of its class"),
        ("path,label", "Here it may be ','"),
        ("label,youtube_id,time_start,time_end,split", "the annotations of Kinetics"),
    ],
)
def test_a_line_without_a_label_is_refused_with_what_it_looks_like(write, line, says):
    with pytest.raises(UserError, match=rf"train\.csv:1: expected a path, ' ' .*{says}"):
        ClipList.read_pairs(write(line + "\n"))


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("video_id;labels\na;0\nb;1\na;3\na;0\na;0\n", None),
        ("a 0\nb 1\na 3\na 0\na 0\n", " "),
    ],
)
def test_lines_of_a_clip_are_repeats_or_give_further_labels(write, text, separator):
    path, form = write(text), ListForm(separator)
    says = r"train\.csv:[34]: clip a has a line already, line [12], .*set DATA\.MULTI_LABEL True"
    with pytest.raises(UserError, match=says):
        ClipList.read(path, form=form)
    clips = ClipList.read(path, form=ListForm(separator, several=True))
    assert [(clips.name(i), clips.labels(i)) for i in range(len(clips))] == [
        ("a", [0, 3]),
        ("b", [1]),
    ]
    assert clips.repeats().tolist() == [3, 1]
    assert clips.class_counts(4).tolist() == [1, 1, 0, 1]  # clips, not lines
    path.write_text("\n".join(line for line in text.split("\n") if "3" not in line))
    assert ClipList.read(path, form=form).repeats().tolist() == [3, 1]


def test_lists_of_ucf101(write, tmp_path):
    """Labels count from 1, and the lines of a test list have none: classInd.txt has the classes."""
    (tmp_path / "classInd.txt").write_text("1 ApplyEyeMakeup\r\n2 Archery\r\n")
    form = ListForm(" ", first_label=1)
    train = ClipList.read(write("Archery/v_g08_c01.avi 2\n"), 2, form)
    test = ClipList.read(write("Archery/v_g01_c01.avi\nApplyEyeMakeup/v_g01_c02.avi\n"), 2, form)
    assert train.labels(0) == test.labels(0) == [1]
    assert test.labels(1) == [0]
    with pytest.raises(UserError, match=r"train\.csv:1: expected .*has no label, and classInd.txt"):
        ClipList.read(write("Bowling/v_g01_c01.avi\n"), 2, form)


def test_labels_can_count_from_1(write):
    path = write("a.avi 1\nb.avi 3\n")
    with pytest.raises(
        UserError, match=r"train\.csv:2: label 3 is outside 0\.\.2 .*AK\.FIRST_LABEL 1"
    ):
        ClipList.read(path, 3, ListForm(" "))
    clips = ClipList.read(path, 3, ListForm(" ", first_label=1))
    assert [clips.labels(i) for i in range(2)] == [[0], [2]]
    with pytest.raises(UserError, match=r"train\.csv:2: label 3 is outside 1\.\.2 "):
        ClipList.read(path, 2, ListForm(" ", first_label=1))
    path.write_text("a.avi 1\nb.avi 0\n")
    with pytest.raises(UserError, match=r"train\.csv:2: label 0 is below 1, .*AK\.FIRST_LABEL"):
        ClipList.read(path, 3, ListForm(" ", first_label=1))


def test_a_missing_or_empty_list_of_pairs_is_refused(write, tmp_path):
    with pytest.raises(UserError, match=r"none.csv: there is no such list of videos") as missing:
        ClipList.read_pairs(tmp_path / "none.csv")
    assert "Set DATA.PATH_TO_DATA_DIR to the folder of the lists" in str(missing.value)
    with pytest.raises(UserError, match=r"train.csv: the list has no line"):
        ClipList.read_pairs(write("\n\n"))
    with pytest.raises(UserError, match=r"DATA\.PATH_LABEL_SEPARATOR: expected"):
        ClipList.read_pairs(write("a 1\n"), "")


def test_statistics_of_a_list_without_frames(write):
    split = Split.of_list(ClipList.read(write(LIGHT)), 41)
    summary = split.summary()
    assert summary["clips"] == 3
    assert summary["frames"] is summary["frames_a_clip"] is None
