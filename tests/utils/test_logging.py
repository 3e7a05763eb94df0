"""Messages and figures of a run reach the terminal and the log files."""

import io
import json
import logging
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from slowfast.ak.errors import UserError
from slowfast.utils import distributed
from slowfast.utils.logging import get_logger, log_json_stats, setup_logging


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def restored():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    for handler in [h for h in root.handlers if h not in before[0]]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(before[1])


def test_a_line_goes_to_the_terminal_and_to_the_log(tmp_path, capsys):
    setup_logging(tmp_path / "new" / "folder")
    logger = get_logger("slowfast.test")
    logger.info("hello")
    logger.warning("look")
    logger.debug("details")
    shown = capsys.readouterr().out.splitlines()
    assert [line.split("  ", 1)[1] for line in shown] == ["hello", "WARNING: look"]
    log = (tmp_path / "new" / "folder" / "stdout.log").read_text()
    assert "[INFO] slowfast.test" in log
    assert log.count("\n") == 3
    assert "details" in log


def test_a_second_run_has_its_own_log(tmp_path, capsys):
    setup_logging(tmp_path / "a")
    setup_logging(tmp_path / "b")
    get_logger("slowfast").info("hello")
    assert (tmp_path / "a" / "stdout.log").read_text() == ""
    assert (tmp_path / "b" / "stdout.log").read_text().count("hello") == 1
    assert capsys.readouterr().out.count("hello") == 1


def test_figures_have_the_form_of_upstream(tmp_path, capsys):
    setup_logging(tmp_path)
    log_json_stats({"lr": 0.1, "_type": "x", "loss": 1 / 3, "epoch": "1/2", "n": 3, "map": None})
    log_json_stats({"loss": float("nan")}, tmp_path)
    lines = (tmp_path / "json_stats.log").read_text().splitlines()
    assert lines == [
        'json_stats: {"_type": "x", "epoch": "1/2", "loss": 0.33333, "lr": 0.10000, "map": null, '
        '"n": 3}',
        'json_stats: {"loss": null}',
    ]
    assert json.loads(lines[0].removeprefix("json_stats: "))["loss"] == 0.33333
    assert lines[0] in (tmp_path / "stdout.log").read_text()
    assert lines[0] in capsys.readouterr().out


def test_figures_are_not_shown_on_a_terminal(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    setup_logging(tmp_path)
    log_json_stats({"loss": 1.0})
    get_logger("slowfast").warning("look")
    assert "json_stats" not in sys.stdout.getvalue()
    assert "\033[33m" in sys.stdout.getvalue()
    assert "json_stats" in (tmp_path / "stdout.log").read_text()
    assert "json_stats" in (tmp_path / "json_stats.log").read_text()


def test_a_line_does_not_break_a_progress_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr(sys, "stderr", terminal)
    setup_logging()
    with tqdm(total=2, file=sys.stderr, ncols=60) as bar:
        bar.update()
        get_logger("slowfast").info("hello")
    (line,) = (line for line in terminal.getvalue().splitlines() if "hello" in line)
    before_hello = line.rsplit("\r", 1)[-1]
    assert before_hello.endswith("hello")
    assert "|" not in before_hello


def test_only_the_first_process_logs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(distributed, "get_rank", lambda: 1)
    setup_logging(tmp_path)
    get_logger("slowfast").warning("look")
    log_json_stats({"loss": 1.0}, tmp_path)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="OUTPUT_DIR"):
        setup_logging(tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device to write to")
def test_a_stats_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "json_stats.log").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"json_stats\.log: the file cannot be written \(No space"):
        log_json_stats({"loss": 1.0}, tmp_path)
