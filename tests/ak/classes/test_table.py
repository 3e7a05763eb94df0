"""Class names and segments: by a sheet's index, by Animal Kingdom's names, or by counts."""

import csv
from pathlib import Path

import numpy as np
import pytest
from openpyxl import Workbook

from slowfast.ak.classes.table import (
    ANIMAL_KINGDOM,
    ClassTable,
    count_classes,
    read_sheet,
    segments_by_count,
)
from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg

COLUMNS = ["S/N", "action_category", "action", "index", "segment", "count"]
KNOWN = [(49, "Flapping tail", "middle", 309), (74, "Lying down", "tail", 72)]
KNOWN += [(139, "Yawning", "tail", 59)]
ROWS = [
    [1, "Motion", "Rising", 2, "tail", 3],
    [2, "Motion", "Falling", 0, "head", 90],
    [3, "Shape", "Round", 1, "Middle", 20],
]


@pytest.fixture
def cfg(tmp_path):
    cfg = get_cfg()
    cfg.MODEL.NUM_CLASSES = 3
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    return cfg


def write_xlsx(path, rows, columns=COLUMNS):
    book = Workbook()
    for row in [columns, *rows]:
        book.active.append(row)
    book.save(path)


def test_a_sheet_beside_the_lists_is_read_by_index(cfg, tmp_path):
    for name in ("df_action_count.xlsx", "df_action.xlsx"):
        write_xlsx(tmp_path / name, ROWS)
        table = ClassTable.from_cfg(cfg, None)
        assert table.names == ["Falling", "Round", "Rising"]
        assert table.segments == ["head", "middle", "tail"]
        assert table.source == f"by {tmp_path / name}"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_key_may_name_a_csv(cfg, tmp_path, separator):
    path = tmp_path / "classes.CSV"
    text = "\ufeffid,name,segment\n1,b,tail\n0,a,head\n2,c,tail\n\n"
    path.write_text(text.replace(",", separator))
    cfg.AK.CLASSES = str(path)
    table = ClassTable.from_cfg(cfg, None)
    assert table.names == ["a", "b", "c"]
    assert table.segments == ["head", "tail", "tail"]


def test_without_a_sheet_training_counts_decide(cfg):
    cfg.AK.HEAD_MIN, cfg.AK.TAIL_MAX = 500, 100
    table = ClassTable.from_cfg(cfg, [500, 101, 100])
    assert table.segments == ["head", "middle", "tail"]
    assert table.names == ["0", "1", "2"]
    assert "500" in table.source
    assert "100" in table.source
    assert ClassTable.from_cfg(cfg, None) is None
    segments = segments_by_count([0, 7, 8, 9], head_min=9, tail_max=7)
    assert segments == ["tail", "tail", "middle", "head"]


def test_a_sheet_without_segments_gives_names_only(cfg, tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text("index,action\n0,a\n1,b\n2,c\n")
    cfg.AK.CLASSES = str(path)
    assert ClassTable.from_cfg(cfg, None) is None
    table = ClassTable.from_cfg(cfg, [1000, 1, 200])
    assert table.names == ["a", "b", "c"]
    assert table.segments == ["head", "tail", "middle"]


@pytest.mark.parametrize(
    ("rows", "columns", "says"),
    [
        (ROWS[:2], COLUMNS, "2 classes, expected 3 .*; no row has index 1"),
        ([*ROWS, ROWS[0]], COLUMNS, "row 5: expected each index in 0..2 once, found '2'"),
        ([[1, "", "x", 3, "tail", 1]], COLUMNS, "row 2: .* found '3'"),
        ([[1, "", "x", "one", "tail", 1]], COLUMNS, "row 2: .* found 'one'"),
        ([*ROWS[:2], [3, "", "x", 1, "end", 1]], COLUMNS, "row 4: .* found 'end'"),
        (ROWS, ["a", "b", "c", "d", "e", "f"], "row 1: expected the columns action, index"),
    ],
)
def test_a_sheet_that_does_not_fit_is_refused(tmp_path, rows, columns, says):
    path = tmp_path / "classes.xlsx"
    write_xlsx(path, rows, columns)
    with pytest.raises(UserError, match=f"classes.xlsx: {says}"):
        read_sheet(path, 3)


def test_missing_and_other_files_are_refused(cfg, tmp_path):
    cfg.AK.CLASSES = str(tmp_path / "none.xlsx")
    with pytest.raises(UserError, match=r"AK.CLASSES: there is no file .*none.xlsx"):
        ClassTable.from_cfg(cfg, None)
    (tmp_path / "none.xlsx").write_text("<html>")
    with pytest.raises(UserError, match="cannot be read as a sheet"):
        ClassTable.from_cfg(cfg, None)


def test_classes_of_a_sheet_are_counted(tmp_path):
    write_xlsx(tmp_path / "a.xlsx", [*ROWS, [None] * 6])
    assert count_classes(tmp_path / "a.xlsx") == 3


COUNTS = Path(__file__).parents[2] / "reference" / "ak_class_counts.csv"


def test_names_segments_and_counts_have_the_right_ids(tmp_path):
    """The sheet has names on wrong ids, in capitals and with spaces. The counts come from the lists
    of the data set."""
    with COUNTS.open() as file:
        counted = list(csv.DictReader(file))
    with ANIMAL_KINGDOM.open() as file:
        known = list(csv.DictReader(file))
    train = np.array([int(row["train_clips"]) for row in counted])
    tested = np.array([int(row["test_clips"]) > 0 for row in counted])
    assert (train.sum(), tested.sum()) == (51973, 127)

    sheet = [
        [0, "", f" {row['name'].upper()} ", 139 - int(row["id"]), row["segment"], 1]
        for row in known
    ]
    write_xlsx(tmp_path / "df_action.xlsx", sheet)
    table = ClassTable.make(tmp_path / "df_action.xlsx", 140, train, 500, 100)
    assert table.names == [row["name"] for row in counted]
    assert "by class name" in table.source
    for index, *expected in KNOWN:
        assert [table.names[index], table.segments[index], table.train_counts[index]] == expected

    def sizes(segments):
        own = [np.array(segments) == name for name in ("head", "middle", "tail")]
        return [int(s.sum()) for s in own], [int((s & tested).sum()) for s in own]

    assert sizes(table.segments) == ([17, 29, 94], [17, 29, 81])
    by_count = ClassTable.make(None, 140, train, 500, 100)
    assert sizes(by_count.segments) == ([18, 32, 90], [18, 32, 77])
