"""The keys of slowfast.ak in an upstream configuration; recipes mean the same there as here."""

import inspect
from pathlib import Path

import pytest
from fvcore.common.config import CfgNode

from slowfast.ak.config import KEYS
from slowfast.ak.errors import UserError
from slowfast.ak.upstream import config
from slowfast.ak.upstream.config import (
    LENT_KEYS,
    NOT_SERVED,
    add_ak_keys,
    settle_ak_keys,
    with_ak_keys,
)
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import dotted_keys, get
from tests.ak.upstream.conftest import defaults

RECIPES = sorted((Path(__file__).parents[3] / "configs/AK").glob("*.yaml"))
# Keys whose defaults differ between the branches; this project has those of main.
OTHER_DEFAULTS_ON_PATCH_2 = {
    "OUTPUT_DIR",
    "DATA.DECODING_BACKEND",
    "MODEL.SINGLE_PATHWAY_ARCH",
    "MVIT.POOL_KV_STRIDE",
    "MVIT.POOL_Q_STRIDE",
}


def nothing(_C):
    """A user's function that adds no key."""


def with_keys(branch, add_custom_config=nothing):
    cfg = defaults(branch)
    with_ak_keys(add_custom_config)(cfg)
    return cfg


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_means_the_same_as_here(branch, path):
    if branch != "main" and path.stem.startswith("MVITv2"):
        pytest.skip("this branch has MViT of the first version only")
    there, here, untouched = with_keys(branch), get_cfg(), with_keys(branch)
    there.merge_from_file(str(path))
    here.merge_from_file(str(path))
    for key in dotted_keys(there):
        if key in OTHER_DEFAULTS_ON_PATCH_2 and get(there, key) == get(untouched, key):
            continue
        assert get(there, key) == get(here, key), key
        assert type(get(there, key)) is type(get(here, key)), key


def test_a_checkout_gets_all_keys_that_it_can_serve(branch):
    there = dotted_keys(with_keys(branch))
    in_this_tree = ("SPEED.", "COMPOSITION.", "FRAMESTACK.")
    missing = {key for key in KEYS if key not in there and not key.startswith(in_this_tree)}
    assert missing == {
        "CPU_PROCESSES",
        "DIST_TIMEOUT",
        "LOSS.LABEL_SMOOTHING",
        "MODEL.NUM_CLASSES_ANIMAL",
        "MODEL.NUM_CLASSES_BEHAVIOR",
        "MODEL.PRETRAINED",
        "SOLVER.ACCUMULATE_STEPS",
        "SOLVER.EMA_DECAY",
        "TEST.BOOTSTRAP",
        "TEST.MORE_METRICS",
        "TEST.REPORT",
        "TEST.WEIGHTS",
        "TRAIN.BEST_METRIC",
        "TRAIN.CHECKPOINT_ITERATIONS",
        "TRAIN.CHECKPOINT_MINUTES",
        "TRAIN.KEEP_BEST",
        "TRAIN.MIXED_PRECISION_TYPE",
    }
    assert not any(key.startswith(in_this_tree) for key in there)
    assert set(there) >= NOT_SERVED


def test_keys_of_main_are_added_to_the_older_branch(branch):
    assert set(LENT_KEYS) <= set(dotted_keys(with_keys(branch)))
    assert config.lent == (set() if branch == "main" else set(LENT_KEYS))


def test_the_users_keys_are_added_first_and_stay(branch):
    seen = []

    def add_custom_config(_C, size=3):
        """Mine."""
        seen.append("AK" in _C)
        _C.MINE = CfgNode({"SIZE": size})
        return "done"

    both = with_ak_keys(add_custom_config)
    cfg = defaults(branch)
    assert both(_C=cfg, size=4) == "done"
    assert seen == [False]
    assert cfg.MINE.SIZE == 4
    assert cfg.AK.FRAMES == "auto"
    assert (both.__name__, both.__doc__) == ("add_custom_config", "Mine.")
    assert list(inspect.signature(both).parameters) == ["_C", "size"]


def test_adding_the_keys_twice_changes_nothing(branch, caplog):
    cfg = with_keys(branch)
    once = cfg.clone()
    add_ak_keys(cfg)
    assert cfg == once
    assert not caplog.records


def test_configurations_share_no_lists(branch):
    with_keys(branch).LOSS.LDAM.STEP_EPOCH.append(90)
    assert with_keys(branch).LOSS.LDAM.STEP_EPOCH == [80]


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"AK": {"FRAMES": 8}}, "AK.FRAMES is 8 (int) there; here it is 'auto' (str)"),
        ({"AK": "x"}, "AK is 'x' there; here it is a group of keys"),
        ({"LOSS": {"EQL": 0.1}}, "LOSS.EQL is 0.1 there; here it is a group of keys"),
        ({"LOSS": {"CLASS_COUNTS": {}}}, "LOSS.CLASS_COUNTS is a group of keys there; here"),
        ({"LOSS": {"LDAM": {"S": None}}}, "LOSS.LDAM.S is None (NoneType) there; here it is 30.0"),
    ],
)
def test_a_users_key_with_another_meaning_is_refused(branch, own, words):
    def add_custom_config(_C):
        _C.update(CfgNode(own))

    with pytest.raises(UserError) as error:
        with_keys(branch, add_custom_config)
    assert words in str(error.value)
    assert str(error.value).count(" there; ") == 1
    assert "Rename the checkout's keys" in str(error.value)


def test_a_users_default_is_kept_with_a_warning(branch, caplog):
    def add_custom_config(_C):
        _C.AK = CfgNode({"TAIL_MAX": 50})

    assert with_keys(branch, add_custom_config).AK.TAIL_MAX == 50
    assert (
        "AK.TAIL_MAX: this checkout's default 50 is kept; slowfast.ak has the default 100"
        in caplog.text
    )


def test_skipping_the_head_resets_the_epoch(branch):
    cfg = with_keys(branch)
    settle_ak_keys(cfg)
    assert not cfg.TRAIN.CHECKPOINT_EPOCH_RESET
    cfg.TRAIN.CHECKPOINT_SKIP_HEAD = True
    settle_ak_keys(cfg)
    assert cfg.TRAIN.CHECKPOINT_EPOCH_RESET


def test_paths_are_expanded(branch, monkeypatch):
    monkeypatch.setenv("HOME", "/home/user")
    cfg = with_keys(branch)
    cfg.merge_from_list(["AK.VIDEO_PREFIX", "~/video", "AK.HOLDOUT", "s3://bucket/~/holdout.txt"])
    settle_ak_keys(cfg)
    assert (cfg.AK.VIDEO_PREFIX, cfg.AK.HOLDOUT) == (
        "/home/user/video",
        "s3://bucket/~/holdout.txt",
    )
    cfg.AK.CLASSES = "$NO_SUCH/classes.csv"
    with pytest.raises(UserError, match=r"AK\.CLASSES.* NO_SUCH is not defined; write"):
        settle_ak_keys(cfg)


def test_all_wrong_values_are_listed(branch):
    cfg = with_keys(branch)
    cfg.AK.FRAMES, cfg.LOSS.EQL.GAMMA, cfg.LOSS.LDAM.BETA = "jpg", 1.5, [0.9, -1.0]
    with pytest.raises(UserError) as error:
        settle_ak_keys(cfg)
    assert str(error.value).splitlines() == [
        "AK.FRAMES: found 'jpg', expected one of auto, image, video.",
        "LOSS.EQL.GAMMA: found 1.5, expected at most 1.",
        "LOSS.LDAM.BETA: found [0.9, -1.0], expected at least 0.",
    ]
