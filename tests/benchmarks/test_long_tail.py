"""The study of losses and samplers: its arithmetic, and the command."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import long_tail
from benchmarks.long_tail import BASELINE, FIGURES, WAYS, noise, table

ROOT = Path(__file__).parents[2]


def runs(*values):
    return [dict.fromkeys(FIGURES, value) for value in values]


def test_noise_is_what_neither_way_nor_seed_explains():
    rng = np.random.default_rng(0)
    explained = rng.uniform(20, 80, (200, 1, 1)) + rng.uniform(-9, 9, (1, 3, 1))
    spread, least = noise(explained + rng.normal(0, 1.5, (200, 3, 1)))
    assert spread == pytest.approx(1.5, rel=0.1)
    assert least > 2 * spread * np.sqrt(2 / 3)  # many comparisons: stricter than for one of them


def test_differences_by_chance_alone_are_seldom_marked():
    rng = np.random.default_rng(0)
    marked = 0
    for _ in range(1000):
        values = rng.normal(50, 2, (10, 3, 1)) + rng.normal(0, 5, (1, 3, 1))
        marked += (abs(values.mean(1) - values[0].mean(0)) > noise(values)[1]).any()
    assert marked < 0.06 * 1000


def test_the_table_marks_what_noise_does_not_explain():
    text = table({BASELINE: runs(50, 51, 52), "better": runs(60, 62, 62), "same": runs(51, 51, 52)})
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert rows["| better"].count("61.3 ± 1.2 *") == 4
    assert "*" not in rows["| same"]
    assert list(rows)[1:] == ["| better", "| same", f"| {BASELINE}"]  # the best tail first


def test_one_seed_says_nothing_of_noise():
    assert "*" not in table({BASELINE: runs(50), "better": runs(60)}).replace("marked *", "")


@pytest.mark.slow
def test_the_command_runs_goes_on_and_names_what_fails(tmp_path, monkeypatch):
    command = [sys.executable, str(ROOT / "benchmarks" / "long_tail.py"), str(tmp_path)]
    command += ["--seeds", "1", "--epochs", "1", "--only", BASELINE, "LDAM, DRW"]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    assert first.stdout.count(" ± ") == 2 * len(FIGURES)
    done = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.json")}
    assert len(done) == 2
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.splitlines()[-6:] == first.stdout.splitlines()[-6:]
    assert done == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("scores.json")}

    monkeypatch.setitem(WAYS, "nonsense", {"MODEL.LOSS_FUNC": "no_such_loss"})
    with pytest.raises(SystemExit, match=r"nonsense, seed 1: the run failed; .*terminal.txt"):
        long_tail.run(tmp_path, tmp_path / "data", "nonsense", 1, 1)
