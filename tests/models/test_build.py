"""`build_model` builds the configured network on its device."""

import pytest
import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.models import MODEL_REGISTRY, build_model
from tests.models.network_cases import SLOW, SLOWFAST, TINY, network_cfg


def test_the_default_configuration_can_be_built_and_an_unknown_network_is_refused():
    cfg = get_cfg()
    cfg.RESNET.WIDTH_PER_GROUP = 8
    assert build_model(cfg)
    cfg.MODEL.MODEL_NAME = "RestNet"
    with pytest.raises(UserError, match=r"MODEL.MODEL_NAME.*RestNet.*did you mean ResNet"):
        build_model(cfg)


def test_without_cuda_a_network_for_gpus_is_built_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = build_model(network_cfg(TINY, SLOW, {"NUM_GPUS": 2}))
    assert {p.device.type for p in model.parameters()} == {"cpu"}
    assert model.training


def test_the_same_seed_builds_the_same_network():
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_model(network_cfg(TINY, SLOWFAST)).state_dict())
    assert all(torch.equal(x, states[1][name]) for name, x in states[0].items())


def test_with_a_detached_head_only_the_projection_is_trained(monkeypatch):
    model = build_model(network_cfg(TINY, SLOWFAST, {"MODEL.DETACH_FINAL_FC": True}))
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained == ["head.projection.weight", "head.projection.bias"]

    monkeypatch.setitem(MODEL_REGISTRY, "Mine", lambda cfg: nn.Linear(2, 5))
    cfg = network_cfg(TINY, {"MODEL.DETACH_FINAL_FC": True, "MODEL.MODEL_NAME": "Mine"})
    with pytest.raises(UserError, match=r"head.projection.\* only, and Linear has no such param"):
        build_model(cfg)


@pytest.mark.cuda
def test_a_gpu_gives_the_scores_of_the_cpu():
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.manual_seed(0)
    on_cpu = build_model(network_cfg(TINY, SLOW)).eval()
    on_gpu = build_model(network_cfg(TINY, SLOW, {"NUM_GPUS": 1}), gpu_id=0).eval()
    on_gpu.load_state_dict(on_cpu.state_dict())
    clip = torch.randn(2, 3, 4, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(on_gpu([clip.cuda()]).cpu(), on_cpu([clip]))
