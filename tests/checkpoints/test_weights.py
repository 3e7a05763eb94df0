"""Weights of a file are converted to the names and shapes of a model; the rest is reported."""

import pytest
import torch
from torch import nn

from slowfast.checkpoints.weights import load_weights
from slowfast.utils.distributed import unwrap


def network():
    return nn.Sequential(nn.Conv3d(2, 3, (3, 1, 1)), nn.BatchNorm3d(3), nn.Linear(3, 2))


def with_head(model):
    model.head = nn.Module()
    model.head.projection = nn.Linear(3, 2)
    return model


def ones():
    """Returns a state dict of the network, all ones, without batch counters."""
    return {
        name: torch.ones_like(tensor)
        for name, tensor in network().state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def all_are_one(model):
    return all(bool((parameter == 1).all()) for parameter in model.parameters())


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "encoder."])
def test_names_of_a_wrapped_network_match(prefix):
    model = network()
    state = {prefix + name: value for name, value in ones().items()}
    report = load_weights(model, state, clear_patterns=["encoder."])
    assert report.is_complete
    assert len(report.matched) == report.num_wanted == 8
    assert all_are_one(model)


def test_a_network_may_call_a_part_of_its_own_module():
    model = nn.Module()
    model.module = network()
    assert load_weights(
        model, {f"module.{name}": value for name, value in ones().items()}
    ).is_complete
    assert all_are_one(model)


def test_the_first_occurrence_of_a_pattern_is_removed():
    model = nn.Module()
    model.encoder = network()
    state = {f"encoder.encoder.{name}": value for name, value in ones().items()}
    assert load_weights(model, state, clear_patterns=["encoder."]).is_complete
    assert all_are_one(model)


def test_a_wrapped_network_takes_plain_names(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        model = nn.parallel.DistributedDataParallel(network())
        assert load_weights(model, ones()).is_complete
        assert all_are_one(model)
        assert unwrap(model) is model.module
    finally:
        torch.distributed.destroy_process_group()


def test_entries_that_do_not_match_are_reported_with_the_reason():
    state = ones()
    state["0.weight"] = torch.zeros(3, 2, 5, 1, 1)
    state["other.weight"] = state.pop("2.weight")
    state["other.bias"] = state.pop("2.bias")
    report = load_weights(network(), state)
    assert (report.missing, report.unexpected) == (
        ["2.weight", "2.bias"],
        ["other.weight", "other.bias"],
    )
    text = str(report)
    assert "5 of 8 entries" in text
    assert "missing in the file: 2.{weight,bias}" in text
    assert "not in the model: other.{weight,bias}" in text
    assert "0.weight [3, 2, 5, 1, 1] in the file, [3, 2, 3, 1, 1] here" in text


@pytest.mark.parametrize(
    ("classes", "width", "is_other"), [(400, 3, True), (2, 6, False), (400, 6, True)]
)
def test_a_head_for_other_classes_is_reported_as_such(classes, width, is_other):
    state = {"head.projection.weight": torch.ones(classes, width)}
    state["head.projection.bias"] = torch.ones(classes)
    report = load_weights(with_head(nn.Module()), state)
    assert report.head_differs is is_other
    assert ("400 classes and this model's for 2" in str(report)) is is_other
    assert ("head.projection.weight [2, 6] in the file, [2, 3] here" in str(report)) is not is_other
    assert report.share_outside_head == 1.0


def test_the_matching_share_leaves_out_the_head():
    state = ones()
    del state["2.weight"], state["2.bias"]
    assert load_weights(with_head(network()), state).share_outside_head == 6 / 8


def test_a_long_report_is_shortened():
    state = ones() | {f"layer{i}.weight": torch.zeros(1) for i in range(50)}
    text = str(load_weights(network(), state))
    assert "and 45 more" in text
    assert len(text) < 400


@pytest.mark.parametrize("shape", [(3, 2, 1, 1), (3, 2, 1, 1, 1)])
def test_2d_kernels_are_spread_over_time(shape):
    state, model = ones(), network()
    state["0.weight"] = torch.arange(6.0).reshape(shape)
    assert load_weights(model, state).shapes, "only on request"
    assert load_weights(model, state, inflate=True).inflated == ["0.weight"]
    for frame in range(3):
        expected = torch.arange(6.0).reshape(3, 2, 1, 1) / 3
        assert torch.equal(model[0].weight[:, :, frame], expected)
