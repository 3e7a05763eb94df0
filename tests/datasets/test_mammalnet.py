"""MammalNet: lists of path, behaviour and animal; an item has both labels."""

import numpy as np
import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools.check_data import DataPlaces, check_data
from slowfast.datasets.build import build_dataset
from slowfast.datasets.mammalnet import Mammalnet
from slowfast.tasks.batch import Batch

LINES = ["t0.mp4 3 0", "t1.mp4 0 4", "t2.mp4 11 17"]


@pytest.fixture
def cfg(cfg, tiny_ak, tmp_path):
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.csv").write_text("\n".join(LINES) + "\n")
    opts = ["DATA.PATH_TO_DATA_DIR", str(tmp_path), "DATA.PATH_PREFIX", str(tiny_ak.video)]
    cfg.merge_from_list([*opts, "TRAIN.DATASET", "mammalnet", "TEST.DATASET", "mammalnet"])
    cfg.MODEL.NUM_CLASSES_BEHAVIOR, cfg.MODEL.NUM_CLASSES_ANIMAL = 12, 18
    return cfg


@pytest.mark.parametrize(
    "name", ["mammalnet", "Mammalnet_behavior_composition", "animalnet_behavior_composition"]
)
def test_an_item_has_a_behaviour_and_an_animal(cfg, name):
    dataset = build_dataset(name, cfg, "val")
    assert type(dataset) is Mammalnet
    batch = Batch.collate([dataset[(0, index)] for index in range(3)])
    assert batch.targets["behavior"].tolist() == [3, 0, 11]
    assert batch.targets["animal"].tolist() == [0, 4, 17]
    assert batch.inputs[0].shape[:3] == (3, 3, 4)


def test_clips_are_counted_for_each_column(cfg):
    dataset = build_dataset("mammalnet", cfg, "train")
    assert dataset.label_matrix().shape == (3, 12 + 18)
    animals = dataset.clips.select(np.array([True, False, True])).column("animal")
    assert animals.class_counts(18).nonzero()[0].tolist() == [0, 17]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("t3.mp4 12 0", r"val\.csv:2: behavior 12 is outside 0\.\.11 .*NUM_CLASSES_BEHAVIOR is 12"),
        ("t3.mp4 0 18", r"val\.csv:2: animal 18 is outside 0\.\.17 .*NUM_CLASSES_ANIMAL is 18"),
        ("t3.mp4 1", r"val\.csv:2: expected a path, and a whole number .* behavior, animal"),
        ("t3.mp4 1 2 3", r"val\.csv:2: expected a path, and a whole number .* behavior, animal"),
        ("t0.mp4 3 1", r"val\.csv:2: clip t0\.mp4 has a line already, line 1"),
    ],
)
def test_a_line_that_does_not_fit_is_refused(cfg, tmp_path, line, says):
    (tmp_path / "val.csv").write_text(f"{LINES[0]}\n{line}\n")
    with pytest.raises(UserError, match=says):
        build_dataset("mammalnet", cfg, "val")


def test_the_check_of_a_data_set_reads_the_lists_as_a_run_does(cfg, tmp_path):
    (tmp_path / "test.csv").write_text("v0.mp4 12 3\nv1.mp4 0 18\n")
    report = check_data(DataPlaces.from_cfg(cfg))
    labels = [(fault.line, fault.text) for fault in report.faults if fault.kind == "label"]
    assert labels == [(1, "labels [12] are outside 0..11"), (2, "labels [18] are outside 0..17")]
    with pytest.raises(UserError, match=r"set MODEL\.NUM_CLASSES_BEHAVIOR, MODEL\.NUM_CLASSES_A"):
        DataPlaces.from_cfg(cfg, num_classes=12)
