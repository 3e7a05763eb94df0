"""A run reads each list once, and its workers receive no copy."""

import pickle
from pathlib import Path

import pytest
import torch

from slowfast.ak.classes.counts import read_class_table
from slowfast.ak.lists import clip_list
from slowfast.datasets.loader import construct_loader


@pytest.fixture
def cfg(cfg, ak_copy, monkeypatch):
    """Settings of `tiny_ak` with a copy of its lists. Small lists get an index file too."""
    monkeypatch.setattr(clip_list, "SMALLEST_LIST", 0)
    cfg.DATA.PATH_TO_DATA_DIR = str(ak_copy / "annot")
    return cfg


def test_training_precise_bn_validation_and_test_read_each_list_once(cfg, monkeypatch):
    read, open_index = [], clip_list.open_index
    monkeypatch.setattr(
        clip_list, "open_index", lambda source: read.append(source.name) or open_index(source)
    )
    for split in ("train", "val", "test"):
        construct_loader(cfg, split)
    construct_loader(cfg, "train", is_precise_bn=True)
    read_class_table(cfg)
    assert [Path(name).name for name in read] == ["train.csv", "val.csv"]


@pytest.mark.slow
def test_a_spawned_worker_with_a_part_of_a_list_makes_the_same_batches(cfg, tmp_path):
    (tmp_path / "holdout.txt").write_text("t1\nt5\n")
    cfg.AK.HOLDOUT = str(tmp_path / "holdout.txt")
    expected = list(construct_loader(cfg, "train"))
    cfg.DATA_LOADER.NUM_WORKERS = 1
    loader = construct_loader(cfg, "train")
    assert isinstance(loader.dataset.clips._index, clip_list.StoredIndex)
    assert len(pickle.dumps(loader.dataset.clips)) < 1000
    loader.multiprocessing_context = "spawn"
    found = list(loader)
    assert len(found) == len(expected) == 3
    for (clips, *rest, _), (others, *same, _) in zip(found, expected, strict=True):
        pairs = zip([*clips, *rest], [*others, *same], strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
