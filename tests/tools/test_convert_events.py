"""tools/convert_events.py: formats by name and content, what is refused, and what is reported."""

import re
from pathlib import Path

import convert_events
import numpy as np
import pytest

from slowfast.data_tools.events import read_events
from slowfast.data_tools.exchange import WRITERS
from slowfast.data_tools.exchange.writer import FEATURES
from tests.conftest import write_video

BOUTS = (
    "video,subject,class,start_s,stop_s,first_frame,last_frame,mean_score,peak_score\n"
    'fox.mp4,A,"eating, alert; calm",0.200,0.600,,,0.8,0.9\n'
    "fox.mp4,B,walking,0.400,0.400,,,0.8,0.9\n"
)


@pytest.fixture
def bouts(tmp_path):
    path = tmp_path / "bouts.csv"
    path.write_text(BOUTS)
    return path


def run(capsys, *arguments):
    status = convert_events.main([str(each) for each in arguments])
    found = capsys.readouterr()
    return status, found.out + found.err


def test_the_end_of_the_name_or_to_says_the_format(bouts, tmp_path, capsys):
    for name, to, format in (
        ("a.boris", "", "boris"),
        ("a.tsv", "", "boris-aggregated"),
        ("a_tabular.tsv", "", "boris-tabular"),
        ("a.eaf", "", "elan"),
        ("a.csv", "", "intervals"),
        ("a.txt", "tabular", "boris-tabular"),
    ):
        options = ["--to", to] if to else []
        status, said = run(capsys, bouts, tmp_path / name, *options)
        assert status == 0, said
        assert "2 events of 1 video" in said
        table = read_events(tmp_path / name)
        assert (table.format, not table.mistakes) == (format, True)
        assert {event.label for event in table.events} == {"eating, alert; calm", "walking"}
    status, said = run(capsys, bouts, tmp_path / "a.docx")
    assert status == 2
    assert "its name does not tell the format; give --to" in said
    status, said = run(capsys, bouts, tmp_path / "b.csv", "--from", "abregated")
    assert status == 2
    assert "aggregated" in said


def test_what_a_format_cannot_hold_is_named_once_with_its_number(bouts, tmp_path, capsys):
    out = tmp_path / "out.json"
    bouts.write_text(BOUTS.replace("; calm", ""))
    status, said = run(capsys, bouts, out, "--videos", films(tmp_path))
    assert status == 0
    lines = [line for line in said.splitlines() if line.startswith("not kept")]
    first = f"(the first: {bouts}:"
    assert lines == [
        f"not kept: subjects: 2 {first}2)",
        f"not kept: {FEATURES['points']}: 1 {first}3)",
        f"not kept: {FEATURES['scores']}: 2 {first}2)",
    ]
    # The modifiers of a file can become a part of the class; its subjects can be chosen.
    status, said = run(capsys, bouts, out, "--overwrite", "--videos", films(tmp_path),
                       "--subject", "A")  # fmt: skip
    assert "not kept: subjects: 1 " in said
    assert {event.label for event in read_events(out).events} == {"eating, alert"}


def films(folder):
    """A folder with a video of 25 frames."""
    path = folder / "films" / "day 1" / "fox.mp4"
    if not path.is_file():
        path.parent.mkdir(parents=True)
        write_video(path, [np.zeros((16, 16, 3), np.uint8)] * 25)
    return folder / "films"


def test_the_videos_give_lengths_rates_and_frames(bouts, tmp_path, capsys):
    status, said = run(capsys, bouts, tmp_path / "new", "--to", "deepethogram")
    assert status == 2
    assert "the number of frames of fox.mp4 is not known; give the folder" in said
    status, said = run(
        capsys, bouts, tmp_path / "new", "--to", "deepethogram", "--videos", films(tmp_path)
    )
    assert status == 0, said
    text = (tmp_path / "new" / "fox_labels.csv").read_text().splitlines()
    assert len(text) == 1 + 25
    (first, last), point = ((e.first_frame, e.stop_frame) for e in
                            read_events(tmp_path / "new").events)  # fmt: skip
    assert (first, last) == (5, 15)
    assert point == (10, 11)
    # Back from frames to times: by the videos, or by a rate.
    for options in (["--videos", films(tmp_path)], ["--frame-rate", 25]):
        out = tmp_path / f"{options[0][2:]}.boris"
        status, said = run(capsys, tmp_path / "new", out, *options)
        assert status == 0, said
        table = read_events(out)
        assert sorted((e.start, e.stop) for e in table.events) == [(0.2, 0.6), (0.4, 0.44)]
        assert table.coverage[0].seconds == 1.0
    assert Path(tmp_path / "videos.boris").read_text().count('"films/day 1/fox.mp4"') == 5
    status, said = run(capsys, tmp_path / "new", tmp_path / "x.boris")
    assert status == 2
    assert "the frames per second are not known; give --frame-rate R" in said


def test_mistakes_stop_the_conversion_or_are_left_out_and_named(tmp_path, capsys):
    path = tmp_path / "in.tsv"
    path.write_text(
        "Observation id\tMedia file name\tSubject\tBehavior\tBehavior type\tTime\n"
        "day\tfox.mp4\tA\twalking\tSTART\t1.0\n"
        "day\tfox.mp4\tA\tresting\tSTART\t1.0\n"
        "day\tfox.mp4\tA\tresting\tSTOP\t2.0\n"
    )
    status, said = run(capsys, path, tmp_path / "out.boris")
    assert status == 2
    assert f"{path}:2: walking of A at 1 s: a START without a STOP" in said
    assert not (tmp_path / "out.boris").exists()
    status, said = run(capsys, path, tmp_path / "out.boris", "--skip-mistakes")
    assert status == 0
    assert f"left out: {path}:2: walking of A" in said
    assert [event.label for event in read_events(tmp_path / "out.boris").events] == ["resting"]


def test_nothing_is_lost_by_writing(bouts, tmp_path, capsys):
    for out in (bouts, tmp_path / "there.boris"):
        (tmp_path / "there.boris").write_text("mine")
        status, said = run(capsys, bouts, out)
        assert status == 2
        assert "is the file to read" in said or "is there already" in said
        assert (tmp_path / "there.boris").read_text() == "mine"
    status, said = run(capsys, bouts, bouts / "out.boris")
    assert status == 2
    assert "cannot be written" in said
    two = tmp_path / "two.csv"
    two.write_text(BOUTS + "deer.mp4,A,walking,0.100,0.200,,,,\n")
    status, said = run(capsys, two, tmp_path / "out.eaf")
    assert status == 2
    assert "there are 2 videos (fox.mp4, deer.mp4" in said
    assert run(capsys, two, tmp_path / "eaf", "--to", "eaf")[0] == 0
    assert {path.name for path in (tmp_path / "eaf").iterdir()} == {"fox.eaf", "deer.eaf"}
    assert run(capsys, two, tmp_path / "eaf", "--to", "eaf")[0] == 2


def test_segments_are_stretches_and_their_rest_is_unlabelled(tmp_path, capsys):
    path = tmp_path / "in.csv"
    path.write_text(
        "video,start,end,split,labels\nfox.mp4,0.2,0.6,train,walking\nfox.mp4,0.4,0.8,train,b;c\n"
    )
    assert run(capsys, path, tmp_path / "out_segments.csv")[0] == 0
    assert (tmp_path / "out_segments.csv").read_text().splitlines()[1:] == [
        "fox.mp4,0.200,0.400,train,walking",
        "fox.mp4,0.400,0.600,train,b;c;walking",
        "fox.mp4,0.600,0.800,train,b;c",
    ]
    out = tmp_path / "fox_labels.csv"
    assert run(capsys, path, out, "--videos", films(tmp_path))[0] == 0
    assert read_events(out).coverage[0].unknown == ((0, 5), (20, 25))
    _, said = run(capsys, path, tmp_path / "out.json", "--videos", films(tmp_path))
    assert f"not kept: {FEATURES['unlabelled time']}: 1" in said


def test_the_document_says_what_each_format_keeps():
    text = (Path(__file__).parents[2] / "docs" / "EXCHANGE.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("| \n").split("|")]
            for line in text.splitlines() if line.startswith("|")]  # fmt: skip
    head = next(row for row in rows if row[0] == "format")
    for name, writer in WRITERS.items():
        row = next(row for row in rows if row[0] == f"`{name}`" and len(row) == len(head))
        kept = {feature for feature, cell in zip(head[1:], row[1:], strict=True) if cell == "yes"}
        assert kept == {f for f in FEATURES if f in writer.keeps}, name
        assert re.search(rf"^  {name} ", convert_events.__doc__, re.MULTILINE)
