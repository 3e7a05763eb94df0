"""Blocks are added and removed; every byte around them stays."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prepare_dir import Refused, blocks

without_deadline = settings(deadline=None)
LINES = ["from slowfast.ak import upstream as _ak", "_ak.prepare()"]
OTHER = ["something_else()"]
# Any bytes, with many newlines of both kinds.
TEXTS = st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\r", b"a = 1", b"# >>>", b"\xff\x00"])
    | st.binary(max_size=4)
).map(b"".join)


@without_deadline
@given(TEXTS)
def test_removing_a_block_restores_every_byte(before):
    put = blocks.put(before, LINES)
    assert put.startswith(before)
    assert blocks.take(put) == before
    assert blocks.take(before) == before


@without_deadline
@given(TEXTS, TEXTS, TEXTS)
def test_what_a_user_writes_around_a_block_stays(before, earlier, later):
    put = blocks.put(before, LINES)
    newline = blocks.find(put).newline
    # If the block ends the file without a newline, an editor adds one before other lines.
    later = later if put.endswith(b"\n") else newline + later
    earlier += newline
    assert blocks.take(earlier + put + later) == earlier + before + later


@without_deadline
@given(TEXTS, TEXTS)
def test_a_new_block_replaces_the_old_one_in_place(before, later):
    put = blocks.put(before + b"\n", LINES)
    updated = blocks.put(put + later, OTHER)
    assert updated == blocks.put(before + b"\n", OTHER) + later
    assert blocks.take(updated) == before + b"\n" + later


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("ended", [True, False])
def test_a_block_has_the_newlines_of_its_file(newline, ended):
    before = newline.join([b"a = 1", b"b = 2", b""]) if ended else newline.join([b"a = 1", b"b"])
    lines = blocks.put(before, LINES).split(newline)
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert (lines[-1] == b"") == ended


def test_a_newline_that_an_editor_adds_at_the_end_stays():
    put = blocks.put(b"a = 1", LINES)
    assert blocks.take(put + b"\n") == b"a = 1\n"


def test_a_change_by_hand_is_seen_and_empty_lines_are_ignored():
    put = blocks.put(b"a = 1\n", LINES)
    assert blocks.find(put.replace(b"prepare()", b"prepare(1)")).changed
    assert blocks.find(put.replace(b"_ak.prepare()\n", b"_ak.prepare()\nmine()\n")).changed
    formatted = put.replace(b"_ak.prepare()", b"\n\n_ak.prepare()")
    assert not blocks.find(formatted).changed
    assert blocks.put(formatted, LINES) == formatted
    assert blocks.take(formatted) == b"a = 1\n"


def test_a_change_of_all_newlines_is_no_change_by_hand():
    put = blocks.put(b"a = 1\n", LINES).replace(b"\n", b"\r\n")
    assert not blocks.find(put).changed
    assert blocks.take(put) == b"a = 1\r\n"


def test_markers_that_are_not_a_pair_are_refused_with_their_lines():
    put = blocks.put(b"a = 1\n", LINES)
    begin, *_, end = put.split(b"\n")[1:-1]
    for broken in (put + put, begin + b"\n", b"\n\n" + end, end + b"\n" + begin + b"\n"):
        with pytest.raises(Refused, match=r"lines \d"):
            blocks.find(broken)
