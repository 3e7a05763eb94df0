"""The check of a GPU: its command, its time limits and its table, as far as a CPU can show them."""

import runpy
from pathlib import Path

import pytest
import torch

from cuda_parts import report
from cuda_parts.alone import PARTS, Outcome, run_alone
from cuda_parts.part import Work

ROOT = Path(__file__).parents[2]
main = runpy.run_path(str(ROOT / "tools" / "cuda_check.py"))["main"]
TEST_EXTRAS = ("hypothesis", "playwright", "tensorboard")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_it_ends_with_a_message_and_status_2(tmp_path, capsys):
    assert main(["--out", str(tmp_path / "table.md"), "--folder", str(tmp_path)]) == 2
    assert "There is no CUDA device here" in capsys.readouterr().err
    assert not (tmp_path / "table.md").exists()


def test_all_parts_fit_into_eight_minutes():
    assert sum(part.seconds for part in PARTS.values()) < 8 * 60


def test_cuda_tests_need_no_test_extras(tmp_path, monkeypatch):
    """A rehearsal of the part `tests`, where the packages that only tests need cannot be imported:
    every test is collected, and skipped."""
    for name in TEST_EXTRAS:
        (tmp_path / f"{name}.py").write_text("raise ImportError('it is not installed')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    # The pytest plugin of hypothesis is installed here, and imports hypothesis.
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:hypothesispytest")
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "new" / "table.md"
    paths = ["--out", str(out), "--folder", str(tmp_path / "work")]
    status = main(["--rehearse", "--parts", "tests", *paths])
    rows = {line.split(" | ")[0]: line for line in out.read_text().splitlines()}
    assert "| passed |" in rows["| tests"], (tmp_path / "work" / "tests.log").read_text()
    assert " skipped" in rows["| tests"]
    assert "| not run |" in rows["| keys"]
    assert status == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["training", "processes", "resume", "memory", "depthwise"])
def test_a_part_passes_its_rehearsal(tmp_path, name):
    part = PARTS[name]
    outcome = run_alone(part, Work("cpu", tmp_path), 60 * part.seconds)
    log = (tmp_path / f"{name}.log").read_text()
    assert outcome.result == "passed", (outcome.summary, log)
    assert outcome.lines


def test_a_part_is_stopped_at_its_limit(tmp_path):
    outcome = run_alone(PARTS["keys"], Work("cpu", tmp_path), 0.1)
    assert (outcome.result, outcome.summary) == ("stopped", "stopped at its time limit of 0 s")
    assert outcome.seconds < 30


def test_the_table_has_every_part_and_what_was_found_before_a_stop():
    done = Outcome(PARTS["tests"], "passed", "3 passed | 1 file", 12.4, [])
    stopped = Outcome(PARTS["keys"], lines=["| plain | 7.0 |"], seconds=120.0)
    text = report.text("A device", [done, stopped], ["memory"])
    assert "A device; 2" in text
    assert "| passed | 12 | 3 passed / 1 file |" in text
    assert "| memory | | not run | | |" in text
    assert text.endswith("| plain | 7.0 |\n")
