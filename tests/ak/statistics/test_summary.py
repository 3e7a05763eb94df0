"""The statistics of a data set: its figures, its text and its picture."""

import json
import re
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from slowfast.ak.classes.table import ClassTable
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.statistics.picture import COLOURS, draw
from slowfast.ak.statistics.summary import Split, Statistics
from slowfast.ak.statistics.text import as_text


@pytest.fixture
def data(tiny_ak):
    train, test = (
        Split.of_list(ClipList.read(tiny_ak.annot / name), 6) for name in ("train.csv", "val.csv")
    )
    return Statistics(train, test, ClassTable.make(None, 6, train.class_counts, 4, 1))


def test_figures_are_counted_in_clips(data):
    found = data.as_dict()
    assert found["train"]["clips"] == 8
    assert found["train"]["labels"] == 12
    assert found["train"]["labels_a_clip"] == [1, 3, 3, 1]
    assert found["train"]["labels_a_clip_mean"] == 1.5
    assert found["train"]["frames"] == 137
    assert found["train"]["frames_a_clip"] == {"min": 1, "median": 20.0, "max": 30}
    assert found["test"]["classes_with_a_clip"] == 5
    assert found["imbalance_ratio"] == 4
    assert found["no_training_clip"] == found["no_test_clip"] == ["5"]
    tail = {"classes": 2, "smallest": 0, "largest": 1, "with_test_clips": 1}
    assert found["segments"]["tail"] == tail
    counts = {"training_count": 3, "test_count": 1}
    assert found["classes"][1] == {"id": 1, "name": "1", "segment": "middle"} | counts
    json.dumps(found)


def split(labels, names=None):
    labels = np.array(labels, bool)
    names = names or [f"c{i}" for i in range(len(labels))]
    return Split(Path("list.csv"), names, labels, np.full(len(labels), 10))


def test_pairs_by_clips_and_by_lift():
    labels = np.zeros((40, 4), bool)
    labels[:20, 0] = labels[10:30, 1] = True  # 10 clips together, as by chance
    labels[30:36, 2] = labels[30:36, 3] = True  # always together
    train = split(labels)
    data = Statistics(train, train, ClassTable.make(None, 4, train.class_counts, 10, 1))
    by_clips, by_lift = data.pairs(), data.pairs(by="lift")
    assert [(p.first, p.second, p.clips) for p in by_clips] == [(0, 1, 10), (2, 3, 6)]
    assert [p.lift for p in by_clips] == pytest.approx([1, 40 / 6])
    assert [(p.first, p.second) for p in by_lift] == [(2, 3)], "(0, 1) are together by chance"
    assert data.together()[0].tolist() == [20, 10, 0, 0]


def test_the_text_has_missing_classes_and_clips_in_both_lists(data):
    text = as_text(data)
    assert "Segments: by training clips: head from 4 on, tail up to 1." in text
    assert "Classes without a test clip (1): 5." in text
    assert "in both" not in text
    labels = np.eye(6, dtype=bool)
    both = Statistics(split(labels), split(labels[:2], ["c5", "x"]), data.table)
    assert "1 clips are in both lists" in as_text(both)


def test_a_list_without_numbers_of_frames_is_described_and_drawn(data, tmp_path, monkeypatch):
    """Names in the picture are text, and long names are cut."""
    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")
    names = [r"a $\frac$ b", "x" * 120, *data.table.names[2:]]
    table, light = replace(data.table, names=names), replace(data.test, frames=None)
    data = replace(data, table=table, test=light)
    assert re.search(r"frames per clip, median .* unknown\n", as_text(data))
    json.dumps(data.as_dict())
    draw(data, tmp_path / "a.svg", title="$$")
    text = (tmp_path / "a.svg").read_text()
    assert r">a $\frac$ b<" in text
    assert f">{'x' * 31}\N{HORIZONTAL ELLIPSIS}<" in text
    assert "x" * 32 not in text
    assert "mathdefault" not in text


def test_segments_have_the_colours_of_the_report_page():
    style = Path(__file__).parents[3] / "slowfast/visualization/page/base.css"
    page = re.findall(r"--(head|middle|tail): light-dark\((#\w+),", style.read_text())
    assert dict(page) == COLOURS


def test_a_picture_that_cannot_be_written_is_an_error(data, tmp_path):
    with pytest.raises(UserError, match="Format 'xyz' is not supported"):
        draw(data, tmp_path / "a.xyz")
