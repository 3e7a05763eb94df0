"""Weights are found under any key of a file and behind any prefix of their names."""

import sys

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.checkpoints.configured import load_named_file
from slowfast.checkpoints.loading import load_file
from tests.checkpoints.checkpoint_cases import Network, average, is_new, make, weights


def behind(prefix: str, state: dict) -> dict:
    return {prefix + name: value for name, value in state.items()}


class Loss(nn.Module):
    """A module beside the network, as training programs have one."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 3)


CONTENTS = {
    "bare": lambda state: state,
    "model": lambda state: {"model": state, "args": {"lr": 0.1}},
    "DDP in torch.compile": lambda state: behind("_orig_mod.module.", state),
    "torch.compile in DDP, twice": lambda state: behind("module._orig_mod.module.", state),
    "nested": lambda state: {"state": {"network": behind("net.backbone.", state)}},
    "compiled parts": lambda state: {
        name.replace("s1.", "s1._orig_mod."): value for name, value in state.items()
    },
    "AveragedModel": lambda state: behind("module.", state) | {"n_averaged": torch.tensor(3)},
    "EMA alone": lambda state: {"model_ema": state},
    "Lightning": lambda state: {
        "pytorch-lightning_version": "2.5.0",
        "epoch": 7,
        "state_dict": behind("classifier.net.", state) | behind("loss.", Loss().state_dict()),
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(1)}}}],
    },
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_weights_are_found_wherever_they_lie(tmp_path, cfg, kind):
    given = Network()
    torch.save(CONTENTS[kind](given.state_dict()), tmp_path / "weights.ckpt")
    model, optimizer = make(cfg, seed=1)
    loaded = load_file(tmp_path / "weights.ckpt", model, optimizer)
    assert torch.equal(weights(model), weights(given))
    assert (loaded.epoch, loaded.extra) == (-1, {}), "only our own files give an epoch"
    assert is_new(optimizer)


def test_only_what_belongs_to_the_network_is_loaded(tmp_path, caplog):
    state = CONTENTS["Lightning"](Network().state_dict())
    torch.save(state, tmp_path / "lightning.ckpt")
    report = load_file(tmp_path / "lightning.ckpt", Network()).report
    assert report.unexpected == ["loss.head.weight", "loss.head.bias"]
    words = "names of SlowFast behind `classifier.net.`, under `state_dict`: 8 of 10 entries"
    assert words in str(report)


@pytest.mark.parametrize(
    ("keys", "is_mmengine"),
    [
        (("model", "model_ema"), False),
        (("state_dict", "state_dict_ema"), False),
        (("state_dict", "state_dict"), True),
    ],
)
def test_a_test_takes_the_average_and_training_the_weights(cfg, tmp_path, keys, is_mmengine):
    given = Network()
    states = {"model": given.state_dict(), "average": average(given)}
    content = {keys[0]: states["model"], keys[1]: states["average"]}
    if is_mmengine:  # it exchanges the two when it saves
        content |= {"ema_state_dict": states["model"], "meta": {}}
    torch.save(content, tmp_path / "two.pth")
    for phase, which in (("TRAIN", 0), ("TEST", 1)):
        cfg[phase].CHECKPOINT_FILE_PATH = str(tmp_path / "two.pth")
        model = Network()
        load_named_file(cfg, phase, model)
        for name, value in model.state_dict().items():
            assert torch.equal(value, content[keys[which]][name]), name


def test_two_networks_in_one_file_are_reported(tmp_path, caplog):
    given, teacher = Network(), Network()
    state = behind("student.", given.state_dict()) | behind("teacher.", teacher.state_dict())
    torch.save({"state_dict": state}, tmp_path / "both.ckpt")
    model = Network()
    load_file(tmp_path / "both.ckpt", model)
    assert torch.equal(weights(model), weights(given)), "the first of equals"
    assert "has as many entries that fit behind `teacher.`, under `state_dict`" in caplog.text
    assert "TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN \"['teacher.']\" loads them" in caplog.text
    load_file(tmp_path / "both.ckpt", model, clear_patterns=["teacher."])
    assert torch.equal(weights(model), weights(teacher))


@pytest.mark.parametrize("change", [torch.Tensor.to_sparse, lambda value: value.bfloat16()])
def test_tensors_of_other_layouts_and_types_are_loaded(tmp_path, change):
    given, model = Network(), Network()
    state = {name: change(value.float()) for name, value in given.state_dict().items()}
    torch.save(state, tmp_path / "x.pth")
    load_file(tmp_path / "x.pth", model)
    assert torch.allclose(weights(model), weights(given), atol=1e-2)


def test_values_that_are_missing_or_not_finite_are_pointed_out(tmp_path, caplog):
    state = Network().state_dict()
    torch.save({name: value.to("meta") for name, value in state.items()}, tmp_path / "meta.pth")
    with pytest.raises(UserError, match="a file without values"):
        load_file(tmp_path / "meta.pth", Network())
    name = next(iter(state))
    state[name] = state[name] * float("nan")
    torch.save(state, tmp_path / "nan.pth")
    load_file(tmp_path / "nan.pth", Network())
    assert f"1 entries have values that are not finite, such as {name}" in caplog.text


def test_an_epoch_that_is_no_number_is_left_out(tmp_path):
    content = {"model_state": Network().state_dict(), "epoch": "best"}
    torch.save(content, tmp_path / "x.pyth")
    assert load_file(tmp_path / "x.pyth", Network()).epoch == -1


@pytest.mark.parametrize("name", ["x.safetensors", "x.pyth"])
def test_safetensors_are_recognised_by_their_content(tmp_path, name):
    save_file = pytest.importorskip("safetensors.torch").save_file
    given = Network()
    save_file({n: v.contiguous() for n, v in given.state_dict().items()}, tmp_path / name)
    model = Network()
    assert load_file(tmp_path / name, model).report.is_complete
    assert torch.equal(weights(model), weights(given))


def test_a_missing_reader_of_safetensors_is_named(tmp_path, monkeypatch):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "x.pth").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(UserError, match="pip install safetensors"):
        load_file(tmp_path / "x.pth", Network())


VIT = {"patch_embed.proj.weight": torch.zeros(8, 3, 2, 4, 4)}
VIT |= {"blocks.0.attn.qkv.weight": torch.zeros(24, 8)}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"target_encoder": behind("module.backbone.", VIT), "encoder": VIT, "epoch": 3},
            r"V-JEPA names.* under `(target_)?encoder`.*V-JEPA, which is not built here",
        ),
        ({"model": VIT}, r"names of vision transformers, under `model`.*VideoMAE"),
        (
            {"videomae.encoder.layer.0.attention.attention.query.weight": torch.zeros(2, 2)},
            r"transformers' names of VideoMAE, at the top of the file.*MODEL.PRETRAINED",
        ),
        (
            {"model_state": VIT | {"blocks.0.attn.pool_k.weight": torch.zeros(1)}},
            r"The network of the file has .*MODEL\.ARCH mvit, MVIT\.DEPTH 1, MVIT\.EMBED_DIM 8",
        ),
        (VIT | {"blocks.0.attn.q_bias": torch.zeros(8)}, r"weights are of VideoMAE, which is not"),
        (
            VIT | {"pos_embed_spatial": torch.zeros(1), "blocks.2.proj.weight": torch.zeros(1)},
            r"weights are of Hiera, which is not built here",
        ),
        (
            {"stem.0.weight": torch.zeros(1), "layer1.0.conv1.0.weight": torch.zeros(1)},
            r"torchvision names of R3D.*MODEL.ARCH r3d_18",
        ),
        (
            {"base_model.model.s1.lora_A.weight": torch.zeros(1)},
            r"LoRA adapter.*merge_and_unload",
        ),
        (
            {"state_dict": {"trunk.weight": torch.zeros(1)}},
            r"names of no known kind, under `state_dict`: trunk\.weight\. No configuration fits",
        ),
        ({"epoch": 3, "lr": 0.1}, r"a file without weights: it holds a dict with epoch, lr"),
        ([torch.zeros(1)], r"a file without weights: it holds a list"),
    ],
)
def test_weights_of_other_networks_are_described(tmp_path, content, words):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(UserError, match=rf"x\.pth: .*{words}"):
        load_file(tmp_path / "x.pth", Network())
