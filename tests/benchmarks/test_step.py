"""The benchmark of a step: its settings, its clock, and its counts."""

import time

import pytest
import torch
from torch import nn

from benchmarks import step
from benchmarks.step_parts import machine, scores, settings
from benchmarks.step_parts.clock import Clock, MarkedNetwork, MarkedScaler
from benchmarks.step_parts.steps import load_cfg, measure
from slowfast.config.defaults import get_cfg

SMALL = {
    "MODEL.LOSS_FUNC": "bce_loss",
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TRAIN_JITTER_SCALES": [32, 40],
    "TRAIN.BATCH_SIZE": 2,
    "NUM_GPUS": 0,
    "DATA_LOADER.NUM_WORKERS": 0,
    "DATA_LOADER.PIN_MEMORY": False,
}
RECIPE = str(step.ROOT / "configs" / "AK" / "X3D_L.yaml")


@pytest.fixture
def small(tiny_ak):
    """Options of a step of a recipe on the tiny data set, with a small network."""
    return SMALL | {
        "DATA.PATH_TO_DATA_DIR": tiny_ak.annot,
        "DATA.PATH_PREFIX": tiny_ak.image,
        "X3D.WIDTH_FACTOR": 0.5,
        "X3D.DEPTH_FACTOR": 0.5,
        "X3D.DIM_C5": 16,
    }


@pytest.mark.parametrize("recipe", step.RECIPES)
def test_each_recipe_fits_the_drawn_clips(monkeypatch, tmp_path, recipe):
    monkeypatch.setattr(scores.demo_data, "make_demo_data", lambda *_: None)  # takes long
    options = [str(part) for item in scores.draw_clips(tmp_path).items() for part in item]
    cfg = load_cfg(str(step.ROOT / "configs" / "AK" / f"{recipe}.yaml"), options)
    drawn = len(scores.demo_data.CLASSES)
    assert drawn == cfg.MODEL.NUM_CLASSES


def test_plain_has_every_speed_key_off_and_each_switch_changes_it():
    cfg = get_cfg()
    cfg.merge_from_list([part for item in settings.PLAIN.items() for part in item])
    assert not any(cfg.SPEED.values())
    for on_gpu in (False, True):
        for name, overrides in settings.switches(on_gpu).items():
            assert any(value != settings.PLAIN.get(key) for key, value in overrides.items()), name


def test_time_is_counted_for_the_part_that_took_it():
    class Slow(nn.Module):
        def forward(self, inputs):
            time.sleep(0.02)
            return inputs[0]

    clock = Clock(torch.device("cpu"))
    network = MarkedNetwork(Slow(), clock)
    scaler = MarkedScaler(torch.amp.GradScaler("cpu", enabled=False), clock)
    clock.start()
    time.sleep(0.01)
    clock.mark("data")
    network([torch.zeros(1)])
    time.sleep(0.03)
    scaler.unscale_(None)
    time.sleep(0.005)
    clock.mark("optimizer")
    seconds = clock.read()
    least = {"data": 0.01, "forward": 0.02, "backward": 0.03, "optimizer": 0.005}
    assert all(seconds[part] >= least[part] for part in least)


def test_flops_are_three_forward_passes_of_every_clip(small):
    cfg = load_cfg(RECIPE, settings.as_options(small))
    flops = machine.flops_of_step(cfg)
    cfg.TRAIN.BATCH_SIZE *= 3
    assert machine.flops_of_step(cfg) == 3 * flops > 0
    cfg.SPEED.DEPTHWISE = False
    assert machine.flops_of_step(cfg) == 3 * flops


@pytest.mark.slow
def test_a_setting_that_fails_leaves_the_others_their_figures(small):
    settings_of = {
        "plain": settings.as_options(small | settings.PLAIN),
        "wrong": settings.as_options(small | {"MODEL.LOSS_FUNC": "none_such"}),
    }
    found = measure(RECIPE, settings_of, repeats=2, threads=1)
    assert found["plain"].seconds > 0
    assert sum(found["plain"].shares.values()) == pytest.approx(1)
    assert "none_such" in found["wrong"].failure


@pytest.mark.parametrize(
    "wrong", [["X3D"], ["--batch", "0"], ["--checkpoint", "a.pyth"], ["--each", "SPEED.WINGS"]]
)
def test_a_wrong_command_is_refused_before_anything_is_made(tmp_path, wrong):
    folder = tmp_path / "made"
    with pytest.raises(SystemExit) as end:
        step.main([*wrong, "--folder", str(folder)])
    assert end.value.code not in (0, None)
    assert not folder.exists()
