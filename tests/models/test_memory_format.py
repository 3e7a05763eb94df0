"""The memory layout and the compilation of a network do not change its results or its files."""

import copy
import logging

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from slowfast.checkpoints.saving import save_checkpoint
from slowfast.engine.average import AveragedWeights
from slowfast.models import MODEL_REGISTRY, build_model
from slowfast.models.layers.depthwise import DepthwiseConv3d
from slowfast.models.memory_format import channels_last
from slowfast.models.optimizer import construct_optimizer
from slowfast.utils.distributed import unwrap
from tests.models.network_cases import (
    EACH_FAMILY,
    SLOWFAST,
    TINY,
    X3D,
    clips_for,
    network_cfg,
)

PLAIN = {"SPEED.CHANNELS_LAST": False}


def build(*settings):
    torch.manual_seed(0)
    return build_model(network_cfg(TINY, *settings))


def tensors_in(value):
    if torch.is_tensor(value):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(part)


def channels_last_strides(shape):
    return torch.empty(shape, memory_format=torch.channels_last_3d).stride()


# ------------------------------------------------------------------ layout and state


@EACH_FAMILY
def test_weights_of_convolutions_have_channels_last_strides(family):
    """The strides of 1 x 1 x 1 weights must be those of their gradients on CUDA too."""
    model, plain = build(family), build(family, PLAIN)
    weights = [p for p in model.parameters() if p.ndim == 5]
    assert all(p.stride() == channels_last_strides(p.shape) for p in weights)
    assert all(map(torch.equal, model.parameters(), plain.parameters()))


@EACH_FAMILY
def test_edits_of_the_state_dict_in_place_reach_the_network(family):
    model = build(family)
    for edited in (model, copy.deepcopy(model), copy.deepcopy(model).to(torch.float64)):
        for tensor in edited.state_dict().values():
            tensor.fill_(3)
        own = [*edited.parameters(), *edited.buffers()]
        assert all((tensor == 3).all() for tensor in own)
    assert all((p == 3).all() for p in model.parameters()), "the copies are separate"


def test_edits_in_place_reach_the_average_and_the_optimizer():
    cfg = network_cfg(TINY, SLOWFAST)
    model = build(SLOWFAST)
    average, optimizer = AveragedWeights(model, 0.5), construct_optimizer(model, cfg)
    for tensor in tensors_in([average.state_dict(), optimizer.state_dict()["state"]]):
        tensor.fill_(3)
    assert all((p == 3).all() for p in average.network.parameters())
    momenta = [state["momentum_buffer"] for state in optimizer.state.values()]
    assert len(momenta) == len(list(model.parameters()))
    assert all((momentum == 3).all() for momentum in momenta)
    for parameter in model.parameters():
        assert optimizer.state[parameter]["momentum_buffer"].stride() == parameter.stride()


def test_a_saved_file_has_contiguous_tensors_that_load_into_any_layout(tmp_path):
    cfg, model = network_cfg(TINY, SLOWFAST), build(SLOWFAST)
    optimizer, average = construct_optimizer(model, cfg), AveragedWeights(model, 0.5)
    path = save_checkpoint(tmp_path, model, optimizer, 0, cfg, average_state=average.state_dict())
    content = torch.load(path, weights_only=True)
    assert content["ema_state"].keys() == content["model_state"].keys()
    tensors = list(tensors_in(content))
    assert len(tensors) > 3 * len(list(model.parameters()))
    assert all(tensor.is_contiguous() for tensor in tensors)
    for layout in ({}, PLAIN):
        loaded = build(SLOWFAST, layout)
        strides = [p.stride() for p in loaded.parameters()]
        for parameter in loaded.parameters():
            nn.init.zeros_(parameter)
        loaded.load_state_dict(content["model_state"])
        assert all(map(torch.equal, loaded.parameters(), model.parameters()))
        assert [p.stride() for p in loaded.parameters()] == strides


@pytest.mark.slow  # tracing takes long
@EACH_FAMILY
def test_a_network_can_be_exported(family):
    model, clips = build(family).eval(), clips_for(network_cfg(TINY, family))
    exported = torch.export.export(model, (clips,))
    torch.testing.assert_close(exported.module()(clips), model(clips))


@pytest.fixture
def _two_threads():
    """With one thread PyTorch computes small batches with kernels that ignore the layout."""
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


@pytest.mark.usefixtures("_two_threads")
@EACH_FAMILY
def test_features_keep_the_layout_through_a_whole_network(family):
    """If one layer returned contiguous features, each later layer would convert them again."""
    model, kept = build(family), {}

    def note(layer, inputs, output):
        if min(output.shape) > 1:  # otherwise the two layouts are equal
            kept[layer] = output.is_contiguous(memory_format=torch.channels_last_3d)

    for layer in model.modules():
        if isinstance(layer, nn.Conv3d | nn.BatchNorm3d | nn.MaxPool3d):
            layer.register_forward_hook(note)
    clips = clips_for(network_cfg(TINY, family))
    model([x.contiguous(memory_format=torch.channels_last_3d) for x in clips])
    assert len(kept) > 20
    assert all(kept.values()), [layer for layer, is_kept in kept.items() if not is_kept]


def test_depthwise_convolutions_are_contiguous_on_cuda():
    """PyTorch's depthwise kernel is for contiguous tensors; cuDNN computes channels-last ones."""
    outputs = []
    with FakeTensorMode():
        with torch.device("cuda"):
            model = build(X3D)
        depthwise = [layer for layer in model.modules() if isinstance(layer, DepthwiseConv3d)]
        others = [m for m in model.modules() if isinstance(m, nn.Conv3d) and m not in depthwise]
        for layer in depthwise:
            layer.register_forward_hook(lambda _, inputs, output: outputs.append(output))
        clips = clips_for(network_cfg(TINY, X3D), device="cuda")
        model([x.contiguous(memory_format=torch.channels_last_3d) for x in clips])
        assert len(outputs) == len(depthwise) == 12
        assert all(x.is_contiguous() for x in [*outputs, *(layer.weight for layer in depthwise)])
        for layer in others:
            assert layer.weight.stride() == channels_last_strides(layer.weight.shape)


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
def test_channels_are_last_except_in_bf16_on_the_cpu(settings, expected):
    assert channels_last(network_cfg(settings)) == expected


# ------------------------------------------------------------------ compilation


@pytest.fixture
def small_network(monkeypatch):
    """Settings of a registered network that compiles in about a second."""
    monkeypatch.setitem(
        MODEL_REGISTRY, "Mine", lambda cfg: nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    )
    torch._dynamo.reset()
    return {"MODEL.MODEL_NAME": "Mine"}


def test_a_network_that_cannot_be_compiled_runs_and_the_log_gives_the_reason(
    small_network, monkeypatch, caplog
):
    def fail(*_):
        raise RuntimeError("no compiler\nand many further lines")

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: fail)
    model, plain = build(small_network, {"SPEED.COMPILE": True}), build(small_network)
    assert model.state_dict().keys() == plain.state_dict().keys()
    assert unwrap(model) is model
    with caplog.at_level(logging.WARNING):
        scores = model(torch.ones(2, 3))
    assert torch.equal(scores, plain(torch.ones(2, 3)))
    (message,) = [r.message for r in caplog.records if "not compiled" in r.message]
    assert message.endswith(": no compiler")


@pytest.mark.slow  # runs a C++ compiler
def test_a_compiled_network_has_the_same_gradients(small_network):
    model, plain = build(small_network, {"SPEED.COMPILE": True}), build(small_network)
    for each in (model, plain):
        each(torch.ones(2, 3)).square().sum().backward()
    for one, other in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)


def test_a_compiled_network_computes_the_graph_of_a_backend_that_starts_twice(
    small_network, monkeypatch
):
    calls = []

    def restart_once(graph, inputs):
        calls.append(graph)
        if len(calls) == 1:
            raise torch._dynamo.exc.TensorifyScalarRestartAnalysis(restart_reason="a test")
        return lambda *args: tuple(2 * output for output in graph(*args))

    monkeypatch.setattr(torch._dynamo, "lookup_backend", lambda name: restart_once)
    model, plain = build(small_network, {"SPEED.COMPILE": True}), build(small_network)
    assert torch.equal(model(torch.ones(2, 3)), 2 * plain(torch.ones(2, 3)))
    assert len(calls) == 2
