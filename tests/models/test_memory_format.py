"""A network that is arranged for speed computes what it computed, and is saved as it was."""

import logging

import pytest
import torch
from torch import nn

from slowfast.models import MODEL_REGISTRY, build_model
from slowfast.models.memory_format import channels_last
from slowfast.utils.distributed import unwrap
from tests.models.network_cases import I3D, SLOWFAST, TINY, X3D, network_cfg

PLAIN = {"SPEED.CHANNELS_LAST": False}


def build(*settings):
    torch.manual_seed(0)
    return build_model(network_cfg(TINY, *settings))


def clips(kind):
    frames = [2, 4] if kind is SLOWFAST else [4]
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, 3, t, 64, 64, generator=generator) for t in frames]


@pytest.mark.parametrize("kind", [I3D, SLOWFAST, X3D], ids=["i3d", "slowfast", "x3d"])
def test_weights_lie_with_channels_last_and_are_saved_contiguous(kind):
    model, plain = build(kind), build(kind, PLAIN)
    laid_out = [p for p in model.parameters() if not p.is_contiguous()]
    assert laid_out
    assert all(p.is_contiguous(memory_format=torch.channels_last_3d) for p in laid_out)
    saved, expected = model.state_dict(), plain.state_dict()
    assert saved.keys() == expected.keys()
    for name, value in saved.items():
        assert value.is_contiguous(), name
        assert torch.equal(value, expected[name]), name
    model.load_state_dict(saved)
    assert not any(p.is_contiguous() for p in laid_out)


@pytest.fixture
def _two_threads():
    """With one, PyTorch gives small batches to kernels that know no layout but their own."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("_two_threads")
def test_features_keep_the_layout_through_a_whole_network():
    """Where a layer went back to contiguous, each one after it would have to convert again."""
    for kind in (I3D, SLOWFAST, X3D):
        model, kept = build(kind), {}

        def note(layer, inputs, output, kept=kept):
            if min(output.shape) > 1:  # else both layouts are one
                kept[layer] = output.is_contiguous(memory_format=torch.channels_last_3d)

        for layer in model.modules():
            if isinstance(layer, nn.Conv3d | nn.BatchNorm3d | nn.MaxPool3d):
                layer.register_forward_hook(note)
        model([x.contiguous(memory_format=torch.channels_last_3d) for x in clips(kind)])
        assert len(kept) > 20
        assert all(kept.values()), [layer for layer, is_kept in kept.items() if not is_kept]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, True),
        (PLAIN, False),
        ({"TRAIN.MIXED_PRECISION": True}, True),
        ({"TRAIN.MIXED_PRECISION": True, "TRAIN.MIXED_PRECISION_TYPE": "bf16"}, False),
        ({"TRAIN.MIXED_PRECISION_TYPE": "bf16"}, True),
    ],
)
def test_channels_are_last_but_in_bf16_on_the_cpu(settings, expected):
    assert channels_last(network_cfg(settings)) == expected


def test_a_network_of_ones_own_with_other_weights_is_arranged_too(monkeypatch):
    monkeypatch.setattr(MODEL_REGISTRY, "_obj_map", dict(MODEL_REGISTRY._obj_map))
    MODEL_REGISTRY._obj_map["Mine"] = lambda cfg: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 2))
    assert build({"MODEL.MODEL_NAME": "Mine"})[0].weight.is_contiguous()


@pytest.fixture
def small_network(monkeypatch):
    """Has ``Mine`` name a network that is compiled in a second or so."""
    monkeypatch.setattr(MODEL_REGISTRY, "_obj_map", dict(MODEL_REGISTRY._obj_map))
    MODEL_REGISTRY._obj_map["Mine"] = lambda cfg: nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    torch._dynamo.reset()
    return {"MODEL.MODEL_NAME": "Mine"}


def test_what_cannot_be_compiled_runs_as_it_is_and_the_log_says_why(
    small_network, monkeypatch, caplog
):
    def fail(*_):
        raise RuntimeError("no compiler\nand a long tale of it")

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: fail)
    model, plain = build(small_network, {"SPEED.COMPILE": True}), build(small_network)
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert unwrap(model) is model
    with caplog.at_level(logging.WARNING):
        scores = model(torch.ones(2, 3))
    assert torch.equal(scores, plain(torch.ones(2, 3)))
    (told,) = [r.message for r in caplog.records if "not compiled" in r.message]
    assert told.endswith(": no compiler")


def test_what_is_compiled_is_what_the_backend_made_of_it(small_network, monkeypatch):
    made = []

    def backend(graph, inputs):
        made.append(graph)
        return lambda *args: tuple(2 * output for output in graph(*args))

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: backend)
    model, plain = build(small_network, {"SPEED.COMPILE": True}), build(small_network)
    assert torch.equal(model(torch.ones(2, 3)), 2 * plain(torch.ones(2, 3)))
    assert len(made) == 1


@pytest.mark.slow  # a C++ compiler is at work
def test_a_compiled_network_gives_the_same_gradients(small_network):
    model, plain = build(small_network, {"SPEED.COMPILE": True}), build(small_network)
    for each in (model, plain):
        each(torch.ones(2, 3)).square().sum().backward()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_a_backend_may_have_dynamo_begin_anew(small_network, monkeypatch):
    calls = []

    def restart_once(graph, inputs):
        calls.append(graph)
        if len(calls) == 1:
            raise torch._dynamo.exc.TensorifyScalarRestartAnalysis(restart_reason="a test")
        return graph.forward

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: restart_once)
    model = build(small_network, {"SPEED.COMPILE": True})
    assert model(torch.ones(2, 3)).shape
    assert len(calls) == 2
