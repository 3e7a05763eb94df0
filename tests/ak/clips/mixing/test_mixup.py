"""Mixed batches and smoothed targets: clips and labels change in the same shares."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from slowfast.ak.clips.mixing.mixup import BatchMixer, smooth, to_multi_hot
from slowfast.config.defaults import get_cfg


def batch(count: int, classes: int = 4):
    """Returns two pathways and labels. All pixels of clip i are i, and its class is i."""
    values = torch.arange(float(count)).view(-1, 1, 1, 1, 1)
    pathways = [values.expand(-1, 3, 2, 8, 10).clone(), values.expand(-1, 3, 6, 16, 20).clone()]
    return pathways, F.one_hot(torch.arange(count) % classes, classes).float()


@pytest.mark.parametrize("count", [2, 3, 8])
def test_mixup_adds_clips_and_targets_in_the_same_shares(count):
    mix = BatchMixer(count, alpha=0.8)
    shares = set()
    for iteration in range(20):
        pathways, labels = batch(count, count)
        before = labels.clone()
        targets = mix(pathways, labels, (0, 0, iteration, 0))
        assert torch.equal(labels, before)
        numbers = targets @ torch.arange(float(count))
        for clips in pathways:
            assert torch.allclose(clips, numbers.view(-1, 1, 1, 1, 1).expand_as(clips), atol=1e-5)
        assert torch.allclose(targets.sum(1), torch.ones(count))
        shares.add(float(targets[0, 0]))
    assert len(shares) == 20


@pytest.mark.parametrize("count", [2, 3, 8])
def test_cutmix_pastes_one_box_and_shares_targets_by_its_true_area(count):
    mix = BatchMixer(count, cutmix_alpha=1.0)
    for iteration in range(40):
        pathways, labels = batch(count, count)
        targets = mix(pathways, labels, (0, 0, iteration, 0))
        fast = pathways[1]
        numbers = torch.arange(float(count)).view(-1, 1, 1, 1, 1)
        pasted = fast != numbers
        own = sum((p == numbers).float().mean((1, 2, 3, 4)) for p in pathways) / 2
        assert torch.allclose(targets.diagonal(), own, atol=1e-5)
        partner = torch.arange(count).roll(-1)
        assert torch.allclose(targets[range(count), partner], 1 - own, atol=1e-5)
        # One rectangle, the same in all frames and channels, has the pixels of the partner.
        mask = pasted[0, 0, 0]
        assert (pasted == mask).all()
        rows, columns = (mask.any(dim).nonzero() for dim in (1, 0))
        if len(rows):
            assert mask.sum() == len(rows) * len(columns)
            assert mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].all()
        for i in range(count):
            assert (fast[i][pasted[i]] == partner[i]).all()


@pytest.mark.parametrize("settings", [{"alpha": 0.8}, {"cutmix_alpha": 1.0}])
def test_a_sample_is_mixed_with_the_next_clip_and_never_with_a_sample_of_its_own(settings):
    """Rows 0 and 1 are samples of one clip, rows 2 and 3 of the next, and so on."""
    mix = BatchMixer(6, **settings)
    for iteration in range(20):
        pathways, labels = batch(6, 6)
        targets = mix(pathways, labels, (0, 0, iteration, 0), samples=2)
        for row in range(6):
            assert set(targets[row].nonzero().flatten().tolist()) <= {row, (row + 2) % 6}
        if "alpha" in settings:
            numbers = targets @ torch.arange(6.0)
            assert torch.allclose(pathways[0][:, 0, 0, 0, 0], numbers, atol=1e-5)
    pathways, labels = batch(2, 2)
    alone = mix(pathways, labels, (0, 0, 0, 0), samples=2)
    assert torch.equal(alone, labels), "two samples of one clip have no partner"


def test_pathways_of_other_sizes_get_the_same_box():
    for iteration in range(20):
        pathways, labels = batch(4)
        BatchMixer(4, cutmix_alpha=1.0)(pathways, labels, (0, 0, iteration, 0))
        small, large = ((clips[0, 0, 0] != 0) for clips in pathways)
        for dim in (0, 1):
            edges = [mask.any(dim).nonzero().aminmax() for mask in (small, large) if mask.any()]
            for one, other in zip(*edges, strict=True) if len(edges) == 2 else ():
                assert abs(2 * int(one) - int(other)) <= 2


def test_pathways_are_changed_in_place():
    pathways, labels = batch(4)
    places = [clips.data_ptr() for clips in pathways]
    BatchMixer(4, alpha=1.0)(pathways, labels, (0, 0, 0, 0))
    assert [clips.data_ptr() for clips in pathways] == places


def kinds(count=1000, **settings):
    """Returns the shares of batches that are unchanged, mixed, and cut."""
    mix = BatchMixer(2, **settings)
    seen = np.zeros(3)
    for iteration in range(count):
        clips = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1, 1).expand(-1, 1, 1, 6, 6).clone()
        mix([clips], torch.eye(2), (0, 0, iteration, 0))
        values = clips[0].unique()
        cut = len(values) == 2 or values.tolist() == [1.0]
        seen[2 if cut else int(values[0] > 0)] += 1
    return seen / count


def test_probabilities_of_mixup_and_cutmix():
    shares = kinds(alpha=1, cutmix_alpha=1, prob=0.6, switch_prob=0.25)
    assert shares[1] == pytest.approx(0.45, abs=0.04)
    assert kinds(200, alpha=1, cutmix_alpha=1, prob=0.0)[0] == 1
    assert kinds(200, alpha=1)[1] == 1
    assert kinds(200, cutmix_alpha=1)[1] == 0
    assert kinds(200, alpha=1, cutmix_alpha=1, switch_prob=1.0)[1] == 0


def test_shares_are_drawn_from_the_beta_distribution():
    mix = BatchMixer(2, alpha=0.4)
    clips = torch.zeros(2, 1, 1, 1, 1)
    shares = [float(mix([clips], torch.eye(2), (0, 0, i, 0))[0, 0]) for i in range(2000)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.02)
    assert np.var(shares) == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.05)


def test_only_the_key_decides_the_draws():
    mix = BatchMixer(4, alpha=1.0, cutmix_alpha=1.0)

    def mixed(*key):
        pathways, labels = batch(4)
        torch.rand(3)
        return torch.cat([mix(pathways, labels, key).flatten(), pathways[1].flatten()])

    assert torch.equal(mixed(0, 1, 2, 0), mixed(0, 1, 2, 0))
    for other in ((1, 1, 2, 0), (0, 2, 2, 0), (0, 1, 3, 0), (0, 1, 2, 1)):
        assert not torch.equal(mixed(0, 1, 2, 0), mixed(*other))


def test_without_mixing_the_labels_are_returned():
    for labels in (torch.tensor([1, 3]), torch.eye(4)[:2]):
        pathways, _ = batch(2)
        targets = BatchMixer(4)(pathways, labels, (0, 0, 0, 0))
        assert targets is labels
        assert torch.equal(pathways[0], batch(2)[0][0])
    # A single clip has no partner.
    pathways, labels = batch(1)
    assert BatchMixer(4, alpha=1.0)(pathways, labels, (0, 0, 0, 0)) is labels


def test_one_class_a_clip_becomes_a_distribution_that_cross_entropy_takes():
    pathways, _ = batch(3)
    labels = torch.tensor([2, 0, 3])
    targets = BatchMixer(4, alpha=1.0, smoothing=0.1)(pathways, labels, (0, 0, 0, 0))
    assert targets.shape == (3, 4)
    assert torch.allclose(targets.sum(1), torch.ones(3))
    assert torch.isfinite(F.cross_entropy(torch.randn(3, 4), targets))


def test_smoothing_without_mixing_equals_torchs_for_one_label():
    logits, labels = torch.randn(5, 7), torch.tensor([0, 6, 3, 3, 1])
    targets = BatchMixer(7, smoothing=0.2)([torch.zeros(5, 1, 1, 1, 1)], labels, (0, 0, 0, 0))
    expected = F.cross_entropy(logits, labels, label_smoothing=0.2)
    assert torch.allclose(F.cross_entropy(logits, targets), expected)


def test_smoothing_of_many_labels():
    labels = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]])
    assert torch.allclose(smooth(labels, 0.2), torch.tensor([[0.85, 0.85, 0.05, 0.05], [0.05] * 4]))
    assert smooth(labels, 0) is labels


def test_classes_become_multi_hot():
    hot = to_multi_hot(torch.tensor([2, 0]), 3)
    assert hot.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert hot.dtype == torch.float32
    assert to_multi_hot(hot, 3) is hot


def test_settings_come_from_mixup_or_from_the_loss():
    cfg = get_cfg()
    assert BatchMixer.from_cfg(cfg) == BatchMixer(400)
    cfg.LOSS.LABEL_SMOOTHING = 0.2
    assert BatchMixer.from_cfg(cfg) == BatchMixer(400, smoothing=0.2)
    cfg.MIXUP.ENABLE = True
    assert BatchMixer.from_cfg(cfg) == BatchMixer(400, 0.8, 1.0, 1.0, 0.5, 0.1)
