"""A run that is taken up again leaves the log of one that was never stopped."""

import json

import pytest

from slowfast.ak.errors import UserError
from slowfast.utils import stats_log
from slowfast.utils.stats_log import forget_after


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


OTHERS = ['json_stats: {"map": "12.30", "split": "test_final"}\n', "a word of somebody's own\n"]
WHOLE = [*epoch_lines(1), *OTHERS, *epoch_lines(2), *epoch_lines(3)]


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "json_stats.log"
    path.write_text("".join(WHOLE))
    return path


@pytest.mark.parametrize(
    ("moment", "left"),
    [
        ((3, 0, 3), 17),
        ((3, 0, 2), 15),  # epoch 3 was not evaluated
        ((2, 20, 2), 14),
        ((2, 19, 2), 13),
        ((2, 0, 2), 12),
        ((2, 0, 3), 12),  # epoch 3 was evaluated, and is trained anew
        ((2, 0, 1), 10),
        ((1, 0, 1), 7),
    ],
)
def test_what_will_be_logged_again_is_forgotten(log, moment, left):
    forget_after(log.parent, *moment)
    assert log.read_text() == "".join(WHOLE[:left])


def test_what_tells_no_epoch_stays(log):
    forget_after(log.parent, 0, 0, 0)
    assert log.read_text() == "".join(OTHERS)


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_line_that_was_cut_off_goes_and_its_end_alone_comes_back(log, cut):
    log.write_text("".join(WHOLE)[:-cut])
    forget_after(str(log.parent), 3, 0, 3)
    assert log.read_text() == "".join(WHOLE if cut == 1 else WHOLE[:-1])


def test_a_log_that_stays_is_not_written(log, tmp_path, monkeypatch):
    monkeypatch.setattr(stats_log, "replacing", None)
    forget_after(tmp_path, 3, 0, 3)
    forget_after(tmp_path / "without a log", 3, 0, 3)


def test_a_log_that_cannot_be_written_is_said_and_stays(log):
    (log.parent / "unfinished.tmp").mkdir()
    with pytest.raises(UserError, match=r"json_stats\.log: the file cannot be written"):
        forget_after(log.parent, 1, 0, 1)
    assert log.read_text() == "".join(WHOLE)


def test_other_processes_leave_it_alone(log, monkeypatch):
    monkeypatch.setattr(stats_log.distributed, "is_master_proc", lambda: False)
    forget_after(log.parent, 1, 0, 1)
    assert log.read_text() == "".join(WHOLE)
