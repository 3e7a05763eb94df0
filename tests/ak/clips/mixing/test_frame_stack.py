"""FrameStack: frames and labels of two clips in shares that the AP of their classes decides."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from slowfast.ak.clips.mixing.frame_stack import FrameStack
from slowfast.config.defaults import get_cfg

CLASSES, FRAMES = 4, 8
# Eighths are exact in float32, so that shares of frames are exact too.
PRECISION = [Fraction(n, 8) for n in (7, 4, 1, 0)]
LABELS = [[0], [2], [0, 1], [], [3], [1, 2, 3], [3]]


def batch(kind="pixels"):
    """Clips whose values are 100 x clip + frame, and their labels."""
    rows, frames = torch.arange(len(LABELS)), torch.arange(FRAMES)
    values = 100 * rows[:, None] + frames
    shape = (1, 3, 1, 2, 2) if kind == "pixels" else (1, 1, 5)
    clips = values[:, None, :, None, None] if kind == "pixels" else values[:, :, None]
    hot = torch.zeros(len(LABELS), CLASSES)
    for row, own in enumerate(LABELS):
        hot[row, own] = 1
    return clips.expand(-1, *(s if s > 1 else -1 for s in shape[1:])).float(), hot


def expected_clip(own, other, average):
    """The frames, as (is the partner's, number), and beta, in exact plain Python."""

    def strength(labels):
        total = sum((PRECISION[c] for c in labels), Fraction(0))
        return total / max(1, len(labels)) if average else total

    mine, theirs = strength(own), strength(other)
    beta = Fraction(1, 2) if mine + theirs == 0 else mine / (mine + theirs)
    taken = int(beta * FRAMES)

    def spread(count):
        """The middles of `count` equal parts of a clip."""
        return [int(Fraction(2 * part + 1, 2 * count) * FRAMES) for part in range(count)]

    frames = [(True, f) for f in spread(taken)] + [(False, f) for f in spread(FRAMES - taken)]
    return frames, beta


@pytest.mark.parametrize("kind", ["pixels", "features"])
@pytest.mark.parametrize("average", [False, True])
def test_clips_and_labels_are_those_of_the_formula(kind, average):
    stack = FrameStack(CLASSES, prob=0.99, average=average)
    precision = torch.tensor([float(p) for p in PRECISION])
    seen = set()
    for iteration in range(5):
        clips, hot = batch(kind)
        before = clips.clone(), hot.clone()
        stacked, targets, is_mixed = stack(clips, hot, precision, (0, 0, iteration, 0))
        assert stacked.shape == clips.shape
        assert torch.equal(clips, before[0])
        assert torch.equal(hot, before[1])
        for row, own in enumerate(LABELS):
            partner = (row + 1) % len(LABELS)
            frames, beta = [(False, f) for f in range(FRAMES)], Fraction(0)
            if is_mixed[row]:
                frames, beta = expected_clip(own, LABELS[partner], average)
                seen.add(beta)
            found = stacked[row].movedim(1, 0) if kind == "pixels" else stacked[row]
            for place, (is_partners, frame) in enumerate(frames):
                value = 100 * (partner if is_partners else row) + frame
                assert (found[place] == value).all(), (row, place)
            for c in range(CLASSES):
                share = (1 - beta) * (c in own) + beta * (c in LABELS[partner])
                assert targets[row, c].item() == pytest.approx(float(share), abs=1e-6)
    assert {Fraction(0), Fraction(1, 2), Fraction(1)} < seen


def test_before_the_first_epoch_each_clip_gives_half():
    shares = FrameStack(CLASSES).shares(batch()[1], torch.zeros(CLASSES))
    assert (shares == 0.5).all()


def test_most_of_a_mixed_clip_is_of_the_class_with_the_lower_precision():
    """Clip 0 takes nine tenths of clip 1, and clip 1 a tenth of clip 0."""
    precision = torch.tensor([0.9, 0.1, 0, 0])
    hot = torch.eye(CLASSES)[:2]
    shares = FrameStack(CLASSES).shares(hot, precision)
    torch.testing.assert_close(shares, torch.tensor([0.9, 0.1]))


def test_a_part_of_each_batch_is_mixed():
    clips, hot = batch()
    clips, hot = clips[:4], hot[:4]
    numbers = []
    for prob in (0.5, 0.3):
        stack = FrameStack(CLASSES, prob=prob)
        found = [stack(clips, hot, hot[0], (0, 0, i, 0)).is_mixed for i in range(300)]
        numbers.append([int(each.sum()) for each in found])
        assert torch.stack(found).float().mean(0).numpy() == pytest.approx(prob, abs=0.1)
    assert set(numbers[0]) == {2}
    assert set(numbers[1]) == {1, 2}
    assert np.mean(numbers[1]) == pytest.approx(4 * 0.3, abs=0.1)


def test_a_clip_without_a_partner_stays():
    clips, hot = batch()
    for rows, samples in ((1, 1), (3, 3)):
        stacked = FrameStack(CLASSES)(clips[:rows], hot[:rows], hot[0], (0, 0, 0, 0), samples)
        assert not stacked.is_mixed.any()
        assert torch.equal(stacked.clips, clips[:rows])
        assert torch.equal(stacked.targets, hot[:rows])


def test_samples_of_one_clip_are_not_mixed_with_each_other():
    clips, _ = batch()
    stack = FrameStack(6, prob=0.99)
    stacked = stack(clips[:6], torch.eye(6), torch.ones(6), (0, 0, 1, 0), samples=2)
    for row in stacked.is_mixed.nonzero().flatten().tolist():
        assert stacked.targets[row].nonzero().flatten().tolist() == sorted({row, (row + 2) % 6})


def test_only_the_key_decides_the_draws():
    clips, hot = batch()

    def mixed(*key):
        torch.rand(3)
        return FrameStack(CLASSES)(clips, hot, hot[0], key).is_mixed.tolist()

    draws = [mixed(0, 1, 2, rank) for rank in range(6)]
    assert draws == [mixed(0, 1, 2, rank) for rank in range(6)]
    assert len({tuple(each) for each in draws}) > 1


def test_classes_become_distributions():
    clips, _ = batch()
    labels = torch.tensor([2, 0, 3, 1, 1, 0, 2])
    stacked = FrameStack(CLASSES)(clips, labels, torch.rand(CLASSES), (0, 0, 0, 0))
    torch.testing.assert_close(stacked.targets.sum(dim=1), torch.ones(7))


def test_settings_come_from_the_configuration():
    cfg = get_cfg()
    assert FrameStack.from_cfg(cfg) is None
    cfg.merge_from_list(["FRAMESTACK.ENABLE", True, "FRAMESTACK.PROB", 0.25])
    assert FrameStack.from_cfg(cfg) == FrameStack(400, 0.25, average=False)
