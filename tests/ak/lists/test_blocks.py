"""Packed lists are read like other lists; a file that is not a list is refused early."""

import gzip

import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.lists import lines as list_blocks
from slowfast.ak.lists.clip_list import ClipList, find_list

TEXT = b"original_vido_id video_id frame_id path labels\n" + b"".join(
    b'clip%d %d %d clip%d/%06d.jpg "%d"\n' % (c, c, k, c, k, c) for c in range(30) for k in range(9)
)


def everything_in(clips: ClipList) -> list:
    return [(clips.name(i), clips.labels(i), clips.frame_path(i, 8)) for i in range(len(clips))]


def test_a_packed_list_is_read_without_the_ending_gz_too(tmp_path):
    (tmp_path / "plain.csv").write_bytes(TEXT)
    (tmp_path / "train.csv").write_bytes(gzip.compress(TEXT))
    clips = ClipList.read(tmp_path / "train.csv", 30)
    assert everything_in(clips) == everything_in(ClipList.read(tmp_path / "plain.csv"))
    assert clips.line(29, 8) == TEXT.count(b"\n")


def test_a_packed_list_is_read_if_there_is_no_plain_list(tmp_path):
    assert find_list(tmp_path / "train.csv") is None
    (tmp_path / "train.csv.gz").write_bytes(gzip.compress(TEXT))
    clips = ClipList.read(tmp_path / "train.csv")
    assert len(clips) == 30
    assert clips.path == str(tmp_path / "train.csv.gz")
    (tmp_path / "train.csv").write_bytes(TEXT[: TEXT.index(b"clip9")])
    assert len(ClipList.read(tmp_path / "train.csv")) == 9


def test_light_lists_and_lists_of_pairs_may_be_packed(tmp_path):
    (tmp_path / "light.csv.gz").write_bytes(gzip.compress(b"video_id;labels\na;1\n"))
    assert ClipList.read(tmp_path / "light.csv").labels(0) == [1]
    (tmp_path / "pairs.csv.gz").write_bytes(gzip.compress(b"a.mp4 1\n"))
    assert ClipList.read_pairs(tmp_path / "pairs.csv").labels(0) == [1]


def test_a_cut_or_damaged_packed_list_is_refused(tmp_path):
    path = tmp_path / "train.csv.gz"
    packed = gzip.compress(TEXT)
    damaged = bytearray(packed)
    damaged[-6] ^= 255  # of the checksum
    for content in (*(packed[:n] for n in (2, 9, 12, 100, len(packed) - 1)), bytes(damaged)):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"train.csv.gz: cannot be read after line \d+: "):
            ClipList.read(path)


def test_a_line_that_is_too_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(list_blocks, "BLOCK_BYTES", 1000)
    monkeypatch.setattr(list_blocks, "LONGEST_LINE", 5000)
    path = tmp_path / "train.csv"
    path.write_bytes(TEXT + b"x" * 6000)
    with pytest.raises(UserError, match=r"train.csv:272: this line has more than 5,000 bytes"):
        ClipList.read(path)
    path.write_bytes(b"\0" * 6000)
    with pytest.raises(UserError, match=r"train.csv:1: this line has more than 5,000 bytes"):
        ClipList.read(path)
