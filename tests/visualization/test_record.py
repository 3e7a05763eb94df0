"""The record of a run: the data of its page."""

import base64
import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest

from slowfast.ak.classes.counts import read_class_table
from slowfast.datasets.build import build_dataset
from slowfast.visualization.page.pictures import SIDE
from slowfast.visualization.report import write_report
from slowfast.visualization.report.record import make_record
from slowfast.visualization.report.stills import clip_stills

from .records import NAMES, FakeClips, configuration, make_run, outcome, scores_and_labels


def test_figures_classes_curves_and_settings(tmp_path):
    page = make_run(tmp_path / "run", settings=["SOLVER.MAX_EPOCH", 7])
    record = json.loads((page.parent / "report.json").read_text())
    assert record["name"] == "run"
    assert record["figures"]["map_tail"] == pytest.approx(record["classes"][4]["ap"], abs=0.01)
    assert record["chance"]["map_tail"] < record["figures"]["map_tail"]
    last = record["classes"][5]
    assert (last["name"], last["segment"], last["train"], last["test"]) == ("Yawning", "tail", 0, 0)
    assert last["ap"] is None
    assert [row["name"] for row in record["classes"]] == NAMES
    assert record["settings"]["SOLVER.MAX_EPOCH"] == ["7", "300"]
    assert [point["epoch"] for point in record["curves"]["val"]] == [2, 4, 6]


def test_the_test_set_depends_on_clips_and_labels(tmp_path):
    class Renamed(FakeClips):
        def clip_name(self, index):
            return f"other {index}"

    def test_set(**changed):
        return make_record(configuration(tmp_path), [outcome(**changed)])["test_set"]

    labels = outcome().targets.copy()
    assert test_set() == test_set(scores=outcome(seed=1).scores)
    assert test_set() != test_set(clips=Renamed())
    labels[0, 0] = 1 - labels[0, 0]
    assert test_set() != test_set(targets=labels)


def test_stills_are_middle_frames_of_the_worst_clips(tmp_path):
    test = outcome()
    record = make_record(configuration(tmp_path), [test])
    scores, labels = scores_and_labels()
    assert {row["class"] for row in record["worst"]} == {0, 1, 2, 3, 4}
    for row in record["worst"]:
        column, carries = scores[:, row["class"]], labels[:, row["class"]] == 1
        lowest = row["missed"][0]
        assert column[lowest["clip"]] == column[carries].min()
        assert lowest["rank"] == (column >= column[lowest["clip"]]).sum()
        assert column[row["taken"][0]["clip"]] == column[~carries].max()
    for number, clip in record["clips"].items():
        assert clip["labels"] == labels[int(number)].nonzero()[0].tolist()
        assert clip["top"][0][1] == pytest.approx(scores[int(number)].max(), abs=1e-5)
        assert test.clips.asked[int(number)] == [(11 + int(number)) // 2]
        assert (clip["still"] is None) == (int(number) == 1)
    data = next(clip["still"] for clip in record["clips"].values() if clip["still"])
    jpeg = np.frombuffer(base64.b64decode(data.partition(",")[2]), np.uint8)
    picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR_RGB)
    assert picture.shape == (SIDE * 3 // 4, SIDE, 3)
    assert picture[..., 0].mean() > 150 > picture[..., 2].mean()  # red stays red


def test_rows_without_the_missing_clips_show_the_right_clips(tmp_path):
    """Clip 0 could not be read: row r is clip r + 1."""
    scores, labels = (part[1:] for part in scores_and_labels())
    reasons = {"clip <0>": "gone"}
    test = outcome(scores=scores, targets=labels, numbers=range(1, 60), missing=reasons)
    record = make_record(configuration(tmp_path), [test])
    assert record["clips_tested"] == 59
    assert record["missing_clips"] == reasons
    assert record["clips"]
    for row, clip in record["clips"].items():
        assert clip["name"] == f"clip <{int(row) + 1}>"
        assert test.clips.asked[int(row) + 1] == [(12 + int(row)) // 2]
        assert clip["labels"] == labels[int(row)].nonzero()[0].tolist()


def test_stills_keep_to_their_budget():
    clips = FakeClips()
    one = len(clip_stills(clips, [0])[0])
    assert len(clip_stills(clips, [0, 1, 2, 3, 4], budget=3 * one + 10)) == 3
    assert clip_stills(object(), [0]) == {}


def test_the_data_set_reads_the_stills(tiny_ak, tmp_path):
    cfg = configuration(tmp_path / "run", *tiny_ak.opts())
    clips = build_dataset("ak", cfg, "test")
    labels = clips.label_matrix()
    scores = np.random.default_rng(0).random(labels.shape)
    test = outcome(
        clips=clips,
        numbers=range(len(clips)),
        scores=scores,
        targets=labels,
        classes=read_class_table(cfg),
    )
    record = make_record(cfg, [test])
    assert record["clips"]
    assert all(clip["still"].startswith("data:image/jpeg") for clip in record["clips"].values())
    assert [row["name"] for row in record["classes"]] == ["0", "1", "2", "3", "4"]


def test_without_a_class_table_ids_are_the_names(tmp_path):
    record = make_record(configuration(tmp_path), [outcome(classes=None)])
    assert [row["name"] for row in record["classes"]] == list("012345")
    assert record["classes"][0]["train"] is None
    assert record["segments"] is None


def test_a_report_is_made_only_if_configured(tmp_path):
    off = configuration(tmp_path / "run", "TEST.REPORT", False)
    assert write_report(off, [outcome()]) is None
    of_another_task = outcome(figures=object())
    assert write_report(configuration(tmp_path / "run"), [of_another_task]) is None
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("trouble", ["folder", "scores"])
def test_a_failing_report_causes_a_warning(tmp_path, caplog, trouble):
    test = outcome()
    if trouble == "folder":
        (tmp_path / "report").write_text("in the way")
    else:
        test.per_class = None
    with caplog.at_level(logging.WARNING):
        assert write_report(configuration(tmp_path), [test]) is None
    assert "The report could not be written" in caplog.text
    assert not Path(tmp_path, "report", "index.html").exists()
