import ast
import copy
import inspect
import json
import pickle
from pathlib import Path

import pytest
import yaml

from slowfast.ak import config as ak_config
from slowfast.ak.errors import UserError
from slowfast.config import keys
from slowfast.config.defaults import assert_and_infer_cfg, explain, get_cfg
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.merge import dotted_keys
from slowfast.config.provenance import get

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
MAIN, PATCH_2 = (
    json.loads((REFERENCE / f"config_defaults_{branch}.json").read_text())
    for branch in ("main", "haooooooqi-patch-2")
)


@pytest.mark.parametrize("key", sorted({**PATCH_2, **MAIN}))
def test_upstream_key_has_upstream_default_of_main(key):
    expected = {**PATCH_2, **MAIN}[key]
    value = get(get_cfg(), key)
    assert value == expected
    assert type(value) is type(expected)


def test_no_keys_but_upstreams_and_those_of_animal_kingdom():
    assert set(dotted_keys(get_cfg())) == {*PATCH_2, *MAIN, *ak_config.KEYS}


def test_every_key_has_a_comment_of_its_own_words():
    comments = {key: spec.comment for key, spec in (UPSTREAM_KEYS | ak_config.KEYS).items()}
    assert set(comments) == set(dotted_keys(get_cfg()))
    for key, comment in comments.items():
        assert len(comment.split()) >= 3, key
        assert comment.endswith("."), key


def test_a_comment_stands_beside_the_key_in_the_source():
    """Each dotted name is written once, in a dictionary, with a Key that is given a text."""
    written = []
    modules = [m for m in vars(keys).values() if inspect.ismodule(m)]
    for module in [*modules, ak_config]:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Dict):
                for name, value in zip(node.keys, node.values, strict=True):
                    if isinstance(name, ast.Constant) and isinstance(value, ast.Call):
                        assert isinstance(value.args[1], ast.Constant), name.value
                        written.append(name.value)
    assert sorted(written) == sorted(dotted_keys(get_cfg()))


def test_copies_do_not_share_lists():
    get_cfg().DATA.MEAN.append(1.0)
    assert get_cfg().DATA.MEAN == [0.45, 0.45, 0.45]


@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda cfg: cfg.clone(), lambda cfg: pickle.loads(pickle.dumps(cfg))],
    ids=["deepcopy", "clone", "pickle"],
)
def test_copy_equals_its_original(copied, load_runnable):
    cfg = load_runnable()
    assert copied(cfg) == cfg
    assert copied(cfg).dump() == cfg.dump()


def test_dump_reads_back(load, load_runnable):
    cfg = load_runnable()
    assert set(yaml.safe_load(cfg.dump())) == set(cfg)
    assert load(cfg.dump()) == cfg


def test_learning_rates_follow_the_machines_exactly_once(load, load_runnable):
    cfg = load_runnable(
        {
            "SOLVER.BASE_LR_SCALE_NUM_SHARDS": True,
            "NUM_SHARDS": 4,
            "SOLVER.BASE_LR": 0.1,
            "SOLVER.WARMUP_START_LR": 0.01,
            "SOLVER.COSINE_END_LR": 0.001,
        }
    )
    for checked in (
        lambda: assert_and_infer_cfg(cfg),
        lambda: assert_and_infer_cfg(cfg),
        lambda: assert_and_infer_cfg(pickle.loads(pickle.dumps(cfg))),
        lambda: assert_and_infer_cfg(load(cfg.dump())),
    ):
        solver = checked().SOLVER
        rates = (solver.BASE_LR, solver.WARMUP_START_LR, solver.COSINE_END_LR)
        assert rates == pytest.approx((0.4, 0.04, 0.004))


def test_frozen_configuration_can_be_checked(load_runnable):
    cfg = load_runnable({"SOLVER.BASE_LR_SCALE_NUM_SHARDS": True, "NUM_SHARDS": 2})
    cfg.freeze()
    assert assert_and_infer_cfg(cfg).is_frozen()
    assert pytest.approx(0.2) == cfg.SOLVER.BASE_LR


def test_learning_rates_stay_without_the_key(load_runnable):
    cfg = assert_and_infer_cfg(load_runnable({"NUM_SHARDS": 4}))
    assert cfg.SOLVER.BASE_LR == 0.1


@pytest.mark.parametrize("gpus", [0, 1, 2])
def test_check_needs_no_gpu(gpus, load_runnable):
    cfg = load_runnable({"NUM_GPUS": gpus})
    assert assert_and_infer_cfg(cfg) is cfg


def test_explain():
    assert "SOLVER.STEPS: []\n    Epochs from which" in explain("solver.steps")
    assert explain("TEST").count("\n    ") >= 9
    assert "TRAIN.ENABLE" not in explain("TEST")
    with pytest.raises(UserError, match=r"did you mean SOLVER.STEPS\?"):
        explain("SOLVER.STEP")
    assert explain().count("\n") > 600
    assert "Refused when changed" in explain("AUG.NUM_SAMPLE")
    assert "Has no effect here" in explain("AUG.MASK_RATIO")
