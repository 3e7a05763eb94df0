"""A network trains and is tested on videos with one class each."""

from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train
from tests.engine.runs import stats


def test_from_lists_of_videos_to_top_1_and_top_5(tiny_ak, small_cfg, tmp_path):
    for split, clips in {"train": "t0 t1 t2 t3", "val": "v0 v1", "test": "v2 v3"}.items():
        lines = [f"{name}.mp4 {i % 6}" for i, name in enumerate(clips.split())]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines))
    cfg = small_cfg(
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
    )
    train(cfg)
    run_test(cfg)
    lines = stats(cfg)
    assert lines[-2].get("best_chosen_on") == "the validation set (val.csv)"
    assert lines[-1]["split"] == "test_final"
    assert {"top1_acc", "top5_acc"} <= lines[-1].keys()
