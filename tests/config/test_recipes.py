"""The YAML files below configs/: what they set, and that they can be run."""

import json
from pathlib import Path

import pytest
import yaml

from slowfast.ak.config import KEYS as AK_KEYS
from slowfast.config import checks
from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.config.dotted import dotted_keys, get

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "tests" / "reference"
AK = {
    name: ROOT / "configs/AK" / f"{name}.yaml"
    for name in ("I3D_8x8_R50", "SLOWFAST_8x8_R50", "X3D_L")
}
ALL = sorted((ROOT / "configs").rglob("*.yaml"))

# The settings that differ from the released files, except TEST.SAVE_RESULTS_PATH.
CORRECTED = {
    "TRAIN.DATASET": "ak",
    "TEST.DATASET": "ak",
    "DATA_LOADER.NUM_WORKERS": -1,
    "TRAIN.CHECKPOINT_KEEP": 3,
}
# The measured networks were not trained; the published files name these.
PUBLISHED_LOSS = {"I3D_8x8_R50": "focal_loss", "SLOWFAST_8x8_R50": "bce_loss", "X3D_L": "EQL"}
# RECIPE.GLOBAL_BATCH, NORM_GROUP and BASE_LR.
RECIPE = {"I3D_8x8_R50": (8, 4, 0.1), "SLOWFAST_8x8_R50": (8, 8, 0.0375), "X3D_L": (8, 8, 0.05)}
# The file of the zoo's weights, and the published configuration that they were trained with.
KINETICS = {
    "I3D_8x8_R50": ("I3D_8x8_R50.pkl", "caffe2", "Kinetics/c2/I3D_8x8_R50"),
    "SLOWFAST_8x8_R50": ("SLOWFAST_8x8_R50.pkl", "caffe2", "Kinetics/c2/SLOWFAST_8x8_R50"),
    "X3D_L": ("x3d_l.pyth", "pytorch", "Kinetics/X3D_L"),
}


def read(path):
    cfg = get_cfg()
    cfg.merge_from_file(path)
    return cfg


def zoo(name):
    return json.loads((REFERENCE / "zoo_configs.json").read_text())[name]


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_recipe_can_run_without_warnings(path):
    cfg = assert_and_infer_cfg(read(path))
    # One warning is meant: the released focal loss is bce_loss.
    expected = ["MODEL.LOSS_FUNC = focal_loss"] if path.match("AK/I3D*") else []
    assert [words.split(": ")[1] for words in checks.warnings(cfg)] == expected
    if path.stem != "DEMO":
        text = path.read_text()
        assert text.startswith("# ")
        assert "python tools/run_net.py --cfg configs/" in text


@pytest.mark.parametrize("name", AK)
def test_animal_kingdom_has_the_released_settings_except_the_corrected_ones(name):
    released = json.loads((REFERENCE / "models" / f"AK__{name}.json").read_text())["overrides"]
    expected = released | CORRECTED | {"MODEL.LOSS_FUNC": PUBLISHED_LOSS[name]}
    if name == "X3D_L":
        expected["SOLVER.MAX_EPOCH"] = 200
    cfg, defaults = read(AK[name]), get_cfg()
    own = {"TEST.SAVE_RESULTS_PATH", *(key for key in AK_KEYS if key.startswith("RECIPE."))}
    for key in set(dotted_keys(cfg)) - own:
        assert get(cfg, key) == expected.get(key, get(defaults, key)), key
    recipe, results = cfg.RECIPE, cfg.TEST.SAVE_RESULTS_PATH
    assert RECIPE[name] == (recipe.GLOBAL_BATCH, recipe.NORM_GROUP, recipe.BASE_LR)
    assert recipe.INIT == "scratch"
    assert results.endswith(".pkl")
    assert "/" not in results  # no folder has to be created first


@pytest.mark.parametrize("name", AK)
def test_the_kinetics_form_of_a_recipe_differs_in_the_initial_weights_only(name):
    plain, kinetics = read(AK[name]), read(AK[name].with_stem(f"{name}_K400"))
    differs = {key for key in dotted_keys(plain) if get(plain, key) != get(kinetics, key)}
    weights, kind, _ = KINETICS[name]
    assert differs - {"TRAIN.CHECKPOINT_TYPE"} == {
        "TRAIN.CHECKPOINT_FILE_PATH",
        "TRAIN.CHECKPOINT_EPOCH_RESET",
        "RECIPE.INIT",
        "OUTPUT_DIR",
    }
    assert Path(kinetics.TRAIN.CHECKPOINT_FILE_PATH).name == weights
    assert kind == kinetics.TRAIN.CHECKPOINT_TYPE
    assert kinetics.TRAIN.CHECKPOINT_EPOCH_RESET
    assert kinetics.RECIPE.INIT == "kinetics"


def test_the_classifier_is_retrained_on_the_network_of_the_first_stage():
    path = AK["SLOWFAST_8x8_R50"]
    first, second = read(path), read(path.with_stem(f"{path.stem}_CRT"))
    differs = {key for key in dotted_keys(first) if get(first, key) != get(second, key)}
    assert {key for key in differs if not key.startswith(("SOLVER.", "RECIPE."))} == {
        "TRAIN.CHECKPOINT_FILE_PATH",
        "TRAIN.CHECKPOINT_SKIP_HEAD",
        "MODEL.DETACH_FINAL_FC",
        "MODEL.FROZEN_BN",
        "DATA_LOADER.SAMPLER",
        "OUTPUT_DIR",
    }
    last = f"{first.OUTPUT_DIR}/checkpoints/checkpoint_epoch_{first.SOLVER.MAX_EPOCH:05d}.pyth"
    assert Path(second.TRAIN.CHECKPOINT_FILE_PATH) == Path(last)


@pytest.mark.parametrize("name", AK)
def test_the_network_fits_its_kinetics_weights(name):
    """Settings that shape the parameters, except the classes, are those of the weights' recipe."""
    cfg, defaults, published = read(AK[name]), get_cfg(), zoo(KINETICS[name][2])
    groups = ("MODEL.ARCH", "MODEL.MODEL_NAME", "RESNET.", "SLOWFAST.", "X3D.", "NONLOCAL.LOCATION")
    shaping = {key for key in dotted_keys(cfg) if key.startswith(groups)}
    for key in shaping - {"RESNET.ZERO_INIT_FINAL_BN"}:
        assert get(cfg, key) == published.get(key, get(defaults, key)), key


@pytest.mark.parametrize(
    ("recipe", "published"),
    [
        ("AK/MVITv2_S_16x4", "Kinetics/MVITv2_S_16x4"),
        ("AK/MVITv2_S_16x4_K400", "Kinetics/MVITv2_S_16x4"),
        ("MammalNet/MVITv2_B_16x16_composition", "Kinetics/MVITv2_B_32x3"),
    ],
)
def test_a_vision_transformer_fits_its_kinetics_weights(recipe, published):
    cfg, defaults, published = read(ROOT / f"configs/{recipe}.yaml"), get_cfg(), zoo(published)
    for key in dotted_keys(cfg):
        if key.startswith("MVIT.") and key != "MVIT.DROPPATH_RATE":
            assert get(cfg, key) == published.get(key, get(defaults, key)), key


@pytest.mark.parametrize("name", AK)
def test_the_older_branch_of_upstream_has_every_key(name):
    known = json.loads((REFERENCE / "config_defaults_haooooooqi-patch-2.json").read_text())
    for stem in (name, f"{name}_K400"):
        tree = yaml.safe_load(AK[name].with_stem(stem).read_text())
        keys = [
            f"{group}.{leaf}" if isinstance(inner, dict) else group
            for group, inner in tree.items()
            for leaf in (inner if isinstance(inner, dict) else [""])
        ]
        assert set(keys) - {"_BASE_"} <= {*known, *AK_KEYS}


def test_every_published_optimizer_and_schedule_can_be_run():
    recipes = json.loads((REFERENCE / "zoo_configs.json").read_text())
    groups = ("SOLVER.", "BN.", "TRAIN.KILL_LOSS_EXPLOSION_FACTOR")
    for name, recipe in recipes.items():
        cfg = get_cfg()
        for key, value in recipe.items():
            if key.startswith(groups):
                cfg.merge_from_list([key, value])
        assert checks.problems(cfg) == [], name
        assert not any("SOLVER." in words for words in checks.warnings(cfg)), name


PUBLISHED = [
    path for path in ALL if path.parent.name in ("Kinetics", "Charades", "SSv2", "ImageNet")
]


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_published_recipe_has_the_published_settings(path):
    # Upstream trains this one with pytorchvideo's network and has ours for a test of its weights.
    only_tested = {"SLOWFAST_8x8_R101": "c2/SLOWFAST_8x8_R101_101_101"}
    published = zoo(f"{path.parent.name}/{only_tested.get(path.stem, path.stem)}")
    cfg, defaults = read(path), get_cfg()
    left_out = {"TRAIN.ENABLE", "TRAIN.CHECKPOINT_TYPE"} if path.stem in only_tested else set()
    for key in set(dotted_keys(cfg)) - left_out:
        assert get(cfg, key) == published.get(key, get(defaults, key)), key


# What the configuration beside KABR's published weights sets, as far as its training reads it.
KABR_X3D = {
    "TRAIN.DATASET": "charades",
    "TRAIN.BATCH_SIZE": 64,
    "TRAIN.CHECKPOINT_EPOCH_RESET": True,
    "DATA.NUM_FRAMES": 16,
    "DATA.SAMPLING_RATE": 5,
    "DATA.TRAIN_JITTER_SCALES": [300, 400],
    "DATA.TRAIN_CROP_SIZE": 300,
    "DATA.TEST_CROP_SIZE": 300,
    "DATA.INV_UNIFORM_SAMPLE": True,
    "DATA.REVERSE_INPUT_CHANNEL": True,
    "DATA.MULTI_LABEL": True,
    "DATA.ENSEMBLE_METHOD": "max",
    "MODEL.NUM_CLASSES": 8,
    "MODEL.LOSS_FUNC": "EQL",
    "SOLVER.BASE_LR": 0.05,
    "SOLVER.MAX_EPOCH": 120,
    "SOLVER.WARMUP_EPOCHS": 35.0,
    "SOLVER.WEIGHT_DECAY": 5e-5,
    "X3D.WIDTH_FACTOR": 2.0,
    "X3D.DEPTH_FACTOR": 5.0,
    "TEST.NUM_ENSEMBLE_VIEWS": 2,
    "TEST.NUM_SPATIAL_CROPS": 1,
}


def test_kabr_has_the_published_settings():
    cfg = read(ROOT / "configs/KABR/X3D.yaml")
    assert {key: get(cfg, key) for key in KABR_X3D} == KABR_X3D
    # BaboonLand's recipes differ in the data only.
    for name in ("X3D", "I3D", "SLOWFAST"):
        kabr, other = (read(ROOT / f"configs/{of}/{name}.yaml") for of in ("KABR", "BaboonLand"))
        differs = {key for key in dotted_keys(kabr) if get(kabr, key) != get(other, key)}
        data = {"DATA.PATH_TO_DATA_DIR", "DATA.PATH_PREFIX", "MODEL.NUM_CLASSES", "AK.CLASSES"}
        recipe = {key for key in differs if key.startswith("RECIPE.")}
        assert differs - recipe == data | {"OUTPUT_DIR"}
