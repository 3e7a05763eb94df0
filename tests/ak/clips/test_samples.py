"""Several clips of one video in an item: windows, crops, labels, and the rows of a batch."""

from time import perf_counter

import numpy as np
import pytest
import torch

from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.clips.bad_clips import from_meta
from slowfast.ak.clips.dataset import ClipDataset
from slowfast.ak.clips.from_cfg import clip_dataset_arguments
from slowfast.ak.clips.sampling import CentreCrop
from slowfast.ak.clips.view_items import ViewItems
from slowfast.ak.errors import BadClip, UserError
from slowfast.ak.registries.datasets import DATASETS
from slowfast.datasets.charades import Charades
from slowfast.datasets.loader import construct_loader
from slowfast.tasks import Batch
from tests.conftest import moving_square, write_video


@pytest.fixture
def cfg(cfg):
    """Training takes 2 samples of each clip of `tiny_ak`."""
    cfg.AUG.NUM_SAMPLE = 2
    return cfg


def reads_of(dataset, monkeypatch) -> list[list[int]]:
    """The frames of each later call of the reader of a data set."""
    reads, read = [], dataset.reader.frames

    def frames(clip, indices):
        reads.append(list(indices))
        return read(clip, indices)

    monkeypatch.setattr(dataset.reader, "frames", frames)
    return reads


def test_each_sample_has_a_window_a_crop_and_a_flip_of_its_own(cfg):
    dataset = Ak(cfg, "train")
    windows, crops = set(), 0
    for epoch in range(10):
        (one, other), labels, index, time, meta = dataset[(epoch, 6)]  # 30 frames
        assert one.shape == other.shape == (3, 4, 32, 32)
        assert (len(labels), index, time.shape, from_meta(meta)) == (2, 6, (2, 4), [])
        windows |= {int(time[0, 0]), int(time[1, 0])}
        crops += not torch.equal(one, other)
        assert (np.diff(time) == 2).all()
    assert len(windows) > 8
    assert crops == 10


def test_a_sample_shows_the_frames_of_its_own_window(cfg):
    arguments = clip_dataset_arguments(cfg, "train", DATASETS.facts("ak"))
    dataset = ClipDataset(**arguments | {"transform": CentreCrop(36, 32)})
    clips, _, index, time, _ = dataset[(0, 1)]
    assert not torch.equal(time[0], time[1])
    for clip, window in zip(clips, time.int().tolist(), strict=True):
        pictures = dataset.reader.frames(index, window)
        (expected,) = CentreCrop(36, 32)(pictures, np.arange(4)[None], None)
        assert torch.equal(clip, expected)


def test_each_frame_is_decoded_once_in_one_pass(cfg, monkeypatch):
    cfg.AUG.NUM_SAMPLE = 4
    dataset = Ak(cfg, "train")
    reads = reads_of(dataset, monkeypatch)
    *_, time, _ = dataset[(0, 0)]
    assert reads == [sorted(set(time.flatten().int().tolist()))]
    assert len(reads[0]) < 16


def test_windows_times_crops_times_samples(cfg):
    cfg.DATA.TRAIN_CROP_NUM_TEMPORAL, cfg.DATA.TRAIN_CROP_NUM_SPATIAL = 2, 3
    dataset = Charades(cfg, "train")
    clips, labels, _, time, _ = dataset[(0, 6)]
    assert len(clips) == len(labels) == len(time) == dataset.clips_of_an_item == 12
    assert len({tuple(each) for each in time[::3].tolist()}) > 1
    for first in range(0, 12, 3):
        assert (time[first] == time[first + 2]).all()
        assert not torch.equal(clips[first], clips[first + 1])


def test_labels_are_those_of_each_window(cfg, tmp_path):
    labels = ["0"] * 15 + ["1"] * 15
    lines = [f't6 0 {k} t6/t6_{k + 1:06d}.jpg "{label}"' for k, label in enumerate(labels)]
    header = "original_vido_id video_id frame_id path labels"
    (tmp_path / "train.csv").write_text("\n".join([header, *lines]))
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    dataset, differ = Ak(cfg, "train"), 0
    for epoch in range(20):
        _, (one, other), _, time, _ = dataset[(epoch, 0)]
        for hot, window in zip((one, other), time.tolist(), strict=True):
            expected = {int(labels[int(frame)]) for frame in (window[0], window[-1])}
            assert set(hot.nonzero().flatten().tolist()) == expected
        differ += not torch.equal(one, other)
    assert differ


def test_epoch_and_index_decide_all_samples(cfg):
    dataset = Ak(cfg, "train")
    one, same, other = dataset[(1, 0)], Ak(cfg, "train")[(1, 0)], dataset[(2, 0)]
    assert all(map(torch.equal, one[0], same[0]))
    assert not any(map(torch.equal, one[0], other[0]))


@pytest.mark.parametrize("split", ["val", "test"])
def test_validation_and_test_have_one_sample(cfg, split):
    item = Ak(cfg, split)[(0, 0)]
    assert len(item[0]) == 1
    assert item[1].shape == (5,)


def test_a_clip_that_cannot_be_read_is_replaced_with_all_its_samples(cfg, monkeypatch):
    dataset = Ak(cfg, "train")
    read = dataset.reader.frames

    def frames(clip, indices):
        if clip == 0:
            raise BadClip("gone.")
        return read(clip, indices)

    monkeypatch.setattr(dataset.reader, "frames", frames)
    clips, _, index, time, meta = dataset[(0, 0)]
    assert len(clips) == len(time) == 2
    assert index != 0
    (problem,) = from_meta(meta)
    assert (problem.kind, problem.clip) == ("bad", 0)


def test_a_batch_has_a_row_for_each_sample_and_samples_are_neighbours(cfg):
    cfg.TRAIN.BATCH_SIZE = 4
    loader = construct_loader(cfg, "train", collate=Batch.collate)
    assert len(loader) == 2, "an epoch counts videos"
    keys = list(loader.sampler)[:4]
    batch = next(iter(loader))
    assert (batch.size, batch.samples, len(batch.meta["problems"])) == (8, 2, 4)
    assert batch.clips.tolist() == [index for _, index in keys for _ in range(2)]
    for number, key in enumerate(keys):
        clips, labels, *_ = loader.dataset[key]
        for sample in range(2):
            assert torch.equal(batch.inputs[0][2 * number + sample], clips[sample])
            assert torch.equal(batch.targets[2 * number + sample], labels[sample])
    first, second = batch.split(2)
    assert first.clips.tolist() == batch.clips.tolist()[:4]
    assert second.samples == 2


def test_a_worker_gives_the_same_rows(cfg):
    cfg.TRAIN.BATCH_SIZE = 4
    plain = list(construct_loader(cfg, "train", collate=Batch.collate))
    cfg.DATA_LOADER.NUM_WORKERS = 1
    worked = list(construct_loader(cfg, "train", collate=Batch.collate))
    for one, other in zip(plain, worked, strict=True):
        assert one.samples == other.samples == 2
        assert torch.equal(one.inputs[0], other.inputs[0])
        assert torch.equal(one.targets, other.targets)


def test_items_of_unequal_numbers_of_clips_are_refused():
    clip, time = torch.zeros(3, 1, 2, 2), torch.zeros(2, 1)
    two = [clip, clip], torch.tensor(1), 0, time, {}
    with pytest.raises(UserError, match="have 2 and 1 clips; expected the same"):
        Batch.collate([two, ([clip], torch.tensor(1), 0, time[0], {})])
    assert Batch.collate([two, two]).targets.tolist() == [1] * 4


def test_batches_of_other_programs_have_the_same_rows(cfg):
    (clips,), labels, index, time, _ = next(iter(construct_loader(cfg, "train")))
    assert (len(clips), len(labels), len(index), time.shape) == (4, 4, 4, (4, 4))
    assert index[0] == index[1]


def test_single_views_are_refused_with_several_samples(cfg):
    with pytest.raises(UserError, match=r"have 2 clips.*AUG\.NUM_SAMPLE.* to 1"):
        ViewItems(Ak(cfg, "train"), cfg)


def test_two_samples_of_a_video_cost_less_than_two_videos(cfg, tmp_path, tiny_ak):
    """Most of an item is decoding, and frames between two windows are decoded for both."""
    write_video(tmp_path / "long.mp4", moving_square(120, 320, 240, 0), g="120")
    header = "original_vido_id video_id frame_id path labels"
    lines = [f"long 0 {k} long/{k}.jpg 0" for k in range(120)]
    (tmp_path / "train.csv").write_text("\n".join([header, *lines]))
    cfg.merge_from_list(["DATA.PATH_TO_DATA_DIR", str(tmp_path), "AK.VIDEO_PREFIX", str(tmp_path)])
    cfg.merge_from_list(["AK.FRAMES", "video", "DATA.PATH_PREFIX", ""])

    def seconds(samples: int) -> float:
        cfg.AUG.NUM_SAMPLE = samples
        dataset = Ak(cfg, "train")
        dataset[(0, 0)]
        begin = perf_counter()
        for epoch in range(6):
            dataset[(epoch, 0)]
        return perf_counter() - begin

    ratio = min(seconds(2) / (2 * seconds(1)) for _ in range(3))
    print(f"{ratio:.2f} of the time of two items")
    assert ratio < 0.9
