"""Frame lists: all forms are read, and errors name the file and the line."""

import csv
import pickle
import random
from pathlib import Path

import numpy as np
import pytest

import slowfast.datasets  # noqa: F401  registers the data sets that messages name
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList

HEADER = "original_vido_id video_id frame_id path labels\n"


@pytest.fixture
def read(tmp_path):
    """Writes a list and reads it."""

    def write_and_read(text: str | bytes, num_classes: int | None = None) -> ClipList:
        path = tmp_path / "train.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return ClipList.read(path, num_classes)

    return write_and_read


def by_csv(text: str) -> dict[str, list[tuple[str, list[int]]]]:
    """Returns path and labels of each frame of each clip, as Python's csv module reads them."""
    clips = {}
    for row in csv.DictReader(text.splitlines(), delimiter=" "):
        labels = sorted({int(label) for label in row["labels"].split(",") if label})
        clips.setdefault(row["original_vido_id"], []).append((row["path"], labels))
    return clips


def assert_agrees(clips: ClipList, text: str) -> None:
    expected = by_csv(text)
    assert [clips.name(i) for i in range(len(clips))] == list(expected)
    for i, frames in enumerate(expected.values()):
        assert clips.num_frames(i) == len(frames)
        for k, (path, labels) in enumerate(frames):
            assert clips.frame_path(i, k) == path
            assert clips.labels(i, k, k) == labels
        assert clips.labels(i) == sorted(set().union(*(labels for _, labels in frames)))


PLAIN = HEADER + "".join(
    f'{clip} {n} {k} {clip}/{clip}_{k + 1:06d}.jpg "{labels}"\n'
    for n, (clip, count, labels) in enumerate([("A", 3, "2,40"), ("B", 12, ""), ("C", 1, "7")])
    for k in range(count)
)


def test_a_plain_list(read):
    clips = read(PLAIN, num_classes=41)
    assert_agrees(clips, PLAIN)
    assert clips.line(0) == 2
    assert clips.line(1, 11) == 16
    assert clips.line(2) == 17


@pytest.mark.parametrize(
    "text",
    [PLAIN.replace('"', ""), PLAIN.replace("video_id frame_id", '"video_id" frame_id')],
    ids=["unquoted", "quoted header"],
)
def test_other_forms_of_the_same_list(read, text):
    clips = read(text)
    assert_agrees(clips, PLAIN)


@pytest.mark.parametrize(
    "paths",
    [
        ["a/9.jpg", "a/10.jpg", "a/11.jpg"],  # no leading zeros
        ["a/09.jpg", "a/10.jpg", "a/12.jpg", "a/11.jpg"],  # a gap, and backwards
        ["a/x_01.jpeg", "a/x_02.jpeg", "a/x_03.jpg", "b/x_04.jpg"],  # other ending, other folder
        ["a/1", "a/2", "a", "3.jpg", "4.jpg", ".jpg", ".jpg"],
        ["a1.j2.jpg", "a2.j2.jpg", "a2.j3.jpg", "a2.j3.jp4g", "a2.j4.jp4g"],
        ["x/99999999999999999999.jpg", "x/100000000000000000000.jpg"],
        [f"x/{number}.jpg" for number in (2 * 10**20 - 2, 2 * 10**20 - 1, 2 * 10**20)],
    ],
)
def test_frame_names_of_many_kinds(read, paths):
    text = HEADER + "".join(f'a 0 {k} {path} "1"\n' for k, path in enumerate(paths))
    assert_agrees(read(text), text)


def assert_same(clips: ClipList, others: ClipList) -> None:
    for k in range(2):
        assert clips.name(k) == others.name(k)
        for frame in range(clips.num_frames(k)):
            assert clips.frame_path(k, frame) == others.frame_path(k, frame)
            assert clips.labels(k, frame, frame) == others.labels(k, frame, frame)
            assert clips.line(k, frame) == others.line(k, frame)
    assert len(clips) == len(others)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(" ", "\t"),
        lambda text: text.replace(" ", "  ").replace(' "', ' \t"'),
        lambda text: text.replace("\n", " \t\r\n").replace("A 0", " A 0"),
        lambda text: text.replace('"', "").replace(" \n", ' ""\n').encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.replace("\n", "\r"),
        lambda text: "\ufeff".encode("utf-16-be") + text.encode("utf-16-be"),
    ],
)
def test_blanks_and_encodings_do_not_matter(read, change):
    text = PLAIN.replace("B/B_", "é/é_")
    assert_same(read(change(text), 41), read(text, 41))


def test_scattered_lines_of_a_clip_are_joined(read):
    lines = PLAIN.splitlines(keepends=True)[1:]
    random.Random(1).shuffle(lines)
    text = HEADER + "".join(lines)
    clips = read(text)
    assert_agrees(clips, text)
    numbered = {line.split(" ")[3]: n for n, line in enumerate(lines, start=2)}
    for i in range(len(clips)):
        for k in range(clips.num_frames(i)):
            assert clips.line(i, k) == numbered[clips.frame_path(i, k)]


def test_labels_between_frames(read):
    labels = ["", "3", "3", "1,3", "0", "0"]
    text = HEADER + "".join(f'a 0 {k} a/{k}.jpg "{label}"\n' for k, label in enumerate(labels))
    clips = read(text)
    assert clips.labels(0) == [0, 1, 3]
    assert clips.labels(0, 0, 0) == []
    assert clips.labels(0, 1, 2) == [3]
    assert clips.labels(0, 2, 4) == [0, 1, 3]
    assert clips.labels(0, 4, 5) == [0]
    with pytest.raises(IndexError):
        clips.frame_path(0, 6)


def test_clips_are_counted_and_not_lines(read):
    clips = read(PLAIN)
    hot = clips.multi_hot(41)
    assert hot.shape == (3, 41)
    assert hot.dtype == np.float32
    assert [np.flatnonzero(row).tolist() for row in hot] == [[2, 40], [], [7]]
    counts = clips.class_counts(41)
    assert counts[[2, 7, 40]].tolist() == [1, 1, 1]
    assert counts.sum() == 3


KABR = ["", "3", "3", "3", "5", "5", "", "0", "0", "0"]


@pytest.mark.parametrize(
    ("rule", "span", "label"),
    [
        ("majority", (), 3),  # 3 and 0 have three frames each: the earlier one
        ("majority", (3, 9), 0),
        ("majority", (0, 0), 3),  # no frame has a label: the whole clip
        ("centre", (), 5),
        ("centre", (5, 7), 5),  # frame 6 has no label: the nearest that has one
        ("centre", (1, 3), 3),
    ],
)
def test_a_clip_whose_frames_have_different_labels_has_one_class(read, rule, span, label):
    clips = read(HEADER + "".join(f"a 0 {k} a/{k}.jpg {own}\n" for k, own in enumerate(KABR)))
    clips.check_one_label()
    assert clips.one_label(0, rule, *span) == label


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("A 0 3 A/4.jpg", "found 4"),
        ('A 0 3  "1"', "five fields"),
        ('A 0 3 A/4.jpg "1', "not readable"),
        ('A 0 3 A/4.jpg "1;2"', "1;2"),
        ('A 0 3 A/4.jpg "-1"', "-1"),
        ('A 0 3 A/4.jpg "' + "1" * 5000 + '"', "whole numbers from 0"),
        ('A 0 3 A/4.jpg "12"', "outside 0..11"),
        ('A 0 x A/4.jpg "1"', "frame number, a whole number in digits, as the third field"),
        ('A 0  A/4.jpg "1"', "found ''"),
    ],
)
def test_bad_lines_are_refused_with_their_number(read, bad, says):
    good = "".join(f'A 0 {k} A/{k + 1}.jpg "1,2"\n' for k in range(3))
    with pytest.raises(UserError) as error:
        read(HEADER + good + bad + "\n" + good, num_classes=12)
    assert "train.csv:5:" in str(error.value)
    assert says in str(error.value)


def test_a_frame_number_has_digits_only(read):
    for byte in (*b"\0\t/:;aZ~", 0x80, 0xB9, 0xFF):
        number = bytearray(b"9" * 12)
        number[byte % 12] = byte
        with pytest.raises(UserError, match=r"train.csv:2: expected a frame number"):
            read(HEADER.encode() + b'A 0 %b A/1.jpg "1"\n' % bytes(number))
    assert len(read(HEADER + f'A 0 {"9" * 40} A/1.jpg "1"\n')) == 1


def test_a_list_is_checked_for_each_number_of_classes(read):
    text = HEADER + 'A 0 0 A/1.jpg "5"\n'
    assert read(text, 6).labels(0) == [5]
    with pytest.raises(UserError, match=r"train.csv:2: label 5 is outside 0..4"):
        read(text, 5)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("dancing/a.mp4 7", "a list of videos or folders .*; TRAIN.DATASET kinetics or"),
        ("1j20qq1JyX4,0902,0.002,0.118,0.714,0.977,12,1", "a box of AVA .*; no data set reads it"),
        ('A 0 0 A/1.jpg "5"', "a frame list without its header .*; TRAIN.DATASET ak or charades"),
    ],
)
def test_a_list_of_another_data_set_is_recognised(read, line, says):
    with pytest.raises(UserError, match=rf"train.csv:1: expected the header .*{says}"):
        read(line + "\n")


@pytest.mark.parametrize("text", ["", "\n", HEADER[:10], 'A 0 0 A/1.jpg "5"\n', b"PK\x03\x04\xff"])
def test_a_missing_header_is_reported(read, text):
    with pytest.raises(UserError, match=r"train.csv:1: expected the header"):
        read(text)


def test_errors_for_an_empty_and_a_missing_list_say_what_to_do(read, tmp_path):
    with pytest.raises(UserError, match="no line with a clip") as empty:
        read(HEADER)
    with pytest.raises(UserError, match="there is no such frame list") as missing:
        ClipList.read(tmp_path / "none.csv")
    for error in (empty, missing):
        assert "make demo" in str(error.value)
        assert "https://sutdcv.github.io/Animal-Kingdom/" in str(error.value)
        assert "data/ak/annot/train.csv" in str(error.value)


def test_a_list_is_read_once_until_it_changes(read):
    first = read(PLAIN)
    assert read(PLAIN, 41) is not None
    path = Path(first.path)
    again = ClipList.read(path)
    assert ClipList.read(path) is again
    path.write_text(PLAIN + 'D 3 0 D/1.jpg "1"\n')
    assert len(ClipList.read(path)) == 4


def test_memory_does_not_grow_with_the_number_of_lines(read):
    text = HEADER + "".join(
        f'clip{c} {c} {k} clip{c}/clip{c}_{k + 1:06d}.jpg "{c % 5}"\n'
        for c in range(5)
        for k in range(1000)
    )
    clips = read(text)
    assert len(pickle.dumps(clips)) < len(text) / 40
    assert_agrees(pickle.loads(pickle.dumps(clips)), text)
