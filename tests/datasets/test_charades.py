"""Charades, as in upstream: frames from images, validation on random windows and crops."""

import pytest
import torch

from slowfast.ak.frames.images import JpegFrames
from slowfast.datasets.charades import Charades


@pytest.fixture
def cfg(cfg):
    cfg.AK.FRAMES = "video"
    return cfg


def test_validation_is_random_by_epoch_with_the_labels_of_the_clip(cfg):
    dataset = Charades(cfg, "val")
    assert isinstance(dataset.reader, JpegFrames)
    times = set()
    for epoch in range(20):
        (clip,), labels, _, time, _ = dataset[(epoch, 0)]
        assert clip.shape == (3, 4, 32, 32)
        assert labels.tolist() == [1, 0, 0, 1, 0]
        times.add(int(time[0]))
    assert len(times) > 5
    assert torch.equal(dataset[(3, 1)][0][0], dataset[(3, 1)][0][0])


def test_training_and_test_items(cfg):
    assert Charades(cfg, "train")[(0, 2)][0][0].shape == (3, 4, 32, 32)
    dataset = Charades(cfg, "test")
    assert len(dataset[(0, 0)][0][0]) == 6
    assert dataset.num_videos == 24
    assert dataset.clip_name(3) == "v3"
