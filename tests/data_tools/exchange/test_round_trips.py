"""What is written in a format is read back: bouts to one frame, and all that the format keeps."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slowfast.data_tools.events import Coverage, Event, EventTable, Place, ReadOptions, read_events
from slowfast.data_tools.exchange import WRITERS
from slowfast.data_tools.exchange.convert import ConvertOptions, convert

RATE, FRAMES = 25.0, 250
SECONDS = FRAMES / RATE
LABELS = ("walking", "Fütterung", "lick <paw> & rest")
PLACE = Path("source.csv")


@st.composite
def events(draw):
    """Events of two videos, with times in milliseconds; bouts last a frame at least."""
    found = []
    for number in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, 9900))
        point = draw(st.booleans())
        stop = start if point else draw(st.integers(start + 40, 10000))
        found.append(
            Event(
                Place(PLACE, number + 2),
                draw(st.sampled_from(["fox.mp4", "deer.mp4"])),
                draw(st.sampled_from(LABELS)),
                start / 1000,
                stop / 1000,
                point=point,
                subject=draw(st.sampled_from(["", "fox A", "Füchsin"])),
                modifiers=draw(st.sampled_from([(), ("slow",), ("slow", "deep")])),
                comment=draw(st.sampled_from(["", "seen, twice"])),
            )
        )
    return found


def table_of(found):
    coverage = [
        Coverage(Place(PLACE, 1), video, frames=FRAMES, seconds=SECONDS)
        for video in dict.fromkeys(event.video for event in found)
    ]
    return EventTable("intervals", events=found, coverage=coverage)


def write_and_read(found, name, folder):
    out = folder / ("out" if WRITERS[name].one_file_each else f"out{WRITERS[name].endings[-1]}")
    convert(table_of(found), out, ConvertOptions(to=name, frame_rate=RATE))
    options = ReadOptions(format=WRITERS[name].reads_as, frame_rate=RATE)
    table = read_events(out, options)
    assert not table.mistakes
    return table


def seen(found, key):
    """When each key is seen, on a grid of quarters of a frame."""
    masks = {}
    for event in found:
        start, stop = event.start, event.stop
        if start is None:
            start, stop = event.first_frame / RATE, event.stop_frame / RATE
        mask = masks.setdefault(key(event), np.zeros(4 * FRAMES + 8, dtype=bool))
        mask[round(start * RATE * 4) : max(round(stop * RATE * 4), round(start * RATE * 4) + 1)] = 1
    return masks


def wider(mask):
    """A mask with a frame more on both sides of each run."""
    return np.convolve(mask, np.ones(11), mode="same") > 0


@pytest.mark.parametrize("name", sorted(WRITERS))
@given(found=events())
@settings(max_examples=15, deadline=None)
def test_bouts_come_back_to_one_frame(name, found):
    keeps = WRITERS[name].keeps

    def key(event):
        return (
            Path(event.video).stem,
            event.label,
            event.subject if "subjects" in keeps else "",
            tuple(filter(None, event.modifiers)) if "modifiers" in keeps else (),
        )

    with tempfile.TemporaryDirectory() as folder:
        table = write_and_read(found, name, Path(folder))
    before, after = seen(found, key), seen(table.events, key)
    assert before.keys() == after.keys()
    for one in before:
        assert not (before[one] & ~wider(after[one])).any(), one
        assert not (after[one] & ~wider(before[one])).any(), one
    if "comments" in keeps:
        together = " ".join(e.comment for e in table.events)
        assert all(e.comment in together for e in found)


@pytest.mark.parametrize("name", [name for name in WRITERS if "overlaps" in WRITERS[name].keeps])
@given(found=events())
@settings(max_examples=15, deadline=None)
def test_overlapping_bouts_stay_apart_where_the_format_keeps_them(name, found):
    with tempfile.TemporaryDirectory() as folder:
        table = write_and_read(found, name, Path(folder))

    def times(events):
        bouts = (e for e in events if e.stop - e.start >= 0.05)
        return sorted((Path(e.video).stem, e.label, e.subject, e.start, e.stop) for e in bouts)

    assert times(table.events) == times(found)
    if "points" in WRITERS[name].keeps:
        assert sum(e.point for e in table.events) == sum(e.point for e in found)


@pytest.mark.parametrize("name", ["deepethogram", "feral"])
def test_frames_come_back_as_they_are_without_a_rate(name, tmp_path):
    labels = {"walking": [(0, 1), (5, 9)], "sniffing": [(8, 12)]}
    found = [
        Event(Place(PLACE, 2), "fox.mp4", label, first_frame=first, stop_frame=stop)
        for label, spans in labels.items()
        for first, stop in spans
    ]
    coverage = [Coverage(Place(PLACE, 1), "fox.mp4", frames=12, unknown=((3, 5),))]
    out = tmp_path / f"fox{WRITERS[name].endings[0]}"
    table = EventTable(events=found, coverage=coverage, classes=("sniffing", "walking", "resting"))
    convert(table, out)
    table = read_events(out)
    back = [(e.label, (e.first_frame, e.stop_frame)) for e in table.events]
    assert sorted(back) == sorted((x, span) for x, spans in labels.items() for span in spans)
    assert [c for c in table.classes if c != table.background] == ["sniffing", "walking", "resting"]
    (film,) = table.coverage
    assert film.frames == 12
    assert film.unknown == (((3, 5),) if "unlabelled time" in WRITERS[name].keeps else ())
