"""Items of the data set `ak`: shapes and labels; (seed, epoch, index) decides an item."""

import shutil

import numpy as np
import pytest
import torch

from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.clips.bad_clips import from_meta
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList


def same(one, other) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in zip((one[0][0], one[1], one[3]), (other[0][0], other[1], other[3]), strict=True)
    )


@pytest.mark.parametrize("frames", ["image", "video"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_items_of_every_clip(cfg, frames, split):
    """The set has portrait clips, short clips and clips with one frame."""
    cfg.AK.FRAMES = frames
    dataset = Ak(cfg, split)
    assert len(dataset) == dataset.num_videos == (8 if split == "train" else 4)
    for i in range(len(dataset)):
        (clip,), labels, index, time, meta = dataset[(0, i)]
        assert clip.shape == (3, 4, 32, 32)
        assert clip.dtype == torch.uint8
        assert clip.is_contiguous()
        assert labels.shape == (5,)
        assert labels.dtype == torch.float32
        assert index == i
        assert time.shape == (4,)
        assert 0 <= time.min() <= time.max() < dataset.clips.num_frames(i)
        assert from_meta(meta) == []
        assert labels.nonzero().flatten().tolist() == dataset.clips.labels(i)


def test_epoch_and_index_decide_an_item(cfg):
    dataset = Ak(cfg, "train")
    for i in range(len(dataset)):
        torch.manual_seed(i)
        item = dataset[(3, i)]
        torch.manual_seed(i + 1)
        np.random.seed(i)  # noqa: NPY002
        assert same(item, dataset[(3, i)])
        assert not same(item, dataset[(4, i)])
    cfg.RNG_SEED += 1
    assert not same(dataset[(3, 0)], Ak(cfg, "train")[(3, 0)])


def test_a_clip_that_is_drawn_again_has_another_crop(cfg):
    dataset = Ak(cfg, "train")
    first, again = dataset[(3, 0)], dataset[(3, 0, 1)]
    assert not same(first, again)
    assert not same(again, dataset[(3, 0, 2)])
    assert same(again, dataset[(3, 0, 1)])
    assert first[2] == again[2] == 0


def test_the_label_matrix_has_the_labels_of_whole_clips(cfg):
    dataset = Ak(cfg, "train")
    matrix = dataset.label_matrix()
    assert matrix.shape == (8, 5)
    assert [row.nonzero()[0].tolist() for row in matrix] == [
        dataset.clips.labels(i) for i in range(8)
    ]


def test_a_plain_index_draws_its_epoch_from_torch(cfg):
    dataset = Ak(cfg, "train")
    torch.manual_seed(0)
    first, second = dataset[0], dataset[0]
    assert not same(first, second)
    torch.manual_seed(0)
    assert same(first, dataset[0])


def test_validation_takes_the_centre_in_every_epoch(cfg):
    dataset = Ak(cfg, "val")
    assert same(dataset[(0, 0)], dataset[(7, 0)])
    (clip,), _, _, time, _ = dataset[(0, 0)]
    assert time.tolist() == [6, 8, 10, 12]  # 20 frames, a window of 7
    # The item is the centre of the only view of a test.
    cfg.TEST.NUM_ENSEMBLE_VIEWS = cfg.TEST.NUM_SPATIAL_CROPS = 1
    (views,), *_, test_time, _ = Ak(cfg, "test")[(0, 0)]
    assert test_time.tolist() == [time.tolist()]
    assert torch.equal(views.batch(0, 1)[0, :, :, 2:34, 2:34], clip)


def test_training_labels_are_the_labels_of_the_window(cfg, tmp_path, tiny_ak):
    """Classes 0 and 1 in the first and the last third of t6, class 2 in a single frame."""
    labels = ["0"] * 10 + [""] * 5 + ["2"] + [""] * 4 + ["1"] * 10
    lines = [f't6 0 {k} t6/t6_{k + 1:06d}.jpg "{label}"' for k, label in enumerate(labels)]
    text = "original_vido_id video_id frame_id path labels\n" + "\n".join(lines)
    for name in ("train.csv", "val.csv"):
        (tmp_path / name).write_text(text)
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    dataset = Ak(cfg, "train")
    seen = set()
    for epoch in range(60):
        _, hot, _, time, _ = dataset[(epoch, 0)]
        first, last = int(time[0]), int(time[-1])
        expected = {int(label) for label in labels[first : last + 1] if label}
        assert set(hot.nonzero().flatten().tolist()) == expected
        seen.add(frozenset(expected))
    assert {frozenset({0}), frozenset({2}), frozenset({1})} <= seen
    for split in ("val", "test"):
        assert Ak(cfg, split)[(0, 0)][1].tolist() == [1, 1, 1, 0, 0]


def test_a_test_item_has_all_views_and_each_frame_once(cfg):
    dataset = Ak(cfg, "test")
    assert dataset.num_views == 6
    assert dataset.num_videos == 24
    assert len(dataset) == 4
    for i in range(4):
        (views,), labels, index, time, _ = dataset[(0, i)]
        assert len(views) == 6
        assert views.batch(0, 6).shape == (6, 3, 4, 36, 36)
        assert min(views.frames.shape[1:3]) == 36
        assert len(views.frames) == len(time.unique())
        assert time.shape == (2, 4)
        assert labels.nonzero().flatten().tolist() == dataset.clips.labels(i)
        assert index == i


def test_single_labels(cfg, tmp_path):
    cfg.DATA.MULTI_LABEL = False
    with pytest.raises(UserError, match=r"train.csv:22: clip t1 has 2 labels; .*MULTI_LABEL"):
        Ak(cfg, "train")
    text = 'original_vido_id video_id frame_id path labels\nt0 0 0 t0/t0_000001.jpg "3"\n'
    (tmp_path / "train.csv").write_text(text)
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    label = Ak(cfg, "train")[(0, 0)][1]
    assert label.dtype == torch.int64
    assert label.shape == ()
    assert label == 3


def test_training_takes_the_class_of_the_frames_shown(cfg, tmp_path):
    """A clip that changes from class 1 to class 2; validation takes the class of the clip."""
    cfg.DATA.MULTI_LABEL = False
    lines = [f"t6 0 {k} t6/t6_{k + 1:06d}.jpg {1 + (k >= 20)}" for k in range(30)]
    header = "original_vido_id video_id frame_id path labels"
    for name in ("train.csv", "val.csv"):
        (tmp_path / name).write_text("\n".join([header, *lines]))
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    dataset, seen = Ak(cfg, "train"), set()
    for epoch in range(40):
        _, label, _, time, _ = dataset[(epoch, 0)]
        span = range(int(time[0]), int(time[-1]) + 1)
        assert int(label) == 1 + (sum(frame >= 20 for frame in span) > len(span) / 2)
        seen.add(int(label))
    assert seen == {1, 2}
    assert int(Ak(cfg, "val")[(0, 0)][1]) == 1
    cfg.AK.CLIP_LABEL = "centre"
    lines[14] = lines[14][:-1] + "3"
    (tmp_path / "val.csv").write_text("\n".join([header, *lines]))
    assert int(Ak(cfg, "val")[(0, 0)][1]) == 3


def test_a_single_label_is_used_for_frames_without_a_label(cfg, tmp_path):
    """Ten of thirty frames have a label. Most windows have only frames without a label."""
    cfg.DATA.MULTI_LABEL = False
    lines = [f't6 0 {k} t6/t6_{k + 1:06d}.jpg "{3 if k < 10 else ""}"' for k in range(30)]
    header = "original_vido_id video_id frame_id path labels"
    (tmp_path / "train.csv").write_text("\n".join([header, *lines]))
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    dataset = Ak(cfg, "train")
    assert {int(dataset[(epoch, 0)][1]) for epoch in range(20)} == {3}


def test_bad_data_is_found_before_the_first_item(cfg, ak_copy, tmp_path):
    good = cfg.DATA.PATH_TO_DATA_DIR
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    with pytest.raises(UserError, match="there is no such frame list"):
        Ak(cfg, "train")
    cfg.DATA.PATH_TO_DATA_DIR = good
    cfg.MODEL.NUM_CLASSES = 4
    with pytest.raises(UserError, match=r"train.csv:\d+: label 4 is outside 0..3"):
        Ak(cfg, "train")
    cfg.MODEL.NUM_CLASSES = 5
    shutil.rmtree(tmp_path / "image/v1")
    cfg.DATA.PATH_PREFIX = str(tmp_path / "image")
    cfg.DATA.MAX_BAD_FRACTION = 0
    Ak(cfg, "train")
    with pytest.raises(UserError, match=r"val.csv:22: clip v1: there is no file .*v1_000001.jpg"):
        Ak(cfg, "val")
    cfg.DATA.PATH_PREFIX = str(tmp_path / "none/image")
    with pytest.raises(UserError, match=r"clip t0: there is no file .*video/t0.mp4"):
        Ak(cfg, "train")


def test_splits_share_lists_and_readers(cfg):
    assert Ak(cfg, "val").clips is Ak(cfg, "test").clips
    assert Ak(cfg, "train").reader is Ak(cfg, "train").reader
    assert isinstance(Ak(cfg, "train").clips, ClipList)
