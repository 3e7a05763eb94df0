"""The check of a whole data set: lists, files and sheet, and its report."""

import json

import pytest

import slowfast.datasets  # noqa: F401  registers all data sets
from slowfast.ak.errors import UserError
from slowfast.data_tools import check_data as module
from slowfast.data_tools.check_data import (
    DataPlaces,
    check_data,
    missing_for_test,
    warnings_before_training,
)
from tests.data_tools.sheet_cases import rows_of_tiny_ak, write_workbook


def counts(report) -> dict[str, int]:
    return json.loads(report.as_json())["counts"]


def test_a_set_without_faults_by_its_folders_and_by_a_configuration(tiny_ak, cfg):
    by_cfg = DataPlaces.from_cfg(cfg, frames="both")
    by_folders = DataPlaces.beside(tiny_ak.annot, frames="both", num_classes=5)
    assert by_cfg == by_folders
    report = check_data(by_cfg, "decode")
    assert (report.faults, report.notes, report.complete) == ([], [], True)
    assert report.looked_at == 24  # 12 clips, each as images and as a video
    assert json.loads(report.as_json())["sound"] is True
    assert "No fault." in report.as_text()


def test_lists_of_pairs_as_in_kinetics(tiny_ak, cfg, tmp_path):
    lists = {"train": "t1.mp4 1\nt2.mp4 2\n", "val": "v1.mp4 7\n", "test": "t1.mp4 1\nno.mp4 0\n"}
    for split, text in lists.items():
        (tmp_path / f"{split}.csv").write_text(text)
    cfg.merge_from_list(["TRAIN.DATASET", "kinetics", "DATA.PATH_TO_DATA_DIR", str(tmp_path)])
    cfg.merge_from_list(["DATA.PATH_PREFIX", str(tiny_ak.video)])
    report = check_data(DataPlaces.from_cfg(cfg))
    assert counts(report) == {"both_splits": 1, "label": 1, "missing": 1}
    assert report.looked_at == 5


def test_what_a_run_refuses_or_points_out_in_a_list(tiny_ak, cfg, tmp_path):
    lists = {"train": "t1.mp4 1\nt1.mp4 1\nt2.mp4 2\n", "val": "v1.mp4 1,2\n", "test": "v2.mp4 x\n"}
    for split, text in lists.items():
        (tmp_path / f"{split}.csv").write_text(text)
    cfg.merge_from_list(["TRAIN.DATASET", "kinetics", "DATA.PATH_TO_DATA_DIR", str(tmp_path)])
    cfg.merge_from_list(["DATA.PATH_PREFIX", str(tiny_ak.video), "DATA.MULTI_LABEL", False])
    report = check_data(DataPlaces.from_cfg(cfg))
    assert [fault.kind for fault in report.faults] == ["list", "list"]
    text = report.as_text()
    assert "test.csv:1: expected a path, ' ' and one label" in text
    assert "val.csv:1: clip v1.mp4 has 2 labels; with DATA.MULTI_LABEL False" in text
    assert "train.csv: the lowest label is 1; no clip has label 0" in text
    assert "train.csv: lines that repeat a clip: 1; t1.mp4 has 2 lines" in text
    assert report.looked_at == 3


def test_faults_of_lists_and_files_together(ak_copy):
    (ak_copy / "video" / "v1.mp4").unlink()
    (ak_copy / "image" / "t2" / "t2_000004.jpg").write_bytes(b"")
    val = ak_copy / "annot" / "val.csv"
    val.write_text(val.read_text() + 't4 9 0 t4/t4_000001.jpg "3"\n')
    places = DataPlaces.beside(ak_copy / "annot", frames="both", num_classes=4)
    report = check_data(places)
    # The validation list has one of the five frames of t4; its images and its video have all five.
    found = {"both_splits": 1, "label": 2, "missing": 1, "empty": 1}
    assert counts(report) == found | {"extra_frames": 1, "frame_count": 1}
    text = report.as_text(shown=1)
    assert "Faults: 7; clips with faults: 5." in text
    assert "v1.mp4" in text
    assert "... and 1 more" in text


def test_labels_are_not_checked_without_a_number_of_classes(tiny_ak):
    report = check_data(DataPlaces.beside(tiny_ak.annot))
    assert report.faults == []
    assert "Labels are not checked" in report.as_text()


def test_differences_from_the_sheet_are_found(ak_copy):
    rows = rows_of_tiny_ak()
    rows[0][2] = "test"  # t0
    rows[1][3] = "0,2"  # t1 has 0,1, as its pairs do
    rows[2][4] = "[('Mongoose', 'Barking')]"  # t2 has 1
    rows[3][1] = "elsewhere"  # t3
    write_workbook(ak_copy / "annot" / "AR_metadata.xlsx", rows)
    report = check_data(DataPlaces.beside(ak_copy / "annot"))
    assert {fault.kind: fault.clip for fault in report.faults} == {
        "sheet_split": "t0",
        "sheet_labels": "t1",
    }
    notes = {(note.kind, note.clip) for note in report.notes}
    assert notes == {
        ("sheet_pairs", "t1"),
        ("sheet_pairs", "t2"),
        ("not_in_sheet", "t3"),
        ("not_listed", "elsewhere"),
    }


def test_notes_are_not_faults(ak_copy):
    rows = rows_of_tiny_ak()
    rows[2][4] = "[('Mongoose', 'Barking')]"
    write_workbook(ak_copy / "annot" / "AR_metadata.xlsx", rows)
    report = check_data(DataPlaces.beside(ak_copy / "annot"))
    assert json.loads(report.as_json())["sound"] is True
    assert "labels 1; not in the pairs: 1; only in the pairs: 3" in report.as_text()


def test_a_list_that_cannot_be_read_is_a_fault_and_the_other_is_checked(ak_copy):
    (ak_copy / "annot" / "val.csv").write_text("nonsense\n")
    report = check_data(DataPlaces.beside(ak_copy / "annot"))
    assert counts(report) == {"list": 1}
    assert report.looked_at == 8
    (ak_copy / "annot" / "train.csv").unlink()
    with pytest.raises(UserError):
        check_data(DataPlaces.beside(ak_copy / "annot"))


def test_the_report_of_a_stopped_check_has_the_faults_so_far(ak_copy, monkeypatch):
    (ak_copy / "image" / "t0" / "t0_000004.jpg").write_bytes(b"")
    check_clip = module.check_clip

    def check_until_v2(reader, clip, level):
        if reader.clips.name(clip) == "v2":
            raise KeyboardInterrupt
        return check_clip(reader, clip, level)

    monkeypatch.setattr(module, "check_clip", check_until_v2)
    report = check_data(DataPlaces.beside(ak_copy / "annot"))
    assert report.complete is False
    assert counts(report) == {"empty": 1}
    assert json.loads(report.as_json())["sound"] is False
    assert f"STOPPED after {report.looked_at} of 12 clips" in report.as_text()
    assert report.looked_at < 12


def test_there_are_no_warnings_about_other_kinds_of_data_sets():
    assert warnings_before_training(object(), object(), 0) == []


def test_what_the_test_will_lack_is_known_before_the_training(cfg, tmp_path):
    cfg.TRAIN.DATASET = cfg.TEST.DATASET = "kinetics"
    cfg.DATA.PATH_TO_DATA_DIR = str(tmp_path)
    cfg.TEST.CHECKPOINT_FILE_PATH = str(tmp_path / "w.pyth")
    no_list, no_weights = missing_for_test(cfg)
    assert no_list.startswith(f"{tmp_path / 'test.csv'}: there is no such list")
    assert no_weights.startswith(f"TEST.CHECKPOINT_FILE_PATH {tmp_path / 'w.pyth'}: there is no")
    for name in ("test.csv", "w.pyth"):
        (tmp_path / name).touch()
    assert missing_for_test(cfg) == []
