"""Projects and tables of BORIS, written: the structure that BORIS 10 needs, and its time axes."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from slowfast.data_tools.events import Event, Place, read_events
from slowfast.data_tools.exchange.boris_project import write_boris_project
from slowfast.data_tools.exchange.convert import convert
from slowfast.data_tools.exchange.film import Film
from slowfast.data_tools.exchange.report import Report

PLACE = Path("source.csv")


def event(label, start, stop, line=1, **more):
    return Event(Place(PLACE, line), "fox.mp4", label, start, stop, point=start == stop, **more)


def written(tmp_path, *films, classes=(), name="out.boris"):
    report = Report()
    (path,) = write_boris_project(films, classes, tmp_path / name, report)
    data = path.read_bytes()
    assert data.isascii() or name.endswith(".gz")
    return json.loads(gzip.decompress(data) if name.endswith(".gz") else data), report


def test_a_project_has_what_boris_needs_to_open_it(tmp_path):
    (tmp_path / "films").mkdir()
    film = Film(
        "Füchsin.mp4",
        [
            event("walking", 1.2, 4.8, subject="fox A", modifiers=("slow", "")),
            event("walking", 5.0, 6.0, subject="fox A", comment="seen"),
            event("sniffing", 5.0, 5.0, modifiers=("a,b",)),
        ],
        file=tmp_path / "films" / "Füchsin.mp4",
        seconds=10.0,
        rate=25.0,
        has_audio=True,
    )
    project, _ = written(tmp_path, film, classes=["resting"])
    assert project["project_format_version"] == "7.0"
    assert project["independent_variables"] == {}
    assert {one["name"] for one in project["subjects_conf"].values()} == {"fox A"}
    assert all(
        {"key", "name", "description"} <= one.keys() for one in project["subjects_conf"].values()
    )
    behaviours = {one["code"]: one for one in project["behaviors_conf"].values()}
    assert list(project["behaviors_conf"]) == ["0", "1", "2"]
    assert {name: one["type"] for name, one in behaviours.items()} == {
        "resting": "State event", "sniffing": "Point event", "walking": "State event",
    }  # fmt: skip
    assert all(len(one["key"]) == 1 for one in behaviours.values())
    assert len({one["key"] for one in behaviours.values()}) == 3
    assert behaviours["resting"]["modifiers"] == {}
    assert [one["values"] for one in behaviours["walking"]["modifiers"].values()] == [["slow"], []]
    several = behaviours["sniffing"]["modifiers"]["0"]
    assert (several["type"], several["values"]) == (1, ["a", "b"])
    one = project["observations"]["Füchsin"]
    media = "films/Füchsin.mp4"
    assert (one["type"], one["file"], one["time offset"]) == ("MEDIA", {"1": [media]}, 0.0)
    assert one["media_info"] == {
        "length": {media: 10.0}, "fps": {media: 25.0}, "hasVideo": {media: True},
        "hasAudio": {media: True}, "offset": {"1": 0.0},
    }  # fmt: skip
    assert {"date", "description", "independent_variables"} <= one.keys()
    assert one["events"] == [
        [1.2, "fox A", "walking", "slow|None", "", 30],
        [4.8, "fox A", "walking", "slow|None", "", 120],
        [5.0, "", "sniffing", "a,b", "", 125],
        [5.0, "fox A", "walking", "None|None", "seen", 125],
        [6.0, "fox A", "walking", "None|None", "", 150],
    ]


def test_media_elsewhere_are_named_in_full_and_observations_have_names_of_their_own(tmp_path):
    films = [
        Film("a/fox.mp4", file=Path("/films/a/fox.mp4"), seconds=1.0),
        Film("b/fox.mp4", seconds=1.0),
    ]
    project, report = written(tmp_path, *films, name="out.boris.gz")
    assert [one["file"]["1"] for one in project["observations"].values()] == [
        ["/films/a/fox.mp4"], ["b/fox.mp4"],
    ]  # fmt: skip
    assert list(project["observations"]) == ["fox", "fox fox"]
    assert project["observations"]["fox"]["media_info"]["fps"] == {"/films/a/fox.mp4": 0}
    assert report.counts == {}


def test_what_boris_cannot_pair_is_united_and_named_with_its_place(tmp_path):
    film = Film(
        "fox.mp4",
        [
            event("walking", 1.0, 3.0, 1),
            event("walking", 2.0, 4.0, 2),
            event("walking", 4.0, 5.0, 3),
            event("walking", 7.0, 7.0, 4),
            event("walking", 1.5, 2.5, 5, subject="fox A"),
        ],
        rate=50.0,
    )
    project, report = written(tmp_path, film)
    times = [row[0] for row in project["observations"]["fox"]["events"] if row[1] == ""]
    assert times == [1.0, 4.0, 4.0, 5.0, 7.0, 7.02]
    lines = "\n".join(report.lines())
    assert "overlap another of their class, subject and modifiers, united: 1" in lines
    assert "(the first: source.csv:2)" in lines
    assert "written as bouts of one frame: 1 (the first: source.csv:4)" in lines
    assert "lengths of videos, which nothing states" in lines
    assert project["observations"]["fox"]["media_info"]["length"] == {"fox.mp4": 7.02}


def boris_file(folder, events, **more):
    """A project of an observation with two files in a row and a second player."""
    media = {
        "length": {"a.mp4": 10.0019, "b.mp4": 10.0, "side.mp4": 8.0},
        "fps": {"a.mp4": 25.0, "b.mp4": 25.0, "side.mp4": 30.0},
        "offset": {"1": 0.0, "2": 2.0},
    }
    behaviours = {
        "0": {
            "code": "walking",
            "type": "State event",
            "key": "w",
            "modifiers": {},
            "color": "red",
        },
        "1": {"code": "peck", "type": "Point event", "key": "p", "modifiers": {}},
    }
    observation = {
        "file": {"1": ["a.mp4", "b.mp4"], "2": ["side.mp4"]}, "type": "MEDIA",
        "date": "2026-01-15T09:00:00", "description": "rain", "time offset": 3600.0,
        "media_info": media, "events": events, "observation time interval": [3600, 3619], **more,
    }  # fmt: skip
    path = folder / "in.boris"
    path.write_text(
        json.dumps({
            "project_format_version": "7.0", "behaviors_conf": behaviours, "subjects_conf": {},
            "observations": {"day 1": observation}, "independent_variables": {},
        })
    )  # fmt: skip
    return path


def test_a_point_of_a_class_of_bouts_has_a_frame_on_the_axis_of_all_files(tmp_path):
    source = read_events(boris_file(tmp_path, EVENTS))
    source.events = [replace(e, label="walking", comment="", mean=0.8) for e in source.events]
    convert(source, tmp_path / "out.boris")
    events = json.loads((tmp_path / "out.boris").read_text())["observations"]["day 1"]["events"]
    own = [row for row in events if row[1] == ""]
    assert [row[0] for row in own] == [3604.0, 3604.04, 3609.0, 3612.5]
    assert [row[4] for row in own] == ["mean score 0.8", ""] * 2


EVENTS = [
    [3601.5, "fox", "walking", "", "start", 38],
    [3604.0, "", "peck", "", "", 100],
    [3609.0, "", "walking", "", "", 225],
    [3612.5, "", "walking", "", "", 62],
    [3613.25, "fox", "walking", "", "", 81],
]


def test_players_files_in_a_row_and_offsets_stay(tmp_path):
    source = read_events(boris_file(tmp_path, EVENTS))
    found = convert(source, tmp_path / "out.boris")
    assert found.lines == ["not kept: colours of behaviours: 1"]
    before, after = (json.loads((tmp_path / f"{name}.boris").read_text())["observations"]["day 1"]
                     for name in ("in", "out"))  # fmt: skip
    for key in (
        "file",
        "date",
        "description",
        "time offset",
        "events",
        "observation time interval",
    ):
        assert after[key] == before[key], key
    for key in ("length", "fps", "offset"):
        assert after["media_info"][key] == before["media_info"][key], key


@pytest.mark.parametrize("to", ["aggregated", "tabular"])
def test_tables_have_the_axis_and_the_media_of_the_observation(to, tmp_path):
    source = read_events(boris_file(tmp_path, EVENTS))
    found = convert(source, tmp_path / f"{to}.tsv")
    assert any("further players begin: 1" in line for line in found.lines)
    text = found.files[0].read_bytes().decode()
    assert "player #1:a.mp4;b.mp4|player #2:side.mp4" in text
    assert "10.001;10.000|8.000" in text
    assert "\t3612.500\t" in text
    assert text.endswith("\r\n")
    back = read_events(found.files[0])
    assert back.format == f"boris-{to}"

    def key(e):
        return e.video, e.label, e.subject, e.start, e.stop, e.comment

    assert sorted(map(key, back.events)) == sorted(map(key, source.events))
