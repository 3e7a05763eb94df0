"""A network trains and is tested on videos with one class each."""

import csv
import json
import pickle
from pathlib import Path

import pytest

from slowfast.config.checks import problems
from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train
from slowfast.results.reading import read_results
from tests.engine.runs import log, stats


@pytest.fixture
def cfg(tiny_ak, small_cfg, tmp_path):
    for split, clips in {"train": "t0 t1 t2 t3", "val": "v0 v1", "test": "v2 v3"}.items():
        lines = [f"{name}.mp4 {i % 6}" for i, name in enumerate(clips.split())]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines))
    return small_cfg(
        TRAIN__DATASET="kinetics",
        TEST__DATASET="kinetics",
        DATA__PATH_TO_DATA_DIR=str(tmp_path),
        DATA__PATH_PREFIX=str(tiny_ak.video),
        DATA__SAMPLING="uniform",
        DATA__MULTI_LABEL=False,
        DATA__ENSEMBLE_METHOD="sum",
        MODEL__NUM_CLASSES=6,
        MODEL__HEAD_ACT="softmax",
        MODEL__LOSS_FUNC="cross_entropy",
        SOLVER__MAX_EPOCH=1,
        AK__HEAD_MIN=2,
        AK__TAIL_MAX=0,
        TEST__BOOTSTRAP=20,
    )


def test_from_lists_of_videos_to_top_1_and_top_5(cfg):
    cfg.TRAIN.BEST_METRIC = "top3_macro"
    train(cfg)
    run_test(cfg)
    evaluation, final = stats(cfg)[-2:]
    assert evaluation["best_chosen_on"] == "the validation set (val.csv)"
    assert evaluation["best_metric"] == "top3_macro"
    assert evaluation["best_top3_macro"] == evaluation["top3_macro"]
    assert final["split"] == "test_final"
    assert {"top1_acc", "top5_acc"} <= final.keys()
    check_files(Path(cfg.OUTPUT_DIR), final)
    words = log(cfg)
    assert "accuracy in % top-1 top-5 macro middle tail" in words
    assert "Segments: by training clips: head from 2 on, tail up to 0; 2 of 4 middle" in words


def check_files(folder, final):
    """Checks the files of a test of two clips of the classes 0 and 1, against its scores."""
    scores, classes = pickle.loads((folder / "results.pkl").read_bytes())
    assert sorted(classes.tolist()) == [0, 1]
    predicted = scores.argmax(dim=1)
    right = (predicted == classes).float()
    assert final["top1_acc"] == final["top1_micro"] == f"{100 * right.mean():.2f}"
    assert final["top1_macro_middle"] == final["top1_macro"] == f"{100 * right.mean():.2f}"
    assert final["top1_macro_tail"] is None, "no class of the tail has a test clip"
    with (folder / "per_class.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["test_count"] for row in rows] == ["1", "1", "0", "0", "0", "0"]
    assert [row["training_count"] for row in rows] == ["1", "1", "1", "1", "0", "0"]
    recalls = dict(zip(classes.tolist(), right.tolist(), strict=True))
    assert [float(row["recall"]) for row in rows[:2]] == [recalls[0], recalls[1]]
    assert [row["F1"] for row in rows[2:]] == ["no test clip"] * 4
    with (folder / "confusion.csv").open() as file:
        matrix = [row[1:] for row in csv.reader(file)][1:]
    for true, place in zip(classes.tolist(), predicted.tolist(), strict=True):
        assert matrix[true] == ["1" if column == place else "0" for column in range(6)]
    assert read_results(folder / "results.pkl").classes[0].measures["recall"] == recalls[0]
    record = json.loads((folder / "report/report.json").read_text())
    assert record["classes"][0]["recall"] == 100 * recalls[0]
    assert record["curves"]["best"]["metric"]["name"] == "macro top-3 accuracy"


def test_the_figure_that_chooses_must_be_one_of_these_labels(cfg):
    cfg.TRAIN.BEST_METRIC = "map_tail"
    (found,) = problems(cfg)
    assert "TRAIN.BEST_METRIC" in found
    assert "expected one of" in found
    cfg.TRAIN.BEST_METRIC = "top1_marco"
    (found,) = problems(cfg)
    assert "did you mean top1_macro" in found
