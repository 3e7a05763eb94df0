"""Kinetics: lists of path and label, one class a video, frames at TARGET_FPS a second."""

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.clips.resized_crop import RandomResizedCrop
from slowfast.ak.clips.sampling import RandomCrop, RandomSpread
from slowfast.ak.errors import UserError
from slowfast.ak.frames.torchcodec import find_device
from slowfast.datasets.build import build_dataset
from slowfast.datasets.kinetics import Kinetics
from slowfast.datasets.loader import construct_loader

# Items with the settings of multigrid training are left out.
ITEMS = [
    case
    for case in json.loads(
        (Path(__file__).parents[1] / "reference/kinetics_sampling.json").read_text()
    )["items"]
    if not case["set"]
]


@pytest.fixture
def cfg(cfg, tiny_ak, tmp_path):
    """Settings of `tiny_ak` with lists as for Kinetics. Its videos have 25 frames a second."""
    for split, clips in {"train": "t0 t1 t2 t3", "val": "v0 v1", "test": "v0 v1 v3"}.items():
        lines = [f"{name}.mp4 {i % 3}" for i, name in enumerate(clips.split())]
        (tmp_path / f"{split}.csv").write_text("\n".join(lines))

    opts = ["DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.PATH_PREFIX", str(tiny_ak.video)]
    opts += ["DATA.MULTI_LABEL", False, "DATA.TARGET_FPS", 25, "MODEL.NUM_CLASSES", 3]
    opts += ["MODEL.HEAD_ACT", "softmax", "MODEL.LOSS_FUNC", "cross_entropy"]
    cfg.merge_from_list([*opts, "TRAIN.DATASET", "kinetics", "TEST.DATASET", "kinetics"])
    return cfg


def test_each_split_has_its_list(cfg):
    for split, count in {"train": 4, "val": 2, "test": 3}.items():
        dataset = build_dataset("kinetics", cfg, split)
        assert isinstance(dataset, Kinetics)
        assert len(dataset) == count
    assert dataset.clip_name(2) == "v3.mp4"
    (views,), label, index, time, _ = dataset[(0, 2)]  # a clip with one frame
    assert (len(views), int(label), index, time.tolist()) == (6, 2, 2, [[0.0] * 4] * 2)


def test_validation_is_random_as_in_upstream(cfg):
    dataset = Kinetics(cfg, "val")
    times = {int(dataset[(epoch, 0)][3][0]) for epoch in range(20)}
    assert len(times) > 5


def test_random_resized_crops_are_for_training_alone(cfg):
    cfg.DATA.TRAIN_JITTER_SCALES_RELATIVE = [0.2, 0.8]
    cfg.DATA.TRAIN_JITTER_ASPECT_RELATIVE = [0.75, 1.3333]
    assert isinstance(Kinetics(cfg, "train").transform, RandomResizedCrop)
    assert Kinetics(cfg, "val").transform == RandomCrop((36, 44), 32, flip=True)


def test_frames_are_sampled_at_the_target_rate(cfg):
    """A window of 2 frames at rate 2 lasts 4 / TARGET_FPS seconds; the video has 25 frames a s."""
    cfg.DATA.NUM_FRAMES = cfg.DATA.SAMPLING_RATE = 2
    cfg.DATA.USE_OFFSET_SAMPLING = True
    for fps, last in ((25, 3), (12.5, 7), (50, 1), (0, 3)):
        cfg.DATA.TARGET_FPS = fps
        dataset = Kinetics(cfg, "test")
        (views,), *_, time, _ = dataset[(0, 0)]
        assert time.tolist() == [[0, last], [19 - last, 19]]
        assert len(views.frames) == len(time.unique())


@pytest.mark.parametrize("backend", ["torchvision", "pyav", "decord"])
def test_each_decoder_that_upstream_names_is_served(cfg, backend):
    """Upstream's main raises TypeError on every clip with pyav."""
    cfg.DATA.DECODING_BACKEND = backend
    (views,), label, *_ = Kinetics(cfg, "test")[(0, 1)]
    cfg.DATA.DECODING_BACKEND = "torchvision"
    (same,), *_ = Kinetics(cfg, "test")[(0, 1)]
    assert label == 1
    assert torch.equal(views.frames, same.frames)


def test_views_of_a_test_start_as_upstreams(cfg):
    """Without offset the last window ends before the video does."""
    starts = Kinetics(cfg, "test")[(0, 0)][3][:, 0]
    assert starts.tolist() == [0, 6]  # 20 frames, windows of 8: 0 and 12 / 2
    cfg.DATA.USE_OFFSET_SAMPLING = True
    assert Kinetics(cfg, "test")[(0, 0)][3][:, 0].tolist() == [0, 12]
    cfg.TEST.NUM_ENSEMBLE_VIEWS = 1
    assert Kinetics(cfg, "test")[(0, 0)][3][:, 0].tolist() == [6]
    cfg.DATA.USE_OFFSET_SAMPLING = False
    assert Kinetics(cfg, "test")[(0, 0)][3][:, 0].tolist() == [0]


@pytest.mark.parametrize("case", ITEMS, ids=lambda c: f"{c['mode']}{c['num_clips']}")
def test_items_show_what_upstreams_show(cfg, case):
    """The window and the crop of each view, the scales, and the class of each video."""
    views, crops = (case[f"TEST.NUM_{name}"] for name in ("ENSEMBLE_VIEWS", "SPATIAL_CROPS"))
    cfg.TEST.NUM_ENSEMBLE_VIEWS, cfg.TEST.NUM_SPATIAL_CROPS = views, crops
    cfg.merge_from_list([each for pair in case["else"].items() for each in pair])
    dataset = Kinetics(cfg, case["mode"])
    transform = dataset.transform
    assert dataset.num_views == len(case["labels"]) // 2
    if case["mode"] == "test":
        assert transform.side == case["scales_and_crop"][0]
        (shown,), *_, time, _ = dataset[(0, 0)]
        assert len(time) == case["num_clips"]
        for view, (window, crop) in enumerate(
            zip(case["clip_idx"][:crops], case["spatial_idx"], strict=False)
        ):
            pixels = shown.batch(view, view + 1)[0]
            (y0, x0), side = shown.corners[crop if crops > 1 else 0].tolist(), transform.side
            frames = shown.frames[shown.temporal[window], y0 : y0 + side, x0 : x0 + side]
            assert torch.equal(pixels, frames.permute(3, 0, 1, 2))
            centre = (shown.frames.shape[2] - side + 1) // 2
            assert x0 == (0, centre, shown.frames.shape[2] - side)[crop]
    else:
        assert [*transform.scales, transform.side] == case["scales_and_crop"]
        assert isinstance(dataset.frame_sampler, RandomSpread)


def test_separator_and_absolute_paths(cfg, tiny_ak, tmp_path):
    (tmp_path / "test.csv").write_text(f"{tiny_ak.video}/v0.mp4,1\nv1.mp4,2\n")
    cfg.DATA.PATH_LABEL_SEPARATOR = ","
    dataset = Kinetics(cfg, "test")
    assert [int(dataset[(0, i)][1]) for i in (0, 1)] == [1, 2]


def test_a_clip_with_several_labels(cfg, tmp_path):
    (tmp_path / "train.csv").write_text("t0.mp4 0,2\nt1.mp4 1\nt1.mp4 2\n")
    with pytest.raises(UserError, match=r"train\.csv:3: clip t1\.mp4 has a line already, line 2"):
        Kinetics(cfg, "train")
    cfg.DATA.MULTI_LABEL = True
    dataset = Kinetics(cfg, "train")
    assert [dataset[(0, i)][1].tolist() for i in range(2)] == [[1, 0, 1], [0, 1, 1]]


def test_a_repeated_line_is_drawn_more_often_in_training(cfg, tmp_path, caplog):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text("t0.mp4 0\nt1.mp4 1\nt0.mp4 0\nt0.mp4 0\n")
    cfg.TRAIN.BATCH_SIZE = 2
    loader = construct_loader(cfg, "train")
    for epoch in range(3):
        loader.sampler.set_epoch(epoch)
        assert sorted(key[1:] for key in loader.sampler) == [(0,), (0, 1), (0, 2), (1,)]
    assert len(loader) == 2
    assert "4 draws of 2 clips" in caplog.text
    assert len(construct_loader(cfg, "test")) == 2


def test_folders_of_images_are_read_as_images(cfg, tiny_ak, tmp_path):
    (tmp_path / "test.csv").write_text("v0 1\nv2 0\n")
    videos = Kinetics(cfg, "test").reader
    (tmp_path / "test.csv").write_text("v0 20 1\nv2 6 0\n")
    cfg.DATA.PATH_PREFIX = str(tiny_ak.image)
    dataset = Kinetics(cfg, "test")
    assert [int(dataset[(0, i)][1]) for i in range(2)] == [1, 0]
    assert [dataset.reader.num_frames(i) for i in range(2)] == [20, 6]
    assert np.abs(dataset.reader.read(1, [5]) - videos.read(1, [5]).astype(float)).mean() < 4


def test_the_error_for_a_missing_video_has_its_line(cfg, tmp_path):
    (tmp_path / "val.csv").write_text("v0.mp4 1\nnone.mp4 2\n")
    cfg.DATA.MAX_BAD_FRACTION = 0
    with pytest.raises(
        UserError, match=r"val\.csv:2: clip none\.mp4: there is no file .*none\.mp4"
    ):
        Kinetics(cfg, "val")


def test_networks_get_rgb_for_each_value_of_the_key(cfg):
    assert not cfg.DATA.REVERSE_INPUT_CHANNEL
    assert InputTransform.from_cfg(cfg).rgb
    cfg.TRAIN.DATASET = cfg.TEST.DATASET = "ak"
    assert not InputTransform.from_cfg(cfg).rgb


def test_uniform_sampling(cfg):
    cfg.DATA.SAMPLING = "uniform"
    assert Kinetics(cfg, "test")[(0, 0)][3].tolist() == [[1, 6, 11, 16], [3, 8, 13, 18]]
    time = Kinetics(cfg, "train")[(0, 0)][3]
    assert (np.diff(time) > 0).all()
    assert torch.equal(time // 5, torch.arange(4.0))


def test_workers_give_the_same_frames(cfg):
    plain = {int(item[2]): item[0][0].frames for item in construct_loader(cfg, "test")}
    cfg.DATA_LOADER.NUM_WORKERS = 2
    worked = {int(item[2]): item[0][0].frames for item in construct_loader(cfg, "test")}
    assert plain.keys() == worked.keys()
    assert all(torch.equal(plain[clip], worked[clip]) for clip in plain)


@pytest.mark.parametrize("backend", ["pyav", "torchcodec"])
def test_videos_without_time_stamps_are_the_same_in_any_worker_and_after_a_resume(
    cfg, tmp_path, backend
):
    cfg.DATA.DECODING_BACKEND = backend
    if backend == "torchcodec":
        try:
            find_device("cpu")
        except UserError as error:
            pytest.skip(str(error))
    frames = [np.full((48, 64, 3), 10 * k, np.uint8) for k in range(24)]
    for name in ("a.avi", "b.avi", "c.avi", "d.ts"):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("mpeg4" if name[2:] == "avi" else "mpeg2video", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.options = {"g": "6", "bf": "2"}
            for picture in frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    (tmp_path / "train.csv").write_text("a.avi 0\nb.avi 1\nc.avi 2\nd.ts 0\n")
    cfg.DATA.PATH_PREFIX, cfg.DATA.TARGET_FPS, cfg.TRAIN.BATCH_SIZE = str(tmp_path), 30, 2

    def batches(workers: int, epoch: int, done: int = 0) -> list:
        cfg.DATA_LOADER.NUM_WORKERS = workers
        loader = construct_loader(cfg, "train")
        for earlier in range(epoch * (not done)):  # a resumed run has not read the epochs before
            loader.sampler.set_epoch(earlier)
            list(loader)
        loader.sampler.set_epoch(epoch, 2 * done)
        return [(clips[0], time) for clips, _, _, time, _ in loader]

    plain = batches(0, 1)
    for found, expected in ((batches(2, 1), plain), (batches(0, 1, done=1), plain[1:])):
        assert len(found) == len(expected)
        for (clips, time), (others, times) in zip(found, expected, strict=True):
            assert torch.equal(clips, others)
            assert torch.equal(time, times)


def test_workers_that_decode_on_a_gpu_are_not_forked(cfg):
    cfg.DATA_LOADER.NUM_WORKERS = 1
    assert construct_loader(cfg, "test").multiprocessing_context is None
    cfg.DATA.DECODING_DEVICE = "cuda"
    assert construct_loader(cfg, "test").multiprocessing_context.get_start_method() == "spawn"
