"""Checkpoints, learning rates, processes, sizes of networks, class names and meters."""

import json
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn

import slowfast.utils.checkpoint as cu
from slowfast.ak.errors import BadClip, UserError
from slowfast.datasets import utils as data
from slowfast.datasets.loader import multiple_samples_collate
from slowfast.datasets.ptv_datasets import PackPathway, div255, rgb2bgr
from slowfast.models import build_model
from slowfast.models.batchnorm_helper import SubBatchNorm3d
from slowfast.models.losses import SoftTargetCrossEntropy
from slowfast.models.optimizer import get_grad_norm_
from slowfast.models.utils import interpolate_pos_embed
from slowfast.utils import distributed as du
from slowfast.utils import env, lr_policy, meters, metrics, misc
from slowfast.utils.bn_helper import compute_and_update_bn_stats
from slowfast.utils.c2_model_loading import get_name_convert_func
from slowfast.utils.multiprocessing import run

# ------------------------------------------------------------------ weights and learning rates


def test_weights(tmp_path):
    assert cu.make_checkpoint_dir(str(tmp_path)) == cu.get_checkpoint_dir(str(tmp_path))
    assert (tmp_path / "checkpoints").is_dir()
    flat = {"conv.weight": torch.ones(2, 3, 5, 5), "bias": torch.ones(2)}
    deep = {"conv.weight": torch.zeros(2, 3, 4, 5, 5), "bias": torch.zeros(2)}
    inflated = cu.inflate_weight(flat, deep)
    assert isinstance(inflated, OrderedDict)
    assert inflated["conv.weight"].shape == (2, 3, 4, 5, 5)
    assert inflated["conv.weight"].unique().tolist() == [0.25]
    split = nn.ModuleDict({"n": SubBatchNorm3d(num_splits=2, num_features=3)})
    plain = cu.sub_to_normal_bn(split.state_dict())
    assert sorted(plain) == ["n.bias", "n.num_batches_tracked", "n.running_mean", "n.running_var",
                             "n.weight"]  # fmt: skip
    plain["n.running_mean"] = torch.tensor([1.0, 2.0, 3.0])
    back = cu.normal_to_sub_bn(plain, split.state_dict())
    assert back["n.split_bn.running_mean"].tolist() == [1, 2, 3, 1, 2, 3]
    assert cu.c2_normal_to_sub_bn("n.running_var", split.state_dict()) == "n.split_bn.running_var"
    assert cu.c2_normal_to_sub_bn("m.running_var", {"m.running_var"}) == "m.running_var"
    assert get_name_convert_func()("res2_0_branch1_w") == "s2.pathway0_res0.branch1.weight"
    assert env.pathmgr is env.checkpoint_pathmgr is cu.pathmgr


def test_positions_of_images_get_the_size_of_a_network():
    network = nn.Module()
    network.pos_embed = nn.Parameter(torch.zeros(1, 1 + 16, 4))
    weights = {"pos_embed": torch.ones(1, 1 + 9, 4), "norm.bias": torch.ones(4)}
    interpolate_pos_embed(network, weights)
    assert weights["pos_embed"].shape == (1, 17, 4)
    assert torch.allclose(weights["pos_embed"], torch.ones(()))
    assert env.setup_environment() is None


def test_learning_rates(cfg):
    cfg.merge_from_list(
        ["SOLVER.BASE_LR", 1.0, "SOLVER.MAX_EPOCH", 10, "SOLVER.COSINE_END_LR", 0.0]
    )
    cfg.merge_from_list(["SOLVER.STEPS", [0, 4], "SOLVER.LRS", [1, 0.1]])
    cfg.merge_from_list(["SOLVER.WARMUP_EPOCHS", 2.0, "SOLVER.WARMUP_START_LR", 0.0])
    assert lr_policy.get_lr_func("cosine")(cfg, 5) == pytest.approx(0.5)
    assert lr_policy.lr_func_cosine(cfg, 1) > 0.9 > lr_policy.get_lr_at_epoch(cfg, 1)
    assert lr_policy.get_lr_func("steps_with_relative_lrs")(cfg, 4.5) == pytest.approx(0.1)
    assert lr_policy.lr_func_steps_with_relative_lrs(cfg, 3.9) == 1
    assert [lr_policy.get_step_index(cfg, epoch) for epoch in (0, 3.9, 4)] == [0, 0, 1]
    with pytest.raises(UserError, match="found 'linear'"):
        lr_policy.get_lr_func("linear")
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    assert float(get_grad_norm_([weight, nn.Parameter(torch.zeros(1))])) == 5
    assert float(get_grad_norm_(weight, norm_type=1.0)) == 7
    scores = torch.tensor([[0.0, 0.0]])
    loss = SoftTargetCrossEntropy(reduction="mean")(scores, torch.tensor([[0.5, 0.5]]))
    assert float(loss) == pytest.approx(np.log(2))


def test_norm_statistics():
    network = nn.Sequential(nn.BatchNorm1d(1)).train()
    batches = [(torch.tensor([[0.0], [2.0]]), "label"), (torch.tensor([[4.0], [6.0]]), "label")]
    compute_and_update_bn_stats(network, batches, num_batches=2)
    assert network[0].running_mean.tolist() == [3]


# ------------------------------------------------------------------ processes


class _Queue(list):
    put = list.append


def test_processes(cfg, tmp_path):
    assert du.is_root_proc()
    assert du.init_distributed_training(cfg) is None
    results = _Queue()

    def work(cfg):
        assert dist.is_initialized()
        assert du.all_gather_unaligned({"a": 1}, group=dist.group.WORLD) == [{"a": 1}]
        return cfg.NUM_GPUS

    run(0, 1, work, f"file://{tmp_path}/meet", 0, 1, "nccl", cfg, output_queue=results)
    assert results == [0]
    assert not dist.is_initialized()
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (gathered,) = du.GatherLayer.apply(x)
    (3 * gathered + du.AllGatherWithGradient.apply(x)).sum().backward()
    assert x.grad.tolist() == [4, 4]


# ------------------------------------------------------------------ sizes, names, pictures


def test_sizes(small):
    model = build_model(small)
    assert misc.params_count(model) == misc.get_num_params(model)
    norms = misc.params_count(model) - misc.params_count(model, ignore_bn=True)
    assert norms == sum(
        p.numel() for m in model.modules() if isinstance(m, nn.BatchNorm3d) for p in m.parameters()
    )
    flops = [misc.get_model_stats(model, small, "flop", train) for train in (True, False)]
    assert flops[0] == flops[1] > 0
    assert misc.get_model_stats(model, small, "activation", True) > 0
    assert model.training
    with pytest.raises(UserError, match="found mode 'time'"):
        misc.get_model_stats(model, small, "time", True)
    misc.frozen_bn_stats(model.train())
    assert not any(m.training for m in model.modules() if isinstance(m, nn.BatchNorm3d))
    assert misc.aggregate_sub_bn_stats(nn.ModuleList([SubBatchNorm3d(2, 2), nn.ReLU()])) == 1
    misc.check_nan_losses(1.0)
    with pytest.raises(UserError, match="the loss is NaN"):
        misc.check_nan_losses(float("nan"))


def test_class_names(tmp_path):
    names, parents, subset = (tmp_path / name for name in ("n.json", "p.json", "s.txt"))
    names.write_text(json.dumps({"walk": 1, "graze": 0, "run": 2}))
    parents.write_text(json.dumps({"moving": ["walk", "run"]}))
    subset.write_text("run\n")
    found = misc.get_class_names(str(names), str(parents), str(subset))
    assert found == (["graze", "walk", "run"], {"moving": [1, 2]}, [2])
    assert misc.get_class_names(str(names)) == (["graze", "walk", "run"], None, None)
    with pytest.raises(UserError, match=r"n2\.json: cannot be read"):
        misc.get_class_names(str(tmp_path / "n2.json"))
    for text, says in (
        ('{"0": "walk"}', "0 has the id 'walk'"),
        ("{}", "no class"),
    ):
        names.write_text(text)
        with pytest.raises(UserError, match=says):
            misc.get_class_names(str(names))


def test_pictures(tmp_path):
    from PIL import Image

    clip = torch.rand(3, 3, 16, 24)
    assert misc.convert_normalized_images(torch.full((1,), 10.0)).item() == 1
    misc.plot_input(clip, [[2, 2, 10, 12]], ["walk"], str(tmp_path / "a.png"))
    assert Image.open(tmp_path / "a.png").size == (3 * 24 + 2 * 2, 16)
    folder = tmp_path / "frames"
    misc.plot_input_normed(clip, path=str(tmp_path / "b.png"), folder_path=str(folder))
    assert len(list(folder.iterdir())) == 3
    assert not (tmp_path / "b.png").exists()
    misc.plot_input_normed(clip, path=str(tmp_path / "b.png"), make_grids=True)
    assert (tmp_path / "b.png").exists()
    with pytest.raises(UserError, match="output_video"):
        misc.plot_input_normed(clip, output_video=True)


def test_meters(cfg):
    scalar = meters.ScalarMeter(window_size=3)
    for value in (10.0, 1.0, 2.0, 6.0):
        scalar.add_value(value)
    assert (scalar.get_win_median(), scalar.get_win_avg()) == (2, 3)
    assert (scalar.get_current_value(), scalar.get_global_avg()) == (6, 4.75)
    several = meters.ListMeter(2)
    several.add_value([1, 2])
    several.add_value([3, 6])
    assert (several.get_value(), several.get_global_avg()) == ([3, 6], [2, 4])
    several.reset()
    val = meters.ValMeter(1, cfg)
    for error, clips in ((50.0, 3), (10.0, 1)):
        val.iter_tic()
        val.iter_toc()
        val.update_stats(error, 0.0, clips)
    cfg.OUTPUT_DIR = ""
    val._output_dir = None
    assert val.log_epoch_stats(0)["top1_err"] == 40
    test = meters.TestMeter(1, 1, 2, 1)
    test.update_stats(torch.tensor([[0.2, 0.8]]), torch.tensor([1]), torch.tensor([0]))
    test.reset()
    assert not test.video_preds.any()
    scores = torch.tensor([[0.9, 0.1, 0.0], [0.1, 0.2, 0.7]])
    tasks = [scores, scores], [torch.tensor([0, 2]), torch.tensor([1, 2])]
    assert [float(n) for n in metrics.multitask_topks_correct(*tasks, (1, 2))] == [1, 2]


# ------------------------------------------------------------------ data


def test_frames_of_a_clip(tiny_ak, tmp_path):
    assert data.get_sequence(5, 3, 2, 7) == [2, 4, 6]
    assert data.get_sequence(0, 4, 2, 3) == [0, 0, 0, 2]
    paths = [str(p) for p in sorted((tiny_ak.image / "v0").iterdir())[:2]]
    frames = data.retry_load_images(paths)
    assert frames.shape == (2, 48, 64, 3)
    assert frames.dtype == torch.uint8
    listed = data.retry_load_images(paths, backend="cv2")
    assert np.array_equal(listed[1], frames[1].numpy())
    (tmp_path / "a.jpg").write_bytes(b"none")
    with pytest.raises(BadClip, match=r"a\.jpg: this image cannot be read"):
        data.retry_load_images([str(tmp_path / "a.jpg")], retry=1)
    normal = data.tensor_normalize(frames, [0.4, 0.5, 0.6], [0.2] * 3)
    back = data.revert_tensor_normalize(normal, [0.4, 0.5, 0.6], [0.2] * 3)
    assert torch.allclose(back, frames / 255, atol=1e-6)
    assert div255(torch.tensor(51.0)).item() == pytest.approx(0.2)
    assert rgb2bgr(torch.arange(3)).tolist() == [2, 1, 0]


def test_lists_of_frames(tiny_ak):
    paths, labels = data.load_image_lists(str(tiny_ak.annot / "val.csv"), prefix="/images")
    assert paths["v2"][0] == "/images/v2/v2_000001.jpg"
    assert labels["v0"] == [[0, 3]] * 20
    paths, labels = data.load_image_lists(str(tiny_ak.annot / "val.csv"), return_list=True)
    assert [len(each) for each in paths] == [20, 24, 6, 1]
    assert data.convert_to_video_level_labels([[[1], [2], []]]) == [[[1, 2]] * 3]


def test_crops_by_share_and_frames_of_a_data_set(cfg):
    clip = torch.rand(3, 4, 40, 60)
    for shift in (False, True):
        part = data.spatial_sampling(
            clip, -1, crop_size=32, aspect_ratio=[1, 1], scale=[0.2, 0.3], motion_shift=shift
        )
        assert part.shape == (3, 4, 32, 32)
    with pytest.raises(TypeError, match=r"found the areas \[0.2, 0.3\] and the aspect ratios None"):
        data.spatial_sampling(clip, -1, crop_size=32, scale=[0.2, 0.3])
    frames = torch.randint(0, 255, (4, 40, 60, 3), dtype=torch.uint8)
    cfg.AUG.AA_TYPE = "rand-m7-n2-mstd0.5-inc1"
    made = data.aug_frame(cfg, "train", True, frames, -1, 36, 40, 32)
    assert made.shape == (3, 4, 32, 32)
    cfg.AUG.AA_TYPE = ""
    made = data.aug_frame(cfg, "test", False, frames, 1, 40, 40, 40)
    expected = data.tensor_normalize(frames, cfg.DATA.MEAN, cfg.DATA.STD).permute(3, 0, 1, 2)
    assert torch.equal(made, expected[..., 10:50])


def test_loading(cfg):
    np.random.seed(0)  # noqa: NPY002
    assert data.get_random_sampling_rate(0, 4) == 4
    rates = {data.get_random_sampling_rate(8, 4) for _ in range(100)}
    assert rates == {4, 5, 6, 7, 8}
    assert data.create_sampler([1, 2], True, cfg) is None
    assert data.loader_worker_init_fn([1]) is None
    item = ([torch.zeros(2), torch.ones(2)], [0, 1], [5, 5], [0.0, 1.0], {})
    inputs, labels, index, times, _ = multiple_samples_collate([item, item])
    assert inputs.tolist() == [[0, 0], [1, 1], [0, 0], [1, 1]]
    assert labels.tolist() == [0, 1, 0, 1]
    assert index.tolist() == [5] * 4
    assert times.tolist() == [0, 1, 0, 1]
    assert isinstance(multiple_samples_collate([item], fold=True)[0], list)
    cfg.MODEL.ARCH = "slowfast"
    slow, fast = PackPathway(cfg)(torch.rand(3, 8, 2, 2))
    assert (slow.shape[1], fast.shape[1]) == (2, 8)
    assert pickle.loads(pickle.dumps(data.get_sequence)) is data.get_sequence
