"""Heads: logits in training, averaged scores in evaluation."""

import pytest
import torch

from reference_parts.networks import normal
from slowfast.ak.errors import UserError
from slowfast.models import build_model
from slowfast.models.layers.head import HeadSpec, PoolHead
from tests.models.network_cases import EACH_FAMILY, SLOWFAST, TINY, X3D, clips_for, network_cfg


def make_head(activation="sigmoid", **kwargs) -> PoolHead:
    spec = HeadSpec(num_classes=3, activation=activation, **kwargs)
    return PoolHead([4, 2], spec, windows=[(2, 2, 2), (4, 2, 2)])


def maps(side: int) -> list[torch.Tensor]:
    return [torch.randn(2, 4, 2, side, side), torch.randn(2, 2, 4, side, side)]


@pytest.mark.parametrize("activation", ["sigmoid", "softmax"])
def test_evaluation_averages_the_scores_of_all_positions(activation):
    head = make_head(activation).eval()
    slow, fast = maps(side=3)
    scores = []
    for top in (0, 1):
        for left in (0, 1):
            place = (..., slice(top, top + 2), slice(left, left + 2))
            features = [x[place].mean(dim=(2, 3, 4)) for x in (slow, fast)]
            logits = head.projection(torch.cat(features, dim=1))
            scores.append(logits.sigmoid() if activation == "sigmoid" else logits.softmax(-1))
    torch.testing.assert_close(head([slow, fast]), torch.stack(scores).mean(dim=0))


def test_training_returns_logits_of_the_whole_map():
    head = make_head()
    pathways = maps(side=3)
    features = torch.cat([x.mean(dim=(2, 3, 4)) for x in pathways], dim=1)
    torch.testing.assert_close(head(pathways), head.projection(features))


def test_a_map_smaller_than_the_window_has_one_position():
    head = make_head().eval()
    pathways = maps(side=1)
    features = torch.cat([x.mean(dim=(2, 3, 4)) for x in pathways], dim=1)
    torch.testing.assert_close(head(pathways), head.projection(features).sigmoid())


def test_dropout_applies_in_training_only():
    head = make_head(dropout=1.0)
    pathways = maps(side=2)
    assert torch.equal(head(pathways), head.projection.bias.expand(2, 3))
    assert not torch.equal(head.eval()(pathways), head.projection.bias.sigmoid().expand(2, 3))


def test_an_unknown_activation_is_refused():
    with pytest.raises(UserError, match=r"MODEL.HEAD_ACT.*'tanh'.*softmax.*sigmoid"):
        make_head("tanh")


@pytest.mark.parametrize("settings", [SLOWFAST, X3D], ids=["slowfast", "x3d"])
def test_scores_are_float32_under_autocast(settings):
    """bfloat16 scores have 8 bits, so that many clips with scores near 0.5 would be equal."""
    model = build_model(network_cfg(TINY, settings, {"MODEL.HEAD_ACT": "sigmoid"})).eval()
    frames = (2, 4) if settings is SLOWFAST else (4,)
    clips = [normal(i, (16, 3, t, 64, 64)) for i, t in enumerate(frames)]
    features = []
    hook = model.head.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        scores = model(clips)
        assert features[0][0].dtype == torch.bfloat16
    hook.remove()
    assert scores.dtype == torch.float32
    # A few float32 numbers in such a narrow range may be equal.
    assert scores.unique().numel() > 0.9 * scores.numel()
    with torch.inference_mode():
        exact = model.head([x.float() for x in features[0]])
    torch.testing.assert_close(scores, exact, rtol=0, atol=1e-6)


@EACH_FAMILY
def test_vectors_are_what_training_projects(family):
    cfg = network_cfg(TINY, family)
    network = build_model(cfg).eval()
    clips, projected = clips_for(cfg), []
    hook = network.head.projection.register_forward_pre_hook(
        lambda _, given: projected.append(given[0])
    )
    with torch.no_grad():
        one = network.vectors(clips)
        each = network.vectors(clips, each_position=True)
        network.head.train()  # pools whole maps; the norms keep their statistics
        for layer_of_head in network.head.children():
            layer_of_head.eval()
        network(clips)
    hook.remove()
    torch.testing.assert_close(one, projected[0].flatten(1, 3), rtol=1e-5, atol=1e-6)
    # Height and width are 64 / 32; I3D halves the frames, and the slow pathway has half of them.
    positions = {"i3d": 2, "slowfast": 2, "x3d": 4}[cfg.MODEL.ARCH] * 2 * 2
    assert each.shape == (2, positions, one.shape[2])
    if cfg.MODEL.ARCH != "x3d":  # whose last layer comes after the pool
        torch.testing.assert_close(each.mean(dim=1, keepdim=True), one, rtol=1e-4, atol=1e-5)
