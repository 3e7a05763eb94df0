"""pytorchvideo's files load by name, and the scores are those of pytorchvideo's networks."""

import warnings

import pytest
import torch
from torch import nn

from reference_parts.networks import clips
from slowfast.ak.errors import UserError
from slowfast.checkpoints.loading import load_file
from slowfast.checkpoints.starting_weights import load_train_checkpoint
from slowfast.checkpoints.tested_weights import load_test_checkpoint
from slowfast.checkpoints.weights import load_weights
from slowfast.models.optimizer import construct_optimizer
from tests.checkpoints.namings.naming_cases import CLASSES, SIZE, filled, logits, make
from tests.models.network_cases import C2D, I3D, SLOW, SLOWFAST, X3D

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pytorchvideo.models import csn, r2plus1d, resnet, slowfast, x3d

NARROW = {"model_num_class": CLASSES, "stem_dim_out": 4}
POOLED = {"stage1_pool": nn.MaxPool3d, "head_pool_kernel_size": (2, 1, 1)}


def slow():
    kernels = {"stem_conv_kernel_size": (1, 7, 7), "head_pool_kernel_size": (4, 1, 1)}
    return resnet.create_resnet(**NARROW, **kernels)


def c2d():
    kernels = ((1, 1, 1),) * 4
    return resnet.create_resnet(
        **NARROW, **POOLED, stem_conv_kernel_size=(1, 7, 7), stage_conv_a_kernel_size=kernels
    )


def i3d():
    one, three = (1, 1, 1), (3, 1, 1)
    kernels = ((three,), (three, one), (three, one), (one, three))
    return resnet.create_resnet(
        **NARROW, **POOLED, stem_conv_kernel_size=(5, 7, 7), stage_conv_a_kernel_size=kernels
    )


def two_pathways():
    return slowfast.create_slowfast(
        model_num_class=CLASSES,
        stem_dim_outs=(8, 1),
        slowfast_fusion_conv_kernel_size=(5, 1, 1),
        head_pool_kernel_sizes=((1, 1, 1), (4, 1, 1)),
    )


def expanded():
    return x3d.create_x3d(
        model_num_class=CLASSES,
        input_clip_length=4,
        input_crop_size=32,
        width_factor=1.0,
        depth_factor=1.0,
        head_dim_out=32,
        head_activation=None,
    )


SLOWFAST_8 = {**SLOWFAST, "RESNET.WIDTH_PER_GROUP": 8, "SLOWFAST.FUSION_KERNEL_SZ": 5}
SLOWFAST_8 |= {"SLOWFAST.ALPHA": 4, "SLOWFAST.BETA_INV": 8}
X3D_S = {**X3D, "X3D.WIDTH_FACTOR": 1.0, "X3D.DEPTH_FACTOR": 1.0, "X3D.DIM_C5": 32}
X3D_S |= {"X3D.BOTTLENECK_FACTOR": 2.25}
FAST_SIZES = [(1, 3, 1, 32, 32), SIZE]

CASES = pytest.mark.parametrize(
    ("theirs", "settings", "sizes"),
    [
        (slow, SLOW, [SIZE]),
        (c2d, C2D, [SIZE]),
        (i3d, I3D, [SIZE]),
        (two_pathways, SLOWFAST_8, FAST_SIZES),
        (expanded, X3D_S, [SIZE]),
    ],
    ids=["slow", "c2d", "i3d", "slowfast", "x3d"],
)


@CASES
def test_scores_are_those_of_pytorchvideo(tmp_path, theirs, settings, sizes):
    theirs, (_, ours) = filled(theirs()), make(settings)
    state = {f"model.{name}": value for name, value in theirs.state_dict().items()}
    torch.save({"model_state": state}, tmp_path / "ptv.pyth")  # a file of SlowFast's PTV networks
    report = load_file(tmp_path / "ptv.pyth", ours).report
    assert report.is_complete
    assert f"{report.num_in_file} of {report.num_in_file} entries of the file mapped" in str(report)
    inputs = clips(sizes)
    with torch.inference_mode():
        expected = theirs(list(inputs) if len(inputs) > 1 else inputs[0])
    torch.testing.assert_close(logits(ours, inputs), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("prefix", ["", "module.", "model."])
@pytest.mark.parametrize("build", [slow, two_pathways, expanded])
def test_a_network_that_holds_one_of_the_library_takes_its_names(build, prefix):
    theirs, ours = filled(build()), nn.Module()
    ours.model = build()
    report = load_weights(ours, {prefix + n: value for n, value in theirs.state_dict().items()})
    assert report.same_entries
    assert all(map(torch.equal, theirs.parameters(), ours.parameters()))


def test_the_missing_norm_of_x3d_is_reported(tmp_path):
    _, ours = make(X3D_S)
    torch.save({"model_state": expanded().state_dict()}, tmp_path / "x3d_s.pyth")
    report = load_file(tmp_path / "x3d_s.pyth", ours).report
    assert {name.rpartition(".")[0] for name in report.neutral} == {"s2.pathway0_res0.branch1_bn"}
    assert "s2.pathway0_res0.branch1_bn.{weight,bias,running_mean,running_var}" in str(report)


def test_a_detector_gives_its_trunk_and_its_head(tmp_path):
    theirs = filled(slow())
    renamed = {
        f"model.{name}".replace("model.blocks.5.proj", "detection_head.proj"): value
        for name, value in theirs.state_dict().items()
    }
    torch.save({"model_state": renamed}, tmp_path / "detector.pyth")
    _, ours = make(SLOW)
    assert load_file(tmp_path / "detector.pyth", ours).report.is_complete
    assert torch.equal(ours.head.projection.weight, theirs.blocks[5].proj.weight)


def test_the_head_of_other_classes_trains_anew_and_is_not_tested(tmp_path):
    cfg, ours = make(SLOW, {"MODEL.NUM_CLASSES": 7})
    torch.save({"model_state": slow().state_dict()}, tmp_path / "slow.pyth")
    cfg.TRAIN.CHECKPOINT_FILE_PATH = cfg.TEST.CHECKPOINT_FILE_PATH = str(tmp_path / "slow.pyth")
    head = ours.head.projection.weight.clone()
    start = load_train_checkpoint(cfg, ours, construct_optimizer(ours, cfg))
    assert start.initialisation.endswith("slow.pyth (pytorch, pytorchvideo names)")
    assert torch.equal(ours.head.projection.weight, head)
    with pytest.raises(UserError, match=r"the head of this file is for 5 classes, not 7"):
        load_test_checkpoint(cfg, ours)


@pytest.mark.parametrize(
    ("theirs", "network"),
    [
        (lambda: csn.create_csn(stem_dim_out=8, model_num_class=5), "PTVCSN"),
        (lambda: r2plus1d.create_r2plus1d(stem_dim_out=8, model_num_class=5), "PTVR2plus1D"),
    ],
    ids=["csn", "r2plus1d"],
)
def test_networks_that_only_pytorchvideo_builds_are_named(tmp_path, theirs, network):
    torch.save({"model_state": theirs().state_dict()}, tmp_path / "other.pyth")
    with pytest.raises(UserError, match=f"pytorchvideo names, under `model_state`: .*{network}"):
        load_file(tmp_path / "other.pyth", make(SLOW)[1])


def test_a_file_of_another_network_tells_which_keys_fit_it(tmp_path):
    torch.save({"model_state": i3d().state_dict()}, tmp_path / "i3d.pyth")
    cfg, ours = make(X3D_S)
    cfg.TEST.CHECKPOINT_FILE_PATH = str(tmp_path / "i3d.pyth")
    with pytest.raises(UserError) as error:
        load_test_checkpoint(cfg, ours)
    assert "contains 3% of this model's entries" in str(error.value)
    assert "MODEL.MODEL_NAME ResNet (here X3D)" in str(error.value)
    assert "MODEL.ARCH i3d or i3d_nopool (here x3d), RESNET.DEPTH 50" in str(error.value)
