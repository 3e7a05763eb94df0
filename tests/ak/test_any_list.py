"""Any list is read as the csv module reads it, or refused with a message."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from slowfast.ak.errors import UserError
from slowfast.ak.lists import index_file
from slowfast.ak.lists import lines as list_blocks
from slowfast.ak.lists.clip_list import ClipIndex, ClipList
from slowfast.ak.lists.lines import ListForm, Source

HEADER = "original_vido_id video_id frame_id path labels"
LIGHT_HEADER = "video_id;labels"
often = settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
labels = st.lists(st.integers(0, 300), max_size=4).map(lambda ids: ",".join(map(str, ids)))
# Texts that the csv module writes on one line, and not only blanks, which make a blank line.
words = st.text(
    st.one_of(
        st.sampled_from("ab01 ./_-\"';,#é\u2028\x85\t"), st.characters(exclude_categories=["Cs"])
    ),
    min_size=1,
    max_size=12,
).filter(lambda text: not set(text) & set("\r\n\0") and text.strip())
endings = st.sampled_from([".jpg", ".jpg", ".jpeg", ".jpg2", ""])


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Writes a list and reads it, from its lines and from its index file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = tmp_path / "train.csv"

    def write_and_read(content: bytes, separator: str | None = None) -> ClipList:
        path.write_bytes(content)
        clips = ClipList.read(path) if separator is None else ClipList.read_pairs(path, separator)
        source = Source.of(str(path), str(path), ListForm(separator))
        index_file.write(tmp_path / "index", source, vars(clips._index))
        arrays = index_file.load(tmp_path / "index", source)
        stored = ClipList(clips.path, ClipIndex(**arrays))
        assert (
            content_of(stored) == content_of(clips) == content_of(pickle.loads(pickle.dumps(clips)))
        )
        return clips

    return write_and_read


def content_of(clips: ClipList) -> list:
    """Returns the name, labels, frames and line of each clip."""
    return [
        (
            clips.name(i),
            clips.labels(i),
            [
                (clips.frame_path(i, k), clips.labels(i, k, k), clips.line(i, k))
                for k in range(clips.num_frames(i) or 0)
            ],
            clips.line(i),
        )
        for i in range(len(clips))
    ]


@st.composite
def frames(draw) -> list[tuple[str, str, str, str, str]]:
    """Draws rows of some clips: runs of numbered frames and other paths, in any order."""
    rows = []
    for number in range(draw(st.integers(1, 4))):
        clip, label, ending = draw(words), draw(labels), draw(endings)
        first, width = draw(st.integers(0, 120)), draw(st.integers(1, 20))
        for k in range(draw(st.integers(1, 12))):
            path = f"{clip}/{first + k:0{width}d}{ending}"
            if draw(st.integers(0, 9)) == 0:
                path, label = draw(words), draw(labels)
            rows.append((clip, str(number), str(k), path, label))
    return draw(st.permutations(rows)) if draw(st.booleans()) else rows


@st.composite
def written(draw, header: str, rows: list[tuple[str, ...]], delimiter: str) -> str:
    """Draws a text of rows from a csv writer, with blank lines, a byte-order mark, any line end."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = io.StringIO()
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=end)
    for row in rows:
        writer.writerow(row)
        text.write(draw(st.sampled_from([""] * 12 + [end, " " + end])))
    whole = header + end + text.getvalue()
    if draw(st.booleans()):
        whole = whole.removesuffix(end)
    return draw(st.sampled_from(["", "\ufeff"])) + whole


def by_csv(text: str, delimiter: str) -> list[dict[str, str]]:
    """Returns the rows of a list as Python's csv module reads them."""
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    header, *rows = csv.reader(lines, delimiter=delimiter)
    return [dict(zip(header, row, strict=True)) for row in rows if any(map(str.strip, row))]


def ids(text: str) -> list[int]:
    return sorted({int(label) for label in text.split(",") if label})


@often
@given(data=st.data(), block=st.sampled_from([1 << 20, 500, 60]))
def test_frame_lists_are_read_as_the_csv_module_reads_them(read, data, block):
    text = data.draw(written(HEADER, data.draw(frames()), " "))
    list_blocks.BLOCK_BYTES, whole = block, list_blocks.BLOCK_BYTES
    try:
        clips = read(text.encode())
    finally:
        list_blocks.BLOCK_BYTES = whole
    expected: dict[str, list] = {}
    for row in by_csv(text, " "):
        of_clip = expected.setdefault(row["original_vido_id"], [])
        of_clip.append((row["path"], ids(row["labels"])))
    assert [clip[0] for clip in content_of(clips)] == list(expected)
    for (_, all_labels, found, _), lines in zip(content_of(clips), expected.values(), strict=True):
        assert [frame[:2] for frame in found] == lines
        assert all_labels == sorted(set().union(*(own for _, own in lines)))
    lines = text.removeprefix("\ufeff").split("\n")
    for _, _, found, _ in content_of(clips):
        for path, _, line in found:
            assert path.replace('"', '""') in lines[line - 1]


@often
@given(data=st.data())
def test_light_lists_are_read_as_the_csv_module_reads_them(read, data):
    names = data.draw(st.lists(words, min_size=1, max_size=8, unique=True))
    rows = [(name, data.draw(labels)) for name in names]
    text = data.draw(written(LIGHT_HEADER, rows, ";"))
    found = [(name, own) for name, own, _, _ in content_of(read(text.encode()))]
    assert found == [(row["video_id"], ids(row["labels"])) for row in by_csv(text, ";")]


# Paths that do not end with a number of their own or with a blank, which are read as more labels.
videos = words.filter(lambda path: not re.search(r"[ ,;\t][0-9 ,\t]*$", path))


@often
@given(
    rows=st.dictionaries(videos, st.integers(0, 400), min_size=1, max_size=8),
    separator=st.sampled_from([" ", ",", "\t", ";"]),
)
def test_pairs_are_read_as_they_are_written(read, rows, separator):
    text = "".join(f"{path}{separator}{label}\n" for path, label in rows.items())
    found = [(name, own) for name, own, _, _ in content_of(read(text.encode(), separator))]
    assert found == [(path, [label]) for path, label in rows.items()]


def line_by_csv(line: str) -> bool:
    """Whether a line is one of a frame list, by the csv module and plain rules.

    Several blanks between two fields, and blanks at both ends, do not matter.
    """
    try:
        (row,) = csv.reader([line], delimiter=" ", strict=True)
        if len(row) != 5:
            outside_quotes = r' +(?=(?:[^"]*"[^"]*")*[^"]*$)'
            text = re.sub(outside_quotes, " ", line.strip())
            (row,) = csv.reader([text], delimiter=" ", strict=True)
    except (csv.Error, ValueError):
        return False
    if len(row) != 5:
        return False
    numbers = [row[2], *(n.strip() for n in (row[4].split(",") if row[4].strip() else []))]
    return bool(
        row[0] and row[3] and all(n.isascii() and n.isdigit() and len(n) < 19 for n in numbers)
    )


@often
@given(
    lines=st.lists(st.text('ab01 "",/.\\é', max_size=24), max_size=6),
    good=st.integers(0, 3),
)
@example(lines=['a 0 0 a/1.jpg ""2""'], good=1)
@example(lines=['a 0 0 "a b" "1"'], good=1)
@example(lines=['a 0 0 a"b "1"'], good=1)
@example(lines=['a 0 0 a  "1"'], good=1)
@example(lines=['  a  0 0 "a  b"   "1"  '], good=1)
def test_a_line_is_refused_if_the_csv_module_refuses_it(read, lines, good):
    """Also between plain lines, which are read with numpy."""
    lines = [f'c 0 {k} c/{k}.jpg "1"' for k in range(good)] + lines
    text = "\n".join([HEADER, *lines]) + "\n"
    there = [line for line in lines if line.strip()]
    bad = [n for n, line in enumerate(lines, 2) if line.strip() and not line_by_csv(line)]
    if there and not bad:
        assert sum(len(found) for _, _, found, _ in content_of(read(text.encode()))) == len(there)
        return
    with pytest.raises(UserError) as error:
        read(text.encode())
    if bad:  # the error names one of them; numbers of a block are checked before labels
        assert any(f"train.csv:{line}: " in str(error.value) for line in bad)


@often
@given(
    start=st.sampled_from([b"", HEADER.encode() + b"\n", LIGHT_HEADER.encode() + b"\n"]),
    content=st.one_of(
        st.binary(max_size=200),
        st.text('ab01 ";,\n\r/.\ufeff\0é', max_size=200).map(str.encode),
    ),
    pack=st.sampled_from(["no", "whole", "cut"]),
    separator=st.sampled_from([None, " ", ";", ""]),
)
def test_any_file_is_read_or_refused_with_a_message(read, start, content, pack, separator):
    content = start + content
    if pack != "no":
        content = gzip.compress(content)
        content = content[: len(content) * 2 // 3] if pack == "cut" else content
    with contextlib.suppress(UserError):
        content_of(read(content, separator))


@often
@given(content=st.binary(max_size=400), at=st.integers(0, 3000))
def test_a_damaged_index_file_is_not_used(tmp_path, content, at):
    path, index = tmp_path / "a.csv", tmp_path / "index"
    path.write_text(f'{HEADER}\na 0 0 a/1.jpg "1"\n')
    source = Source.of(str(path), "a.csv", ListForm())
    index_file.write(index, source, vars(ClipList.read(path)._index))
    good = index.read_bytes()
    other = good[:at] + content + good[at + len(content) :]
    Path(index).write_bytes(other)
    assert (index_file.load(index, source) is None) == (other != good)
