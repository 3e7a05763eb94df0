"""Projects and exported tables of BORIS: times on the axis of each video."""

import gzip
import json

import pytest

from tests.data_tools.events.conftest import rows

BEHAVIOURS = {
    "0": {"code": "walking", "type": "State event", "key": "w", "modifiers": {}},
    "1": {"code": "peck", "type": "Point event", "key": "p", "modifiers": ""},
}


def project(**observations):
    return json.dumps(
        {
            "project_format_version": "7.0",
            "behaviors_conf": BEHAVIOURS,
            "subjects_conf": {},
            "observations": observations,
        }
    )


def observation(events, files=None, lengths=None, offset=0.0, **more):
    """An observation of videos of 10 s."""
    files = files or {"1": ["a.mp4"], "2": []}
    lengths = lengths or {name: 10.0 for names in files.values() for name in names}
    media = {"length": lengths, "fps": dict.fromkeys(lengths, 0), "offset": {"1": 0.0, "2": 2.0}}
    media |= more.pop("media", {})
    return {
        "file": files, "type": "MEDIA", "time offset": offset, "media_info": media,
        "events": events, "observation time interval": [0, 0], **more,
    }  # fmt: skip


def mark(time, label="walking", subject="fox", modifier="", *more):
    return [time, subject, label, modifier, "", *more]


def test_marks_become_bouts_and_points(read):
    slow = [mark("1.25", modifier="slow|None"), mark(3.0, modifier="slow|None")]
    events = [mark(4.0), *slow, mark(5.0), mark(2.0, "peck", "", "", 50)]
    text = project(one=observation(events))
    for content in (text, gzip.compress(text.encode())):
        table = read(content)
        assert sorted(rows(table), key=lambda row: row[2]) == [
            ("a.mp4", "walking", 1.25, 3.0),
            ("a.mp4", "peck", 2.0, 2.0),
            ("a.mp4", "walking", 4.0, 5.0),
        ]
    events = {event.start: event for event in table.events}
    assert (events[1.25].modifiers, events[1.25].subject) == (("slow", ""), "fox")
    assert (events[2.0].point, events[2.0].subject, events[2.0].first_frame) == (True, "", 50)


def test_files_in_a_row_have_axes_of_their_own(read):
    # BORIS cuts lengths to milliseconds: b.mp4 begins at 10.001.
    files = {"1": ["a.mp4", "b.mp4"]}
    lengths = {"a.mp4": 10.0019, "b.mp4": 10.0}
    events = [mark(8.0), mark(12.5), mark(14.0, "peck"), mark(19.0), mark(21.0)]
    table = read(project(one=observation(events, files, lengths)))
    assert rows(table) == [
        ("a.mp4", "walking", 8.0, 10.001),
        ("b.mp4", "walking", 0.0, 2.499),
        ("b.mp4", "peck", 3.999, 3.999),
        ("b.mp4", "walking", 8.999, 10.999),
    ]


def test_a_time_offset_is_taken_off(read):
    table = read(project(one=observation([mark(3601.5), mark(3603.0)], offset=3600.0)))
    assert rows(table) == [("a.mp4", "walking", 1.5, 3.0)]
    table = read(project(one=observation([mark(1.0), mark(3.0)], offset=3600.0)))
    assert "before the beginning of a.mp4" in table.mistakes[0].text


@pytest.mark.parametrize(("offset", "expected"), [(2.0, (0, 1.5)), (-2.0, (3, 5.5))])
def test_the_second_player_can_be_taken(read, offset, expected):
    """It shows its position t - offset, from its beginning on."""
    files = {"1": ["a.mp4"], "2": ["side.mp4"]}
    one = observation([mark(1.0), mark(3.5)], files, media={"offset": {"1": 0, "2": offset}})
    assert rows(read(project(one=one))) == [("a.mp4", "walking", 1.0, 3.5)]
    assert rows(read(project(one=one), player=2)) == [("side.mp4", "walking", *expected)]


def test_times_can_count_from_the_creation_of_the_media(read):
    media = {"media_creation_time": {"a.mp4": 1700000000.0}}
    one = observation([mark(1700000001.5), mark(1700000003.0)], media=media,
                      media_creation_date_as_offset=True)  # fmt: skip
    assert rows(read(project(one=one))) == [("a.mp4", "walking", 1.5, 3.0)]


def test_marks_without_a_partner_are_reported_together(read):
    wrong = observation([mark(1.0), mark(2.0, "sit"), mark("00:03", "peck")])
    good = observation([mark(5.0), mark(6.0)])
    table = read(project(a=wrong, b=observation([mark(4.0)]), c=good))
    assert rows(table) == [("a.mp4", "walking", 5.0, 6.0)]
    said = "\n".join(map(str, sorted(table.mistakes, key=lambda mistake: mistake.place)))
    for words in (
        "observation 'a', event 1: walking of fox at 1 s: a START without a STOP",
        "observation 'a', event 2: 'sit' is not a behaviour of the project",
        "observation 'a', event 3: time '00:03': expected seconds",
        "observation 'b', event 1: walking of fox at 4 s: a START",
    ):
        assert words in said


def test_observations_without_video_are_left_out_with_a_note(read):
    live = {"file": [], "type": "LIVE", "events": [mark(1.0), mark(2.0)], "time offset": 0.0}
    table = read(
        project(live=live, pictures={**live, "type": "IMAGES"}, empty={**live, "events": []})
    )
    assert not table.events
    assert not table.mistakes
    assert [note.partition(": ")[2] for note in table.notes] == [
        "observation 'live' (live observation) has no video; 2 events left out",
        "observation 'pictures' (pictures) has no video; 2 events left out",
    ]


def test_a_damaged_observation_is_a_mistake(read):
    table = read(project(good=observation([mark(1.0), mark(2.0)]), bad={"type": "MEDIA"}))
    assert len(table.events) == 1
    assert "observation 'bad': is damaged" in str(table.mistakes[0])


AGGREGATED = (
    "Observation id\tObservation date\tDescription\tObservation type\tSource\tTime offset (s)\t"
    "Coding duration\tMedia duration (s)\tFPS (frame/s)\tSubject\t"
    "Observation duration by subject by observation\tBehavior\tBehavioral category\tModifier #1\t"
    "Behavior type\tStart (s)\tStop (s)\tDuration (s)\tMedia file name\tImage index start\t"
    "Image index stop\tImage file path start\tImage file path stop\tComment start\tComment stop\r\n"
    "one\t2026-01-15 09:00:00\t\tMedia file\tplayer #1:a.mp4;b.mp4|player #2:c.mp4\t100.0\t6.000\t"
    "10.000;10.000|8.000\t25.000;25.000|30.000\tfox\t4.5\twalking\tNot defined\tslow\tSTATE\t"
    "108.000\t112.500\t4.500\tNot found\t200\t62\t\t\thello\tbye\r\n"
    "one\t2026-01-15 09:00:00\t\tMedia file\tplayer #1:a.mp4;b.mp4|player #2:c.mp4\t100.0\t6.000\t"
    "10.000;10.000|8.000\t25.000;25.000|30.000\tNo focal subject\t0.0\tpeck\tNot defined\t\tPOINT\t"
    "114.000\t114.000\tNA\tb.mp4\t100\t100\t\t\t\t\r\n"
    "live\t2026-01-15 09:00:00\t\tLive observation\tNA\t0.0\t2.750\tNA\tNA\tfox\t2.75\tpeck\t"
    "Not defined\t\tPOINT\t1.500\t1.500\tNA\tNA\t\t\t\t\t\t\r\n"
)


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_aggregated_events_are_placed_on_their_files(read, separator):
    text = AGGREGATED
    if separator == ";":  # saved again by a spreadsheet with a decimal comma
        lines = [
            [f'"{c}"' if ";" in c else c for c in line.split("\t")] for line in text.split("\r\n")
        ]
        text = "\r\n".join(";".join(line) for line in lines)
        for number in ("108.000", "112.500", "114.000", "100.0", "1.500"):
            text = text.replace(number, number.replace(".", ","))
    table = read(text)
    assert rows(table) == [
        ("a.mp4", "walking", 8.0, 10.0),
        ("b.mp4", "walking", 0.0, 2.5),
        ("b.mp4", "peck", 4.0, 4.0),
    ]
    assert (table.events[0].modifiers, table.events[0].comment) == (("slow",), "hello | bye")
    assert [event.point for event in table.events] == [False, False, True]
    assert [(one.video, one.seconds) for one in table.coverage] == [("a.mp4", 10), ("b.mp4", 10)]
    assert "observation 'live' (live observation) has no video; 1 event left out" in table.notes[0]
    assert "give the BORIS project itself for --player" in read(text, player=2).mistakes[0].text


OLD = (
    "obs\t2016-12-01 23:01:31\t{}{}\t{}\t25.0\t123\ttext\tNo focal subject\ts\t\t a|None\tSTATE\t"
    "{}\t{}\t6.3\t\t\r\n"
)


@pytest.mark.parametrize("description", ["", "words\t"])
@pytest.mark.parametrize("header", [True, False])
def test_older_aggregated_events_are_read_with_and_without_a_header(read, description, header):
    names = (
        "Observation id\tObservation date\t" + ("Description\t" if description else "")
        + "Media file\tTotal length\tFPS\ta\tb\tSubject\tBehavior\tBehavioral category\tModifiers\t"
        "Behavior type\tStart (s)\tStop (s)\tDuration (s)\tComment start\tComment stop\r\n"
    )  # fmt: skip
    text = OLD.format(description, "a.mp4", "180.0", "1.8", "8.125")
    table = read((names if header else "") + text)
    assert rows(table) == [("a.mp4", "s", 1.8, 8.125)]
    assert table.events[0].modifiers == ("a", "")
    (one,) = table.coverage
    assert (one.seconds, one.several_files) == (180, True)


def test_older_tables_of_several_files_do_not_say_where_events_are(read):
    text = OLD.format("", "a.mp4", "540", "1.8", "8.1") + OLD.format(
        "", "b.mp4", "540", "227.7", "253"
    )
    table = read(text)
    assert not table.events
    assert "several files in a row (a.mp4, b.mp4)" in table.mistakes[0].text


TABULAR = (
    "Observation id\tSource\tTime offset (s)\tMedia duration (s)\tFPS\tSubject\tBehavior\t"
    "Behavior type\tTime\tMedia file name\tImage index\tComment\r\n"
)
LINE = "one\tplayer #1:a.mp4\t0.0\t10.000\t25.000\t{}\t{}\t{}\t{}\ta.mp4\t25\t\r\n"


def test_tabular_events_are_paired(read):
    marks = [
        ("fox", "walking", "START", 1), ("cat", "walking", "START", 2), ("", "peck", "POINT", 2.5),
        ("fox", "walking", "STOP", 3), ("cat", "walking", "STOP", 4),
    ]  # fmt: skip
    table = read(TABULAR + "".join(LINE.format(*one) for one in marks))
    assert [(e.subject, e.label, e.start, e.stop) for e in table.events] == [
        ("", "peck", 2.5, 2.5), ("fox", "walking", 1, 3), ("cat", "walking", 2, 4),
    ]  # fmt: skip
    marks = [
        ("", "sit", "STOP", 1), ("", "run", "START", 2), ("", "run", "START", 3),
        ("", "run", "STOP", 4), ("", "lie", "START", 5), ("", "lie", "END", 6),
    ]  # fmt: skip
    table = read(TABULAR + "".join(LINE.format(*one) for one in marks))
    said = {str(m).rpartition("table.dat:")[2] for m in table.mistakes}
    assert said == {
        "2: sit at 1 s: a STOP without a START before it",
        "4: run at 3 s: a START, and line 3 has no STOP yet",
        "6: lie at 5 s: a START without a STOP",
        "7: Behavior type 'END': expected START, STOP, POINT",
    }


def test_an_older_tabular_table_has_a_preamble(read):
    lines = [
        "Observation id,obs 1,,,", ",,,,", "Player #1,a.mp4,,,", "Time offset (s),0.5,,,",
        "variable,value,,,", "Time,Media file path,Total length,Subject,Behavior,Comment,Status",
        "3.3,/home/me/a.mp4,10,fox,s,,START", "7.75,/home/me/a.mp4,10,fox,s,,STOP",
    ]  # fmt: skip
    table = read("\r\n".join(lines))
    assert rows(table) == [("/home/me/a.mp4", "s", 2.8, 7.25)]
    assert table.events[0].observation == "obs 1"
    assert table.events[0].place.line == 7


def test_an_observation_without_media_is_named_like_its_video(read):
    text = "Observation id,Behavior,Behavior type,Start (s),Stop (s)\nfox,s,STATE,1,2\n"
    assert rows(read(text)) == [("fox", "s", 1, 2)]
    text = "Time,Behavior,Status\n1,s,START\n2,s,STOP\n"
    assert rows(read(text, "fox.csv")) == [("fox", "s", 1, 2)]
