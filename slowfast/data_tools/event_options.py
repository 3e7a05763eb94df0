"""Options of programs that read events: how a table is read, and which of its events count."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import suggestion
from slowfast.data_tools.events import (
    FORMATS,
    Coverage,
    Event,
    EventTable,
    ReadOptions,
    subject_name,
)
from slowfast.data_tools.events.headers import parse_column_options

_DECIMAL_SIGNS = {"point": ".", "comma": ","}


def add_reading_options(parser: ArgumentParser, format_option: str = "--format") -> None:
    """Adds the options that `reading_options` takes, to a parser or to a group of it."""
    add = parser.add_argument
    words = f"the format, if it is not recognised: {', '.join(sorted(FORMATS))}"
    add(format_option, dest="format", default="", metavar="NAME", help=words)
    add("--encoding", default="", metavar="NAME", help="of a text file, such as cp1250")
    add("--sheet", default="", metavar="NAME", help="sheet of a workbook")
    words = "a column of another name, such as video=Datei; can be repeated"
    add("--column", action="append", default=[], metavar="ROLE=NAME", help=words)
    add("--decimal", choices=tuple(_DECIMAL_SIGNS), help="the decimal sign of times")
    units = ("s", "ms", "min", "frames")
    add("--time-unit", choices=units, default="", help="unit of times without one in their name")
    words = "frames per second of frame numbers; video: the times of the video's own frames"
    add("--frame-rate", type=_frame_rate, metavar="R", help=words)
    words = "what separates labels in a cell; none: a cell is one label (; or else ,)"
    add("--label-separator", default="", metavar="SIGN", help=words)
    words = "each row labels a whole video; there are no times"
    add("--whole-videos", action="store_true", help=words)
    words = "cut the video of this player of BORIS, or of this number in ELAN (1)"
    add("--player", type=_positive, default=1, metavar="N", help=words)


def reading_options(args: Namespace) -> ReadOptions:
    """Returns how a table is read, from the arguments of a program."""
    return ReadOptions(
        format=args.format,
        encoding=args.encoding,
        sheet=args.sheet,
        columns=parse_column_options(args.column),
        decimal=_DECIMAL_SIGNS.get(args.decimal, ""),
        time_unit=args.time_unit,
        frame_rate=args.frame_rate,
        label_separator=args.label_separator,
        whole_videos=args.whole_videos,
        player=args.player,
    )


def add_choice_options(parser: ArgumentParser) -> None:
    """Adds options that choose among the events: subjects, observations, modifiers."""
    add = parser.add_argument
    words = "only events of this subject; can be repeated (all subjects together)"
    add("--subject", action="append", default=[], metavar="NAME", help=words)
    words = "only events of this observation; can be repeated"
    add("--observation", action="append", default=[], metavar="NAME", help=words)
    add("--modifiers", action="store_true", help="modifiers are part of the class: walking|slow")


def chosen_events(
    table: EventTable, subjects: Sequence[str], observations: Sequence[str]
) -> tuple[list[Event], list[Coverage]]:
    """Returns the events and the videos of some subjects and observations; of all if none is named.

    Raises:
        UserError: there is no such subject or observation.
    """
    events, coverage = table.events, table.coverage
    for option, names, of in (
        ("--observation", observations, lambda event: event.observation),
        ("--subject", [subject_name(name) for name in subjects], lambda event: event.subject),
    ):
        there = sorted({of(event) for event in events})
        for name in names:
            if name not in there:
                hint = suggestion(name, there)
                raise UserError(
                    f"{option} {name}: the table has no such one; it has "
                    f"{', '.join(filter(None, there)) or 'none'}" + (f"; {hint}" if hint else "")
                )
        if names:
            events = [event for event in events if of(event) in names]
    if observations:
        coverage = [one for one in coverage if one.observation in observations]
    return events, coverage


def label_of(event: Event, modifiers: bool) -> str:
    """Returns the class of an event, with its modifiers if they are part of it: walking|slow."""
    if not (event.label and modifiers):
        return event.label
    return "|".join((event.label, *filter(None, event.modifiers)))


def _frame_rate(text: str) -> float | str:
    if text == "video":
        return text
    rate = float(text)
    if not 0 < rate < float("inf"):
        raise ValueError(text)
    return rate


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
