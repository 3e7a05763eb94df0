"""A resumed run leaves the log of a run without interruption."""

import json

import pytest

from slowfast.ak.errors import UserError
from slowfast.utils.run_folder import stats_log
from slowfast.utils.run_folder.stats_log import remove_lines_after


def line(kind, epoch, iteration=None):
    figures = {"_type": kind, "epoch": f"{epoch}/9"}
    if iteration:
        figures["iter"] = f"{iteration}/20"
    return f"json_stats: {json.dumps(figures)}\n"


def epoch_lines(epoch):
    return [
        line("train_iter_", epoch, 10),
        line("train_iter_", epoch, 20),
        line("train_epoch", epoch),
        line("val_iter", epoch, 1),
        line("val_epoch", epoch),
    ]


OTHERS = ['json_stats: {"map": "12.30", "split": "test_final"}\n', "a line of another program\n"]
WHOLE = [*epoch_lines(1), *OTHERS, *epoch_lines(2), *epoch_lines(3)]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "json_stats.log"
    path.write_text("".join(WHOLE))
    return path


@pytest.mark.parametrize(
    ("point", "left"),
    [
        ((3, 0, 3), 17),
        ((3, 0, 2), 15),  # epoch 3 was not evaluated
        ((2, 20, 2), 14),
        ((2, 19, 2), 13),
        ((2, 0, 2), 12),
        ((2, 0, 3), 12),  # epoch 3 was evaluated and is trained again
        ((2, 0, 1), 10),
        ((1, 0, 1), 7),
    ],
)
def test_lines_that_will_be_logged_again_are_removed(log, point, left):
    remove_lines_after(log.parent, *point)
    assert log.read_text() == "".join(WHOLE[:left])


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_truncated_last_line_is_removed_or_gets_its_line_end(log, cut):
    log.write_text("".join(WHOLE)[:-cut])
    remove_lines_after(str(log.parent), 3, 0, 3)
    assert log.read_text() == "".join(WHOLE if cut == 1 else WHOLE[:-1])


def test_an_unchanged_log_is_not_written(log, tmp_path, monkeypatch):
    monkeypatch.setattr(stats_log, "atomic", None)
    remove_lines_after(tmp_path, 3, 0, 3)
    remove_lines_after(tmp_path / "without a log", 3, 0, 3)


def test_a_failed_write_leaves_the_log(log):
    (log.parent / "unfinished.tmp").mkdir()
    with pytest.raises(UserError, match=r"json_stats\.log: the file cannot be written"):
        remove_lines_after(log.parent, 1, 0, 1)
    assert log.read_text() == "".join(WHOLE)


def test_only_the_first_process_writes(log, monkeypatch):
    monkeypatch.setattr(stats_log.distributed, "is_master_proc", lambda: False)
    remove_lines_after(log.parent, 1, 0, 1)
    assert log.read_text() == "".join(WHOLE)
