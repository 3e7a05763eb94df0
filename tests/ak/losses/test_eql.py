"""EQL ignores the configured share of elements; each step draws other ones, reproducibly."""

import pytest
import torch

from slowfast.ak.losses.eql import EQL, mix

LIKE = torch.empty(64, 140)


def eql(seed=0, rank=0, epoch=0, gamma=0.3):
    loss = EQL(class_counts=[1] * 140, gamma=gamma, seed=seed, rank=rank)
    loss.set_epoch(epoch)
    return loss


def draws(loss, steps):
    return torch.stack([loss.draw(LIKE) for _ in range(steps)])


@pytest.mark.parametrize("gamma", [1.76e-3, 0.3])
def test_the_ignored_share_is_gamma_in_every_step_clip_and_class(gamma):
    drawn = draws(eql(gamma=gamma), 200).double()
    for over, size in [((0, 1, 2), drawn.numel()), ((0, 1), 200 * 64), ((0, 2), 200 * 140)]:
        deviation = (gamma * (1 - gamma) / size) ** 0.5
        assert ((drawn.mean(dim=over) - gamma).abs() < 5 * deviation).all()


def agreement(one, other):
    return (one == other).double().mean().item()


def test_steps_epochs_ranks_and_seeds_draw_independently():
    """Two independent draws of 0.3 agree in 0.58 of the elements."""
    first = draws(eql(), 20)
    others = [draws(eql(**change), 20) for change in ({"seed": 1}, {"rank": 1}, {"epoch": 1})]
    others += [first.roll(1, dims=0), first.roll(1, dims=1), first.roll(1, dims=2)]
    # A hash of a sum or an xor of seed, rank and epoch would draw the same here.
    others += [draws(eql(seed=1, rank=1), 20), draws(eql(rank=1, epoch=1), 20)]
    for other in others:
        assert agreement(first, other) == pytest.approx(0.58, abs=0.01)
    assert agreement(others[0], others[1]) == pytest.approx(0.58, abs=0.01)
    assert agreement(others[1], others[2]) == pytest.approx(0.58, abs=0.01)


def test_a_repeated_epoch_and_a_resumed_loss_draw_the_same():
    loss, resumed = eql(epoch=5), eql()
    first = draws(loss, 3)
    resumed.load_state_dict(loss.state_dict())
    assert torch.equal(draws(resumed, 2), draws(loss, 2))
    loss.set_epoch(6)
    assert not torch.equal(draws(loss, 3), first)
    loss.set_epoch(5)
    assert torch.equal(draws(loss, 3), first)


def test_no_step_is_counted_in_evaluation_or_without_gradients():
    loss = eql()
    with torch.no_grad():
        first = loss.draw(LIKE)
    assert torch.equal(loss.eval().draw(LIKE), first)
    assert torch.equal(loss.train().draw(LIKE), first)


def test_only_negatives_of_tail_classes_are_ignored():
    loss = EQL(class_counts=[101, 100, 1, 0], gamma=1.0, reduction="none")
    logits = torch.zeros(2, 4)
    targets = torch.tensor([[0, 0, 0, 0.25], [1, 1, 1, 1]])
    weights = loss(logits, targets) / torch.tensor(2.0).log()
    expected = torch.tensor([[1, 0, 0, 0.25], [1.0, 1, 1, 1]])
    torch.testing.assert_close(weights, expected)


def test_the_hash_of_numbers_and_tensors_is_the_same_without_collisions():
    numbers = torch.arange(100_000)
    mixed = mix(numbers)
    assert mixed[::9973].tolist() == [mix(number) for number in numbers[::9973].tolist()]
    assert mixed.unique().numel() == numbers.numel()
    assert 0 <= mixed.min() < mixed.max() < 2**32
    assert mix(0) != 0
    assert mix(2**32 - 1) < 2**32
