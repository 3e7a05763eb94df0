"""Two configurations belong to one run, to one run with changed settings, or to two runs."""

import pytest

from slowfast.checkpoints.differences import differences, settings_in
from slowfast.config.defaults import get_cfg


def with_settings(**settings):
    cfg = get_cfg()
    cfg.merge_from_list([part for pair in settings.items() for part in pair])
    return cfg


@pytest.mark.parametrize(
    ("makes_another_run", "settings"),
    [
        (
            True,
            {
                "MODEL.ARCH": "i3d",
                "MODEL.NUM_CLASSES": 140,
                "RESNET.SPATIAL_STRIDES": [[1], [1], [2], [2]],
                "MODEL.LOSS_FUNC": "focal_loss",
                "TRAIN.DATASET": "ak",
                "DATA.MULTI_LABEL": True,
                "SOLVER.OPTIMIZING_METHOD": "adamw",
                "DATA_LOADER.SAMPLER": "repeat_factor",
            },
        ),
        (
            False,
            {
                "SOLVER.BASE_LR": 0.05,
                "SOLVER.MAX_EPOCH": 7,
                "TRAIN.BATCH_SIZE": 8,
                "BN.NORM_TYPE": "sync_batchnorm",
                "LOSS.FOCAL_LOSS.GAMMA": 2.0,
                "DATA.NUM_FRAMES": 16,
                "RNG_SEED": 3,
                "TRAIN.MIXED_PRECISION_TYPE": "bf16",
                "SOLVER.EMA_DECAY": 0.999,
                "NUM_SHARDS": 2,
                "NUM_GPUS": 0,
                "CPU_PROCESSES": 2,
            },
        ),
    ],
    ids=["another run", "changed settings"],
)
def test_every_difference_that_affects_training_is_found(makes_another_run, settings):
    found = differences(with_settings(**settings), get_cfg().dump())
    assert {difference.key: difference.here for difference in found} == settings
    assert {difference.makes_another_run for difference in found} == {makes_another_run}
    key, there, _ = found[0]
    assert str(found[0]).startswith(f"{key} {there} there, ")


def test_settings_that_do_not_affect_training_are_ignored():
    here = with_settings(
        **{
            "OUTPUT_DIR": "/elsewhere",
            "DATA.PATH_TO_DATA_DIR": "/data",
            "DATA.PATH_PREFIX": "/frames",
            "SPEED.CHANNELS_LAST": False,
            "MODEL.ACT_CHECKPOINT": True,
            "TRAIN.CHECKPOINT_KEEP": 3,
            "TEST.NUM_ENSEMBLE_VIEWS": 1,
            "DATA_LOADER.NUM_WORKERS": 1,
            "TRAIN.DATASET": "Kinetics",
        }
    )
    assert differences(here, get_cfg().dump()) == []


def test_a_missing_key_had_its_default():
    text = "TRAIN:\n  DATASET: kinetics\n"
    assert differences(get_cfg(), text) == []
    (found,) = differences(with_settings(**{"DATA_LOADER.SAMPLER": "square_root"}), text)
    assert (found.there, found.here) == ("shuffle", "square_root")


@pytest.mark.parametrize("text", ["", "{", "- 1", None])
def test_a_text_without_a_configuration_has_no_differences(text):
    assert settings_in(text) == {}
    assert differences(with_settings(**{"MODEL.ARCH": "i3d"}), text) == []
