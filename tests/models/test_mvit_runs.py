"""Vision transformers train, are tested and resumed as every network."""

import json
from pathlib import Path

import pytest

from slowfast.config.checks import problems
from slowfast.config.defaults import get_cfg
from slowfast.engine.testing import test as run_test
from slowfast.engine.training import train
from tests.models.network_cases import MVITV2, REV_MVIT


@pytest.mark.parametrize("family", [MVITV2, REV_MVIT], ids=["mvitv2", "reversible"])
def test_a_run_trains_resumes_and_is_tested(family, tiny_ak, tmp_path, caplog):
    cfg = get_cfg()
    cfg.merge_from_list([*tiny_ak.opts(), "OUTPUT_DIR", str(tmp_path), "TRAIN.BATCH_SIZE", 4])
    cfg.merge_from_list([part for item in family.items() for part in item])
    cfg.merge_from_list(["SOLVER.OPTIMIZING_METHOD", "adamw", "SOLVER.BASE_LR", 1e-3])
    cfg.merge_from_list(["SOLVER.LAYER_DECAY", 0.7, "MVIT.DROPPATH_RATE", 0.2])
    cfg.merge_from_list(["MVIT.REV.PRE_Q_FUSION", "concat_linear_2", "DATA.TEST_CROP_SIZE", 96])
    with caplog.at_level("INFO"):
        for epochs in (1, 2):
            cfg.SOLVER.MAX_EPOCH = epochs
            assert problems(cfg) == []
            train(cfg)
        run_test(cfg)
    assert "Multiply-adds are unknown" not in caplog.text
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    stats = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    epochs = [each["epoch"] for each in stats if each.get("_type") == "train_epoch"]
    assert epochs == ["1/1", "2/2"]
    assert any(each.get("split") == "test_final" for each in stats)
