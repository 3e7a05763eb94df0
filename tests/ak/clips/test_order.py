"""An epoch draws each clip as often as expected. Only epoch and seed decide the order."""

import itertools
import math
import time

import numpy as np
import pytest

from slowfast.ak.clips.loader import ClipBatches, ClipOrder, describe_draws, expected_draws
from slowfast.ak.errors import UserError


def drawn(epoch=0, batch_size=3, **changes):
    """The clips of an epoch, in whole batches if all ranks have equally many."""
    arguments = {"num_clips": 23, "shuffle": True, "seed": 1, "is_even": True}
    order = ClipOrder(**(arguments | changes))
    batches = ClipBatches(order, batch_size, drop_last=order.is_even)
    batches.set_epoch(epoch)
    pairs = [pair for batch in batches for pair in batch]
    assert len(pairs) == batches.clips_in(epoch, len(batches)) or not order.is_even
    assert {e for e, _ in pairs} <= {epoch}
    return [index for _, index in pairs]


def test_only_epoch_and_seed_decide_the_order():
    assert drawn(epoch=3) == drawn(epoch=3)
    assert drawn(epoch=3) != drawn(epoch=4)
    assert drawn(epoch=3) != drawn(epoch=3, seed=2)
    assert drawn(shuffle=False, is_even=False) == list(range(23))


def test_training_ranks_get_whole_batches_and_no_clip_twice():
    for world_size in (1, 2, 3):
        ranks = [drawn(rank=rank, world_size=world_size) for rank in range(world_size)]
        whole = 23 // (3 * world_size) * 3
        assert [len(rank) for rank in ranks] == [whole] * world_size
        every = [index for rank in ranks for index in rank]
        assert len(set(every)) == len(every)
    assert drawn(num_clips=5, batch_size=3, world_size=2) == []


def test_an_evaluation_has_each_clip_once_over_all_ranks():
    for world_size in (1, 2, 3, 30):
        ranks = [
            drawn(shuffle=False, is_even=False, rank=rank, world_size=world_size)
            for rank in range(world_size)
        ]
        assert sorted(index for rank in ranks for index in rank) == list(range(23))
        assert max(map(len, ranks)) - min(map(len, ranks)) <= 1


def test_no_clip_is_left_out_in_every_epoch():
    assert {
        index for epoch in range(10) for index in drawn(epoch, num_clips=10, batch_size=4)
    } == set(range(10))


# Six clips and four classes. Class 0 has four clips, class 1 two, class 2 one, class 3 none. The
# last clip has no label.
LABELS = np.array(
    [[1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
)


def long_tailed(num_clips=500, num_classes=12, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((num_clips, num_classes)) < 0.5 / np.arange(1, num_classes + 1) ** 1.5


def weighted(repeats, epoch=0, **changes):
    """Returns the keys of an epoch with these expected draws."""
    arguments = {"shuffle": True, "seed": 1, "is_even": False}
    sampler = ClipOrder(len(repeats), **(arguments | changes), draws=repeats)
    sampler.set_epoch(epoch)
    keys = list(sampler)
    assert len(keys) == len(sampler)
    return keys


def test_expected_draws_of_a_class_and_then_a_clip():
    balanced = expected_draws("class_balanced", LABELS)
    one_each = np.array([1 / 4, 1 / 4, 1 / 4, 1 / 4 + 1 / 2, 1 / 2 + 1])
    assert np.allclose(balanced, [*(one_each * 5 / 3), 1])
    rooted = expected_draws("square_root", LABELS)
    by_root = np.array([1 / 2, 1 / 2, 1 / 2, 1 / 2 + 0.5**0.5, 0.5**0.5 + 1])
    assert np.allclose(rooted, [*(by_root * 5 / by_root.sum()), 1])
    assert expected_draws("shuffle", LABELS) is None


def test_repeat_factors_equal_those_of_lvis():
    factors = expected_draws("repeat_factor", LABELS, threshold=0.5)
    expected = [1, 1, 1, (0.5 / (2 / 6)) ** 0.5, (0.5 / (1 / 6)) ** 0.5, 1]
    assert np.allclose(factors, expected)
    assert (expected_draws("repeat_factor", LABELS, threshold=0.1) == 1).all()


@pytest.mark.parametrize("name", ["class_balanced", "square_root", "repeat_factor"])
def test_clips_without_labels_are_drawn_once(name):
    assert (expected_draws(name, np.zeros((7, 3))) == 1).all()


@pytest.mark.parametrize("name", ["class_balanced", "square_root", "repeat_factor"])
def test_epochs_have_one_length_and_draw_clips_as_often_as_expected(name):
    labels = long_tailed()
    repeats = expected_draws(name, labels, threshold=0.05)
    length = math.ceil(repeats.sum() - 1e-6)
    assert (length == 500) == (name != "repeat_factor")
    total = np.zeros(500)
    for epoch in range(60):
        keys = weighted(repeats, epoch)
        assert len(keys) == length
        times = np.bincount([key[1] for key in keys], minlength=500)
        scaled = repeats * length / repeats.sum()
        assert (times >= np.floor(scaled)).all()
        assert (times <= np.ceil(scaled)).all()
        total += times
    assert np.abs(total / 60 - scaled).max() < 0.35
    assert abs((total / 60 - scaled) @ labels).max() < 1
    if name == "repeat_factor":
        assert total.min() >= 60, "no clip is left out"


def test_repeated_draws_of_a_clip_have_different_keys():
    keys = weighted(np.array([3.0, 0.5, 0.5, 1.0]), epoch=4)
    assert sorted(key for key in keys if key[1] == 0) == [(4, 0), (4, 0, 1), (4, 0, 2)]
    assert len(set(keys)) == len(keys) == 5
    assert sum(key[1] in (1, 2) for key in keys) == 1


def test_draws_of_a_clip_are_spread_over_the_epoch():
    clips = [key[1] for key in weighted(np.full(100, 4.0))]
    assert sum(one == other for one, other in itertools.pairwise(clips)) < 30


def test_other_clips_come_together_in_other_epochs():
    """Not every epoch draws the same half of the clips."""
    halves = {frozenset(key[1] for key in weighted(np.full(10, 0.5), e)) for e in range(30)}
    assert all(len(half) == 5 for half in halves)
    assert len(halves) > 20


def test_ranks_share_the_draws():
    repeats = expected_draws("repeat_factor", long_tailed(), threshold=0.05)
    whole = weighted(repeats, 2)
    for world_size in (2, 3):
        ranks = [weighted(repeats, 2, rank=r, world_size=world_size) for r in range(world_size)]
        assert sorted(key for rank in ranks for key in rank) == sorted(whole)
        even = [
            weighted(repeats, 2, rank=r, world_size=world_size, is_even=True)
            for r in range(world_size)
        ]
        assert len({len(rank) for rank in even}) == 1
        assert len({key for rank in even for key in rank}) == world_size * len(even[0])


def test_the_order_of_24000_clips_takes_less_than_a_second():
    repeats = expected_draws("class_balanced", long_tailed(24_004, 140))
    start = time.perf_counter()
    assert len(weighted(repeats, is_even=True)) == 24_004
    assert time.perf_counter() - start < 1  # measured: 0.1 s


@pytest.mark.parametrize(
    "repeats", [np.ones(3), np.array([1, -1, 1, 1.0]), np.array([1, np.nan, 1, 1]), np.zeros(4)]
)
def test_invalid_expected_draws_are_refused(repeats):
    with pytest.raises(UserError, match="expected 4 numbers from 0 on, not all 0"):
        ClipOrder(4, shuffle=True, seed=0, is_even=True, draws=repeats)


def test_expected_draws_need_a_shuffled_order():
    with pytest.raises(UserError, match="for an order that is shuffled"):
        ClipOrder(4, shuffle=False, seed=0, is_even=True, draws=np.ones(4))
    with pytest.raises(UserError, match="there is no 'balanced'; choose one of shuffle, class_"):
        expected_draws("balanced", LABELS)


def test_rebalancing_is_described():
    text = describe_draws(LABELS, expected_draws("class_balanced", LABELS))
    assert text == (
        "6 clips make 6 draws an epoch, 2 of the rarest class (2) instead of 1, 2 of the most "
        "frequent class (0) instead of 4; a clip comes 0.42 to 2.5 times"
    )
    plain = describe_draws(np.zeros((3, 2)), np.ones(3))
    assert plain == "3 clips make 3 draws an epoch; a clip comes 1 to 1 times"
