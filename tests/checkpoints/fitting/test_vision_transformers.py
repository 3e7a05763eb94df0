"""Vision transformers start from weights of images, of other crops, and of other frame counts."""

import pytest
import torch

from reference_parts.networks import PLAIN, normal
from reference_parts.settings import configured
from slowfast.checkpoints.starting_weights import load_train_checkpoint
from slowfast.checkpoints.weights import load_weights
from slowfast.models import build_model
from slowfast.models.optimizer import construct_optimizer
from tests.checkpoints.namings.naming_cases import filled, logits

# A small ViT without a class token: attention to T equal frames is attention to one.
VIT = {
    "MODEL.MODEL_NAME": "MViT",
    "MODEL.ARCH": "mvit",
    "MODEL.NUM_CLASSES": 5,
    "MVIT.DEPTH": 2,
    "MVIT.EMBED_DIM": 32,
    "MVIT.NUM_HEADS": 2,
    "MVIT.CLS_EMBED_ON": False,
    "MVIT.DROPPATH_RATE": 0.0,
    "DATA.INPUT_CHANNEL_NUM": [3],
    "DATA.TRAIN_CROP_SIZE": 32,
    "DATA.TEST_CROP_SIZE": 32,
}
IMAGE = {
    "DATA.NUM_FRAMES": 1,
    "MVIT.PATCH_2D": True,
    "MVIT.PATCH_KERNEL": [8, 8],
    "MVIT.PATCH_STRIDE": [8, 8],
    "MVIT.PATCH_PADDING": [0, 0],
}
VIDEO = {
    "DATA.NUM_FRAMES": 8,
    "MVIT.SEP_POS_EMBED": True,
    "MVIT.PATCH_KERNEL": [2, 8, 8],
    "MVIT.PATCH_STRIDE": [2, 8, 8],
    "MVIT.PATCH_PADDING": [0, 0, 0],
}
RELATIVE = {"MVIT.USE_ABS_POS": False, "MVIT.REL_POS_SPATIAL": True, "MVIT.REL_POS_TEMPORAL": True}


def network(*settings):
    cfg = configured(PLAIN | VIT | {key: value for part in settings for key, value in part.items()})
    return cfg, build_model(cfg).eval()


@pytest.mark.parametrize("positions", [{}, RELATIVE], ids=["absolute", "relative"])
@pytest.mark.parametrize("key", ["CHECKPOINT_IN_INIT", "CHECKPOINT_INFLATE"])
def test_a_still_clip_has_the_scores_of_its_image(tmp_path, positions, key):
    without_time = positions | {"MVIT.REL_POS_TEMPORAL": False}
    _, of_images = network(IMAGE, without_time)
    filled(of_images)
    torch.save({"model_state": of_images.state_dict()}, tmp_path / "image.pyth")
    cfg, of_videos = network(VIDEO, positions)
    cfg.OUTPUT_DIR = str(tmp_path)
    cfg.TRAIN.CHECKPOINT_FILE_PATH = str(tmp_path / "image.pyth")
    cfg.TRAIN[key] = True
    start = load_train_checkpoint(cfg, of_videos, construct_optimizer(of_videos, cfg))
    assert "2D kernels spread over time" in start.initialisation
    image = normal(0, (2, 3, 1, 32, 32))
    expected = logits(of_images, [image])
    found = logits(of_videos, [image.expand(-1, -1, 8, -1, -1)])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


SIZE = {"DATA.NUM_FRAMES": 16, "DATA.TRAIN_CROP_SIZE": 64, "DATA.TEST_CROP_SIZE": 64}


@pytest.mark.parametrize("positions", [{}, RELATIVE], ids=["absolute", "relative"])
def test_another_size_has_the_scores_of_the_network_at_that_size(positions):
    """A network interpolates its positions for a clip of another size: the values are the same."""
    _, small = network(VIDEO, positions)
    _, large = network(VIDEO, positions, SIZE)
    report = load_weights(large, filled(small).state_dict())
    assert report.resized
    assert report.same_entries
    clip = normal(0, (1, 3, 16, 64, 64))
    torch.testing.assert_close(logits(large, [clip]), logits(small, [clip]), rtol=1e-4, atol=1e-5)
