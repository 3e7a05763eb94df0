"""The keys of this project: their defaults, limits and descriptions."""

from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS, add_ak_config


def test_keys_are_added_to_a_configuration_that_lacks_them():
    cfg = CfgNode({"TRAIN": {"ENABLE": True}})
    add_ak_config(cfg)
    assert cfg.TRAIN.ENABLE
    assert cfg.TRAIN.MIXED_PRECISION_TYPE == "fp16"
    assert (cfg.AK.FRAMES, cfg.AK.HEAD_MIN, cfg.AK.TAIL_MAX) == ("auto", 500, 100)
    assert cfg.RECIPE == {"GLOBAL_BATCH": 0, "NORM_GROUP": 0, "BASE_LR": 0.0, "INIT": ""}


def test_defaults_fit_their_limits():
    assert not [name for name, key in KEYS.items() if key.problem_with(key.default)]


def test_the_help_of_a_key_has_its_choices():
    assert KEYS["TEST.WEIGHTS"].help.endswith("One of last, best. In this tree only.")
