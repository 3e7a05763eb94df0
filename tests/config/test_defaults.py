"""The default configuration, its dump, the learning rates of several machines, `--keys`."""

import json
import pickle
from pathlib import Path

import pytest
import yaml

from slowfast.ak.config import KEYS as AK_KEYS
from slowfast.ak.errors import UserError
from slowfast.ak.registries.losses import LOSSES
from slowfast.ak.registries.networks import NETWORKS
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.config.dotted import dotted_keys, get
from slowfast.config.explain import explain
from slowfast.config.keys import PREDICTION_KEYS, known_keys

REFERENCE = Path(__file__).resolve().parents[1] / "reference"
MAIN, PATCH_2 = (
    json.loads((REFERENCE / f"config_defaults_{branch}.json").read_text())
    for branch in ("main", "haooooooqi-patch-2")
)


def test_upstream_keys_have_the_defaults_of_main():
    cfg = get_cfg()
    for key, expected in {**PATCH_2, **MAIN}.items():
        assert get(cfg, key) == expected, key
        assert type(get(cfg, key)) is type(expected), key


def test_all_keys_are_of_upstream_or_of_this_project():
    losses = LOSSES.configuration_keys()
    own = {*AK_KEYS, *PREDICTION_KEYS, *losses, *NETWORKS.configuration_keys()}
    assert set(dotted_keys(get_cfg())) == {*PATCH_2, *MAIN, *own} == set(known_keys())


def test_each_key_has_a_help_text():
    for key, declared in known_keys().items():
        assert len(declared.help.split()) >= 3, key
        assert declared.help.endswith("."), key


def test_copies_do_not_share_lists():
    get_cfg().DATA.MEAN.append(1.0)
    assert get_cfg().DATA.MEAN == [0.45, 0.45, 0.45]


def test_dump_reads_back(load, load_runnable):
    cfg = load_runnable()
    assert set(yaml.safe_load(cfg.dump())) == set(cfg)
    assert load(cfg.dump()) == cfg


def test_learning_rates_are_multiplied_by_the_machines_exactly_once(load, load_runnable):
    rates = {"BASE_LR": 0.1, "WARMUP_START_LR": 0.01, "COSINE_END_LR": 0.001}
    settings = {"NUM_SHARDS": 4, **{f"SOLVER.{key}": rate for key, rate in rates.items()}}
    assert assert_and_infer_cfg(load_runnable(settings)).SOLVER.BASE_LR == 0.1
    cfg = load_runnable(settings | {"SOLVER.BASE_LR_SCALE_NUM_SHARDS": True})
    cfg.freeze()
    for checked in (
        lambda: assert_and_infer_cfg(cfg),
        lambda: assert_and_infer_cfg(cfg),
        lambda: assert_and_infer_cfg(pickle.loads(pickle.dumps(cfg))),
        lambda: assert_and_infer_cfg(load(cfg.dump())),
    ):
        found = {key: checked().SOLVER[key] for key in rates}
        assert found == pytest.approx({key: 4 * rate for key, rate in rates.items()})
    assert cfg.is_frozen()


def test_keys_are_explained_with_default_and_meaning():
    assert "SOLVER.STEPS: []\n    Epochs from which" in explain("solver.steps")
    assert "\nTRAIN." not in explain("TEST")
    with pytest.raises(UserError, match=r"did you mean SOLVER.STEPS\?"):
        explain("SOLVER.STEP")
    assert explain().count("\n") > 600
    assert "Refused when changed" in explain("AUG.RE_SPLIT")
    assert "Has no effect here" in explain("AUG.MASK_RATIO")
