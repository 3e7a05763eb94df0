"""The source of each key: a file, the command line, or a program."""

import copy
import pickle

import pytest

from slowfast.config import dotted, provenance
from slowfast.config.defaults import get_cfg


@pytest.fixture
def cfg(write):
    cfg = get_cfg()
    write({"SOLVER.MAX_EPOCH": 7, "DATA.NUM_FRAMES": 4, "OUTPUT_DIR": "here"}, "base.yaml")
    write("_BASE_: base.yaml\nSOLVER:\n  MAX_EPOCH: 9\n", "top.yaml")
    cfg.merge_from_file("top.yaml")
    cfg.merge_from_list(["TRAIN.BATCH_SIZE", "2"])
    return cfg


EXPECTED = {
    "SOLVER.MAX_EPOCH": "top.yaml",
    "DATA.NUM_FRAMES": "base.yaml",
    "OUTPUT_DIR": "base.yaml",
    "TRAIN.BATCH_SIZE": "command line",
    "SOLVER.BASE_LR": "top.yaml (default)",
}


def sources(cfg):
    return {key: provenance.source_of(cfg, key) for key in EXPECTED}


@pytest.mark.parametrize(
    "copied",
    [
        lambda cfg: cfg,
        lambda cfg: cfg.clone(),
        copy.deepcopy,
        lambda c: pickle.loads(pickle.dumps(c)),
    ],
    ids=["itself", "clone", "deepcopy", "pickle"],
)
def test_a_copy_has_the_values_and_sources_of_its_original(cfg, copied):
    assert sources(copied(cfg)) == EXPECTED
    assert copied(cfg) == cfg
    assert copied(cfg).dump() == cfg.dump()


def test_sources_are_not_keys_of_the_configuration(cfg):
    assert "top.yaml" not in cfg.dump()
    assert set(cfg) == set(get_cfg())


def test_a_change_by_a_program_is_found(cfg):
    cfg.SOLVER.MAX_EPOCH = 3
    cfg.SOLVER.BASE_LR = 3.0
    assert provenance.source_of(cfg, "SOLVER.MAX_EPOCH") == "set by the program"
    assert provenance.source_of(cfg, "SOLVER.BASE_LR") == "set by the program"
    assert provenance.source_of(get_cfg(), "SOLVER.BASE_LR") == "default"


def test_the_last_source_counts_also_for_an_equal_value(cfg):
    cfg.merge_from_list(["SOLVER.MAX_EPOCH", 9])
    assert provenance.source_of(cfg, "SOLVER.MAX_EPOCH") == "command line"


def test_an_error_begins_with_source_key_and_value(cfg):
    assert provenance.describe(cfg, "SOLVER.MAX_EPOCH") == "top.yaml: SOLVER.MAX_EPOCH = 9"
    assert provenance.describe(cfg, "TASK") == "top.yaml (default): TASK = ''"
    assert dotted.show(list(range(100))).endswith("...")


def test_ignored_settings_are_remembered_for_the_log(write):
    cfg = get_cfg()
    cfg.merge_from_file(write({"PREFETCH.A": 1}))
    (words,) = provenance.ignored(pickle.loads(pickle.dumps(cfg.clone())))
    assert words.startswith("X.yaml: PREFETCH is ignored")
    assert provenance.ignored(get_cfg()) == []
