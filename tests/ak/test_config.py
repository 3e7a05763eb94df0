from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS, add_ak_config


def test_keys_are_added_to_a_configuration_that_lacks_them():
    cfg = CfgNode({"TRAIN": {"ENABLE": True}})
    add_ak_config(cfg)
    assert cfg.TRAIN.ENABLE
    assert cfg.TRAIN.MIXED_PRECISION_TYPE == "fp16"
    assert cfg.AK == {
        "FRAMES": "auto",
        "VIDEO_PREFIX": "",
        "CLASSES": "",
        "HEAD_MIN": 500,
        "TAIL_MAX": 100,
        "HOLDOUT": "",
    }
    assert cfg.RECIPE == {"GLOBAL_BATCH": 0, "NORM_GROUP": 0, "BASE_LR": 0.0, "INIT": ""}


def test_defaults_are_among_their_choices():
    assert all(key.default in key.choices for key in KEYS.values() if key.choices)


def test_it_needs_nothing_of_the_tree():
    """An upstream checkout is given this module as it is."""
    import slowfast.ak.config as module

    with open(module.__file__) as source:  # noqa: PTH123
        assert "slowfast" not in "".join(line for line in source if "import" in line)


def test_a_key_of_this_tree_alone_says_so():
    assert KEYS["TEST.REPORT"].help.endswith("clips that it fails on. In this tree alone.")
    assert KEYS["AK.FRAMES"].help == KEYS["AK.FRAMES"].comment


def test_defaults_are_not_shared():
    one, other = CfgNode(), CfgNode()
    add_ak_config(one)
    add_ak_config(other)
    one.LOSS.LDAM.STEP_EPOCH.append(90)
    assert other.LOSS.LDAM.STEP_EPOCH == KEYS["LOSS.LDAM.STEP_EPOCH"].default == [80]
