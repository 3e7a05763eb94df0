"""A network of images trains and is tested in the same loops as a network of clips."""

import json
import math
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.config.checks import problems
from slowfast.config.defaults import get_cfg
from slowfast.engine import train
from slowfast.engine.dry_run import dry_run
from slowfast.engine.testing import test as run_test
from slowfast.prediction.model import open_model
from tests.engine.runs import assert_same_run, log, stats, train_with_a_stop
from tests.media import write_image_tree

PUBLISHED = json.loads((Path(__file__).parents[1] / "reference/zoo_configs.json").read_text())
SMALL = {
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TEST_CROP_SIZE": 40,
    "DATA_LOADER.NUM_WORKERS": 0,
    "MODEL.NUM_CLASSES": 3,
    "RESNET.DEPTH": 18,
    "RESNET.TRANS_FUNC": "basic_transform",
    "RESNET.WIDTH_PER_GROUP": 4,
    "TRAIN.BATCH_SIZE": 4,
    "TRAIN.EVAL_PERIOD": 1,
    "TEST.BATCH_SIZE": 4,
    "SOLVER.MAX_EPOCH": 2,
    "BN.NUM_BATCHES_PRECISE": 2,
    "NUM_GPUS": 0,
    "LOG_MODEL_INFO": False,
    "LOG_PERIOD": 1,
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    write_image_tree(folder, {"train": dict.fromkeys(("ant", "bee", "cow"), 4), "val": {"cow": 3}})
    return folder


@pytest.fixture
def make_cfg(tree, tmp_path):
    """Returns a function that makes a published recipe, smaller, on a small tree."""

    def make(output: str = "run", recipe: str = "ImageNet/RES_R50", **settings):
        own = {"DATA.PATH_TO_DATA_DIR": str(tree), "OUTPUT_DIR": str(tmp_path / output)}
        cfg = get_cfg()
        cfg.merge_from_list(
            [part for pair in (PUBLISHED[recipe] | SMALL | own | settings).items() for part in pair]
        )
        return cfg

    return make


def test_the_published_recipe_trains_resumes_and_is_tested(make_cfg):
    cfg = make_cfg()
    assert problems(cfg) == []
    train(cfg)
    run_test(cfg)
    steps, evaluation = stats(cfg, "train_iter_"), stats(cfg, "val_epoch")[-1]
    assert [line["iter"] for line in steps] == ["1/3", "2/3", "3/3"] * 2
    assert evaluation["best_chosen_on"] == "the test set (val)"
    assert "1 x 1 views" in log(cfg)
    # The view of a test is the image of an evaluation.
    assert stats(cfg)[-1]["top1_acc"] == f"{100 - evaluation['top1_err']:.2f}"
    record = json.loads(Path(cfg.OUTPUT_DIR, "report/report.json").read_text())
    assert [row["name"] for row in record["classes"]] == ["ant", "bee", "cow"]
    stopped = make_cfg("stopped")
    train_with_a_stop(stopped, 5)
    assert_same_run(stopped, cfg)


@pytest.mark.parametrize("name", ["MVITv2_T", "REV_VIT_S"])
def test_vision_transformers_train_with_mixed_images_and_soft_labels(make_cfg, name):
    small = {"DATA.TEST_CROP_SIZE": 32, "SOLVER.MAX_EPOCH": 1, "SOLVER.WARMUP_EPOCHS": 0.0}
    cfg = make_cfg(
        recipe=f"ImageNet/{name}", **small, **{"MVIT.EMBED_DIM": 24, "MVIT.NUM_HEADS": 1}
    )
    assert cfg.MIXUP.ENABLE
    train(cfg)
    assert all(math.isfinite(line["loss"]) for line in stats(cfg, "train_iter_"))
    assert "top1_err" in stats(cfg, "val_epoch")[-1]


def test_a_dry_run_counts_one_view(make_cfg, capsys):
    dry_run(make_cfg())
    assert "3 clips" in capsys.readouterr().out


def test_a_prediction_on_videos_is_refused_in_words(make_cfg, tmp_path):
    cfg = make_cfg(**{"SOLVER.MAX_EPOCH": 1, "BN.USE_PRECISE_STATS": False})
    train(cfg)
    path = str(tmp_path / "run/checkpoints/checkpoint_epoch_00001.pyth")
    with pytest.raises(UserError, match=r"TRAIN\.DATASET imagenet: this network takes"):
        open_model(path, None, [], tmp_path / "out")
