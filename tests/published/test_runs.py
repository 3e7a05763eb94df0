"""Each published file trains, is evaluated and is tested, with its sizes cut (`smaller`).

Where a file has TRAIN.ENABLE or TEST.ENABLE False, both are set True.
"""

import math
from pathlib import Path

import pytest

from slowfast.config.dotted import get
from tests.engine.runs import log, stats
from tests.published import files
from tests.published.data import write_data
from tests.published.runs import run_smaller
from tests.published.weights import asks_for_weights

pytestmark = pytest.mark.slow

# What stays as it is published, beside everything that `smaller` does not name.
KEPT = (
    *("AUG.ENABLE", "AUG.NUM_SAMPLE", "MIXUP.ENABLE", "MODEL.ACT_CHECKPOINT", "MODEL.MODEL_NAME"),
    *("BN.USE_PRECISE_STATS", "BN.NORM_TYPE", "SOLVER.LAYER_DECAY", "SOLVER.OPTIMIZING_METHOD"),
    *("MULTIGRID.LONG_CYCLE", "MULTIGRID.SHORT_CYCLE", "MVIT.REV.ENABLE", "DATA.SSL_COLOR_JITTER"),
)


@pytest.fixture(scope="module")
def data(tiny_ak, tmp_path_factory):
    """Returns a function that makes the data of a data set, once."""
    made: dict[str, dict] = {}

    def make(dataset: str) -> dict:
        dataset = dataset.removeprefix("ptv")
        if dataset not in made:
            folder = tmp_path_factory.mktemp("data") / dataset
            made[dataset] = write_data(dataset, folder, tiny_ak)
        return made[dataset]

    return make


@pytest.mark.parametrize("name", files.SERVED)
def test_a_published_file_trains_and_is_tested(name, data, tmp_path):
    published = files.PUBLISHED[name]
    cfg = run_smaller(name, tmp_path, data(published.get("TRAIN.DATASET", "kinetics")))
    for key in KEPT:
        if key in published:
            assert get(cfg, key) == published[key], key
    steps, evaluations = stats(cfg, "train_iter_"), stats(cfg, "val_epoch")
    assert len(steps) >= 2
    assert all(math.isfinite(line["loss"]) for line in steps)
    figure = "map" if cfg.DATA.MULTI_LABEL else "top1_err"
    assert all(0 <= line[figure] <= 100 for line in evaluations)
    assert evaluations
    tests = [line for line in stats(cfg) if line.get("split") == "test_final"]
    assert len(tests) == max(len(cfg.TEST.NUM_TEMPORAL_CLIPS), 1)
    assert all(0 <= float(line["top1_acc"]) <= 100 for line in tests)
    checkpoints = list(Path(cfg.OUTPUT_DIR, "checkpoints").glob(f"{cfg.TASK}*checkpoint_epoch_*"))
    assert checkpoints
    if asks_for_weights(cfg):
        assert f"from {cfg.TRAIN.CHECKPOINT_FILE_PATH}" in log(cfg)
