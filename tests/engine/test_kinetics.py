"""A network trains and is tested on videos with one class each."""

import json

import pytest

from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train


@pytest.mark.parametrize("sampling", ["dense", "uniform"])
def test_from_lists_of_videos_to_top_1_and_top_5(tiny_ak, small_cfg, tmp_path, sampling):
    for split, clips in {
        "train": "t0 t1 t2 t3 t4 t5 t6 t7",
        "val": "v0 v1",
        "test": "v2 v3",
    }.items():
        lines = [f"{name}.mp4 {i % 6}" for i, name in enumerate(clips.split())]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines))
    cfg = small_cfg(
        TRAIN__DATASET="kinetics",
        TEST__DATASET="kinetics",
        DATA__PATH_TO_DATA_DIR=str(tmp_path),
        DATA__PATH_PREFIX=str(tiny_ak.video),
        DATA__SAMPLING=sampling,
        DATA__MULTI_LABEL=False,
        DATA__ENSEMBLE_METHOD="sum",
        MODEL__NUM_CLASSES=6,
        MODEL__HEAD_ACT="softmax",
        MODEL__LOSS_FUNC="cross_entropy",
        SOLVER__MAX_EPOCH=1,
    )
    train(cfg)
    run_test(cfg)
    text = (tmp_path / "run/json_stats.log").read_text()
    stats = [json.loads(line.removeprefix("json_stats: ")) for line in text.splitlines()]
    assert stats[-2].get("best_chosen_on") == "the validation set (val.csv)"
    final = next(entry for entry in stats if entry.get("split") == "test_final")
    assert {"top1_acc", "top5_acc"} <= set(final)
