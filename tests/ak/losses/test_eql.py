"""What EQL ignores: the share it says, drawn anew in each step, and again in a run taken up."""

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


@pytest.mark.parametrize("gamma", [1.76e-3, 0.3, 0.9])
def test_the_share_is_gamma_over_steps_clips_and_classes(gamma):
    drawn = draws(eql(gamma=gamma), 200).double()
    for over, size in [((0, 1, 2), drawn.numel()), ((0, 1), 200 * 64), ((0, 2), 200 * 140)]:
        deviation = (gamma * (1 - gamma) / size) ** 0.5
        assert ((drawn.mean(dim=over) - gamma).abs() < 5 * deviation).all()


def test_all_or_nothing():
    assert eql(gamma=1.0).draw(LIKE).all()
    assert not eql(gamma=0.0).draw(LIKE).any()


def agreement(one, other):
    return (one == other).double().mean().item()


def test_steps_epochs_ranks_and_seeds_draw_independently():
    """Two independent draws of 0.3 agree in 0.58 of the elements."""
    first = draws(eql(), 20)
    others = [draws(eql(**change), 20) for change in ({"seed": 1}, {"rank": 1}, {"epoch": 1})]
    others += [first.roll(1, dims=0), first.roll(1, dims=1), first.roll(1, dims=2)]
    # Numbers that a sum or an xor would mix up.
    others += [draws(eql(seed=1, rank=1), 20), draws(eql(rank=1, epoch=1), 20)]
    for other in others:
        assert agreement(first, other) == pytest.approx(0.58, abs=0.01)
    assert agreement(others[0], others[1]) == pytest.approx(0.58, abs=0.01)
    assert agreement(others[1], others[2]) == pytest.approx(0.58, abs=0.01)


def test_an_epoch_begun_again_draws_the_same():
    loss = eql(epoch=5)
    first = draws(loss, 3)
    loss.set_epoch(6)
    assert not torch.equal(draws(loss, 3), first)
    loss.set_epoch(5)
    assert torch.equal(draws(loss, 3), first)
    assert torch.equal(draws(eql(epoch=5), 3), first)


def test_a_state_dict_goes_on_in_the_midst_of_an_epoch():
    loss, other = eql(epoch=2), eql()
    draws(loss, 4)
    other.load_state_dict(loss.state_dict())
    assert torch.equal(draws(loss, 2), draws(other, 2))


def test_evaluation_counts_no_step():
    loss = eql().eval()
    assert torch.equal(loss.draw(LIKE), loss.draw(LIKE))
    assert loss.state.step.item() == 0


def test_only_negatives_of_the_tail_are_ignored():
    loss = EQL(class_counts=[101, 100, 1, 0], gamma=1.0, reduction="none")
    logits = torch.zeros(2, 4)
    targets = torch.tensor([[0, 0, 0, 0.25], [1, 1, 1, 1]])
    weights = loss(logits, targets) / torch.tensor(2.0).log()
    expected = torch.tensor([[1, 0, 0, 0.25], [1.0, 1, 1, 1]])
    torch.testing.assert_close(weights, expected)


def test_numbers_and_tensors_mix_alike_and_nothing_collides():
    numbers = torch.arange(100_000)
    mixed = mix(numbers)
    assert mixed[::9973].tolist() == [mix(number) for number in numbers[::9973].tolist()]
    assert mixed.unique().numel() == numbers.numel()
    assert 0 <= mixed.min() < mixed.max() < 2**32
    assert mix(0) != 0
    assert mix(2**32 - 1) < 2**32


def test_a_look_at_the_loss_without_gradients_counts_no_step():
    loss, looked_at = eql(), eql()
    with torch.no_grad():
        draws(looked_at, 2)
    assert torch.equal(draws(loss, 3), draws(looked_at, 3))
