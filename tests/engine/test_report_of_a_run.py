"""A run leaves its configuration and, at its end, its report; the report costs no result."""

import json
from pathlib import Path

from slowfast.engine import test as run_test
from slowfast.engine import train


def test_a_run_ends_with_a_report(small_cfg):
    cfg = small_cfg(**{"SOLVER.MAX_EPOCH": 1, "AK.HEAD_MIN": 4, "AK.TAIL_MAX": 1})
    train(cfg)
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR)
    assert "MAX_EPOCH: 1" in (folder / "config.yaml").read_text()
    record = json.loads((folder / "report/report.json").read_text())
    final = json.loads((folder / "json_stats.log").read_text().splitlines()[-1][12:])
    assert f"{record['figures']['map']:.2f}" == final["map"]
    assert record["initialisation"] == "from scratch"
    assert [len(record["curves"][part]) for part in ("train", "val")] == [1, 1]
    assert record["settings"]["AK.TAIL_MAX"] == ["1", "100"]
    assert all(clip["still"] for clip in record["clips"].values())
    assert "report/index.html" in (folder / "stdout.log").read_text()
    assert (folder / "report/index.html").stat().st_size < 3_000_000


def test_a_report_that_cannot_be_written_costs_no_result(small_cfg):
    cfg = small_cfg(**{"TRAIN.ENABLE": False, "TEST.NUM_TEMPORAL_CLIPS": [1, 2]})
    folder = Path(cfg.OUTPUT_DIR)
    folder.mkdir()
    (folder / "report").write_text("in the way")
    run_test(cfg)
    assert len(list(folder.glob("results_*.json"))) == 2
    assert "The report could not be written" in (folder / "stdout.log").read_text()
