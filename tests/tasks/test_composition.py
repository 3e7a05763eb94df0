"""A network with a head for behaviour and one for animal trains, stops, resumes and is tested.

The figures are compared with plain Python.
"""

import csv
import json
import pickle
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.config.checks import problems, warnings
from slowfast.engine import test as run_test
from slowfast.engine.training import train
from slowfast.models import build_model
from slowfast.results.reading import read_results
from slowfast.tasks import build_task, choose_task
from slowfast.tasks.batch import Batch
from slowfast.tasks.composition import Composition, Compositions, read_tables
from tests.engine.conftest import make_small_cfg  # noqa: F401  fixture
from tests.engine.runs import (
    assert_same,
    in_two_processes,
    last_state,
    log,
    stats,
    train_with_a_stop,
)

# Path, behaviour, animal.
LISTS = {
    "train": ["t0 0 4", "t1 0 4", "t2 1 3", "t3 2 0", "t4 0 4", "t5 1 3", "t6 0 3", "t7 2 4"],
    "val": ["v0 0 4", "v1 1 3", "v2 0 3"],
    "test": ["v0 0 4", "v1 1 3", "v2 0 4", "v3 2 2"],
}
BEHAVIORS, ANIMALS = 3, 5


@pytest.fixture(scope="module")
def composition_cfg(make_small_cfg, tiny_ak, tmp_path_factory):  # noqa: F811
    """Makes a configuration of MammalNet's keys for the tiny videos."""
    folder = tmp_path_factory.mktemp("composition")
    for split, lines in LISTS.items():
        text = "".join(line.replace(" ", ".mp4 ", 1) + "\n" for line in lines)
        (folder / f"{split}.csv").write_text(text)
    settings = {
        "MODEL.MODEL_NAME": "SlowFast_composition",
        "MODEL.NUM_CLASSES_BEHAVIOR": BEHAVIORS,
        "MODEL.NUM_CLASSES_ANIMAL": ANIMALS,
        "MODEL.LOSS_FUNC": "cross_entropy",
        "MODEL.HEAD_ACT": "softmax",
        "RESNET.WIDTH_PER_GROUP": 4,
        "DATA.MULTI_LABEL": False,
        "DATA.ENSEMBLE_METHOD": "sum",
        "DATA.PATH_TO_DATA_DIR": str(folder),
        "DATA.PATH_PREFIX": str(tiny_ak.video),
        "TRAIN.DATASET": "mammalnet_behavior_composition",
        "TEST.DATASET": "mammalnet_behavior_composition",
        "TEST.BOOTSTRAP": 10,
        "COMPOSITION.SEGMENTS_BEHAVIOR": [3, 2],
        "COMPOSITION.SEGMENTS_ANIMAL": [3, 1],
        "COMPOSITION.SEGMENTS_COMPOSITION": [2, 1],
    }
    return partial(make_small_cfg, folder, **settings)


@pytest.fixture(scope="module")
def whole(composition_cfg):
    """The configuration of a run that was trained without a stop."""
    cfg = composition_cfg("whole")
    assert problems(cfg) == []
    assert not [line for line in warnings(cfg) if "not read" in line]
    train(cfg)
    return cfg


def test_a_stopped_run_resumes_bit_for_bit(whole, composition_cfg):
    parts = composition_cfg("parts")
    parts.TRAIN.CHECKPOINT_ITERATIONS = 1
    train_with_a_stop(parts, step=3)
    one, other = last_state(whole), last_state(parts)
    for key in ("epoch", "model_state", "optimizer_state"):
        assert_same(one[key], other[key], key)
    heads = [name for name in one["model_state"] if name.startswith("head.")]
    assert set(heads) == {
        f"head._{name}_head.{part}"
        for name in ("behavior", "animal")
        for part in ("weight", "bias")
    }
    (first, second) = stats(parts, "val_epoch")
    assert second["best_metric"] == "composition/top1_micro"
    values = [line["composition/top1_micro"] for line in (first, second)]
    assert second["best_value"] == max(values)
    assert {"animal/top1_err", "behavior/top1_err"} <= stats(parts, "train_epoch")[0].keys()


def test_tensorboard_shows_each_label_set(composition_cfg):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    settings = {"SOLVER.MAX_EPOCH": 1, "TENSORBOARD.ENABLE": True, "TENSORBOARD.LOG_DIR": "events"}
    cfg = composition_cfg("board", **settings, **{"TENSORBOARD.CONFUSION_MATRIX.ENABLE": True})
    train(cfg)
    events = EventAccumulator(str(Path(cfg.OUTPUT_DIR, "events")), {"images": 0}).Reload()
    assert set(events.Tags()["images"]) == {"Confusion/behavior", "Confusion/animal"}
    assert "Val/composition/recall of classes" in events.Tags()["histograms"]
    (point,) = events.Scalars("Val/animal/top1_micro")
    assert point.value == pytest.approx(stats(cfg, "val_epoch")[0]["animal/top1_micro"], abs=1e-5)


def test_two_processes_train_and_evaluate_both_heads(composition_cfg, tmp_path):
    settings = {"NUM_SHARDS": 2, "TRAIN.BATCH_SIZE": 2, "SOLVER.MAX_EPOCH": 1}
    cfg = composition_cfg("shared", **settings)
    in_two_processes(lambda rank: train(cfg), tmp_path)
    (line,) = stats(cfg, "val_epoch")
    assert line["missing_clips"] == 0
    # Three clips, each once: shares are thirds.
    assert 3 * line["animal/top1_micro"] == pytest.approx(
        round(3 * line["animal/top1_micro"]), abs=1e-4
    )


def ranks(scores, true):
    """The place of the true class of each clip, from 0; the lower id stands first."""
    orders = [sorted(range(len(row)), key=lambda c: (-row[c], c)) for row in scores.tolist()]
    return [order.index(own) for order, own in zip(orders, true, strict=True)]


def mean_by(hits, groups):
    """The mean over groups of the share of hits in each group."""
    shares = []
    for group in sorted(set(groups)):
        own = [hit for hit, each in zip(hits, groups, strict=True) if each == group]
        shares.append(sum(own) / len(own))
    return sum(shares) / len(shares)


def test_the_best_weights_are_tested(whole):
    cfg = whole.clone()
    cfg.merge_from_list(["TRAIN.ENABLE", False, "TEST.WEIGHTS", "best"])
    run_test(cfg)
    folder, line = Path(cfg.OUTPUT_DIR), stats(cfg)[-1]
    scores, targets = pickle.loads((folder / "results.pkl").read_bytes())
    labels = [tuple(map(int, each.split()[1:])) for each in LISTS["test"]]
    assert list(zip(*(targets[n].tolist() for n in ("behavior", "animal")), strict=True)) == labels
    assert scores["animal"].sum(dim=1).tolist() == pytest.approx([6] * 4), "the sum of six views"

    own = {"behavior": [b for b, _ in labels], "animal": [a for _, a in labels]}
    places = {name: ranks(scores[name], own[name]) for name in own}
    own["composition"] = labels
    places["composition"] = list(map(max, places["behavior"], places["animal"]))
    for name in own:
        for k in (1, 5):
            hits = [place < k for place in places[name]]
            assert line[f"{name}/top{k}_micro"] == f"{100 * sum(hits) / 4:.2f}"
            assert line[f"{name}/top{k}_macro"] == f"{100 * mean_by(hits, own[name]):.2f}"
        assert line[f"perclass_{name}_top1_acc"] == line[f"{name}/top1_macro"]
        assert len(line[f"interval_{name}/top1_macro"]) == 2
    check_segments(line, places)
    check_files(cfg, folder, line, places)


def check_segments(line, places):
    """The segments of the test clips, by hand from the training list.

    Behaviours: 0 has 4 clips (head), 1 and 2 have 2 (tail). Animals: 4 has 4 (head), 3 has 3
    (middle), 0 has 1 and 2 has none (tail). Pairs: (0, 4) has 3 (head), (1, 3) 2 (middle).
    """
    right = {name: [place == 0 for place in found] for name, found in places.items()}
    for key, clips in {
        "behavior/top1_macro_head": [0, 2],
        "animal/top1_macro_head": [0, 2],
        "animal/top1_macro_middle": [1],
        "animal/top1_macro_tail": [3],
        "composition/top1_macro_head": [0, 2],
        "composition/top1_macro_middle": [1],
        "composition/top1_macro_tail": [3],
    }.items():
        hits = [right[key.partition("/")[0]][clip] for clip in clips]
        assert line[key] == f"{100 * sum(hits) / len(hits):.2f}", key
    tail = [right["behavior"][1], right["behavior"][3]]
    assert line["behavior/top1_macro_tail"] == f"{100 * sum(tail) / 2:.2f}"
    assert "behavior/top1_macro_middle" not in line, "no behaviour is in this segment"


def check_files(cfg, folder, line, places):
    tables = {}
    for name in ("behavior", "animal", "composition"):
        with (folder / f"per_class_{name}.csv").open() as file:
            tables[name] = list(csv.DictReader(file))
    assert [row["test_count"] for row in tables["animal"]] == ["0", "0", "1", "1", "2"]
    pairs = {row["name"]: row for row in tables["composition"]}
    assert pairs.keys() == {"0 + 3", "0 + 4", "1 + 3", "2 + 0", "2 + 2", "2 + 4"}
    both = [place == 0 for place in (places["composition"][0], places["composition"][2])]
    assert float(pairs["0 + 4"]["recall"]) == sum(both) / 2
    assert (pairs["0 + 4"]["training_count"], pairs["2 + 2"]["training_count"]) == ("3", "0")
    assert (folder / "confusion_animal.csv").exists()
    assert read_results(folder / "results.pkl", "animal").classes[4].test_count == 2
    with pytest.raises(UserError, match="label sets behavior, animal"):
        read_results(folder / "results.pkl")
    with (folder / "results.csv").open() as file:
        header, first, *_ = csv.reader(file)
    assert first[:3] == ["v0.mp4", "0", "4"]
    assert header[:4] == ["clip", "behavior labels", "animal labels", "behavior 0"]
    record = json.loads((folder / "report/report.json").read_text())
    parts = {part["name"]: part for part in record["parts"]}
    assert list(parts) == ["behavior", "animal", "composition"]
    found = parts["composition"]["figures"]["top1_macro"]
    assert f"{found:.2f}" == line["composition/top1_macro"]
    chance = parts["composition"]["chance"]["top1_macro"]
    assert chance == pytest.approx(100 / (BEHAVIORS * ANIMALS), abs=1e-4)
    assert record["best"]["metric"]["name"] == "composition, top-1 accuracy"
    assert "composition accuracy in % top-1 top-5 macro head middle tail" in log(cfg)


def test_a_composition_stands_where_the_worst_of_its_labels_stands():
    compositions = Compositions(np.array([[0, 2], [1, 0], [1, 2]]))
    assert compositions.ids(np.array([[1, 2], [0, 0], [0, 2], [9, 0]])).tolist() == [2, -1, 0, -1]
    assert Compositions(np.zeros((0, 2), int)).ids(np.array([[1, 2]])).tolist() == [-1]


def test_the_loss_is_the_mean_of_both_heads_of_scaled_logits(composition_cfg):
    cfg = composition_cfg(**{"COMPOSITION.LOGIT_SCALE": 50.0})
    task = build_task(cfg, torch.device("cpu"))
    assert type(task) is Composition
    batch = task.prepare(task.example(2, True, torch.device("cpu")))
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, generator=generator), torch.randn(2, 5, generator=generator)
    targets = {"behavior": torch.tensor([2, 0]), "animal": torch.tensor([1, 1])}
    given = Batch(batch.inputs, targets, batch.clips)
    loss = task.compute_loss(lambda inputs: logits, given)
    losses = [
        torch.nn.functional.cross_entropy(50 * own, true)
        for own, true in zip(logits, targets.values(), strict=True)
    ]
    assert loss.value == pytest.approx(float(sum(losses) / 2))


def test_mixed_clips_have_targets_of_both_heads(composition_cfg):
    cfg = composition_cfg(**{"MIXUP.ENABLE": True, "SOLVER.MAX_EPOCH": 1, "OUTPUT_DIR": "unused"})
    task = build_task(cfg, torch.device("cpu"))
    batch = task.example(2, True, torch.device("cpu"))
    batch.targets["animal"][1] = 3
    mixed = task.prepare(batch, (1, 0, 0, 0)).targets
    assert {name: tuple(each.shape) for name, each in mixed.items()} == {
        "behavior": (2, BEHAVIORS),
        "animal": (2, ANIMALS),
    }
    assert torch.allclose(mixed["animal"].sum(dim=1), torch.ones(2))


def test_weights_of_one_head_start_the_trunk(composition_cfg, tmp_path):
    other = composition_cfg(**{"MODEL.MODEL_NAME": "SlowFast", "MODEL.NUM_CLASSES": 7})
    path = tmp_path / "kinetics.pyth"
    trunk = build_model(other).state_dict()
    torch.save({"model_state": trunk}, path)
    settings = {"TRAIN.CHECKPOINT_FILE_PATH": str(path), "TRAIN.CHECKPOINT_EPOCH_RESET": True}
    cfg = composition_cfg("started", **settings, **{"SOLVER.MAX_EPOCH": 1, "SOLVER.BASE_LR": 1e-9})
    train(cfg)
    found = last_state(cfg)["model_state"]
    kernels = [name for name in trunk if "conv" in name or ("stem" in name and "weight" in name)]
    for name in kernels:
        if found[name].ndim == 5:
            torch.testing.assert_close(found[name], trunk[name], atol=1e-5, rtol=0)
    assert "missing in the file: head._behavior_head.{weight,bias}" in log(cfg)


@pytest.mark.parametrize(
    ("settings", "key", "says"),
    [
        ({"MODEL.MODEL_NAME": "SlowFast"}, "DATASET", "SlowFast scores one set of classes"),
        ({"TRAIN.DATASET": "ak"}, "TRAIN.DATASET", "take the data set mammalnet"),
        ({"MODEL.NUM_CLASSES_ANIMAL": 0}, "MODEL.NUM_CLASSES_ANIMAL", "expected the number"),
        ({"DATA.MULTI_LABEL": True}, "DATA.MULTI_LABEL", "take False"),
        ({"FRAMESTACK.ENABLE": True}, "FRAMESTACK.ENABLE", "there are several sets"),
        ({"MODEL.LOSS_FUNC": "LDAM"}, "MODEL.LOSS_FUNC", "take cross_entropy"),
        ({"TRAIN.BEST_METRIC": "animal/top1_marco"}, "BEST_METRIC", "mean animal/top1_macro"),
        ({"MODEL.MODEL_NAME": "MaskMViT"}, "MODEL.MODEL_NAME", "not built here yet"),
        ({"COMPOSITION.SEGMENTS_ANIMAL": [1, 3]}, "SEGMENTS_ANIMAL", "larger number first"),
    ],
)
def test_settings_that_cannot_run_are_refused(composition_cfg, settings, key, says):
    found = [line for line in problems(composition_cfg(**settings)) if says in line]
    assert found
    assert key in found[0]


def test_a_figure_of_a_segment_without_a_class_is_refused_at_the_start(composition_cfg):
    key = "animal/top1_macro_head"
    cfg = composition_cfg(**{"TRAIN.BEST_METRIC": key, "COMPOSITION.SEGMENTS_ANIMAL": [99, 9]})
    assert not problems(cfg)
    with pytest.raises(UserError, match=f"{key}: no class is in the segment head"):
        train(cfg)


def test_the_data_set_is_not_blamed_for_a_network_that_is_not_built(composition_cfg):
    found = problems(composition_cfg(**{"MODEL.MODEL_NAME": "MaskMViT"}))
    assert not any("DATASET" in line for line in found), found


def test_sheets_name_the_classes(composition_cfg, tmp_path):
    sheet = tmp_path / "behaviours.csv"
    sheet.write_text("id,name\n0,hunts\n1,rests\n2,feeds\n")
    cfg = composition_cfg(**{"COMPOSITION.CLASSES_BEHAVIOR": str(sheet)})
    _, tables = read_tables(cfg, ("behavior", "animal"))
    assert tables["behavior"].names == ["hunts", "rests", "feeds"]
    assert tables["behavior"].segments == ["head", "tail", "tail"]
    assert tables["composition"].names[:2] == ["hunts + 3", "hunts + 4"]
    sheet.write_text("id,name\n0,hunts\n")
    with pytest.raises(UserError, match=r"1 classes, expected 3 \(MODEL.NUM_CLASSES_BEHAVIOR\)"):
        read_tables(cfg, ("behavior", "animal"))


def test_the_network_decides_the_task(composition_cfg):
    resnet = {"MODEL.MODEL_NAME": "ResNet_composition", "MODEL.ARCH": "i3d"}
    assert choose_task(composition_cfg(**resnet)) is Composition
    network = build_model(composition_cfg(**resnet, **{"MODEL.DETACH_FINAL_FC": True}))
    outputs = network([torch.zeros(1, 3, 4, 32, 32)])
    assert [tuple(each.shape) for each in outputs] == [(1, BEHAVIORS), (1, ANIMALS)]
    trained = {name for name, each in network.named_parameters() if each.requires_grad}
    assert trained == {name for name, _ in network.named_parameters() if name.startswith("head.")}
