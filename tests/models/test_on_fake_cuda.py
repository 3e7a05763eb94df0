"""The device code runs on fake tensors of a CUDA device, and leaves no tensor on the CPU.

PyTorch's fake tensors have a shape and a device, but no values. An operation on fake tensors of two
devices raises an error, as it would on a real GPU. So a tensor that the code creates on the CPU by
mistake is found without a GPU. Backward passes cannot run on such a device.
"""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves

from slowfast.ak.clips.mixing.frame_stack import FrameStack
from slowfast.ak.clips.mixing.mixup import BatchMixer, are_positive
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.losses import LOSSES
from slowfast.models import MODEL_REGISTRY, build_model
from slowfast.tasks.running_precision import RunningPrecision
from tests.models.network_cases import (
    C2D,
    I3D,
    MVITV2,
    SLOW,
    SLOWFAST,
    TINY,
    X3D,
    clips_for,
    network_cfg,
)

HEADS = {"MODEL.NUM_CLASSES_BEHAVIOR": 3, "MODEL.NUM_CLASSES_ANIMAL": 4}
SETTINGS = {
    "c2d with non-local blocks": C2D | {"NONLOCAL.LOCATION": [[[]], [[1]], [[]], [[]]]},
    "i3d with sub-batch norm": I3D | {"BN.NORM_TYPE": "sub_batchnorm", "BN.NUM_SPLITS": 2},
    "slowfast": SLOWFAST | {"MODEL.DROPCONNECT_RATE": 0.5, "MODEL.DROPOUT_RATE": 0.5},
    "x3d": X3D,
    "mvitv2": MVITV2 | {"MVIT.USE_ABS_POS": True, "MVIT.DROPPATH_RATE": 0.5},
    "without a temporal pool": C2D | {"MODEL.MODEL_NAME": "ResNet_nopool"},
    "pytorchvideo's slow": SLOW | {"MODEL.MODEL_NAME": "PTVResNet", "RESNET.DEPTH": 50},
    "pytorchvideo's slowfast": SLOWFAST | {"MODEL.MODEL_NAME": "PTVSlowFast", "RESNET.DEPTH": 50},
    "pytorchvideo's x3d": X3D | {"MODEL.MODEL_NAME": "PTVX3D"},
    "pytorchvideo's csn": SLOW
    | {"MODEL.MODEL_NAME": "PTVCSN", "MODEL.ARCH": "csn", "RESNET.DEPTH": 50},
    "pytorchvideo's r2plus1d": SLOW
    | {"MODEL.MODEL_NAME": "PTVR2plus1D", "MODEL.ARCH": "r2plus1d", "RESNET.DEPTH": 50},
    "torchvision's r3d": SLOW | {"MODEL.MODEL_NAME": "TorchvisionVideo", "MODEL.ARCH": "r3d_18"},
    "two heads": SLOWFAST | {"MODEL.MODEL_NAME": "SlowFast_composition"} | HEADS,
    "two heads on one pathway": SLOW | {"MODEL.MODEL_NAME": "ResNet_composition"} | HEADS,
    "two heads on a transformer": MVITV2 | {"MODEL.MODEL_NAME": "MViT_composition"} | HEADS,
}
# Their libraries build these networks by values of tensors, which fake tensors do not have.
NOT_FAKE = {"PTVMViT", "TransformersVideo"}
PROBE = {"MODEL.MODEL_NAME": "Probe", "PROBE.KIND": "attentive", "PROBE.CHANNELS": 16}


@pytest.fixture
def _fake_tensors():
    with FakeTensorMode():
        yield


def build_on_cuda(cfg):
    with torch.device("cuda"):  # only here: it would hide that later tensors are on the CPU
        return build_model(cfg)


def devices(model, inputs):
    """The kinds of devices of inputs, outputs in training and evaluation, weights and buffers."""
    outputs = model(inputs), model.eval()(inputs)
    tensors = [*inputs, *tree_leaves(outputs), *model.parameters(), *model.buffers()]
    return {tensor.device.type for tensor in tensors}


def test_every_registered_network_is_tried():
    tried = [*SETTINGS.values(), PROBE]
    assert {each["MODEL.MODEL_NAME"] for each in tried} == set(MODEL_REGISTRY.keys()) - NOT_FAKE


@pytest.mark.usefixtures("_fake_tensors")
@pytest.mark.parametrize("name", SETTINGS)
def test_pixels_mixing_and_network_stay_on_the_device(name):
    cfg = network_cfg(TINY, SETTINGS[name], {"MIXUP.ENABLE": True})
    model = build_on_cuda(cfg)
    to_input = InputTransform.from_cfg(cfg, channels_last=True)
    clips = to_input(torch.zeros(2, 3, 4, 64, 64, dtype=torch.uint8, device="cuda"))
    labels = torch.zeros(2, dtype=torch.long, device="cuda")
    targets = BatchMixer.from_cfg(cfg)(clips, labels, (0, 0, 0, 0))
    assert devices(model, clips) | {targets.device.type} == {"cuda"}


@pytest.mark.usefixtures("_fake_tensors")
def test_stacked_frames_and_their_scores_stay_on_the_device():
    clips = torch.zeros(4, 3, 8, 6, 6, dtype=torch.uint8, device="cuda")
    precision = RunningPrecision(5).to("cuda")
    labels = torch.zeros(4, 5, device="cuda")
    stacked = FrameStack(5)(clips, labels, precision.of_class, (0, 0, 0, 0))
    assert {each.device.type for each in stacked} == {"cuda"}
    precision.add(labels, are_positive(stacked.targets, 0.1), ~stacked.is_mixed)


@pytest.mark.usefixtures("_fake_tensors")
def test_a_probe_stays_on_the_device():
    cfg = network_cfg(TINY, PROBE)
    assert devices(build_on_cuda(cfg), [torch.zeros(2, 3, 16, device="cuda")]) == {"cuda"}


@pytest.mark.usefixtures("_fake_tensors")
@pytest.mark.parametrize("name", LOSSES.keys())
def test_losses_stay_on_the_device(name):
    facts = LOSSES.facts(name)
    counts = {"class_counts": [5, 3, 2, 1, 1], "num_clips": 8} if facts.needs_counts else {}
    loss = LOSSES.get(name)(reduction="mean", **counts).to("cuda")
    targets = torch.zeros(2, 5, device="cuda")
    if facts.labels == "one":
        targets = torch.zeros(2, dtype=torch.long, device="cuda")
    assert loss(torch.zeros(2, 5, device="cuda"), targets).device.type == "cuda"


@pytest.mark.usefixtures("_fake_tensors")
def test_a_tensor_on_the_cpu_is_found():
    cfg = network_cfg(TINY, I3D)
    model = build_on_cuda(cfg)
    model.s3.register_forward_hook(lambda _, inputs, maps: [x + torch.zeros(1, 1) for x in maps])
    with pytest.raises(RuntimeError, match="at least two devices, cuda:0 and cpu"):
        model(clips_for(cfg, device="cuda"))
