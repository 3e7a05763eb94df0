"""The study of losses and samplers: its statistics, and the command."""

import numpy as np
import pytest

from benchmarks import long_tail
from benchmarks.long_tail import BASELINE, FIGURES, METHODS, noise, table


def runs(*values):
    return [dict.fromkeys(FIGURES, value) for value in values]


def test_noise_is_what_method_and_seed_do_not_explain():
    rng = np.random.default_rng(0)
    explained = rng.uniform(20, 80, (200, 1, 1)) + rng.uniform(-9, 9, (1, 3, 1))
    spread, least = noise(explained + rng.normal(0, 1.5, (200, 3, 1)))
    assert spread == pytest.approx(1.5, rel=0.1)
    assert least > 2 * spread * np.sqrt(2 / 3)  # stricter than for a single comparison


def test_chance_differences_are_rarely_marked():
    rng = np.random.default_rng(0)
    marked = 0
    for _ in range(1000):
        values = rng.normal(50, 2, (10, 3, 1)) + rng.normal(0, 5, (1, 3, 1))
        marked += (abs(values.mean(1) - values[0].mean(0)) > noise(values)[1]).any()
    assert marked < 0.06 * 1000


def test_the_table_marks_differences_above_noise():
    text = table({BASELINE: runs(50, 51, 52), "better": runs(60, 62, 62), "same": runs(51, 51, 52)})
    rows = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    assert rows["| better"].count("61.3 ± 1.2 *") == 4
    assert "*" not in rows["| same"]
    assert list(rows)[1:] == ["| better", "| same", f"| {BASELINE}"]  # the best tail first
    assert "*" not in table({BASELINE: runs(50), "better": runs(60)}).replace("marked *", "")


SMALL = {
    "RESNET.DEPTH": 18,
    "RESNET.TRANS_FUNC": "basic_transform",
    "RESNET.WIDTH_PER_GROUP": 8,
    "MODEL.NUM_CLASSES": 5,
    "DATA.NUM_FRAMES": 4,
    "DATA.SAMPLING_RATE": 2,
    "DATA.TRAIN_JITTER_SCALES": [32, 36],
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TEST_CROP_SIZE": 32,
    "AK.HEAD_MIN": 4,
    "AK.TAIL_MAX": 1,
    "TRAIN.BATCH_SIZE": 4,
    "TEST.NUM_ENSEMBLE_VIEWS": 1,
}


@pytest.mark.slow
def test_the_command_keeps_finished_runs_and_names_failed_ones(
    tmp_path, tiny_ak, monkeypatch, capsys
):
    """The tiny data set takes the place of the demo, whose drawing has its own tests."""
    output = tmp_path / "study"
    (output / "data").mkdir(parents=True)
    for name in ("annot", "image"):
        (output / "data" / name).symlink_to(getattr(tiny_ak, name))

    monkeypatch.setitem(long_tail.SETS, "tiny", (lambda folder: None, SMALL))
    monkeypatch.setitem(METHODS, "nonsense", {"MODEL.LOSS_FUNC": "no_such_loss"})
    command = [str(output), "--data", "tiny", "--seeds", "1", "--epochs", "1", "--only", BASELINE]
    assert long_tail.main(command) == 0
    table_of_first = capsys.readouterr().out
    assert table_of_first.count(" ± ") == len(FIGURES)
    (done,) = output.rglob("scores.json")
    time = done.stat().st_mtime_ns
    with pytest.raises(SystemExit, match=r"nonsense, seed 1: the run failed; see .*terminal.txt"):
        long_tail.main([*command, "nonsense"])
    assert done.stat().st_mtime_ns == time, "a finished run is kept"
