"""From a file of events in one format to files in another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import suggestion
from slowfast.data_tools.event_options import chosen_events, label_of
from slowfast.data_tools.events import Coverage, Event, EventTable, Mistake, Recording
from slowfast.data_tools.exchange.film import Film, classes_of
from slowfast.data_tools.exchange.report import Report
from slowfast.data_tools.exchange.writer import FEATURES, WRITERS, Writer
from slowfast.data_tools.segments.mistakes import first_mistakes, raise_mistakes
from slowfast.utils.plural import count

_ROUNDING = 0.5  # seconds that an event can end after its video, because of rounded times


@dataclass(frozen=True)
class ConvertOptions:
    """What is made of the events that were read.

    Attributes:
        to: name of the format in `WRITERS`; "": by the name of the file.
        videos: the folder of the videos, which gives lengths, rates and times of frames.
        frame_rate: frames per second of videos that nothing else states.
        subjects, observations: only these; empty: all.
        modifiers: whether modifiers become part of the class, as in ``walking|slow``.
        point_length: seconds that a point event lasts; None: it stays a point.
        skip_mistakes: whether rows with mistakes are left out, instead of an error.
        overwrite: whether a file that is there already is replaced.
    """

    to: str = ""
    videos: Path | None = None
    frame_rate: float | None = None
    subjects: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    modifiers: bool = False
    point_length: float | None = None
    skip_mistakes: bool = False
    overwrite: bool = False


@dataclass
class Converted:
    """What was written.

    Attributes:
        events: their number.
        lines: notes, and what was not kept.
    """

    writer: Writer
    files: list[Path]
    films: list[Film]
    events: int
    lines: Sequence[str] = field(default_factory=list)


def convert(table: EventTable, out: Path, options: ConvertOptions | None = None) -> Converted:
    """Writes a table of events to a file, or to a folder of files for formats with one each video.

    Raises:
        UserError: the table has mistakes, the format cannot hold it, a length or rate that is
            needed is not known, or `out` is there already.
    """
    options = options or ConvertOptions()
    writer = choose_writer(out, options.to)
    report = Report(notes=list(table.notes))
    if table.mistakes and not options.skip_mistakes:
        raise_mistakes(sorted(table.mistakes, key=lambda mistake: mistake.place))
    for line in first_mistakes(sorted(table.mistakes, key=lambda mistake: mistake.place)):
        report.note(f"left out: {line}")
    films = make_films(table, options, report)
    if "observations" not in writer.keeps:
        films = by_video(films, report)
    if not films:
        raise UserError("\n".join(["nothing is left to write: no event was read", *report.notes]))
    declared = () if options.modifiers else [name for name in table.classes
                                             if name and name != table.background]  # fmt: skip
    report_losses(table, films, writer, report)
    _refuse_to_overwrite(out, writer, options)
    files = writer.write(films, classes_of(films, declared), out, report)
    number = sum(bool(event.label) for film in films for event in film.events)
    return Converted(writer, files, films, number, report.lines())


def choose_writer(out: Path, name: str = "") -> Writer:
    """Returns the format of a name; without one, that of a file by the end of its name.

    Raises:
        UserError: there is no such format, or the name of the file does not tell.
    """
    if name:
        if name not in WRITERS:
            raise UserError(
                f"--to {name}: expected one of {', '.join(sorted(WRITERS))}"
                + (f"; {hint}" if (hint := suggestion(name, WRITERS)) else "")
            )
        return WRITERS[name]
    fits = [
        (len(ending), writer)
        for writer in WRITERS.values()
        for ending in writer.endings
        if out.name.lower().endswith(ending)
    ]
    if not fits:
        raise UserError(
            f"{out}: its name does not tell the format; give --to, one of "
            f"{', '.join(sorted(WRITERS))}"
        )
    return max(fits, key=lambda fit: fit[0])[1]


def make_films(table: EventTable, options: ConvertOptions, report: Report) -> list[Film]:
    """Returns the videos of a table with their events, in the order of the table.

    Raises:
        UserError: there is no such subject or observation, or a video cannot be found.
    """
    events, coverage = chosen_events(table, options.subjects, options.observations)
    films: dict[tuple, Film] = {}
    recordings = _by_video(table.recordings)
    for one in (*coverage, *events):
        video = one.video or one.observation
        key = (one.place.file, one.observation, video)
        film = films.setdefault(key, Film(video, place=one.place, observation=one.observation))
        film.recording = film.recording or recordings.get(key)
        if isinstance(one, Coverage):
            _add_coverage(film, one)
            continue
        if one.label == table.background and one.label:
            continue
        film.events.append(_made(one, options))
        film.place = min(film.place, one.place)
        film.split = film.split or one.split
    found = list(films.values())
    for film in found:
        film.only_events = table.rows_are_clips
        _add_recording(film)
        film.rate = film.rate or options.frame_rate
    if options.videos is not None:
        _find_videos(found, options.videos)
    for film in found:
        film.rate = film.rate or next((e.rate for e in film.events if e.rate), None)
        _check_ends(film, report)
    return found


def by_video(films: Sequence[Film], report: Report) -> list[Film]:
    """Returns one film for each video, with the events of all observations of it."""
    groups: dict[str, list[Film]] = {}
    for film in films:
        groups.setdefault(film.name, []).append(film)
    found = []
    for group in groups.values():
        whole = group[0]
        if len(group) > 1:
            spans = [film.span for film in group]
            begins, ends = zip(*(span or (0.0, float("inf")) for span in spans), strict=True)
            lengths = [film.seconds for film in group if film.seconds is not None]
            same = all(film.unknown == whole.unknown for film in group)
            whole = replace(
                whole,
                events=[event for film in group for event in film.events],
                seconds=max(lengths, default=None),
                span=(min(begins), max(ends)) if all(spans) else None,
                unknown=whole.unknown if same else (),
                recording=None,
            )
            for film in group:
                if film.own_observation:
                    report.lost(FEATURES["observations"], film.place)
            whole.observation = ""
        found.append(whole)
    return found


def report_losses(table: EventTable, films: Sequence[Film], writer: Writer, report: Report) -> None:
    """Reports what the events have and the format cannot hold."""
    for kind, number in table.unread.items():
        report.lost(kind, number=number)
    for event in (event for film in films for event in film.events):
        if not event.looked_at:
            report.lost("predicted bouts that nobody has looked at, marked as such", event.place)
        if not event.label and "unlabelled time" not in writer.keeps:
            report.lost("times that were looked through, without a class of their own", event.place)
    for feature, has in _HAS_EVENT.items():
        if feature not in writer.keeps:
            for film in films:
                for event in film.events:
                    if has(event):
                        report.lost(FEATURES[feature], event.place)
    for feature, has in _HAS_FILM.items():
        if feature not in writer.keeps:
            for film in films:
                if has(film):
                    report.lost(FEATURES[feature], film.place)


# Overlaps depend on the time axis, so the writers that unite bouts report them.
_HAS_EVENT = {
    "subjects": lambda event: event.subject,
    "modifiers": lambda event: any(event.modifiers),
    "points": lambda event: event.point,
    "comments": lambda event: event.comment,
    "scores": lambda event: event.mean is not None or event.peak is not None,
    "splits": lambda event: event.split,
}
_HAS_FILM = {
    "observations": lambda film: film.own_observation,
    "empty videos": lambda film: not any(event.label for event in film.events),
    "observed time": lambda film: film.span is not None,
    "unlabelled time": lambda film: bool(film.unknown) or film.only_events,
}


def _by_video(recordings: Sequence[Recording]) -> Mapping[tuple, Recording]:
    """The recordings by file, observation and each video of the first player."""
    return {
        (one.place.file, one.observation, video): one
        for one in recordings
        if one.players
        for video in one.players[0].videos
    }


def _made(event: Event, options: ConvertOptions) -> Event:
    """The event with its modifiers in its class, and with a length, where that is wanted."""
    if options.modifiers:
        event = replace(event, label=label_of(event, True), modifiers=())
    if event.point and options.point_length and event.start is not None:
        event = replace(event, point=False, stop=event.start + options.point_length)
    return event


def _add_coverage(film: Film, one: Coverage) -> None:
    film.seconds = film.seconds or one.seconds
    film.frames = film.frames or one.frames
    film.span = film.span or one.span
    film.unknown = film.unknown or one.unknown
    film.split = film.split or one.split


def _add_recording(film: Film) -> None:
    """Adds the rate that the observation states for the video."""
    if film.recording is not None:
        player = film.recording.players[0]
        film.rate = film.rate or player.rates[player.videos.index(film.name)]


def _find_videos(films: Sequence[Film], folder: Path) -> None:
    """Finds the videos, and takes their lengths, rates and times of frames from them.

    Raises:
        UserError: a video is missing, or cannot be read; the text lists all such videos.
    """
    from slowfast.data_tools.segments.media import VideoFolder, has_audio, probe

    videos = VideoFolder(folder)
    mistakes = []
    names: dict[str, str] = {}
    for film in films:
        try:
            file = folder / videos.find(film.name)
            facts = probe(file)
        except UserError as error:
            mistakes.append(Mistake(film.place, str(error)))
            continue
        film.file, names[film.name] = file, file.relative_to(folder).as_posix()
        film.seconds, film.frames, film.stamps = facts.seconds, facts.frames, facts.stamps
        film.rate = film.rate or float(facts.fps)
        film.has_audio = has_audio(file)
    raise_mistakes(mistakes)
    for film in films:
        if film.recording is not None:
            film.recording = _renamed(film.recording, names, videos)
        film.name = names[film.name]


def _renamed(recording: Recording, names: dict[str, str], videos) -> Recording:
    """The recording with the names of its videos below the folder, where they are there."""

    def name_of(video: str) -> str:
        if video not in names:
            try:
                names[video] = videos.find(video)
            except UserError:
                names[video] = video  # no event is in it
        return names[video]

    players = tuple(
        replace(player, videos=tuple(map(name_of, player.videos))) for player in recording.players
    )
    return replace(recording, players=players)


def _check_ends(film: Film, report: Report) -> None:
    """Reports events that end after their video, by more than rounding."""
    if film.length is None:
        return
    for event in film.events:
        if event.stop is not None and film.length + _ROUNDING < event.stop < float("inf"):
            report.note(
                f"{event.place}: ends at {event.stop:g} s, and {film.name} is {film.length:g} s "
                "long; is it the same video?"
            )


def _refuse_to_overwrite(out: Path, writer: Writer, options: ConvertOptions) -> None:
    if options.overwrite:
        return
    if out.is_dir() and writer.one_file_each:
        there = [one for one in out.iterdir() if one.name.lower().endswith(writer.endings)]
        if there:
            raise UserError(
                f"{out}: has {count(len(there), 'file')} of this format already, such as "
                f"{there[0].name}; name another folder, or give --overwrite"
            )
    elif out.exists():
        raise UserError(f"{out}: is there already; name another file, or give --overwrite")
