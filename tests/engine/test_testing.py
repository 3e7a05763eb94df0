"""Testing: views are scored and joined, and the results are written."""

import csv
import json
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import chance_average_precision
from slowfast.ak.registries.metrics import metric_of
from slowfast.datasets.loader import construct_loader
from slowfast.engine import test as run_test
from slowfast.engine import testing
from slowfast.engine.device.runtime import Precision
from slowfast.engine.testing import TestPass, temporal_view_counts
from slowfast.engine.training import train
from slowfast.results.reading import read_results
from slowfast.tasks import build_task
from tests.engine.runs import checkpoints, log, results, stats


def test_which_view_counts(small_cfg):
    assert temporal_view_counts(small_cfg(**{"TEST.NUM_ENSEMBLE_VIEWS": -1})) == [1, 3, 5, 7, 10]
    assert temporal_view_counts(small_cfg(**{"TEST.NUM_ENSEMBLE_VIEWS": 1})) == [1]
    assert temporal_view_counts(small_cfg(**{"TEST.NUM_TEMPORAL_CLIPS": [1, 4]})) == [1, 4]


@pytest.fixture(scope="module")
def views_one_by_one(make_small_cfg, tmp_path_factory):
    """A task, its loader, and by clip the scores of each view, computed one view at a time."""
    cfg = make_small_cfg(tmp_path_factory.mktemp("views"))
    task = build_task(cfg, torch.device("cpu"), trains=False)
    network, loader = task.network.eval(), construct_loader(cfg, "test")
    scores, labels = {}, {}
    with torch.no_grad():
        for (views,), label, index, *_ in loader:
            each = [network(task.to_input(views.batch(v, v + 1))) for v in range(len(views))]
            scores[int(index)], labels[int(index)] = torch.cat(each), torch.as_tensor(label)
    return task, loader, scores, labels


@pytest.mark.parametrize(("method", "batch_size"), [("max", 4), ("sum", 5), ("sum", 6)])
def test_scores_are_those_of_the_views_one_by_one(views_one_by_one, small_cfg, method, batch_size):
    task, loader, scores, labels = views_one_by_one
    cfg = small_cfg(**{"DATA.ENSEMBLE_METHOD": method, "TEST.BATCH_SIZE": batch_size})
    test_pass = TestPass.from_cfg(cfg, task, Precision(torch.device("cpu")))
    rows = test_pass.run(loader, task.network, "test")
    assert rows.keys.flatten().tolist() == [0, 1, 2, 3]
    for clip, each in scores.items():
        assert len(each) == 6
        expected = each.amax(0) if method == "max" else each.sum(0)
        torch.testing.assert_close(rows.scores[clip], expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(rows.targets[clip], labels[clip])


def test_figures_without_a_value_print_as_absent(tiny_ak, small_cfg, tmp_path):
    """No test clip has a label: nothing prints as 0."""
    shutil.copytree(tiny_ak.annot, tmp_path / "annot")
    path = tmp_path / "annot/val.csv"
    path.write_text(re.sub(r'"[0-9,]*"', '""', path.read_text()))
    cfg = small_cfg(**{"DATA.PATH_TO_DATA_DIR": str(tmp_path / "annot"), "SOLVER.MAX_EPOCH": 1})
    cfg.merge_from_list(["TEST.MORE_METRICS", True, "TEST.BOOTSTRAP", 5])
    train(cfg)
    run_test(cfg)
    evaluation, final = stats(cfg)[-2:]
    assert evaluation["map"] is evaluation["map_micro"] is evaluation["best_map"] is None
    figures = {key for key in final if metric_of(key)}
    assert {key for key in figures if final[key] is not None} == {"calibration_error_micro"}
    words = log(cfg)
    assert "lr 0.025, mAP -, tail -, micro -" in words
    assert "2 x 3 views - - - 95 % interval - - - random scores - - -" in words
    assert "Best evaluation: none, as no evaluation had a value of mAP" in words
    assert results(cfg)["map"] is None


def test_results_and_report_are_written(trained):
    folder = Path(trained.OUTPUT_DIR)
    predictions, labels = pickle.loads((folder / "results.pkl").read_bytes())
    assert predictions.shape == labels.shape == (4, 5)
    rows = list(csv.reader((folder / "results.csv").read_text().splitlines()))
    assert len(rows) == len(predictions) + 1
    assert float(rows[1][2]) == pytest.approx(predictions[0, 0].item(), rel=1e-4)
    summary, final = results(trained), stats(trained)[-1]
    assert summary["initialisation"] == "from scratch"
    assert summary["checkpoint"].endswith("checkpoint_epoch_00001.pyth")
    assert final["split"] == "test_final"
    assert final["map"] == final["top1_acc"] == final["top5_acc"] == summary["map"]
    assert "." in final["map"]
    words = ("overall", "head", "middle", "tail", "random scores", "results.pkl")
    words += ("Segments: by training clips: head from 4 on, tail up to 1", "report/index.html")
    assert [each for each in words if each not in log(trained)] == []
    # Four clips of five classes have 5 labels: 5 of 20 pairs of clip and class.
    chance = float(chance_average_precision(np.array([5]), 20)[0])
    assert re.search(r"random scores( \S+)+? " + f"{100 * chance:.2f} ", log(trained))

    record = json.loads((folder / "report/report.json").read_text())
    assert f"{record['figures']['map']:.2f}" == final["map"]
    assert record["initialisation"] == "from scratch"
    assert [len(record["curves"][part]) for part in ("train", "val")] == [1, 1]
    assert record["settings"]["AK.TAIL_MAX"] == ["1", "100"]
    assert all(clip["still"] for clip in record["clips"].values())
    assert (folder / "report/index.html").stat().st_size < 3_000_000
    assert "MAX_EPOCH: 1" in (folder / "config.yaml").read_text()


def test_classes_and_intervals_are_reported(small_cfg):
    """A sixth class has no clip at all."""
    cfg = small_cfg(
        **{
            "MODEL.NUM_CLASSES": 6,
            "AK.HEAD_MIN": 4,
            "AK.TAIL_MAX": 1,
            "TEST.SAVE_RESULTS_PATH": "",
            "TEST.NUM_TEMPORAL_CLIPS": [1, 2],
            "TEST.BOOTSTRAP": 50,
            "TEST.MORE_METRICS": True,
        }
    )
    run_test(cfg)
    tables = sorted(Path(cfg.OUTPUT_DIR).glob("per_class_ap*.csv"))
    assert [path.name for path in tables] == ["per_class_ap_1x3.csv", "per_class_ap_2x3.csv"]
    rows = list(csv.DictReader(tables[0].read_text().splitlines()))
    segments = ["head", "middle", "middle", "middle", "tail", "tail"]
    assert [row["segment"] for row in rows] == segments
    assert [row["training_count"] for row in rows] == list("432210")
    assert [row["test_count"] for row in rows] == list("111110")
    assert rows[5]["AP"] == "no test clip"
    first = stats(cfg)[0]
    mean = sum(float(row["AP"]) for row in rows[:5]) / 5
    assert float(first["map"]) == pytest.approx(100 * mean, abs=0.006)
    assert first["map_tail"] == f"{100 * float(rows[4]['AP']):.2f}"
    for key in ("map", "map_head", "map_middle", "map_tail", "map_micro"):
        low, high = map(float, first[f"interval_{key}"])
        assert low <= float(first[key]) <= high
    assert {"f1_macro", "best_f1_micro", "roc_auc", "coverage"} <= first.keys()
    expected = (
        "95 % interval",
        "over 50 resamples of the 4 test clips",
        "1 of 1 head, 3 of 3 middle, 1 of 2 tail classes have test clips",
        "Classes without a test clip, which are in no mean (1): 5.",
        "F1 macro, threshold 0.5",
        "per_class_ap_2x3.csv",
    )
    assert [words for words in expected if words not in log(cfg)] == []


def test_a_checkpoint_is_tested_with_each_number_of_views(trained, small_cfg):
    settings = {
        "TRAIN.ENABLE": False,
        "TEST.CHECKPOINT_FILE_PATH": str(checkpoints(trained) / "checkpoint_epoch_00001.pyth"),
        "TEST.NUM_ENSEMBLE_VIEWS": -1,
        "TEST.NUM_SPATIAL_CROPS": 1,
        "TEST.BOOTSTRAP": 0,
    }
    cfg = small_cfg(**settings)
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR)
    assert {p.name for p in folder.glob("*.pkl")} == {
        f"results_{n}x1.pkl" for n in (1, 3, 5, 7, 10)
    }
    assert "10 x 1 views" in log(cfg)
    assert "95 %" not in log(cfg), "no intervals are asked for"
    summary = json.loads((folder / "results_1x1.json").read_text())
    assert not [key for key in summary if key.startswith(("interval", "f1"))]


def test_results_hold_clip_names_that_are_not_utf8(small_cfg, tiny_ak, tmp_path):
    folder = tmp_path / "annot"
    shutil.copytree(tiny_ak.annot, folder)
    text = (folder / "val.csv").read_bytes()
    (folder / "val.csv").write_bytes(text.replace(b"v1 ", b"v\xff1 "))
    cfg = small_cfg(**{"DATA.PATH_TO_DATA_DIR": str(folder)})
    run_test(cfg)
    assert b"\nv\xff1,1," in Path(cfg.OUTPUT_DIR, "results.csv").read_bytes().replace(b"\r", b"")
    assert read_results(Path(cfg.OUTPUT_DIR, "results.pkl")).clips[1] == "v\udcff1"


def test_scores_that_are_nan_are_saved_and_their_clips_named(small_cfg, monkeypatch):
    run = TestPass.run

    def with_nan(*args):
        rows = run(*args)
        rows.scores[2, 1] = torch.nan
        return rows

    monkeypatch.setattr(TestPass, "run", with_nan)
    cfg = small_cfg()
    with pytest.raises(UserError, match=r"1 of 4 clips have scores that are nan: v2\. They are "):
        run_test(cfg)
    found = read_results(Path(cfg.OUTPUT_DIR, "results.pkl"))
    assert np.isnan(found.scores).sum() == 1
    assert found.clips == ["v0", "v1", "v2", "v3"]


@pytest.mark.parametrize("name", ["per_class_ap.csv", "results.csv", "results.pkl"])
def test_other_files_are_written_if_one_cannot_be(small_cfg, monkeypatch, name):
    cfg = small_cfg()
    folder = Path(cfg.OUTPUT_DIR)
    monkeypatch.setattr(testing, "check_results_path", lambda cfg: None)
    (folder / name).mkdir(parents=True)
    with pytest.raises(UserError, match=rf"{name} cannot be written \(Is a directory\)\. Every"):
        run_test(cfg)
    names = {"per_class_ap.csv", "results.pkl", "results.csv", "results.json", "report"}
    assert all((folder / other).exists() for other in names)
    assert sum((folder / other).is_file() for other in names) == 3
    assert log(cfg).index("the test goes on") < log(cfg).index("random scores")
