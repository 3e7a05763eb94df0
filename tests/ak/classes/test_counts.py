"""Counts of the classes: from the training list, or from a sheet by name or by index."""

import json
from pathlib import Path

import pytest
from openpyxl import Workbook

from slowfast.ak.classes.counts import class_counts_from_cfg, read_class_table, read_counts
from slowfast.ak.classes.table import read_sheet
from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.config.defaults import get_cfg

SHEET = Path(__file__).parents[2] / "reference/ak_sheet.json"
HEADER = "action_category,action,index,segment,count\n"


@pytest.fixture
def cfg(tiny_ak):
    cfg = get_cfg()
    cfg.MODEL.NUM_CLASSES, cfg.TRAIN.DATASET = 5, "ak"
    cfg.DATA.PATH_TO_DATA_DIR = str(tiny_ak.annot)
    return cfg


@pytest.fixture
def sheet(tmp_path):
    def write(text, name="counts.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def test_clips_are_counted_and_not_lines(cfg):
    counts = class_counts_from_cfg(cfg)
    assert counts.counts.tolist() == [4, 3, 2, 2, 1]
    assert counts.num_clips == 8
    assert counts.source.endswith("train.csv")


def test_given_clips_are_counted(cfg, tiny_ak):
    clips = ClipList.read(tiny_ak.annot / "val.csv")
    assert class_counts_from_cfg(cfg, clips).counts.tolist() == [1, 1, 1, 1, 1]


def test_a_sheet_is_read_by_index(cfg, sheet):
    rows = "".join(f"x,n{i},{i},tail,{10 * i + 0.5 * (i == 2)}\n" for i in (3, 1, 0, 2, 4))
    cfg.LOSS.CLASS_COUNTS = str(sheet(HEADER + rows))
    counts = class_counts_from_cfg(cfg)
    assert counts.counts.tolist() == [0, 10, 20.5, 30, 40]
    assert counts.num_clips == 8  # the list exists
    cfg.DATA.PATH_TO_DATA_DIR = "nowhere"
    assert class_counts_from_cfg(cfg).num_clips is None


def test_animal_kingdoms_sheet_is_read_by_name(tmp_path):
    """It has "Flapping Tail" at 50 and "Lying Down" at 70."""
    rows = json.loads(SHEET.read_text())["rows"]
    assert ["Flapping Tail", 50, "middle", 267] in rows
    assert ["Lying Down", 70, "tail", 42] in rows
    path = tmp_path / "df_action.xlsx"
    book = Workbook()
    for row in [["action", "index", "segment", "count"], *rows]:
        book.active.append(row)
    book.save(path)
    counts, source = read_counts(path, 140)
    assert counts.sum() == 48038
    assert [counts[i] for i in (49, 50, 70, 74, 84, 139)] == [267, 4, 2, 42, 53, 52]
    assert "by class name" in source
    names, segments, _ = read_sheet(path, 140)
    assert [names[i] for i in (49, 74, 139)] == ["Flapping tail", "Lying down", "Yawning"]
    assert [segments[i] for i in (49, 74, 139)] == ["middle", "tail", "tail"]
    by_name = {" ".join(name.split()).casefold(): count for name, *_, count in rows}
    assert [by_name[name.casefold()] for name in names] == counts.tolist()


ROWS = "x,a,0,tail,3\nx,b,1,tail,2\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER + ROWS + "x,c,2,tail,many\n", r"row 4: .* from 0 on, found 'many' \(c\)"),
        (HEADER + ROWS + "x,c,2,tail,\n", "row 4: .* found ''"),
        (HEADER + ROWS + "x,c,2,tail,-1\n", "row 4: .* found '-1'"),
        (HEADER + ROWS + "x,c,2,tail,nan\n", "row 4: .* found 'nan'"),
        ("action,index\na,0\nb,1\nc,2\n", "row 1: expected a column count, which LOSS"),
    ],
)
def test_a_sheet_that_does_not_fit_is_refused(sheet, text, says):
    with pytest.raises(UserError, match=rf"counts.csv: {says}"):
        read_counts(sheet(text), 3)


def test_errors_name_the_key(cfg, sheet):
    cfg.LOSS.CLASS_COUNTS = "none.xlsx"
    with pytest.raises(UserError, match=r"LOSS.CLASS_COUNTS: there is no file none.xlsx"):
        class_counts_from_cfg(cfg)
    cfg.LOSS.CLASS_COUNTS = str(sheet(HEADER + ROWS))
    with pytest.raises(UserError, match=r"name another by LOSS\.CLASS_COUNTS"):
        class_counts_from_cfg(cfg)
    cfg.LOSS.CLASS_COUNTS, cfg.DATA.PATH_TO_DATA_DIR = "", "nowhere"
    with pytest.raises(UserError, match=r"nowhere/train.csv: there is no such frame list"):
        class_counts_from_cfg(cfg)


def test_class_table_counts_the_training_list(cfg):
    cfg.AK.HEAD_MIN, cfg.AK.TAIL_MAX = 4, 1
    assert read_class_table(cfg).segments == ["head", "middle", "middle", "middle", "tail"]
    cfg.DATA.PATH_TO_DATA_DIR = "nowhere"
    assert read_class_table(cfg) is None
