"""The mechanism of checks: sources, all problems at once, names that are not checked."""

import json
from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import DATASETS
from slowfast.ak.registries.networks import NETWORKS
from slowfast.config import checks
from slowfast.config.defaults import assert_and_infer_cfg
from slowfast.config.dotted import dotted_keys, set_value
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.readers import can_be_read

ZOO = json.loads((Path(__file__).parents[1] / "reference/zoo_configs.json").read_text())


def test_each_switch_of_a_missing_part_is_refused(load_runnable):
    cfg = load_runnable({"MODEL.MODEL_NAME": "MViT", "MODEL.ARCH": "mvit"})  # it has switches too
    changed = {bool: True, str: "x", int: 2, float: 0.5, list: [0.5, 1.0]}
    switches = {
        name: key
        for name, key in UPSTREAM_KEYS.items()
        if key.is_switch and can_be_read(cfg, name)  # not those of other data sets
    }
    assert "MASK.ENABLE" in switches
    for name, key in switches.items():
        cfg.merge_from_list([name, changed[type(key.default)]])
    with pytest.raises(UserError) as error:
        assert_and_infer_cfg(cfg)
    lines = str(error.value).splitlines()
    assert [line.split(" = ")[0] for line in lines] == [f"command line: {n}" for n in switches]
    assert all("is not built here yet; leave it at" in line for line in lines)


def test_all_problems_are_reported_together_with_their_sources(load_runnable):
    cfg = load_runnable({"AUG.RE_SPLIT": True, "RESNET.DEPTH": 34, "TRAIN.DATASET": "ava"})
    cfg.merge_from_list(["SOLVER.MAX_EPOCH", -1])
    cfg.DATA.STD = [1]
    lines = [line.split(": ")[:2] for line in checks.problems(cfg)]
    assert lines == [
        ["X.yaml", "AUG.RE_SPLIT = True"],
        ["set by the program", "DATA.STD = [1]"],
        ["X.yaml", "RESNET.DEPTH = 34"],
        ["command line", "SOLVER.MAX_EPOCH = -1"],
        ["X.yaml", "TRAIN.DATASET = ava"],
    ]


def test_a_default_that_cannot_run_is_reported_with_the_file_that_left_it(load):
    problems = checks.problems(load("DATA: {MULTI_LABEL: True}\n"))
    assert problems[0].startswith("X.yaml (default): MODEL.HEAD_ACT = softmax: ")


@pytest.mark.parametrize("value", [None, [[1, 2.5], []]], ids=repr)
def test_a_wrong_value_from_a_program_is_reported_and_never_an_exception(value, load_runnable):
    runnable = load_runnable()
    for key in dotted_keys(runnable)[::15]:
        cfg = runnable.clone()
        set_value(cfg, key, value)
        for line in checks.problems(cfg):
            assert line.startswith(("set by the program: ", "X.yaml")), line


def test_names_are_checked_only_against_registered_entries(load_runnable, monkeypatch):
    names = {"TRAIN.DATASET": "mydata", "TEST.DATASET": "mydata", "MODEL.MODEL_NAME": "MaskMViT"}
    cfg = load_runnable(names | {"MODEL.ARCH": "maskmvit"})
    with monkeypatch.context() as patch:
        for registry in (NETWORKS, DATASETS):
            patch.setattr(registry, "_entries", {})  # as before the import of a room
        assert checks.problems(cfg) == []
    assert len(checks.problems(cfg)) == 3
    monkeypatch.setitem(NETWORKS, "MaskMViT", object())
    monkeypatch.setitem(DATASETS, "Mydata", object())
    assert checks.problems(cfg) == []


@pytest.mark.parametrize("name", sorted(name for name in ZOO if name.startswith("AVA/")))
def test_a_published_file_is_refused_only_for_parts_that_are_not_built(name, load):
    """No check is stricter than upstream's own recipes; `tests/published` has the other files."""
    allowed = ("not built here", "MODEL.LOSS_FUNC = bce: ")
    for problem in checks.problems(load(ZOO[name])):
        assert any(words in problem for words in allowed), problem
