"""Sheets of clips are read, or refused with the number of the row."""

from pathlib import Path

import pytest

from slowfast.ak.errors import UserError
from slowfast.data_tools.metadata_sheet import pair_differences, read_sheet_of_clips
from tests.data_tools.sheet_cases import ACTIONS, rows_of_tiny_ak, write_workbook

REAL = Path(__file__).parents[3] / "shared/ak/AR_metadata.xlsx"


def test_the_workbook_is_read(tmp_path):
    clips = read_sheet_of_clips(write_workbook(tmp_path / "AR_metadata.xlsx", rows_of_tiny_ak()))
    assert [clip.name for clip in clips][:3] == ["t0", "t1", "t2"]
    assert {clip.split for clip in clips if clip.name.startswith("v")} == {"val"}
    assert clips[6].labels == (1, 2, 3)
    assert clips[7].labels == ()
    assert (clips[0].row, clips[8].row) == (2, 10)
    assert pair_differences(clips) == []


@pytest.mark.parametrize(
    "text",
    [
        'clip,split,labels\nzebra 1,train,"40,2"\nzebra/2,test,78\nzebra3,val,\n',
        "\ufeffclip,split,labels\r\nzebra 1,train,2;40\r\nzebra/2,test,78\r\n\r\nzebra3,val,\r\n",
        "labels;Clip;Split;remark\n2,40,2;zebra 1;Train;\n78;zebra/2;TEST;x\n;zebra3;valid;",
    ],
)
def test_a_csv_is_read(tmp_path, text):
    path = tmp_path / "clips.csv"
    path.write_text(text, encoding="utf-8")
    found = [(clip.name, clip.split, clip.labels) for clip in read_sheet_of_clips(path)]
    assert found == [
        ("zebra 1", "train", (2, 40)),
        ("zebra/2", "val", (78,)),
        ("zebra3", "val", ()),
    ]
    assert pair_differences(read_sheet_of_clips(path)) == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,sometimes,2", "expected train, val or test"),
        ("a,train,2.4", "expected class ids"),
        (",train,1", "no name"),
        ("first,val,1", "is in row 2 already"),
    ],
)
def test_one_error_lists_all_wrong_rows(tmp_path, row, said):
    path = tmp_path / "clips.csv"
    path.write_text(f"clip,split,labels\nfirst,train,1\n{row}\nx,never,1\n")
    with pytest.raises(UserError) as error:
        read_sheet_of_clips(path)
    first, second = str(error.value).splitlines()
    assert "row 3" in first
    assert said in first
    assert "row 4" in second


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_sheet_of_clips(tmp_path / "none.xlsx")
    for name in ("page.xlsx", "page.csv"):
        (tmp_path / name).write_bytes(b"<html>\xff\xfe</html>")
        with pytest.raises(UserError, match="cannot be read"):
            read_sheet_of_clips(tmp_path / name)
    (tmp_path / "classes.csv").write_text("id,name\n0,Abseiling\n")
    with pytest.raises(UserError, match=r"expected the columns clip.*found id, name"):
        read_sheet_of_clips(tmp_path / "classes.csv")
    (tmp_path / "empty.csv").write_text("clip,split,labels\n")
    with pytest.raises(UserError, match="no row"):
        read_sheet_of_clips(tmp_path / "empty.csv")


def test_pairs_with_other_actions_than_the_labels_are_found(tmp_path):
    one, other = ACTIONS[:2]
    pairs = {
        "alike": f"[('Fox', '{one}'), ('Hen', '{other.upper()}')]",
        "nested": f"""['[("Fea\\'S Fox", \\'{one}\\')]', '[("Hen", \\'{other}\\')]']""",
        "fewer": f"[('Fox', '{one}')]",
        "more": f"[('Fox', '{one}'), ('Hen', '{other}'), ('Hen', '{ACTIONS[2]}')]",
        "unknown": f"[('Fox', '{one}'), ('Hen', '{other}'), ('Hen', 'Sleepwalking')]",
        "none": "[]",
        "broken": "[('Fox', ",
    }
    rows = [[i, name, "train", "0,1", text] for i, (name, text) in enumerate(pairs.items())]
    clips = read_sheet_of_clips(write_workbook(tmp_path / "AR_metadata.xlsx", rows))
    found = {
        one.clip.name: (one.only_labels, one.only_pairs, one.unknown)
        for one in pair_differences(clips)
    }
    assert found == {
        "fewer": ((1,), (), ()),
        "more": ((), (2,), ()),
        "unknown": ((), (), ("Sleepwalking",)),
        "none": ((0, 1), (), ()),
        "broken": ((0, 1), (), (pairs["broken"].strip(),)),
    }


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_file(), reason="Animal Kingdom's sheet is not here")
def test_the_sheet_of_animal_kingdom():
    clips = read_sheet_of_clips(REAL)
    assert len(clips) == 30_100
    assert sum(clip.split == "train" for clip in clips) == 24_004
    differences = pair_differences(clips)
    assert len(differences) == 2_233
    assert not any(one.unknown for one in differences)
