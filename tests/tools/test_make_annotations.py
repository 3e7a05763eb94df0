"""The command make_annotations: from a sheet and files to a data set that can be read."""

import runpy
import shutil
from pathlib import Path

import pytest

from slowfast.ak.classes.table import ClassTable, find_sheet
from slowfast.ak.clips.animal_kingdom import Ak
from slowfast.ak.frames.video import VideoFrames
from slowfast.ak.lists.clip_list import ClipList
from slowfast.config.defaults import get_cfg
from tests.data_tools.sheet_cases import ACTIONS, rows_of_tiny_ak, write_workbook

TOOLS = Path(__file__).parents[2] / "tools"
main, check = (
    runpy.run_path(str(TOOLS / name))["main"] for name in ("make_annotations.py", "check_data.py")
)


@pytest.mark.parametrize("kind", ["video", "image"])
def test_from_a_sheet_and_files_to_a_checked_data_set(tiny_ak, tmp_path, capsys, kind):
    sheet = write_workbook(tmp_path / "AR_metadata.xlsx", rows_of_tiny_ak())
    annot = tmp_path / "ak" / "annot"
    files = f"--{kind}s", str(getattr(tiny_ak, kind))
    assert main([str(sheet), *files, "--out", str(annot)]) == 0
    said = capsys.readouterr().out
    assert "train.csv: 8 clips, 137 frames" in said
    assert "val.csv: 4 clips, 51 frames" in said

    cfg = get_cfg()
    cfg.merge_from_list([*tiny_ak.opts(), "DATA.PATH_TO_DATA_DIR", str(annot), "AK.FRAMES", kind])
    for split, length in (("train", 8), ("val", 4), ("test", 4)):
        dataset = Ak(cfg, split)
        assert len(dataset) == length
        assert all(len(dataset[0, index]) == 5 for index in range(length))
    assert dataset[0, 0][1].tolist() == [1, 0, 0, 1, 0]  # v0

    assert check(["--lists", str(annot), *files, "--frames", kind, "--level", "decode"]) == 0
    assert "No fault." in capsys.readouterr().out


def test_the_table_of_classes_is_written_beside_the_lists(tiny_ak, tmp_path):
    sheet = write_workbook(tmp_path / "AR_metadata.xlsx", rows_of_tiny_ak())
    annot = tmp_path / "annot"
    assert main([str(sheet), "--videos", str(tiny_ak.video), "--out", str(annot)]) == 0
    assert (annot / "AR_metadata.xlsx").read_bytes() == sheet.read_bytes()
    counts = ClipList.read(annot / "train.csv").class_counts(140)
    table = ClassTable.make(find_sheet("", str(annot)), 140, counts, 500, 100)
    assert tuple(table.names[:5]) == ACTIONS
    assert "ids by class name" in table.source
    (annot / "df_action.xlsx").write_bytes(b"mine")
    assert main([str(sheet), "--videos", str(tiny_ak.video), "--out", str(annot), "--force"]) == 0
    assert (annot / "df_action.xlsx").read_bytes() == b"mine"


def test_clips_that_are_left_out_are_reported(tiny_ak, tmp_path, capsys):
    rows = [*rows_of_tiny_ak(), [13, "ghost", "train", "1", "[]"]]
    sheet = str(write_workbook(tmp_path / "AR_metadata.xlsx", rows[1:]))
    videos = ["--videos", str(tiny_ak.video)]
    out = ["--out", str(tmp_path / "annot")]
    assert main([sheet, *videos, *out, "--strict"]) == 2
    assert "ghost" in capsys.readouterr().err
    assert main([sheet, *videos, *out]) == 0
    said = capsys.readouterr().out
    assert "Clips of the sheet left out (1): ghost (no ghost.mp4)" in said
    assert "Files without a clip in the sheet (1): t0.mp4" in said
    assert main([sheet, *videos, *out]) == 2
    assert "exist already" in capsys.readouterr().err


def test_file_names_of_videos_may_end_in_capitals(tiny_ak, tmp_path, capsys):
    (tmp_path / "video").mkdir()
    for clip, file in (("t1", "t1.MP4"), ("v0", "v0.mp4")):
        shutil.copy(tiny_ak.video / f"{clip}.mp4", tmp_path / "video" / file)
    sheet = tmp_path / "clips.csv"
    sheet.write_text("clip,split,labels\nt1,train,1\nv0,val,2\n")
    out = tmp_path / "annot"
    assert main([str(sheet), "--videos", str(tmp_path / "video"), "--out", str(out)]) == 0
    assert "left out" not in capsys.readouterr().out
    reader = VideoFrames(ClipList.read(out / "train.csv"), tmp_path / "video")
    assert len(reader.read(0, [0, 5])) == 2


def test_ctrl_c_leaves_no_list(tiny_ak, tmp_path, monkeypatch, capsys):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("slowfast.data_tools.annotations.check_video_file", stop)
    sheet = str(write_workbook(tmp_path / "AR_metadata.xlsx", rows_of_tiny_ak()))
    out = tmp_path / "annot"
    assert main([sheet, "--videos", str(tiny_ak.video), "--out", str(out)]) == 130
    assert not out.exists()
    assert "interrupted" in capsys.readouterr().err
