"""A data set in its own file can be configured, explained, checked, trained with and reported."""

import importlib
import json
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.lists.holdout import chosen_on
from slowfast.ak.registries.datasets import DATASETS
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.config.explain import explain
from slowfast.data_tools.check_data import DataPlaces, check_data
from slowfast.engine import train

ZOO = """
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.keys import Key
from slowfast.ak.registries.datasets import DATASETS


def problems(cfg):
    if cfg.ZOO.CAGES < 1:
        yield "ZOO.CAGES", "expected at least one cage"


@DATASETS.register(
    "Zoo",
    list_format="pairs",
    has_test_list=True,
    frames="video",
    videos_in_prefix=True,
    keys={"ZOO.CAGES": Key(7, "Number of cages with a camera.")},
    problems=problems,
)
class Zoo(ClipDataset):
    def __init__(self, cfg, split):
        super().__init__(**clip_dataset_arguments(cfg, split, DATASETS.facts("zoo")))
"""


@pytest.fixture
def zoo(small_cfg, tiny_ak, tmp_path, monkeypatch):
    """Returns a configuration with TRAIN.DATASET zoo, whose lists have one class a video."""
    for attribute in ("_entries", "_facts"):
        monkeypatch.setattr(DATASETS, attribute, dict(getattr(DATASETS, attribute)))
    (tmp_path / "zoo.py").write_text(ZOO)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(importlib.sys.modules, "zoo", raising=False)
    importlib.import_module("zoo")
    for split, clips in {"train": "t0 t1 t2 t3", "val": "v0 v1", "test": "v2 v3"}.items():
        lines = [f"{clip}.mp4 {number}\n" for number, clip in enumerate(clips.split())]
        (tmp_path / f"{split}.csv").write_text("".join(lines))

    def configure(**settings):
        return small_cfg(
            **{
                "TRAIN.DATASET": "zoo",
                "TEST.DATASET": "zoo",
                "DATA.PATH_TO_DATA_DIR": str(tmp_path),
                "DATA.PATH_PREFIX": str(tiny_ak.video),
                "DATA.MULTI_LABEL": False,
                "MODEL.LOSS_FUNC": "cross_entropy",
                "MODEL.HEAD_ACT": "softmax",
                "TRAIN.BATCH_SIZE": 2,
                "SOLVER.MAX_EPOCH": 1,
                "BN.USE_PRECISE_STATS": False,
            }
            | settings
        )

    return configure


def test_its_keys_are_explained_and_checked(zoo):
    assert "Number of cages with a camera." in explain("ZOO")
    assert_and_infer_cfg(zoo())
    with pytest.raises(UserError, match=r"ZOO\.CAGES.*expected at least one cage"):
        assert_and_infer_cfg(zoo(**{"ZOO.CAGES": 0}))
    with pytest.raises(UserError, match="did you mean zoo"):
        assert_and_infer_cfg(zoo(**{"TRAIN.DATASET": "zooo"}))


def test_its_data_are_checked_and_its_lists_are_named(zoo, tmp_path):
    cfg = zoo()
    assert chosen_on(cfg) == "the validation set (val.csv)"
    (tmp_path / "test.csv").write_text("v2.mp4 2\nnone.mp4 9\n")
    report = check_data(DataPlaces.from_cfg(cfg))
    assert [Path(path).name for path in report.lists] == ["train.csv", "val.csv", "test.csv"]
    assert {fault.kind for fault in report.faults} == {"label", "missing"}


def test_it_is_trained_with(zoo):
    cfg = zoo()
    train(cfg)
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    stats = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    assert [line["iter"] for line in stats if line["_type"] == "train_iter_"] == ["1/2", "2/2"]
    assert "top1_err" in stats[-1]
