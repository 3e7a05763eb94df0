"""Loaders: batches do not depend on workers, and samplers draw clips as often as expected."""

import numpy as np
import pytest
import torch
from torch.utils.data import Dataset

from slowfast.ak.clips.views import ClipViews, UniformCrops
from slowfast.ak.errors import UserError
from slowfast.ak.registries.datasets import DATASETS
from slowfast.datasets.loader import construct_loader, shuffle_dataset
from slowfast.schedules.plan import RunPlan
from slowfast.tasks import Batch


def batches(loader, epoch):
    shuffle_dataset(loader, epoch)
    return [(clip.clone(), labels, index) for (clip,), labels, index, _, _ in loader]


def assert_same(one, other):
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def test_batches_do_not_depend_on_workers_or_on_a_resume(cfg):
    plain = construct_loader(cfg, "train")
    epochs = [batches(plain, epoch) for epoch in range(3)]
    assert [len(epoch) for epoch in epochs] == [4, 4, 4]
    orders = [torch.cat([index for _, _, index in epoch]).tolist() for epoch in epochs]
    assert orders[0] != orders[1]
    assert all(sorted(order) == list(range(8)) for order in orders)

    cfg.DATA_LOADER.NUM_WORKERS = 2
    resumed = construct_loader(cfg, "train")
    for epoch in (1, 2):
        assert_same(batches(resumed, epoch), epochs[epoch])
    assert_same(batches(construct_loader(cfg, "train", is_precise_bn=True), 2), epochs[2])


CLIP = torch.zeros(3, 4, 32, 32, dtype=torch.uint8)


class OwnData(Dataset):
    """A data set of a user with three clips."""

    clips, labels = None, torch.ones(5)

    def __init__(self, cfg, split):
        if self.clips is None:
            views = UniformCrops(32, 3)(
                [np.zeros((40, 60, 3), np.uint8)], np.zeros((2, 4), int), None
            )
            self.clips = [views if split == "test" else CLIP]

    def __len__(self):
        return 3

    def __getitem__(self, key):
        return self.clips, self.labels, key[1], torch.arange(4.0), {}

    def clip_name(self, index):
        return f"own{index}"


@pytest.fixture
def own(cfg, monkeypatch):
    """Returns a function that changes the class OwnData and returns a configuration for it."""
    monkeypatch.setattr(DATASETS, "_entries", {})
    cfg.TRAIN.DATASET = cfg.TEST.DATASET = "owndata"

    def change(**attributes):
        DATASETS["Owndata"] = type("OwnData", (OwnData,), attributes)
        return cfg

    return change


def test_a_data_set_of_a_user_is_read(own):
    cfg = own()
    for split in ("train", "val"):
        (clip,), labels, index, _, _ = next(iter(construct_loader(cfg, split)))
        assert clip.shape == (2, 3, 4, 32, 32)
        assert labels.shape == (2, 5)
        assert len(index) == 2
    (views,), *_ = next(iter(construct_loader(cfg, "test")))
    assert len(views) == 6


@pytest.mark.parametrize(
    ("split", "attributes", "says"),
    [
        ("train", {"clip_name": None, "__len__": None}, "it has no __len__ and no clip_name"),
        ("val", {"__getitem__": lambda self, i: [CLIP][i]}, "cannot be made: TypeError: list ind"),
        ("val", {"__getitem__": lambda self, i: ([CLIP], 0, 0)}, "found a tuple of 3"),
        ("train", {"clips": [CLIP, CLIP]}, "found a list of uint8 (3, 4, 32, 32), uint8 (3, 4, "),
        ("train", {"clips": CLIP}, "found uint8 (3, 4, 32, 32)"),
        ("test", {"clips": [CLIP]}, "one ClipViews first in an item, found a list of uint8"),
        ("train", {"labels": 3}, "labels to be float32 (5,), as DATA.MULTI_LABEL is True, found"),
    ],
)
def test_a_data_set_that_does_not_fit_is_refused(own, split, attributes, says):
    with pytest.raises(UserError, match=r"OwnData .* does not fit this tree") as error:
        construct_loader(own(**attributes), split)
    assert says in str(error.value)
    assert "slowfast/datasets/build.py" in str(error.value)


def test_a_data_set_of_a_user_can_have_several_clips_in_an_item(own):
    class Samples(OwnData):
        clips, labels = [CLIP, CLIP + 1], [torch.ones(5), torch.zeros(5)]

        def __getitem__(self, key):
            return self.clips, self.labels, key[1], torch.zeros(2, 4), {}

    cfg = own(__getitem__=Samples.__getitem__, clips=Samples.clips, labels=Samples.labels)
    with pytest.raises(UserError, match="list of one uint8 tensor"):
        construct_loader(cfg, "train")
    cfg.AUG.NUM_SAMPLE = 2
    batch = next(iter(construct_loader(cfg, "train", collate=Batch.collate)))
    assert (batch.size, batch.samples) == (4, 2)
    assert batch.targets[:, 0].tolist() == [1, 0, 1, 0]
    assert batch.inputs[0][:, 0, 0, 0, 0].tolist() == [0, 1, 0, 1]
    own(__getitem__=Samples.__getitem__, clips=Samples.clips, labels=torch.ones(5))
    batch = next(iter(construct_loader(cfg, "train", collate=Batch.collate)))
    assert batch.targets[:, 0].tolist() == [1, 1, 1, 1], "one label for all clips"
    own(clips=Samples.clips)
    with pytest.raises(UserError, match="its items have 2 clips; expected labels for all or"):
        construct_loader(cfg, "train")
    own(clips=[CLIP])
    with pytest.raises(UserError, match=r"list of 2, each a uint8 tensor \(3, T, H, W\), first"):
        construct_loader(cfg, "train")


def test_single_labels_of_a_data_set_of_a_user_are_checked(own):
    cfg = own()
    cfg.DATA.MULTI_LABEL = False
    with pytest.raises(UserError, match="expected labels to be one whole number"):
        construct_loader(cfg, "train")


@pytest.mark.parametrize("workers", [0, 2])
def test_the_generator_of_torch_is_not_used(cfg, workers):
    cfg.DATA_LOADER.NUM_WORKERS = workers
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for split in ("train", "val", "test"):
        for _ in construct_loader(cfg, split):
            pass
    assert torch.equal(torch.get_rng_state(), before)


def test_only_incomplete_training_batches_are_dropped(cfg):
    cfg.TRAIN.BATCH_SIZE = 3
    assert [len(index) for _, _, index in batches(construct_loader(cfg, "train"), 0)] == [3, 3]
    assert [len(index) for _, _, index in batches(construct_loader(cfg, "val"), 0)] == [3, 1]
    cfg.TRAIN.BATCH_SIZE = 9
    with pytest.raises(UserError, match="8 clips fill no batch: BATCH_SIZE 9"):
        construct_loader(cfg, "train")


def test_an_epoch_of_multigrid_without_a_batch_is_found_at_the_start(cfg):
    cfg.merge_from_list(
        [
            *("MULTIGRID.LONG_CYCLE", True, "MULTIGRID.LONG_CYCLE_FACTORS", [[1, 1], [0.25, 1]]),
            *("DATA.NUM_FRAMES", 8, "SOLVER.STEPS", [0, 20], "SOLVER.LRS", [1.0, 0.1]),
            *("SOLVER.MAX_EPOCH", 24, "TRAIN.BATCH_SIZE", 3),
        ]
    )
    plan = RunPlan.from_cfg(cfg)
    first = next(e for e in range(plan.epochs) if plan.shapes(e)[0].batch == 4)
    assert first > 0
    words = f"BATCH_SIZE 3 is 3 on each of 1 process, and the batches of epoch {first + 1} have 12"
    with pytest.raises(UserError, match=words + r"\. Lower TRAIN\.BATCH_SIZE"):
        construct_loader(cfg, "train")
    cfg.merge_from_list(
        ["TRAIN.BATCH_SIZE", 1, "MULTIGRID.LONG_CYCLE_FACTORS", [[1, 1], [0.1, 0.5]]]
    )
    with pytest.raises(UserError, match=r"BATCH_SIZE 1 is 1 .* Switch MULTIGRID\.SHORT_CYCLE or"):
        construct_loader(cfg, "train")


def test_gpus_share_a_batch(cfg):
    cfg.TRAIN.BATCH_SIZE, cfg.NUM_GPUS = 4, 2
    assert construct_loader(cfg, "train").batch_size == 2
    cfg.NUM_GPUS = 8
    with pytest.raises(
        UserError, match=r"BATCH_SIZE 4 is 0 on each .*TRAIN\.BATCH_SIZE to the number"
    ):
        construct_loader(cfg, "train")


def test_ranks_share_the_clips(cfg, monkeypatch):
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 3)
    seen = {"val": [], "test": []}
    for rank in range(3):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        for split, indices in seen.items():
            for _, _, index, _, _ in construct_loader(cfg, split):
                indices += torch.as_tensor(index).flatten().tolist()
    assert sorted(seen["val"]) == sorted(seen["test"]) == [0, 1, 2, 3]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_test_loads_one_clip_at_a_time(cfg, workers):
    cfg.DATA_LOADER.NUM_WORKERS = workers
    items = list(construct_loader(cfg, "test"))
    assert sorted(item[2] for item in items) == [0, 1, 2, 3]
    for (views,), labels, _, time, _ in items:
        assert isinstance(views, ClipViews)
        assert len(views) == 6
        assert labels.shape == (5,)
        assert time.shape == (2, 4)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_of_a_worker_has_no_traceback(cfg, ak_copy, workers):
    cfg.DATA.PATH_PREFIX = str(ak_copy / "image")
    cfg.DATA_LOADER.NUM_WORKERS = workers
    loader = construct_loader(cfg, "train")
    for path in ak_copy.glob("image/*/*"):
        path.write_bytes(b"<html>")
    try:  # with pytest.raises the workers would not end
        list(loader)
    except UserError as error:
        text = str(error)
    assert text.startswith(str(ak_copy / "image"))
    assert "Traceback" not in text
    assert text.endswith("train.csv. 4 other clips were tried.")


@pytest.mark.parametrize("name", ["class_balanced", "repeat_factor"])
def test_a_sampler_rebalances_only_training(cfg, name):
    cfg.DATA_LOADER.SAMPLER, cfg.DATA_LOADER.REPEAT_THRESHOLD = name, 0.4
    loader = construct_loader(cfg, "train")
    epochs = [batches(loader, epoch) for epoch in range(4)]
    orders = [torch.cat([index for _, _, index in epoch]).tolist() for epoch in epochs]
    assert len({len(order) for order in orders}) == 1
    assert all(0 <= index < 8 for order in orders for index in order)
    assert len({tuple(sorted(order)) for order in orders}) > 1

    cfg.DATA_LOADER.NUM_WORKERS = 2
    assert_same(batches(construct_loader(cfg, "train"), 3), epochs[3])
    for split in ("val", "test"):
        indices = [
            torch.as_tensor(index).flatten() for _, _, index, *_ in construct_loader(cfg, split)
        ]
        assert torch.cat(indices).sort().values.tolist() == [0, 1, 2, 3]


def test_a_sampler_is_described_in_the_log(cfg, caplog):
    cfg.DATA_LOADER.SAMPLER = "class_balanced"
    with caplog.at_level("INFO"):
        construct_loader(cfg, "val")
        assert not caplog.text
        construct_loader(cfg, "train")
    assert "Sampling class_balanced: 8 clips make 8 draws an epoch, 2 of the rarest" in caplog.text


def test_a_clip_that_is_drawn_twice_is_cropped_twice(cfg):
    cfg.DATA_LOADER.SAMPLER = "class_balanced"
    loader = construct_loader(cfg, "train")
    loader.sampler.repeats = np.array([8.0, 0, 0, 0, 0, 0, 0, 0])
    clips = torch.cat([clip for clip, _, _ in batches(loader, 0)])
    assert len(clips.flatten(1).unique(dim=0)) == 8


def test_single_labels_are_rebalanced_too(cfg, tmp_path):
    lines = [f't{i} 0 0 t{i}/t{i}_000001.jpg "{int(i > 5)}"' for i in range(8)]
    header = "original_vido_id video_id frame_id path labels"
    (tmp_path / "train.csv").write_text("\n".join([header, *lines]))
    cfg.DATA.PATH_TO_DATA_DIR, cfg.DATA.MULTI_LABEL = str(tmp_path), False
    cfg.DATA_LOADER.SAMPLER = "class_balanced"
    seen = torch.cat([labels for _, labels, _ in batches(construct_loader(cfg, "train"), 0)])
    assert seen.bincount().tolist() == [4, 4]


def test_a_sampler_needs_a_label_matrix(own):
    cfg = own()
    cfg.DATA_LOADER.SAMPLER = "class_balanced"
    with pytest.raises(UserError, match=r"the data set OwnData has no label_matrix\(\)"):
        construct_loader(cfg, "train")
    construct_loader(cfg, "val")
    matrix = np.array([[1, 0], [1, 0], [0, 1]])
    cfg = own(label_matrix=lambda self: matrix)
    cfg.TRAIN.BATCH_SIZE = 1
    assert len(list(construct_loader(cfg, "train"))) == 3


class OneSlowClip(OwnData):
    """The first clip waits until the test has seen the others, for at most 20 seconds."""

    others_seen = torch.multiprocessing.get_context("fork").Event()

    def __getitem__(self, key):
        if key[1] == 0:
            self.others_seen.wait(20)
        return super().__getitem__(key)

    def __len__(self):
        return 6


def test_a_slow_clip_does_not_delay_others_in_validation(own):
    cfg = own()
    cfg.TRAIN.BATCH_SIZE = 1
    DATASETS["Owndata"] = OneSlowClip
    cfg.DATA_LOADER.NUM_WORKERS = 2
    OneSlowClip.others_seen.set()  # the loader checks the first item when it is made
    loader = construct_loader(cfg, "val")
    loader.multiprocessing_context = "fork"
    OneSlowClip.others_seen.clear()
    seen = []
    for *_, index, _, _ in loader:
        seen += index.tolist()
        if len(seen) == 4:  # one more clip may wait behind the slow one
            OneSlowClip.others_seen.set()
    assert sorted(seen) == [0, 1, 2, 3, 4, 5]
    assert 0 not in seen[:4]


@pytest.mark.parametrize("split", ["train", "val"])
def test_workers_are_kept_across_epochs(cfg, split):
    cfg.DATA_LOADER.NUM_WORKERS = 2
    loader = construct_loader(cfg, split)
    workers = []
    for epoch in range(2):
        batches(loader, epoch)
        workers.append([worker.pid for worker in loader._iterator._workers])
    assert workers[0] == workers[1]
