"""Figures of training, evaluation and test, as lines that upstream's readers know."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.engine.meters import TestMeter, TrainMeter, ValMeter, get_map
from slowfast.utils import timing

MAP = json.loads((Path(__file__).parents[1] / "reference/map.json").read_text())["cases"]
TIMES = {"dt", "dt_data", "dt_net", "dt_idle"}
MEMORY = {"gpu_mem", "RAM"}


@pytest.fixture
def cfg(tmp_path, monkeypatch):
    """Ten epochs of multi-label clips, a line every two iterations, and a clock of our own."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR, cfg.TRAIN.DATASET = str(tmp_path), "ak"
    cfg.SOLVER.MAX_EPOCH, cfg.LOG_PERIOD, cfg.DATA.MULTI_LABEL = 10, 2, True
    clock = iter(range(1000))
    monkeypatch.setattr(timing, "perf_counter", lambda: float(next(clock)))
    return cfg


def lines(cfg):
    text = (Path(cfg.OUTPUT_DIR) / "json_stats.log").read_text()
    return [json.loads(line.removeprefix("json_stats: ")) for line in text.splitlines()]


@pytest.mark.parametrize("case", MAP, ids=lambda case: str(case["seed"]))
def test_map_is_the_reference_value(case):
    generator = np.random.Generator(np.random.PCG64(case["seed"]))
    shape = case["n"], case["k"]
    preds = generator.random(shape).astype(np.float32)
    labels = (generator.random(shape) < case["p"]).astype(np.float32)
    if case["rounded_to_1_decimal"]:
        preds = preds.round(1)
    assert get_map(preds, labels) == pytest.approx(case["map"], abs=1e-9)
    assert get_map(torch.from_numpy(preds), torch.from_numpy(labels)) == get_map(preds, labels)


def run_epoch(meter, losses, errors=(None, None)):
    for iteration, loss in enumerate(losses):
        meter.iter_tic()
        meter.data_toc()
        meter.iter_toc()
        meter.update_stats(*errors, loss, 0.1, 2.0, 4)
        meter.log_iter_stats(2, iteration)


def test_training_lines(cfg):
    meter = TrainMeter(5, cfg)
    run_epoch(meter, [1.0, 2.0, 3.0, 5.0, 9.0])
    meter.log_epoch_stats(2)
    second, fourth, epoch = lines(cfg)
    assert second.keys() == epoch.keys() | {"iter"}
    assert epoch.keys() == {"_type", "epoch", "eta", "loss", "lr", "grad_norm", *TIMES, *MEMORY}
    assert (second["_type"], second["epoch"], second["iter"]) == ("train_iter_", "3/10", "2/5")
    assert (second["loss"], fourth["loss"], epoch["loss"]) == (1.5, 4.0, 4.0)
    assert (epoch["_type"], epoch["epoch"]) == ("train_epoch", "3/10")
    assert (second["dt"], second["dt_data"], second["dt_net"]) == (2.0, 1.0, 1.0)
    # 38 iterations are left after the second of the third epoch, 35 after its last.
    assert (second["eta"], epoch["eta"]) == ("0:01:16", "0:01:10")
    assert (second["lr"], second["grad_norm"]) == (0.1, 2.0)
    assert second["gpu_mem"].endswith("G")
    assert second["RAM"].count("/") == 1

    meter.reset()
    run_epoch(meter, [7.0], errors=(75.0, 25.0))
    epoch = meter.log_epoch_stats(3)
    assert (epoch["loss"], epoch["top1_err"], epoch["top5_err"]) == (7.0, 75.0, 25.0)


def test_evaluation_lines(cfg):
    preds = torch.rand(8, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(8, 3)
    labels[:4, 0] = labels[2:5, 1] = 1
    meter = ValMeter(2, cfg)
    for iteration in range(2):
        meter.iter_tic()
        meter.data_toc()
        meter.iter_toc()
        meter.log_iter_stats(0, iteration)
    for part in (slice(0, 3), slice(3, None)):
        meter.update_predictions(preds[part], labels[part])
    stats = meter.log_epoch_stats(0, segments=["head", "tail", "tail"])
    iteration, epoch = lines(cfg)
    assert iteration.keys() == {"_type", "epoch", "iter", "eta", *TIMES, *MEMORY}
    assert (iteration["_type"], iteration["iter"]) == ("val_iter", "2/2")
    maps = {"map", "map_head", "map_tail", "map_micro"}
    assert epoch.keys() == {"_type", "epoch", *maps, *TIMES, *MEMORY}
    assert epoch["_type"] == "val_epoch"
    assert stats["map"] == get_map(preds, labels) <= 1
    assert stats["map_head"] == get_map(preds[:, :1], labels[:, :1])
    assert epoch["map"] == round(stats["map"], 5)


def views(num_videos=4, num_clips=3, num_classes=5):
    """Scores of views in shuffled order, as workers deliver them."""
    generator = torch.Generator().manual_seed(0)
    preds = torch.rand(num_videos * num_clips, num_classes, generator=generator)
    order = torch.randperm(len(preds), generator=generator)
    return preds, order


@pytest.mark.parametrize(("method", "ensemble"), [("max", torch.amax), ("sum", torch.sum)])
def test_views_are_ensembled(method, ensemble):
    preds, order = views()
    preds = 0.5 - preds
    meter = TestMeter(4, 3, 5, 6, multi_label=True, ensemble_method=method)
    labels = torch.eye(5)[torch.arange(4)]
    for ids in order.split(5):
        meter.update_stats(preds[ids], labels[ids // 3], ids)
    torch.testing.assert_close(meter.video_preds, ensemble(preds.reshape(4, 3, 5), dim=1))
    assert torch.equal(meter.video_labels, labels)


def test_the_line_of_a_multi_label_test_is_in_per_cent():
    preds, _ = views()
    labels = (preds > 0.5).float()
    labels[:, 4] = 0
    meter = TestMeter(len(preds), 1, 5, len(preds), multi_label=True)
    meter.update_stats(preds.roll(3, 0), labels, torch.arange(len(preds)))
    segments = ["head", "middle", "middle", "tail", "tail"]
    stats = meter.finalize_metrics(segments=segments, extra={"initialisation": "from scratch"})
    expected = f"{100 * get_map(preds.roll(3, 0), labels):.2f}"
    assert stats["split"] == "test_final"
    assert stats["map"] == stats["top1_acc"] == stats["top5_acc"] == expected
    assert stats["map_head"] == f"{100 * get_map(preds.roll(3, 0)[:, :1], labels[:, :1]):.2f}"
    assert stats["initialisation"] == "from scratch"
    assert meter.stats == stats
    empty = meter.finalize_metrics(segments=["a"] * 4 + ["b"])
    assert empty["map_b"] is None, "a segment without a positive has no mAP"


def test_missing_views_cause_a_warning_and_missing_clips_are_left_out(caplog):
    meter = TestMeter(3, 2, 2, 1, multi_label=True, clip_name=lambda index: f"clip{index}")
    labels = torch.tensor([[1.0, 0], [1, 0], [0, 1]])
    meter.update_stats(torch.tensor([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]), labels, [0, 1, 4])
    assert meter.finalize_metrics()["map"] == "100.00"
    assert "2 of 3 clips did not get 2 views: clip1 (0), clip2 (1)." in caplog.text


def test_another_ensemble_is_refused():
    with pytest.raises(UserError, match=r"DATA\.ENSEMBLE_METHOD: 'mean' is neither max nor sum"):
        TestMeter(1, 1, 1, 1, ensemble_method="mean")
