"""Augmentation changes all frames in the same way, uses the item's generator, and has limits."""

import numpy as np
import pytest
import torch

from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.clips.augmentation import (
    OPERATIONS,
    Augmented,
    ColourJitter,
    PcaLighting,
    RandAugment,
    RandomErasing,
    StrongColourJitter,
)
from slowfast.ak.clips.augmentation_policy import RandAugmentPolicy
from slowfast.ak.clips.sampling import RandomCrop

UNSCALED = ("auto_contrast", "equalize", "invert")


def noise(frames=4, size=24, seed=0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(20, 220, (3, frames, size, size), dtype=np.uint8)


def still(frames=5) -> np.ndarray:
    """A clip whose frames are all the same."""
    return np.repeat(noise(1), frames, axis=1)


def rng(seed=0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("strength", [-0.9, 0.9])
def test_an_operation_is_the_same_for_all_frames(name, strength):
    augment = RandAugment(RandAugmentPolicy(), fill=(1, 2, 3))
    clip = augment.apply(name, still(), strength)
    assert clip.shape == (3, 5, 24, 24)
    assert clip.dtype == np.uint8
    assert clip.flags.c_contiguous
    assert (clip == clip[:, :1]).all()
    assert (clip != still()).any()


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(UNSCALED)))
def test_magnitude_0_changes_nothing(name):
    augment = RandAugment(RandAugmentPolicy())
    assert (augment.apply(name, noise(), 0.0) == noise()).all()


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - set(UNSCALED)))
def test_operations_grow_with_the_magnitude(name):
    smooth = np.sort(noise(2), axis=-1)
    augment = RandAugment(RandAugmentPolicy(), fill=(110, 110, 110))
    change = [
        np.abs(augment.apply(name, smooth.copy(), s).astype(int) - smooth).mean()
        for s in (0.1, 0.3, 0.6, 1.0)
    ]
    assert change[0] < change[2] < change[3]


def test_rand_augment_draws_every_operation_as_often_as_it_should(monkeypatch):
    seen = []
    apply = lambda self, name, clip, strength: seen.append((name, strength)) or clip  # noqa: E731
    monkeypatch.setattr(RandAugment, "apply", apply)
    generator, augment = rng(), RandAugment(RandAugmentPolicy(6, 3, 0.5, 0.5))
    for _ in range(2000):
        augment(noise(1, 4), generator)
    assert len(seen) == pytest.approx(3000, rel=0.05)
    counts = [sum(name == n for n, _ in seen) for name in OPERATIONS]
    assert min(counts) > 140
    assert max(counts) < 260
    strengths = np.array([s for _, s in seen])
    assert np.abs(strengths).mean() == pytest.approx(0.6, abs=0.01)
    assert np.abs(strengths).std() == pytest.approx(0.05, rel=0.1)
    assert (strengths > 0).mean() == pytest.approx(0.5, abs=0.04)


def test_magnitudes_stay_within_their_range(monkeypatch):
    seen = []
    monkeypatch.setattr(RandAugment, "apply", lambda self, n, clip, s: seen.append(abs(s)) or clip)
    for magnitude in (0, 10):
        augment = RandAugment(RandAugmentPolicy(magnitude, 50, 5, 1))
        augment(noise(1, 4), rng())
    assert 0 <= min(seen) <= max(seen) <= 1


def test_colour_jitter_stays_within_its_strength_and_takes_every_order():
    grey = np.full((3, 2, 8, 8), 100, np.uint8)
    values = [ColourJitter(0.4)(grey.copy(), rng(i))[0, 0, 0, 0] for i in range(300)]
    # Contrast and saturation do not change a clip with one grey tone.
    assert 60 <= min(values) < 64
    assert 136 < max(values) <= 140
    clip = ColourJitter(0.4)(still(), rng())
    assert (clip == clip[:, :1]).all()


def test_the_jitter_of_self_supervised_training_also_moves_hues_and_makes_clips_grey():
    pixel = np.array([200, 100, 100], np.uint8)[:, None, None, None] * np.ones((1, 2, 4, 4), "u1")

    def jittered(count, **settings):
        return [StrongColourJitter(**settings)(pixel.copy(), rng(i)) for i in range(count)]

    only_hue = jittered(100, strengths=(0, 0, 0), hue=0.1)
    lowest = [clip[:, 0, 0, 0].argmin() for clip in only_hue]
    assert set(lowest) == {1, 2}  # towards violet and towards yellow
    assert all((clip == clip[:, :1]).all() for clip in only_hue)
    # A tenth of the circle is 0.6 of the way from red to yellow, or from 100 to 200.
    assert max(clip[1:, 0, 0, 0].max() for clip in only_hue) == pytest.approx(160, abs=3)
    grey = [np.ptp(clip[:, 0, 0, 0]) == 0 for clip in jittered(200, strengths=(0, 0, 0), grey=0.2)]
    assert np.mean(grey) == pytest.approx(0.2, abs=0.08)
    assert not any(np.ptp(clip[:, 0, 0, 0]) == 0 for clip in only_hue)


def test_lighting_adds_the_principal_components_of_the_colours():
    """The eigenvalues are for pixels of 0 to 1, and a column of the matrix is a component."""
    values, vectors = [0.5, 0.1, 0.0], [[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]]
    light = PcaLighting(0.1, values, vectors)
    weights = rng(3).normal(0, 0.1, 3)
    colour = 255 * np.array([0.5 * weights[0], 0.06 * weights[1], 0.08 * weights[1]])
    clip = light(still(), rng(3))
    assert (clip == np.round(still() + colour[:, None, None, None])).all()
    added = [
        light(np.full((3, 1, 1, 1), 127, np.uint8), rng(i)).ravel() - 127.0 for i in range(900)
    ]
    assert np.mean(added, axis=0) == pytest.approx(0, abs=1)
    assert np.std(added, axis=0) == pytest.approx([12.75, 1.53, 2.04], rel=0.1)
    assert (PcaLighting(0, values, vectors)(still(), rng()) == still()).all()


def erased(mode="pixel", count=1, seed=0, size=64):
    clip = np.full((3, 4, size, size), 17, np.uint8)
    erase = RandomErasing(1.0, mode, count, mean=(110, 115, 120), deviation=(50, 50, 50))
    return erase(clip, rng(seed))


@pytest.mark.parametrize("mode", ["pixel", "color", "const"])
def test_one_rectangle_is_erased_in_all_frames_within_its_limits(mode):
    shares, ratios = [], []
    for seed in range(300):
        clip = erased(mode, seed=seed)
        assert (clip == clip[:, :1]).all()
        mask = (clip[:, 0] != 17).any(axis=0)
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].mean() > 0.98
        shares.append(height * width / 64**2)
        ratios.append(height / width)
    assert 0.015 < min(shares) < 0.04
    assert 0.3 < max(shares) < 0.345
    assert 0.25 < min(ratios) < 0.4
    assert 2.5 < max(ratios) < 4


def test_colours_of_erased_rectangles():
    assert set(map(tuple, erased("const")[:, 0].reshape(3, -1).T)) == {(17,) * 3, (110, 115, 120)}
    assert len(set(map(tuple, erased("color")[:, 0].reshape(3, -1).T))) == 2
    pixels = np.concatenate([erased("pixel", seed=s)[:, 0].ravel() for s in range(30)])
    pixels = pixels[pixels != 17]
    assert pixels.mean() == pytest.approx(115, abs=3)
    assert pixels.std() == pytest.approx(50, abs=3)


def test_probability_and_number_of_rectangles():
    erase = RandomErasing(0.3, "const")
    generator = rng()
    changed = [(erase(noise(1, 16) | 1, generator) == 0).any() for _ in range(2000)]
    assert np.mean(changed) == pytest.approx(0.3, abs=0.04)
    shares = [(erased("const", count=4, seed=s)[0, 0] != 17).mean() for s in range(100)]
    assert np.max(shares) < 0.345


# ------------------------------------------------------------------ in the data set


@pytest.fixture
def cfg(cfg):
    cfg.AUG.ENABLE, cfg.AUG.AA_TYPE = True, "rand-m9-p1-inc1"
    return cfg


def test_the_key_decides_an_item(cfg):
    dataset = Ak(cfg, "train")
    clips = [dataset[(epoch, 0)][0][0] for epoch in range(4)]
    for epoch, clip in enumerate(clips):
        assert clip.shape == (3, 4, 32, 32)
        assert clip.dtype == torch.uint8
        assert clip.is_contiguous()
        assert torch.equal(clip, Ak(cfg, "train")[(epoch, 0)][0][0])


def test_the_jitter_of_self_supervised_training_has_a_key_of_its_own(cfg):
    cfg.AUG.ENABLE = False
    plain = Ak(cfg, "train")
    cfg.DATA.SSL_COLOR_JITTER, cfg.DATA.COLOR_RND_GRAYSCALE = True, 1.0
    clip = Ak(cfg, "train")[(0, 0)][0][0]
    assert torch.equal(clip[0], clip[2])
    assert not torch.equal(plain[(0, 0)][0][0], clip)
    assert not isinstance(Ak(cfg, "val").transform, Augmented)


def test_augmentation_does_not_change_the_crops(cfg):
    """Window and crop are the same as without augmentation. Without a change the pixels are too."""
    plain_cfg = cfg.clone()
    plain_cfg.AUG.ENABLE = False
    plain = Ak(plain_cfg, "train")
    assert isinstance(plain.transform, RandomCrop)
    cfg.AUG.AA_TYPE, cfg.AUG.RE_PROB = "rand-m9-p0-inc1", 0.0
    idle = Ak(cfg, "train")
    cfg.AUG.AA_TYPE = "rand-m9-p1-inc1"
    changed = Ak(cfg, "train")
    for i in range(8):
        assert torch.equal(plain[(2, i)][0][0], idle[(2, i)][0][0])
        assert torch.equal(plain[(2, i)][3], changed[(2, i)][3])
    assert any(not torch.equal(plain[(2, i)][0][0], changed[(2, i)][0][0]) for i in range(8))


@pytest.mark.parametrize("split", ["val", "test"])
def test_validation_and_test_are_not_augmented(cfg, split):
    assert not isinstance(Ak(cfg, split).transform, Augmented)


def test_settings_of_augmentation(cfg):
    crop = RandomCrop((36, 44), 32)
    cfg.DATA.MEAN, cfg.DATA.STD = [0.2, 0.4, 0.6], [0.1, 0.2, 0.3]
    cfg.DATA.REVERSE_INPUT_CHANNEL = True
    rand, erase = Augmented.from_cfg(cfg, crop).changes
    assert rand == RandAugment(RandAugmentPolicy(9, 2, 0, 1), (51, 102, 153), "bicubic")
    assert erase.mean == (51, 102, 153)
    cfg.DATA.REVERSE_INPUT_CHANNEL = False  # then MEAN and STD have the order blue, green, red
    cfg.AUG.AA_TYPE = ""
    jitter, erase = Augmented.from_cfg(cfg, crop).changes
    assert jitter == ColourJitter(0.4)
    assert erase.mean == (153, 102, 51)
    assert erase.deviation == pytest.approx((76.5, 51, 25.5))
    cfg.AUG.RE_PROB = 0
    assert len(Augmented.from_cfg(cfg, crop).changes) == 1
