"""The log of a run states what decides its result and what differs from the recipe."""

import pytest
import torch

from slowfast.ak.checks.recipe import FROM_SCRATCH, configured_initialisation, describe_run
from slowfast.config.defaults import get_cfg


@pytest.fixture
def logged(caplog):
    """Returns the lines that settings log, for two processes."""
    caplog.set_level("INFO")

    def describe(initialisation=FROM_SCRATCH, **settings):
        cfg = get_cfg()
        cfg.merge_from_list(["TRAIN.BATCH_SIZE", 8, "NUM_GPUS", 2, "SOLVER.BASE_LR", 0.05])
        cfg.merge_from_list([x for k, v in settings.items() for x in (k.replace("__", "."), v)])
        caplog.clear()
        describe_run(cfg, initialisation, 2, torch.device("cpu"))
        return [record.getMessage() for record in caplog.records]

    return describe


def test_what_decides_the_result_is_logged(logged):
    assert logged() == [
        "This run: global batch 8 clips, norm group 4 clips, learning rate 0.05; weights from "
        "scratch; on the CPU, 2 processes."
    ]
    (line,) = logged(BN__NORM_TYPE="sync_batchnorm", BN__NUM_SYNC_DEVICES=2, NUM_SHARDS=3)
    assert "global batch 24 clips, norm group 8 clips" in line


def test_frozen_norms_have_no_norm_group(logged):
    (line,) = logged(MODEL__FROZEN_BN=True, RECIPE__NORM_GROUP=8)
    assert "norm group" not in line


def test_a_run_like_its_recipe_gets_no_warning(logged):
    same = {"RECIPE__GLOBAL_BATCH": 8, "RECIPE__NORM_GROUP": 4, "RECIPE__BASE_LR": 0.05}
    assert len(logged(**same, RECIPE__INIT="scratch")) == 1


@pytest.mark.parametrize(
    ("key", "published", "words"),
    [
        ("RECIPE__GLOBAL_BATCH", 64, "a global batch of 64 clips; this run has 8."),
        ("RECIPE__NORM_GROUP", 8, "a norm group of 8 clips; this run has 4."),
        ("RECIPE__BASE_LR", 0.1, "a learning rate of 0.1; this run has 0.05."),
        ("RECIPE__INIT", "kinetics", "starts from kinetics; this run starts from scratch."),
    ],
)
def test_each_difference_gets_a_warning(logged, key, published, words):
    _, warning = logged(**{key: published})
    assert words in warning


def test_the_initialisation_names_the_file_and_its_settings():
    cfg = get_cfg()
    assert configured_initialisation(cfg) == FROM_SCRATCH
    cfg.TRAIN.CHECKPOINT_FILE_PATH, cfg.TRAIN.CHECKPOINT_SKIP_HEAD = "a.pyth", True
    assert configured_initialisation(cfg) == "from a.pyth (pytorch, new head)"
