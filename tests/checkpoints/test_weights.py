"""Names and shapes of a file are made to agree with a model, and what is left is told."""

import pytest
import torch
from torch import nn

from slowfast.checkpoints.weights import load_weights
from slowfast.utils.distributed import unwrap


def network():
    return nn.Sequential(nn.Conv3d(2, 3, (3, 1, 1)), nn.BatchNorm3d(3), nn.Linear(3, 2))


def filled(value=1.0):
    return {
        name: torch.full_like(tensor, value)
        for name, tensor in network().state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def all_are(model, value):
    return all(bool((parameter == value).all()) for parameter in model.parameters())


def test_all_entries_match_without_batch_counters():
    model = network()
    report = load_weights(model, filled())
    assert report.is_whole
    assert len(report.matched) == report.num_wanted == 8
    assert all_are(model, 1.0)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_names_of_a_wrapped_network_are_taken(prefix):
    model = network()
    assert load_weights(model, {prefix + n: v for n, v in filled().items()}).is_whole
    assert all_are(model, 1.0)


def test_a_wrapped_network_takes_plain_names(tmp_path):
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1
    )
    try:
        model = nn.parallel.DistributedDataParallel(network())
        assert load_weights(model, filled()).is_whole
        assert all_are(model, 1.0)
        assert unwrap(model) is model.module
    finally:
        torch.distributed.destroy_process_group()


def test_what_does_not_match_is_told_with_the_reason():
    state = filled()
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
def test_classes_are_spoken_of_where_they_differ(classes, width, is_other):
    model = nn.Module()
    model.head = nn.Module()
    model.head.projection = nn.Linear(3, 2)
    state = {"head.projection.weight": torch.ones(classes, width)}
    report = load_weights(model, state | {"head.projection.bias": torch.ones(classes)})
    assert report.head_differs is is_other
    assert ("400 classes and this model's for 2" in str(report)) is is_other
    assert ("head.projection.weight [2, 6] in the file, [2, 3] here" in str(report)) is not is_other
    assert report.share_outside_head == 1.0


def test_the_share_of_a_model_leaves_out_its_head():
    model = network()
    model.head = nn.Module()
    model.head.projection = nn.Linear(3, 2)
    state = filled()
    del state["2.weight"], state["2.bias"]
    assert load_weights(model, state).share_outside_head == 6 / 8


def test_a_long_report_is_cut():
    state = filled() | {f"layer{i}.weight": torch.zeros(1) for i in range(50)}
    text = str(load_weights(network(), state))
    assert "and 45 more" in text
    assert len(text) < 400


@pytest.mark.parametrize("shape", [(3, 2, 1, 1), (3, 2, 1, 1, 1)])
def test_2d_kernels_are_spread_over_time(shape):
    state = filled()
    state["0.weight"] = torch.arange(6.0).reshape(shape)
    model = network()
    assert load_weights(model, state).shapes, "only where it is asked for"
    report = load_weights(model, state, inflate=True)
    assert report.inflated == ["0.weight"]
    for frame in range(3):
        expected = torch.arange(6.0).reshape(3, 2, 1, 1) / 3
        assert torch.equal(model[0].weight[:, :, frame], expected)


def test_patterns_are_taken_out_of_names():
    state = {f"encoder.{name}": value for name, value in filled().items()}
    assert load_weights(network(), state, clear_patterns=["encoder."]).is_whole
