"""The last line of a log names the bottleneck, and remedies that the run can use."""

import pytest

from slowfast.config.defaults import get_cfg
from slowfast.engine.device.bottleneck import bottleneck


@pytest.fixture
def cfg():
    cfg = get_cfg()
    cfg.TRAIN.DATASET, cfg.AK.FRAMES, cfg.NUM_GPUS = "ak", "image", 2
    return cfg


def test_a_slow_device(cfg):
    text = bottleneck(cfg, 0.02, workers=3, cores=8)
    assert text.startswith("The GPU was the bottleneck: 2% of the time it waited for clips.")
    cfg.NUM_GPUS = 0
    assert bottleneck(cfg, 0.0, workers=1, cores=8).startswith("The CPU was")


@pytest.mark.parametrize(
    ("frames", "workers", "says", "says_not"),
    [
        ("image", 0, ["let workers read them"], ["more workers", "AK.FRAMES"]),
        ("image", 1, ["more workers (DATA_LOADER.NUM_WORKERS is 1 "], ["let workers", "AK.FRAMES"]),
        ("auto", 3, ["AK.FRAMES image"], ["more workers"]),  # four cores for each: all are taken
        ("video", 3, ["AK.FRAMES image", "at 320 pixels"], ["more workers"]),
    ],
)
def test_slow_data(cfg, frames, workers, says, says_not):
    cfg.AK.FRAMES = frames
    text = bottleneck(cfg, 0.4, workers, cores=8)
    assert text.startswith("The data were the bottleneck: 40% of the time the GPU waited")
    assert all(words in text for words in says)
    assert not any(words in text for words in says_not)


def test_images_are_not_advised_where_they_cannot_be_read(cfg):
    cfg.TRAIN.DATASET, cfg.AK.FRAMES = "kinetics", "auto"
    assert "AK.FRAMES" not in bottleneck(cfg, 0.4, workers=3, cores=8)


def test_the_size_of_frames_follows_the_crop(cfg):
    cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE = [0.08, 1.0]
    # A crop of mean area, 0.54 of the frame, has 224 x 224 pixels.
    assert "at 305 pixels" in bottleneck(cfg, 0.4, workers=3, cores=8)
