"""Problems of clips are carried by the meta of items; some bad clips are allowed."""

import pytest
from torch.utils.data import default_collate, default_convert

from slowfast.ak.clips.bad_clips import ClipProblem, allowed_bad_clips, from_meta, to_meta

PROBLEMS = [ClipProblem("bad", 3, 'a "b"\n\udcff'), ClipProblem("incomplete", 4, "7 of 8")]


def test_problems_are_carried_by_items_and_batches():
    metas = [to_meta([]), to_meta(PROBLEMS), to_meta(PROBLEMS[:1])]
    assert from_meta(default_collate(metas)) == [*PROBLEMS, PROBLEMS[0]]
    assert from_meta(default_convert(to_meta(PROBLEMS))) == PROBLEMS
    assert from_meta(default_collate([to_meta([])])) == []


@pytest.mark.parametrize(
    ("clips", "fraction", "most"),
    [(24004, 0.01, 240), (20, 0.01, 1), (8, 0.5, 4), (8, 1, 7), (8, 0, 0), (1, 0.5, 0), (2, 1, 1)],
)
def test_how_many_bad_clips_are_allowed(clips, fraction, most):
    assert allowed_bad_clips(clips, fraction) == most
