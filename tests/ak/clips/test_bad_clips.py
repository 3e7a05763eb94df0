"""Problems of clips: in the meta of items, in the log, counted in each pass, and limited."""

from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp
from torch.utils.data import default_collate, default_convert

from slowfast.ak.clips.bad_clips import (
    BadClipLog,
    ClipProblem,
    TooManyBadClips,
    allowed_bad_clips,
    from_meta,
    to_meta,
)
from slowfast.ak.errors import UserError

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


def bad(*clips: int) -> dict:
    return to_meta(ClipProblem("bad", clip, f"/data/{clip}.jpg: broken.") for clip in clips)


def test_a_bad_clip_is_logged_once_and_counted_in_every_pass(caplog):
    log = BadClipLog("clip{}".format)
    for _ in range(2):
        log.begin()
        for meta in (bad(3), bad(), {}, bad(3, 5)):
            log.add(meta)
        log.share()
        assert log.counts("bad", "missing") == {"bad_clips": 2, "missing_clips": 0}
    assert [record.getMessage() for record in caplog.records] == [
        "/data/3.jpg: broken. Another clip replaces it.",
        "/data/5.jpg: broken. Another clip replaces it.",
    ]
    log.add(to_meta([ClipProblem("missing", 7, "gone."), ClipProblem("missing", 4, "cut.")]))
    log.share()
    assert log.names("missing") == {"clip4": "cut.", "clip7": "gone."}
    assert list(log.names("missing")) == ["clip4", "clip7"]


def test_too_many_bad_clips_stop_the_run():
    log = BadClipLog(str)
    for clip in range(8):
        log.add(bad(clip))
    log.share()
    log.stop_above(8, "epoch 1/9")
    with pytest.raises(TooManyBadClips) as error:
        log.stop_above(7, "epoch 1/9")
    for words in (
        "epoch 1/9: ",
        "so far: 8, more than",
        "the 7 that DATA.MAX_BAD_FRACTION",
        "/data/4.jpg: broken.",
    ):
        assert words in str(error.value)
    assert "/data/5.jpg" not in str(error.value)


def test_a_pass_without_any_readable_clip_is_an_error():
    log = BadClipLog(str)
    for clip in range(3):
        log.add(to_meta([ClipProblem("missing", clip, "gone.")]))
    log.share()
    log.stop_if_none_read(4)
    with pytest.raises(UserError, match="none of the 3 clips could be read"):
        log.stop_if_none_read(3)


def _stop_on_both(rank: int, init: str, folder: str) -> None:
    torch.distributed.init_process_group("gloo", init_method=init, rank=rank, world_size=2)
    log = BadClipLog(str)
    for clips in ((3, 4), (4,)):
        log.add(bad(*clips) if rank else bad())
        log.share()
    assert log.counts("bad") == {"bad_clips": 2}
    try:
        log.stop_above(1, "epoch 1/9")
    except TooManyBadClips as error:
        Path(folder, str(rank)).write_text(str(error))
    torch.distributed.destroy_process_group()


def test_all_processes_stop_with_the_same_message(tmp_path):
    """Only one of the processes has read bad clips."""
    arguments = (f"file://{tmp_path}/rendezvous", str(tmp_path))
    mp.start_processes(_stop_on_both, args=arguments, nprocs=2, start_method="fork")
    one, other = ((tmp_path / str(rank)).read_text() for rank in range(2))
    assert one == other
    assert "/data/3.jpg: broken." in one
