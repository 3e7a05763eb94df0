"""The data set as upstream's loops expect it: an item is a view of a whole clip, value by value."""

import pickle
from collections import Counter

import pytest
import torch
from torch.utils.data import DataLoader

from slowfast.ak.clips import animal_kingdom
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.errors import UserError
from slowfast.ak.frames import images as jpeg_frames
from slowfast.ak.upstream.data import Ak, is_ak, register_ak
from slowfast.datasets import build


@pytest.fixture
def opened(monkeypatch):
    """Counts how often this process reads each image file."""
    seen, read = Counter(), jpeg_frames._read
    monkeypatch.setattr(jpeg_frames, "_read", lambda path: seen.update([path]) or read(path))
    return seen


def whole_clips(cfg, split):
    clips = animal_kingdom.Ak(cfg, split)
    return [clips[clip] for clip in range(len(clips))]


@pytest.mark.parametrize(("arch", "rgb"), [("slowfast", True), ("slow", False)])
def test_a_test_item_is_one_view_of_the_clip(cfg, arch, rgb):
    cfg.MODEL.ARCH, cfg.DATA.REVERSE_INPUT_CHANNEL = arch, rgb
    to_input, items = InputTransform.from_cfg(cfg), Ak(cfg, "test")
    assert len(items) == items.num_videos == 4 * 6
    for clip, ((views,), labels, _, times, _) in enumerate(whole_clips(cfg, "test")):
        whole = to_input(views.batch(0, 6))
        assert len(whole) == (2 if arch == "slowfast" else 1)
        for view in range(6):
            inputs, found, index, time, meta = items[6 * clip + view]
            for pathway, expected in zip(inputs, whole, strict=True):
                assert pathway.dtype == torch.float32
                assert torch.equal(pathway, expected[view])
            assert torch.equal(found, labels)
            assert torch.equal(time, times[view // 3])
            assert (index, meta) == (6 * clip + view, {})


def test_a_validation_item_is_a_clip_and_without_time_it_has_four_parts(cfg, registry):
    to_input, whole = InputTransform.from_cfg(cfg), whole_clips(cfg, "val")
    register_ak(with_time=False)
    for index, (inputs, labels, found, meta) in enumerate(Ak(cfg, "val")):
        (clip,), expected, *_ = whole[index]
        assert torch.equal(inputs[1], to_input(clip[None])[1][0])
        assert torch.equal(labels, expected)
        assert (found, meta) == (index, {})


def test_a_spawned_worker_makes_the_same_items(cfg, registry):
    register_ak(with_time=False)
    sent = pickle.dumps(Ak(cfg, "test"))
    Ak.with_time = True  # as in a process that has not registered it
    item = pickle.loads(sent)[7]
    assert len(item) == 4
    assert torch.equal(item[0][1], Ak(cfg, "test")[7][0][1])


def test_training_items_differ_from_epoch_to_epoch(cfg):
    items = Ak(cfg, "train")
    assert len(items) == items.num_videos == 8
    (_, one), *_ = items[6]
    (_, other), *_ = items[6]
    assert one.shape == other.shape == (3, 4, 32, 32)
    assert not torch.equal(one, other)


def test_consecutive_views_decode_a_clip_once(cfg, opened):
    whole_clips(cfg, "test")
    once = opened.copy()
    opened.clear()
    assert len(list(Ak(cfg, "test"))) == 24
    assert opened == once
    assert set(once.values()) == {1}


@pytest.mark.parametrize(("workers", "with_time"), [(0, True), (2, False)])
def test_a_plain_dataloader_batches_the_items(cfg, registry, workers, with_time):
    register_ak(with_time)
    items = build.build_dataset("ak", cfg, "test")
    loader = DataLoader(items, batch_size=4, num_workers=workers)
    for number, ((_, fast), labels, index, *time, meta) in enumerate(loader):
        assert fast.shape == (4, 3, 4, 36, 36)
        assert torch.equal(fast[1], items[4 * number + 1][0][1])
        assert labels.shape == (4, 5)
        assert index.tolist() == list(range(4 * number, 4 * number + 4))
        assert index.dtype == torch.int64
        assert [part.shape for part in time] == ([(4, 4)] if with_time else [])
        assert meta == {}


@pytest.mark.parametrize("split", ["val", "test"])
def test_an_unreadable_clip_has_no_label_and_is_logged_once(spoil, split, caplog):
    items = Ak(spoil("v2"), split)
    views = items.num_views
    gone = [bool((labels == -1).all()) for _, labels, *_ in items]
    assert gone == [index // views == 2 for index in range(4 * views)]
    (message,) = [record.getMessage() for record in caplog.records]
    assert "v2" in message
    assert message.endswith("It is left out of all figures.")


@pytest.mark.parametrize(
    ("key", "value"),
    [("MULTIGRID.SHORT_CYCLE", True), ("AUG.NUM_SAMPLE", 2), ("DATA.TRAIN_CROP_NUM_TEMPORAL", 2)],
)
def test_values_that_are_not_served_are_refused(cfg, key, value):
    cfg.merge_from_list([key, value])
    with pytest.raises(UserError, match=f"{key}: found {value}; the data set ak only takes"):
        Ak(cfg, "train")


@pytest.mark.parametrize("key", ["SCALES", "ASPECT"])
def test_a_random_resized_crop_needs_areas_and_aspect_ratios(cfg, key):
    cfg.DATA[f"TRAIN_JITTER_{key}_RELATIVE"] = [0.75, 1.0]
    with pytest.raises(UserError, match="a random resized crop needs both"):
        Ak(cfg, "train")
    assert len(Ak(cfg, "val")) == 4


def test_keys_that_the_older_branch_lacks_are_not_needed(cfg):
    del cfg.DATA["TRAIN_CROP_NUM_TEMPORAL"]
    assert len(Ak(cfg, "train")) == 8


def test_a_test_needs_a_number_of_views(cfg):
    cfg.TEST.NUM_ENSEMBLE_VIEWS = -1
    assert len(Ak(cfg, "val")) == 4
    with pytest.raises(UserError, match="found -1 and 3"):
        Ak(cfg, "test")


def test_the_checkouts_own_data_set_of_this_name_stays(cfg, registry, caplog):
    own = type("Ak", (), {})
    registry.register(own)
    register_ak(with_time=True)
    assert registry.get("Ak") is own
    assert not is_ak("ak")
    assert "has its own data set Ak" in caplog.text


def test_the_data_set_and_derived_classes_are_recognised_by_name(registry):
    register_ak(with_time=True)
    register_ak(with_time=True)
    registry.register(type("Birds", (Ak,), {}))
    registry["Function"] = lambda cfg, split: None
    assert is_ak("ak")
    assert is_ak("birds")
    assert not is_ak("function")
    assert not is_ak("charades")
