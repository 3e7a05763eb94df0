"""mAP and mAP by segment in the log, in the same unit; rows without labels are left out."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from slowfast.ak.upstream import meters
from slowfast.utils import logging as log

CASES = json.loads((Path(__file__).parents[2] / "reference/map.json").read_text())["cases"]
SEGMENTS = {"map_head", "map_middle", "map_tail", "map_micro"}


class ViewMeter:
    """Combines views as upstream's meter does; sums start at -1e10."""

    def __init__(self, clips, num_clips, classes, ensemble_method="sum", multi_label=True):
        self.num_clips, self.ensemble_method = num_clips, ensemble_method
        self.video_preds = torch.zeros(clips, classes)
        self.video_labels = torch.zeros((clips, classes) if multi_label else clips).long()
        self.clip_count = torch.zeros(clips).long()
        self.reset()

    def reset(self):
        self.video_preds.fill_(-1e10)

    def update_stats(self, preds, labels, clip_ids):
        for row, view in enumerate(clip_ids.tolist()):
            clip = view // self.num_clips
            self.video_labels[clip] = labels[row]
            best = torch.maximum(self.video_preds[clip], preds[row])
            total = self.video_preds[clip] + preds[row]
            self.video_preds[clip] = best if self.ensemble_method == "max" else total
            self.clip_count[clip] += 1

    def finalize_metrics(self, ks=(1, 5)):
        self.scored = self.video_preds.clone(), self.video_labels.clone()


class ClipMeter:
    def __init__(self):
        self.taken = []

    def update_predictions(self, preds, labels):
        self.taken.append((preds, labels))


@pytest.fixture
def lines(monkeypatch):
    """The lines that are logged after `prepare`, and the prepared classes of meters."""
    logged = []
    monkeypatch.setattr(log, "log_json_stats", lambda stats, output_dir=None: logged.append(stats))
    kinds = SimpleNamespace(
        View=type("View", (ViewMeter,), {}), Clip=type("Clip", (ClipMeter,), {})
    )
    monkeypatch.setattr(meters, "_measured", meters._Measured())
    meters.prepare(kinds.View, kinds.Clip)
    return SimpleNamespace(logged=logged, **vars(kinds))


@pytest.fixture
def ak(cfg, lines):
    """The tiny data set: class 0 is the head, class 4 the tail."""
    cfg.merge_from_list(["AK.HEAD_MIN", 4, "AK.TAIL_MAX", 1])
    meters.measures(cfg)
    return cfg


def scored(seed=0, clips=30, classes=5):
    rng = np.random.default_rng(seed)
    return rng.random((clips, classes)), (rng.random((clips, classes)) < 0.3).astype(np.float32)


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["seed"]))
def test_map_is_the_reference_value(case):
    rng = np.random.Generator(np.random.PCG64(case["seed"]))
    shape = case["n"], case["k"]
    preds = rng.random(shape).astype(np.float32)
    labels = (rng.random(shape) < case["p"]).astype(np.float32)
    if case["rounded_to_1_decimal"]:
        preds = preds.round(1)
    found = meters.get_map(preds, labels)
    assert isinstance(found, float)
    assert found == pytest.approx(case["map"], abs=1e-9)


@pytest.mark.parametrize("in_per_cent", [True, False])
def test_segments_have_the_unit_of_map(ak, lines, in_per_cent):
    preds, labels = scored()
    labels[:, 4] = 0
    value = meters.get_map(preds, labels)
    log.log_json_stats({"map": f"{100 * value:.2f}" if in_per_cent else value, "split": "x"})
    (line,) = lines.logged
    assert set(line) == {"map", "split", *SEGMENTS}
    head = average_precision_score(labels[:, 0], preds[:, 0])
    micro = average_precision_score(labels, preds, average="micro")
    if in_per_cent:
        assert (line["map_head"], line["map_micro"]) == (f"{100 * head:.2f}", f"{100 * micro:.2f}")
    else:
        assert line["map_head"] == pytest.approx(head)
        assert line["map_micro"] == pytest.approx(micro)
    assert line["map_tail"] is None, "class 4 has no clip"


def test_lines_without_the_last_map_are_unchanged(ak, lines):
    value = meters.get_map(*scored())
    for line in ({"loss": 1.0}, {"map": value / 2}, {"map": "12.34"}):
        log.log_json_stats(line, output_dir="somewhere")
    assert lines.logged == [{"loss": 1.0}, {"map": value / 2}, {"map": "12.34"}]


def test_other_data_sets_have_no_segments(ak, lines):
    meters.measures(None)
    log.log_json_stats({"map": meters.get_map(*scored())})
    assert set(lines.logged[0]) == {"map"}


def test_without_segments_the_line_gets_micro_map_only(ak, lines):
    ak.DATA.PATH_TO_DATA_DIR = "nowhere"
    meters.measures(ak)
    log.log_json_stats({"map": meters.get_map(*scored())})
    assert set(lines.logged[0]) == {"map", "map_micro"}


def test_without_positive_labels_map_is_0(ak, lines):
    preds, labels = scored()
    assert meters.get_map(preds, 0 * labels) == 0.0
    log.log_json_stats({"map": 0.0})
    assert lines.logged == [{"map": 0.0, **dict.fromkeys(SEGMENTS)}]


def test_sums_start_at_0_and_maxima_are_unchanged(lines):
    for method, expected in (("sum", 0.75), ("max", 0.5)):
        meter = lines.View(1, 2, 1, method)
        views = torch.tensor([[0.25], [0.5]])
        meter.update_stats(views, torch.ones(2, 1), torch.arange(2))
        assert meter.video_preds.tolist() == [[expected]]


@pytest.mark.parametrize("multi_label", [True, False])
def test_rows_without_label_are_left_out_of_the_test(ak, lines, multi_label, caplog):
    """Three clips have two views each; clip 1 is unreadable, and the last row fills a batch."""
    meter = lines.View(3, 2, 4, multi_label=multi_label)
    labels = torch.tensor([0, 0, -1, -1, 3, 3, -1])
    if multi_label:
        labels = torch.where(labels[:, None] < 0, -1, torch.eye(4).long()[labels.clamp(min=0)])
    views = torch.tensor([0, 1, 2, 3, 4, 5, -1])
    meter.update_stats(torch.arange(28.0).reshape(7, 4), labels, views)
    assert meter.clip_count.tolist() == [2, 0, 2]
    assert (meter.video_labels[1] == -1).all()
    meter.finalize_metrics()
    preds, found = meter.scored
    assert preds.tolist() == [[4.0, 6.0, 8.0, 10.0], [36.0, 38.0, 40.0, 42.0]]
    assert found.tolist() == labels[[0, 4]].tolist()
    assert len(meter.video_preds) == 3
    assert "1 of 3 clips are left out of all figures." in caplog.text


@pytest.mark.parametrize("multi_label", [True, False])
def test_rows_without_label_are_left_out_of_validation(ak, lines, multi_label):
    meter = lines.Clip()
    labels = torch.tensor([[1, 0], [-1, -1], [0, 0]]) if multi_label else torch.tensor([1, -1, 0])
    meter.update_predictions(labels=labels, preds=torch.arange(6.0).reshape(3, 2))
    ((preds, found),) = meter.taken
    assert preds.tolist() == [[0, 1], [4, 5]]
    assert torch.equal(found, labels[[0, 2]])


def test_clips_of_unknown_class_in_other_data_sets_keep_their_scores(ak, lines):
    meters.measures(None)
    unknown = torch.full((2,), -1)
    views, clips = lines.View(2, 1, 3, multi_label=False), lines.Clip()
    views.update_stats(torch.ones(2, 3), unknown, torch.arange(2))
    clips.update_predictions(torch.ones(2, 3), unknown)
    assert views.video_preds.tolist() == [[1, 1, 1]] * 2
    assert views.clip_count.tolist() == [1, 1]
    assert len(clips.taken[0][0]) == 2
