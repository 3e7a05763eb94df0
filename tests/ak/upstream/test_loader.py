"""The loader for upstream's loops: each clip is decoded once, and all ranks get as many rows."""

import os
import shutil
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, RandomSampler

from slowfast.ak.clips import animal_kingdom
from slowfast.ak.clips.bad_clips import TooManyBadClips
from slowfast.ak.clips.network_input import InputTransform
from slowfast.ak.errors import UserError
from slowfast.ak.frames import images as jpeg_frames
from slowfast.ak.upstream import meters
from slowfast.ak.upstream.data import Ak, register_ak
from slowfast.ak.upstream.loader import BatchLoader, loads_clips, shuffles_clips
from slowfast.config.defaults import get_cfg


@pytest.fixture(autouse=True)
def _in_a_checkout(registry, monkeypatch):
    monkeypatch.setattr(meters, "_measured", meters._Measured())
    register_ak(with_time=True)


@pytest.fixture
def single_label(cfg, tiny_ak, tmp_path):
    """The validation clips, with one class each, 0 to 3."""
    text = (tiny_ak.annot / "val.csv").read_text()
    for number, labels in enumerate(("0,3", "1", "2", "4")):
        text = text.replace(f'jpg "{labels}"', f'jpg "{number}"')
    (tmp_path / "val.csv").write_text(text)
    cfg.DATA.PATH_TO_DATA_DIR, cfg.DATA.MULTI_LABEL = str(tmp_path), False
    return cfg


def count_images(notes, monkeypatch=None):
    """Notes each image that this process or a fork of it reads."""
    read = jpeg_frames._read

    def noted(path):
        file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"{path}\n".encode())
        os.close(file)
        return read(path)

    if monkeypatch:
        monkeypatch.setattr(jpeg_frames, "_read", noted)
    else:
        jpeg_frames._read = noted


def images_of(cfg, split, notes, monkeypatch):
    """Returns the images that a split needs, each once."""
    with monkeypatch.context() as context:
        count_images(notes, context)
        list(map(animal_kingdom.Ak(cfg, split).__getitem__, range(4)))
    needed = Counter(Path(notes).read_text().splitlines())
    Path(notes).unlink()
    assert set(needed.values()) == {1}
    return needed


def ranks(monkeypatch, count):
    """Makes this process each of several ranks in turn."""
    for rank in range(count):
        with monkeypatch.context() as context:
            context.setattr(dist, "is_initialized", lambda: count > 1)
            context.setattr(dist, "get_world_size", lambda: count)
            context.setattr(dist, "get_rank", lambda rank=rank: rank)
            context.setattr("slowfast.ak.clips.bad_clips.gather_objects", lambda own: [own])
            yield rank


def shapes(batches):
    return [[part.shape for part in (*inputs, *rest[:-1])] for inputs, *rest in batches]


def assert_are_items(batches, items, order=None):
    """Asserts that batches, without rows that fill them, are the items of the data set."""
    seen = []
    for inputs, labels, index, time, meta in batches:
        assert meta == {}
        assert index.dtype == torch.int64
        for row, number in enumerate(index.tolist()):
            if number < 0:
                assert (labels[row] == -1).all()
                continue
            pathways, *rest, _ = items[number]
            for found, expected in zip(inputs, pathways, strict=True):
                torch.testing.assert_close(found[row], expected, rtol=0, atol=0)
            assert torch.equal(labels[row], rest[0])
            assert torch.equal(time[row], rest[2])
            seen.append(number)
    assert seen == list(range(len(items)) if order is None else order)


@pytest.mark.parametrize(
    ("split", "size", "arch", "workers"),
    [("val", 3, "slowfast", 0), ("test", 4, "slow", 2), ("test", 7, "slowfast", 0)],
)
def test_batches_are_the_items_of_the_data_set(cfg, split, size, arch, workers):
    cfg.TRAIN.BATCH_SIZE = cfg.TEST.BATCH_SIZE = size
    cfg.MODEL.ARCH, cfg.DATA_LOADER.NUM_WORKERS = arch, workers
    loader = BatchLoader.from_cfg(cfg, split)
    batches = list(loader)
    assert len(batches) == len(loader)
    assert [len(index) for _, _, index, *_ in batches[:-1]] == [size] * (len(batches) - 1)
    assert_are_items(batches, Ak(cfg, split))


def test_without_time_a_batch_has_four_fields(cfg):
    register_ak(with_time=False)
    for split in ("train", "val", "test"):
        assert {len(batch) for batch in BatchLoader.from_cfg(cfg, split)} == {4}


def test_training_batches_are_the_clips_of_the_epoch_as_floats(cfg):
    to_input = InputTransform.from_cfg(cfg)
    cfg.DATA_LOADER.NUM_WORKERS = 2
    loader = BatchLoader.from_cfg(cfg, "train")
    shuffle = shuffles_clips(lambda loader, cur_epoch: pytest.fail("this is not upstream's loader"))
    orders = []
    for epoch in range(2):
        shuffle(loader, cur_epoch=epoch)
        order = []
        for inputs, labels, index, _, _ in loader:
            assert len(index) == 2
            for row, clip in enumerate(index.tolist()):
                (pixels,), expected, *_ = loader.dataset.clips[epoch, clip]
                assert torch.equal(inputs[1][row], to_input(pixels[None])[1][0])
                assert torch.equal(labels[row], expected)
            order += index.tolist()
        orders.append(order)
        assert sorted(order) == list(range(8))
    assert orders[0] != orders[1]


@pytest.mark.parametrize("split", ["val", "test"])
@pytest.mark.parametrize(("processes", "workers"), [(1, 2), (3, 0), (5, 0)])
def test_ranks_have_equal_batches_and_decode_each_clip_once(
    cfg, monkeypatch, tmp_path, split, processes, workers
):
    cfg.TRAIN.BATCH_SIZE = cfg.TEST.BATCH_SIZE = 2 * processes
    cfg.NUM_GPUS, cfg.DATA_LOADER.NUM_WORKERS = processes, workers
    notes = tmp_path / "opened"
    needed = images_of(cfg, split, notes, monkeypatch)
    count_images(notes, monkeypatch)
    of_ranks = []
    for _ in ranks(monkeypatch, processes):
        loader = BatchLoader.from_cfg(cfg, split)
        of_ranks.append(list(loader))
        assert len(of_ranks[-1]) == len(loader)
    assert Counter(notes.read_text().splitlines()) == needed
    assert all(shapes(batches) == shapes(of_ranks[0]) for batches in of_ranks)
    views = 6 if split == "test" else 1
    dealt = [clip for rank in range(processes) for clip in range(rank, 4, processes)]
    order = [clip * views + view for clip in dealt for view in range(views)]
    assert_are_items(chain.from_iterable(of_ranks), Ak(cfg, split), order)
    rows = torch.cat([index for batches in of_ranks for _, _, index, *_ in batches])
    no_more_than_it_takes = -4 % processes * views
    assert (rows < 0).sum() == no_more_than_it_takes


def _rank_of_two(rank, folder, opts):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    count_images(f"{folder}/opened")
    cfg = get_cfg()
    cfg.merge_from_list([*opts, "NUM_GPUS", 2, "DATA_LOADER.NUM_WORKERS", 2])
    cfg.TRAIN.BATCH_SIZE = cfg.TEST.BATCH_SIZE = 8
    found = {split: list(BatchLoader.from_cfg(cfg, split)) for split in ("val", "test")}
    torch.save(found, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_together_decode_each_clip_once(cfg, tiny_ak, spoil, tmp_path, monkeypatch):
    spoil()
    shutil.rmtree(tmp_path / "image/v3")
    (tmp_path / "val.csv").write_text(
        "".join(line for line in (tiny_ak.annot / "val.csv").open() if not line.startswith("v3"))
    )
    shutil.copy(tiny_ak.annot / "train.csv", tmp_path)
    where = ["DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.PATH_PREFIX", str(tmp_path / "image")]
    arguments = str(tmp_path), [*tiny_ak.opts(), *where]
    # Spawned processes and workers would not note the images that they read.
    torch.multiprocessing.start_processes(_rank_of_two, arguments, nprocs=2, start_method="fork")
    opened = Counter((tmp_path / "opened").read_text().splitlines())
    assert {Path(path).parent.name for path in opened} == {"v0", "v1", "v2"}
    cfg.merge_from_list(where)
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    for split, views in (("val", 1), ("test", 6)):
        assert shapes(one[split]) == shapes(other[split])
        order = [clip * views + view for clip in (0, 2, 1) for view in range(views)]
        assert_are_items(one[split] + other[split], Ak(cfg, split), order)
    count_images(tmp_path / "needed", monkeypatch)
    for split in ("val", "test"):
        list(map(animal_kingdom.Ak(cfg, split).__getitem__, range(3)))
    assert opened == Counter((tmp_path / "needed").read_text().splitlines())


@pytest.mark.parametrize("split", ["val", "test"])
def test_an_unreadable_clip_has_no_label(spoil, split, caplog):
    cfg = spoil("v1")
    loader = BatchLoader.from_cfg(cfg, split)
    batches = list(loader)
    views = 6 if split == "test" else 1
    for _, labels, index, *_ in batches:
        assert ((labels == -1).all(dim=1) == (index // views == 1)).all()
    assert_are_items(batches, Ak(cfg, split))
    assert list(loader.bad_clips.names("missing")) == ["v1"]
    assert "It is left out of all figures." in caplog.text


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_without_a_readable_clip_is_refused(spoil, split):
    loader = BatchLoader.from_cfg(spoil("v0", "v1", "v2", "v3"), split)
    with pytest.raises(UserError, match="none of the 4 clips could be read"):
        list(loader)


def test_too_many_bad_clips_end_the_training(spoil):
    cfg = spoil("t0", "t1", "t2")
    cfg.LOG_PERIOD = 1
    loader = BatchLoader.from_cfg(cfg, "train")
    loader.sampler.set_epoch(4)
    with pytest.raises(TooManyBadClips, match="epoch 5: clips that could not be read so far"):
        list(loader)
    cfg.DATA.MAX_BAD_FRACTION = 0.5
    assert len(list(BatchLoader.from_cfg(cfg, "train"))) == 4


@pytest.mark.parametrize("processes", [1, 3])
def test_validation_with_one_label_a_clip_repeats_clips(single_label, monkeypatch, processes):
    """Upstream computes top-k errors for each batch, where no meter can leave rows out."""
    cfg = single_label
    cfg.NUM_GPUS, cfg.TRAIN.BATCH_SIZE = processes, 2 * processes
    seen, of_ranks = [], []
    for _ in ranks(monkeypatch, processes):
        of_ranks.append(list(BatchLoader.from_cfg(cfg, "val")))
        for inputs, labels, index, *_ in of_ranks[-1]:
            assert torch.equal(labels, index)
            items = [Ak(cfg, "val")[number] for number in index.tolist()]
            assert torch.equal(inputs[1], torch.stack([item[0][1] for item in items]))
            seen += labels.tolist()
    assert all(shapes(batches) == shapes(of_ranks[0]) for batches in of_ranks)
    assert sorted(seen) == ([0, 1, 2, 3] if processes == 1 else [0, 1, 1, 2, 2, 3])


def test_with_one_label_an_unreadable_clip_repeats_another(single_label, spoil):
    spoil("v0", "v2")
    single_label.TRAIN.BATCH_SIZE = 2
    labels = [labels.tolist() for _, labels, *_ in BatchLoader.from_cfg(single_label, "val")]
    assert labels == [[1, 1], [3, 3]]
    single_label.TRAIN.BATCH_SIZE = 1
    labels = [labels.item() for _, labels, *_ in BatchLoader.from_cfg(single_label, "val")]
    assert labels == [-1, 1, 1, 3], "no row precedes the first readable clip"


def test_the_workers_of_precise_bn_stop_and_those_of_training_stay(cfg):
    cfg.DATA_LOADER.NUM_WORKERS = 1
    assert BatchLoader.from_cfg(cfg, "train").persistent_workers
    precise = BatchLoader.from_cfg(cfg, "train", is_precise_bn=True)
    assert not precise.persistent_workers
    for _ in range(2):
        for number, (inputs, *_) in enumerate(precise):
            assert inputs[0].shape == (2, 3, 1, 32, 32)
            if number == 1:
                break


def construct_loader(cfg, split, is_precise_bn=False, workers=None):
    """A checkout's function, with one parameter more than upstream's."""
    return DataLoader([1, 2], shuffle=True)


def shuffle_dataset(loader, cur_epoch):
    assert isinstance(loader.sampler, RandomSampler)


def test_only_the_data_set_ak_gets_the_loader(cfg):
    load, shuffle = loads_clips(construct_loader), shuffles_clips(shuffle_dataset)
    assert (load.__name__, shuffle.__name__) == ("construct_loader", "shuffle_dataset")
    ours = load(split="test", cfg=cfg, workers=3)
    assert isinstance(ours, BatchLoader)
    assert meters._measured.segments
    shuffle(ours, 3)
    assert ours.sampler.epoch == 3
    cfg.TRAIN.DATASET = "charades"
    theirs = load(cfg, "train")
    assert type(theirs) is DataLoader
    assert not meters._measured.is_ak
    shuffle(theirs, 3)
    assert isinstance(load(cfg, "test"), BatchLoader), "TEST.DATASET is not TRAIN.DATASET"
