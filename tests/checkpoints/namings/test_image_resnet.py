"""Video networks start from ResNets of torchvision: their kernels are spread over time."""

import pytest
import torch
from torchvision.models import resnet18, resnet50

from reference_parts.networks import normal
from slowfast.ak.errors import UserError
from slowfast.checkpoints.loading import load_file
from slowfast.checkpoints.starting_weights import load_train_checkpoint
from slowfast.models.optimizer import construct_optimizer
from tests.checkpoints.namings.naming_cases import filled, logits, make
from tests.models.network_cases import C2D, I3D, SLOW, SLOWFAST

WIDE = {"RESNET.WIDTH_PER_GROUP": 64}


@pytest.fixture(scope="module")
def image_net():
    return filled(resnet50(num_classes=5))


@pytest.fixture(scope="module")
def path(image_net, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(image_net.state_dict(), path)
    return path


def test_a_still_clip_has_the_scores_of_its_image(path, image_net):
    _, ours = make(C2D, WIDE)
    assert load_file(path, ours).report.is_complete
    image = normal(0, (1, 3, 1, 32, 32))
    with torch.inference_mode():
        expected = image_net(image[:, :, 0])
    torch.testing.assert_close(
        logits(ours, [image.repeat(1, 1, 4, 1, 1)]), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("settings", "spread"), [(SLOW, 9), (I3D, 10)], ids=["slow", "i3d"])
def test_kernels_are_spread_over_time_without_a_key(path, image_net, settings, spread):
    cfg, ours = make(settings, WIDE, {"MODEL.NUM_CLASSES": 7})
    cfg.TRAIN.CHECKPOINT_FILE_PATH = str(path)
    head = ours.head.projection.weight.clone()
    start = load_train_checkpoint(cfg, ours, construct_optimizer(ours, cfg))
    words = "pytorch, image ResNet names of torchvision and timm, 2D kernels spread over time"
    assert (start.epoch, start.initialisation) == (0, f"from {path} ({words})")
    assert torch.equal(ours.head.projection.weight, head)
    report = load_file(path, ours).report
    assert len(report.inflated) == spread
    kernel = ours.s5.pathway0_res1.branch2.a.weight
    torch.testing.assert_close(kernel.sum(2), image_net.layer4[1].conv1.weight)
    assert torch.equal(kernel[:, :, 0], kernel[:, :, -1])


def test_the_slow_pathway_of_slowfast_starts_from_images(path, image_net, caplog):
    cfg, ours = make(SLOWFAST, WIDE, {"SLOWFAST.ALPHA": 4, "MODEL.NUM_CLASSES": 7})
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    cfg.TRAIN.CHECKPOINT_FILE_PATH = str(path)
    load_train_checkpoint(cfg, ours, construct_optimizer(ours, cfg))
    shortcut = ours.s3.pathway0_res0.branch1.weight
    theirs = image_net.layer2[0].downsample[0].weight
    assert torch.equal(shortcut[:, :256, 0], theirs), "channels of the slow pathway come first"
    assert torch.equal(shortcut[:, 256:], before["s3.pathway0_res0.branch1.weight"][:, 256:])
    fast = {name: value for name, value in ours.state_dict().items() if "pathway1" in name}
    assert all(torch.equal(value, before[name]) for name, value in fast.items())
    assert "networks of the file's kind have none like them: s1.pathway1_stem" in caplog.text
    assert "8 kernels read more channels here" in caplog.text
    assert "trained with DATA.MEAN [0.485, 0.456, 0.406], DATA.STD [0.229, " in caplog.text


def test_a_narrower_image_network_is_refused(tmp_path):
    torch.save(resnet18().state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(UserError, match=r"ResNet-18 or ResNet-34.*ResNet-101 load"):
        load_file(tmp_path / "resnet18.pth", make(SLOW)[1])


def test_blocks_of_another_width_are_refused(tmp_path):
    state = {"conv1.weight": torch.zeros(64, 3, 7, 7)}
    for number, shape in enumerate([(128, 64, 1, 1), (128, 4, 3, 3), (256, 128, 1, 1)], start=1):
        state[f"layer1.0.conv{number}.weight"] = torch.zeros(shape)
    torch.save(state, tmp_path / "resnext.pth")
    with pytest.raises(UserError, match=r"of ResNeXt or of a wide ResNet.*ResNet-101 load"):
        load_file(tmp_path / "resnext.pth", make(SLOW)[1])
