"""A test run: figures are computed once, and a new metric is reported in every place."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from slowfast.ak.metrics import average_precision
from slowfast.ak.registries.metrics import METRICS
from slowfast.engine import test as run_test
from slowfast.results.reading import read_results

MODULE = '''
"""Metrics of this test: the share of labels, and the number of clips."""

from slowfast.ak.registries.metrics import METRICS


@METRICS.register("label_share", title="share of labels", heading="Labels", explanation="mean",
                  by_segment=True)
def label_share(scores, labels):
    return labels.mean(axis=0)


@METRICS.register("size", reported="always", unit="classes", title="number of clips")
def size(scores, labels):
    return float(len(scores))
'''


@pytest.fixture
def new_metrics(tmp_path, monkeypatch):
    """Two metrics in a module outside the project."""
    (tmp_path / "metrics_of_mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("metrics_of_mine")
    yield
    del sys.modules["metrics_of_mine"], METRICS["label_share"], METRICS["size"]


def last_line(folder: Path) -> dict:
    line = (folder / "json_stats.log").read_text().splitlines()[-1]
    return json.loads(line.removeprefix("json_stats: "))


def test_a_metric_in_a_new_module_is_reported_everywhere(small_cfg, new_metrics, tmp_path):
    settings = {"AK.HEAD_MIN": 4, "AK.TAIL_MAX": 1, "TEST.BOOTSTRAP": 10}
    cfg = small_cfg(**settings, **{"TEST.MORE_METRICS": True, "TEST.SAVE_RESULTS_PATH": "r/r.pkl"})
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR)
    expected = {"label_share": "25.00", "label_share_tail": "25.00", "size": "4.00"}
    assert last_line(folder).items() >= expected.items()
    log = (folder / "stdout.log").read_text()
    for words in ("share of labels   ", "share of labels, tail   ", "number of clips   "):
        assert any(line.startswith(words) for line in log.splitlines())
    record = json.loads((folder / "report/report.json").read_text())
    assert record["more"].items() >= {key: float(text) for key, text in expected.items()}.items()
    assert record["metrics"]["label_share_tail"] == {
        "name": "Labels",
        "explanation": "mean, tail",
        "sign": " %",
    }
    # The results are read again after the folder has been moved.
    moved = folder.rename(tmp_path / "moved")
    found = read_results(moved / "r/r.pkl")
    assert found.summary.items() >= expected.items()
    assert found.scores.shape == found.labels.shape == (4, 5)
    assert found.clips == ["v0", "v1", "v2", "v3"]
    assert [row.test_count for row in found.classes] == found.labels.sum(axis=0).tolist()
    assert found.classes[0].segment == "head"


def test_average_precision_is_computed_once_in_a_test(small_cfg, monkeypatch):
    """The log, the table, the CSV of classes, the JSON and the page use the same values."""
    calls = []
    original = average_precision.clips_above

    def counted(scores, labels):
        calls.append(scores.shape)
        return original(scores, labels)

    monkeypatch.setattr(average_precision, "clips_above", counted)
    cfg = small_cfg(**{"TEST.BOOTSTRAP": 10})
    run_test(cfg)
    assert calls == [(4, 5), (20, 1)], "one call by class, one for the micro average"
    folder = Path(cfg.OUTPUT_DIR)
    record = json.loads((folder / "report/report.json").read_text())
    rows = (folder / "per_class_ap.csv").read_text().splitlines()[1:]
    for row, line in zip(record["classes"], rows, strict=True):
        assert row["ap"] == pytest.approx(100 * float(line.split(",")[-1]), abs=1e-3)
    mean = sum(row["ap"] for row in record["classes"]) / len(record["classes"])
    assert float(last_line(folder)["map"]) == pytest.approx(mean, abs=0.006)
    assert f"{last_line(folder)['map']}" in (folder / "stdout.log").read_text()
