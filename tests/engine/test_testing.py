"""Testing: views are scored, joined and written as promised."""

import csv
import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.ak.metrics.average_precision import chance_average_precision
from slowfast.datasets.loader import construct_loader
from slowfast.engine import test as run_test
from slowfast.engine import testing, train
from slowfast.engine.device.runtime import Precision
from slowfast.engine.testing import TestPass, temporal_view_counts
from slowfast.results.reading import read_results
from slowfast.tasks import build_task


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


def test_results_are_written_as_promised(small_cfg):
    cfg = small_cfg(
        **{
            "SOLVER.MAX_EPOCH": 1,
            "TEST.SAVE_RESULTS_PATH": "new/folder/scores.pkl",
            "AK.HEAD_MIN": 4,
            "AK.TAIL_MAX": 1,
        }
    )
    train(cfg)
    run_test(cfg)
    folder = Path(cfg.OUTPUT_DIR, "new", "folder")
    with (folder / "scores.pkl").open("rb") as file:
        predictions, labels = pickle.load(file)
    assert predictions.shape == labels.shape == (len(predictions), 5)
    with (folder / "scores.csv").open() as file:
        rows = list(csv.reader(file))
    assert len(rows) == len(predictions) + 1
    assert float(rows[1][2]) == pytest.approx(predictions[0, 0].item(), rel=1e-4)
    summary = json.loads((folder / "scores.json").read_text())
    assert summary["initialisation"] == "from scratch"
    assert summary["checkpoint"].endswith("checkpoint_epoch_00001.pyth")
    last = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()[-1]
    final = json.loads(last.removeprefix("json_stats: "))
    assert final["split"] == "test_final"
    assert final["map"] == final["top1_acc"] == final["top5_acc"] == summary["map"]
    assert "." in final["map"]
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    for words in ("overall", "head", "middle", "tail", "random scores", "scores.pkl"):
        assert words in log
    assert "Segments: by training clips: head from 4 on, tail up to 1" in log


def test_a_test_tells_of_each_class_and_how_sure_it_is(small_cfg, tiny_ak):
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
    with tables[0].open() as file:
        rows = list(csv.DictReader(file))
    assert [
        (row["id"], row["segment"], row["training_count"], row["test_count"]) for row in rows
    ] == [
        ("0", "head", "4", "1"),
        ("1", "middle", "3", "1"),
        ("2", "middle", "2", "1"),
        ("3", "middle", "2", "1"),
        ("4", "tail", "1", "1"),
        ("5", "tail", "0", "0"),
    ]
    assert rows[5]["AP"] == "no test clip"
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    finals = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    first = next(line for line in finals if line["split"] == "test_final")
    mean = sum(float(row["AP"]) for row in rows[:5]) / 5
    assert float(first["map"]) == pytest.approx(100 * mean, abs=0.006)
    assert first["map_tail"] == f"{100 * float(rows[4]['AP']):.2f}"
    for key in ("map", "map_head", "map_middle", "map_tail", "map_micro"):
        low, high = map(float, first[f"interval_{key}"])
        assert low <= float(first[key]) <= high
    assert {"f1_macro", "best_f1_micro", "roc_auc", "coverage"} <= first.keys()
    log = " ".join(Path(cfg.OUTPUT_DIR, "stdout.log").read_text().split())
    for words in (
        "95 % interval",
        "over 50 resamples of the 4 test clips",
        "1 of 1 head, 3 of 3 middle, 1 of 2 tail classes have test clips",
        "Classes without a test clip, which are in no mean (1): 5.",
        "F1 macro, threshold 0.5",
        "per_class_ap_2x3.csv",
    ):
        assert words in log


def test_what_was_not_asked_for_is_not_there(small_cfg):
    cfg = small_cfg(**{"TEST.BOOTSTRAP": 0})
    run_test(cfg)
    summary = json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text())
    assert not [key for key in summary if key.startswith(("interval", "f1"))]
    assert "95 %" not in Path(cfg.OUTPUT_DIR, "stdout.log").read_text()


def test_tests_a_checkpoint_alone_with_each_number_of_views(small_cfg):
    trained = small_cfg("trained", **{"SOLVER.MAX_EPOCH": 1})
    train(trained)
    path = str(Path(trained.OUTPUT_DIR, "checkpoints", "checkpoint_epoch_00001.pyth"))
    cfg = small_cfg(
        "alone",
        **{
            "TRAIN.ENABLE": False,
            "TEST.CHECKPOINT_FILE_PATH": path,
            "TEST.NUM_ENSEMBLE_VIEWS": -1,
            "TEST.NUM_SPATIAL_CROPS": 1,
        },
    )
    run_test(cfg)
    names = {p.name for p in Path(cfg.OUTPUT_DIR).glob("*.pkl")}
    assert names == {f"results_{n}x1.pkl" for n in (1, 3, 5, 7, 10)}
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    assert "10 x 1 views" in log


def test_a_clip_name_that_is_no_utf8_costs_no_result(small_cfg, tiny_ak, tmp_path):
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
def test_a_file_that_cannot_be_written_costs_no_other(small_cfg, monkeypatch, name):
    cfg = small_cfg()
    folder = Path(cfg.OUTPUT_DIR)
    monkeypatch.setattr(testing, "check_results_path", lambda cfg: None)
    (folder / name).mkdir(parents=True)
    with pytest.raises(UserError, match=rf"{name} cannot be written \(Is a directory\)\. Every"):
        run_test(cfg)
    names = {"per_class_ap.csv", "results.pkl", "results.csv", "results.json", "report"}
    assert all((folder / other).exists() for other in names)
    assert sum((folder / other).is_file() for other in names) == 3
    log = (folder / "stdout.log").read_text()
    assert log.index("the test goes on") < log.index("random scores")


def test_chance_of_micro_is_over_all_pairs_of_clip_and_class(small_cfg):
    """Four clips of five classes have 5 labels: 5 of 20 pairs."""
    cfg = small_cfg()
    run_test(cfg)
    log = Path(cfg.OUTPUT_DIR, "stdout.log").read_text()
    (line,) = [line for line in log.splitlines() if line.startswith("random scores")]
    chance = float(chance_average_precision(np.array([5]), 20)[0])
    assert line.split()[-1] == f"{100 * chance:.2f}"
