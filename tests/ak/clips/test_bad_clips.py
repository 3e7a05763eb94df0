"""Flaws travel in an item's meta, through torch's collate; how many are let pass."""

import pytest
from torch.utils.data import default_collate, default_convert

from slowfast.ak.clips.bad_clips import ClipProblem, allowed_bad_clips, from_meta, to_meta

FLAWS = [ClipProblem("bad", 3, 'a "b"\n\udcff'), ClipProblem("incomplete", 4, "7 of 8")]


def test_they_travel_in_a_batch_and_in_an_item():
    metas = [to_meta([]), to_meta(FLAWS), to_meta(FLAWS[:1])]
    assert from_meta(default_collate(metas)) == [*FLAWS, FLAWS[0]]
    assert from_meta(default_convert(to_meta(FLAWS))) == FLAWS
    assert from_meta(default_collate([to_meta([])])) == []


@pytest.mark.parametrize("meta", [{}, {"boxes": 3}, [], 0, None])
def test_a_meta_that_knows_of_none_tells_none(meta):
    assert from_meta(meta) == []


@pytest.mark.parametrize(
    ("clips", "fraction", "most"),
    [(24004, 0.01, 240), (20, 0.01, 1), (8, 0.5, 4), (8, 1, 7), (8, 0, 0), (1, 0.5, 0), (2, 1, 1)],
)
def test_how_many_are_tolerated(clips, fraction, most):
    assert allowed_bad_clips(clips, fraction) == most
