"""Tables of intervals as people and spreadsheets write them."""

import datetime
import io
import math

import pytest
from openpyxl import Workbook

from slowfast.ak.errors import UserError
from slowfast.data_tools.events import read_events
from tests.data_tools.events.conftest import rows

TWO = [("fox.mp4", "walking", 1.5, 3.0), ("deer.mp4", "Fütterung", 62.25, 64.0)]
COMMA = (
    "video,start,end,split,labels\nfox.mp4,1.5,3,train,walking\ndeer.mp4,62.25,64,val,Fütterung\n"
)
COLONS = (
    "Video;Start ;end;split;labels\r\nfox.mp4;1,5;3,0;train;walking\r\n"
    "deer.mp4;62,25;64;val;Fütterung\r\n"
)
TAB = (
    "File Name\tOnset\tOffset\tBehaviour\tObserver\nfox.mp4\t1.5\t3\twalking\tme\n"
    "deer.mp4\t1:02.25\t0:01:04\tFütterung\tme\n"
)
QUOTED = (
    'sep=,\nfile,begin_s,duration,class\nfox.mp4,"1,5","1,5",walking\n'
    'deer.mp4,"62,25","1,75",Fütterung\n'
)
MS = (
    "media_file|start_ms|stop_ms|action\nfox.mp4|1500|3000|walking\n"
    "deer.mp4|62250|64000|Fütterung\n"
)
ELAN = (
    "Tier\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - hh:mm:ss.ms\t"
    "End Time - ss.msec\tDuration - ss.msec\tAnnotation\tFile Path\n"
    "t\t00:00:01.500\t1.5\t00:00:03.000\t3.0\t1.5\twalking\tfox.mp4\n"
    "t\t00:01:02.250\t62.25\t00:01:04.000\t64\t1.75\tFütterung\tdeer.mp4\n"
)
CAMEL = (
    "videoName,startTime,EndTime,Label\nfox.mp4,12:00:01.5 AM,0:03,walking\n"
    "deer.mp4,62.25 s,64,Fütterung\n"
)


@pytest.mark.parametrize("text", [COMMA, COLONS, TAB, QUOTED, MS, ELAN, CAMEL])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_usual_spellings_of_a_table_are_read(read, text, encoding):
    table = read(text.encode(encoding))
    assert rows(table) == TWO
    assert not table.mistakes
    assert any("cp1252" in note for note in table.notes) == (encoding == "cp1252")


def test_an_encoding_can_be_named(read):
    text = COMMA.replace("Fütterung", "krmení ř")
    assert read(text.encode("cp1250"), encoding="cp1250").events[1].label == "krmení ř"
    with pytest.raises(UserError, match="it is not cp999"):
        read(COMMA, encoding="cp999")


def test_splits_subjects_comments_and_frames_are_kept(read):
    table = read(
        "Video,Start,End,start_frame,end_frame,Set,Label,Animal ID,Modifier #1,Modifier #2,Notes\n"
        "a.mp4,1,2,25,50,Training,x,fox A,slow,,dark\n"
        "a.mp4,4,5,100,125,Validation,x;y,No focal subject,,,\n"
    )
    first, second, third = table.events
    assert (first.split, first.subject, first.modifiers, first.comment) == (
        "train", "fox A", ("slow",), "dark",
    )  # fmt: skip
    assert (first.start, first.stop, first.first_frame, first.stop_frame) == (1, 2, 25, 50)
    assert (second.subject, second.split, third.label) == ("", "val", "y")
    assert table.rows_are_clips


def test_frames_have_the_rate_of_the_option_or_of_the_column(read):
    text = "video,first frame,last_frame,fps,label\na.mp4,25,49,25,x\na.mp4,0,9,NA,x\n"
    table = read(text)
    event = table.events[0]
    assert (event.first_frame, event.stop_frame, event.rate) == (25, 50, 25)
    assert [str(m.place).rpartition(":")[2] for m in table.mistakes] == ["3"]
    assert "--frame-rate" in table.mistakes[0].text
    assert any("by the column fps" in note for note in table.notes)
    assert [e.rate for e in read(text, frame_rate=30.0).events] == [30, 30]
    assert [e.rate for e in read(text, frame_rate="video").events] == [None, None]


def test_a_table_without_names_of_videos_is_named_like_its_video(read):
    text = "start,stop,behavior\n1,2,x\n"
    assert rows(read(text, "fox.day.1.csv")) == [("fox.day.1", "x", 1, 2)]


def test_blanks_separate_fields_where_nothing_else_does(read):
    assert rows(read("video  start end label\na.mp4  1  2 x\n")) == [("a.mp4", "x", 1, 2)]


def test_a_table_without_ends_has_points(read):
    for name in ("onset", "time", "timestamp"):
        (event,) = read(f"video,{name},behaviour\na.mp4,1.5,peck\n").events
        assert (event.start, event.stop, event.point) == (1.5, 1.5, True)


def test_rows_can_label_whole_videos_if_the_user_says_so(read):
    text = "filepath,label,split\na.mp4,walking,train\nb.mp4,resting,holdout\n"
    with pytest.raises(UserError, match="--whole-videos"):
        read(text)
    table = read(text, whole_videos=True)
    assert rows(table) == [("a.mp4", "walking", 0, math.inf), ("b.mp4", "resting", 0, math.inf)]
    assert [event.split for event in table.events] == ["train", "test"]


def test_columns_of_other_languages_can_be_named(read):
    text = "Datei;Anfang;Ende;Verhalten\na.mp4;1;2;x\n"
    columns = {"video": "Datei", "start": "Anfang", "stop": "Ende", "label": "Verhalten"}
    assert rows(read(text, columns=columns)) == [("a.mp4", "x", 1, 2)]


def test_two_columns_that_can_be_the_label_are_asked_for(read):
    text = "video,start,end,behaviour,class\na.mp4,1,2,walk,fox\n"
    with pytest.raises(UserError, match=r"'behaviour' and 'class' can both be the label.*--column"):
        read(text)
    assert read(text, columns={"label": "class"}).events[0].label == "fox"


@pytest.mark.parametrize(
    ("cells", "decimal", "expected"),
    [
        (["1,500", "12,5"], "", [1.5, 12.5]),
        (["0,500", "1,500"], "", [0.5, 1.5]),
        (["1,500", "1,500.5"], "", [1500, 1500.5]),
        (["1.234,5", "2"], "", [1234.5, 2]),
        (["1,500", "3,000"], ",", [1.5, 3]),
        (["1,500", "3,000"], ".", [1500, 3000]),
    ],
)
def test_the_decimal_sign_is_decided_for_a_column(read, cells, decimal, expected):
    text = "".join(f"a.mp4\t{cell}\t99999\tx\n" for cell in cells)
    table = read("video\tstart\tend\tlabel\n" + text, decimal=decimal)
    assert [event.start for event in table.events] == expected


def test_a_decimal_sign_that_is_not_clear_is_asked_for(read):
    start = "video\tstart\tend\tlabel\n"
    with pytest.raises(UserError, match=r"column start: '1,500' can be 1.500 or 1500.*--decimal"):
        read(f"{start}a.mp4\t1,500\t9000\tx\n")
    with pytest.raises(UserError, match=r"column start: '1,5' has a comma.*decimal point as well"):
        read(f"{start}a.mp4\t1,5\t9\tx\na.mp4\t2.5\t9\tx\n")
    # The other column of times tells, and so does a semicolon between the fields.
    assert rows(read(f"{start}a.mp4\t1,500\t9,5\tx\n")) == [("a.mp4", "x", 1.5, 9.5)]
    assert rows(read("video;start;end;label\na.mp4;1,500;3,000;x\n")) == [("a.mp4", "x", 1.5, 3)]


def test_labels_with_a_comma_are_divided_where_it_is_clear(read):
    text = 'video,start,end,behaviour\na.mp4,1,2,"walk,run"\na.mp4,2,3,walk\na.mp4,3,4,run\n'
    assert [event.label for event in read(text).events] == ["walk", "run", "walk", "run"]
    # The same holds for a cell with both signs; alone, it could be two labels or three.
    mixed = 'video,start,end,labels\na.mp4,1,2,"walk,run;sit"\n'
    assert "semicolons and commas" in read(mixed).mistakes[0].text
    table = read(mixed + "".join(f"a.mp4,2,3,{name}\n" for name in ("walk", "run", "sit")))
    assert [event.label for event in table.events[:3]] == ["walk", "run", "sit"]
    text = 'video,start,end,behaviour\na.mp4,1,2,"head, up"\n'
    table = read(text)
    assert "can be one label with a comma" in table.mistakes[0].text
    assert read(text, label_separator="none").events[0].label == "head, up"
    assert [e.label for e in read(text, label_separator=",").events] == ["head", "up"]


def workbook(**sheets):
    book = Workbook()
    book.remove(book.active)
    for name, cells in sheets.items():
        sheet = book.create_sheet(name)
        for row in cells:
            sheet.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


TABLE = [
    ("my recordings", None, None, None),
    ("video", "start", "end", "behaviour"),
    ("a.mp4", 1.5, datetime.time(0, 0, 3, 500000), "x"),
    (None, None, None, None),
    ("a.mp4", "0:04", datetime.timedelta(hours=25), "y"),
]


def test_a_workbook_is_read(read):
    table = read(workbook(about=[("written by", "me")], table=TABLE))
    assert rows(table) == [("a.mp4", "x", 1.5, 3.5), ("a.mp4", "y", 4, 90000)]
    assert str(table.events[1].place).endswith("sheet 'table', row 5")


def test_several_sheets_with_tables_are_asked_for(read):
    book = workbook(one=TABLE, two=TABLE[:3])
    with pytest.raises(UserError, match=r"'one', 'two' all hold a table.*--sheet"):
        read(book)
    assert len(read(book, sheet="two").events) == 1
    with pytest.raises(UserError, match="has no sheet 'three'; its sheets are 'one', 'two'"):
        read(book, sheet="three")


def test_hours_and_minutes_of_a_spreadsheet_are_not_taken_for_minutes_and_seconds(read):
    book = Workbook()
    for row in (("video", "start", "end", "label"), ("a.mp4", 1, datetime.time(1, 30), "x")):
        book.active.append(row)
    book.active["C2"].number_format = "h:mm"
    stream = io.BytesIO()
    book.save(stream)
    table = read(stream.getvalue())
    assert "holds hours and minutes" in table.mistakes[0].text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x89HDF\r\n\x1a\nrest", "is an HDF5 file"),
        (b"\xd0\xcf\x11\xe0rest", "old Excel"),
        (b"PK\x03\x04rest", "a zip file and not an Excel workbook"),
        (b"<!DOCTYPE html><table>", "is an HTML page"),
        (b"SQLite format 3\0rest", "an SQLite database"),
        (b"\x00\x01\x02\x03video", "not a text file"),
        (b"", r"found the columns \(none\)"),
        (b'{"labels": 1}', "is a JSON file with labels; expected one of"),
        (b'{"labels": ', "cannot be read to its end"),
    ],
)
def test_a_file_of_another_kind_is_refused_in_words(read, content, says):
    with pytest.raises(UserError, match=says):
        read(content)


def test_the_files_of_a_folder_are_read_together(tmp_path):
    folder = tmp_path / "tables"
    (folder / "day1").mkdir(parents=True)
    (folder / "day1" / "a.csv").write_text("start,end,label\n1,2,x\n")
    (folder / "b.tsv").write_text("start\tend\tlabel\n1\tno\tx\n")
    table = read_events(folder)
    assert rows(table) == [("a", "x", 1, 2)]
    assert "b.tsv:2" in str(table.mistakes[0])
    for name in ("fox_labels.csv", "fox_predictions.csv"):
        (folder / name).write_text(",walk\n0,1\n1,0\n")
    assert "fox_labels.csv does; keep one" in read_events(folder).mistakes[1].text
    for name in ("c.txt", "d.txt"):
        (folder / name).write_text("about this study\n")
    with pytest.raises(UserError, match=r"(?s)c\.txt:1: found the columns.*d\.txt:1: found"):
        read_events(folder)
    (folder / "empty").mkdir()
    with pytest.raises(UserError, match="has no file of events"):
        read_events(folder / "empty")
