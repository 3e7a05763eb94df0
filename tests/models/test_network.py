"""`Network` and `Pathways` apply their layers in order, and refuse clips that do not fit."""

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.models.network import Network, Pathways


def sum_of_means(pathways):
    return sum(x.mean(dim=(1, 2, 3, 4)) for x in pathways)


class Sum(nn.Module):
    def forward(self, pathways):
        return sum_of_means(pathways)


def test_pathways_apply_each_chain_to_its_own_tensor_in_order():
    layers = Pathways([{"a": nn.Threshold(0, 5), "b": nn.ReLU()}, {"c": nn.Identity()}])
    assert [name for name, _ in layers.named_children()] == [
        "pathway0_a",
        "pathway0_b",
        "pathway1_c",
    ]
    first, second = layers([torch.tensor([-1.0]), torch.tensor([-1.0])])
    assert (first.item(), second.item()) == (5, -1)


def test_a_network_applies_its_layers_from_first_to_last():
    network = Network({"s1": Pathways([{"x": nn.ReLU()}]), "head": Sum()}, input_channels=[1])
    assert network([-torch.ones(2, 1, 1, 1, 1)]).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ([(1, 3, 2, 8, 8)], "received 1 pathway"),
        ([(1, 3, 2, 8, 8)] * 3, "received 3 pathway"),
        ([(1, 3, 2, 8, 8), (1, 4, 4, 8, 8)], r"pathway 1 received \(1, 4, 4, 8, 8\)"),
        ([(3, 2, 8, 8), (1, 3, 4, 8, 8)], r"pathway 0 received \(3, 2, 8, 8\)"),
    ],
)
def test_clips_that_do_not_fit_are_refused(shapes, found):
    network = Network({"head": Sum()}, input_channels=[3, 3])
    with pytest.raises(UserError, match=found) as error:
        network([torch.zeros(shape) for shape in shapes])
    assert "expected a list of 2 pathway(s): (N, 3, T, H, W), (N, 3, T, H, W)" in str(error.value)


def test_one_tensor_is_not_a_list_of_clips():
    with pytest.raises(UserError, match="received one tensor"):
        Network({"head": Sum()}, input_channels=[3])(torch.zeros(1, 3, 2, 8, 8))
