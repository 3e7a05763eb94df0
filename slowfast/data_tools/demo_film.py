"""Draws the demo film: the shapes and motions of the demo clips, one after another, with events.

The camera does not move. There are two places, left and right. At each of them one actor after
another appears, makes one to three motions and disappears, so that most of the time several classes
are seen at once. The classes occur about as often as in the validation clips.

The events state when each shape and each motion is seen. They are a table in the form of the bouts
that `tools/predict.py` writes, without scores; the subject is the place.

The same seed and size give the same film.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from slowfast.data_tools import ak_writer, demo_scenes
from slowfast.data_tools.demo_scenes import MOTIONS, PEBBLE, SHAPES, Actor
from slowfast.data_tools.events.intervals import BOUT_COLUMNS

FILM, EVENTS = Path("film", "film.mp4"), Path("film", "events.csv")  # below the folder of the set
FPS = Fraction(12)

_PLACES = {"left": -0.25, "right": 0.25}  # from the middle, in short sides
_RADII, _REACH = (0.14, 0.17), 0.2  # in short sides
_MOST_MOTIONS = 3  # of an actor
_FADE = 3  # frames in which an actor appears and disappears
_LONGEST, _LONGEST_CHANGE = 2.0, 1.25  # longest motions, in shortest ones
# The motions that change a quantity for good, with its values before and after: -1 and 1 are the
# ends of a way or of a change of size. A motion can follow others only from its own end.
_CHANGES = {
    "Moving left": ("x", 1, -1),
    "Moving right": ("x", -1, 1),
    "Moving up": ("y", 1, -1),
    "Moving down": ("y", -1, 1),
    "Growing": ("size", -1, 1),
    "Shrinking": ("size", 1, -1),
}


@dataclass(frozen=True)
class FilmSize:
    """The size of a film.

    Attributes:
        seconds: length of the film.
        pixels: width and height in which the actors are planned, as those of a clip.
        scale: the film has so many times more pixels on each side.
        motion: fewest frames of a motion.
    """

    seconds: int
    pixels: tuple[int, int]
    scale: int
    motion: int


@dataclass(frozen=True)
class Act:
    """One motion of an actor, from frame `first` up to, and without, `stop`."""

    actor: Actor
    first: int
    stop: int


@dataclass(frozen=True)
class Visit:
    """The time in which an actor is seen: its motions, which follow each other without a gap."""

    place: str
    acts: tuple[Act, ...]

    @property
    def first(self) -> int:
        """The first frame."""
        return self.acts[0].first

    @property
    def stop(self) -> int:
        """The first frame after the visit."""
        return self.acts[-1].stop


@dataclass(frozen=True)
class Film:
    """A film to be drawn; `ground` is a row of the table of grounds."""

    size: FilmSize
    num_frames: int
    ground: int
    seed: int
    visits: tuple[Visit, ...]

    def events(self) -> list[tuple[str, str, int, int]]:
        """Returns (place, class, first frame, first frame after it), in the order of time."""
        found = []
        for visit in self.visits:
            shape = visit.acts[0].actor.shape
            if shape != PEBBLE:
                found.append((visit.place, shape, visit.first, visit.stop))
            found += [(visit.place, act.actor.motion, act.first, act.stop) for act in visit.acts]
        return sorted(found, key=lambda event: (event[2], event))


def has_film(root: Path) -> bool:
    """Whether the folder of a demo set has the film and its events."""
    return (root / FILM).is_file() and (root / EVENTS).is_file()


def write_film(root: Path, film: Film) -> None:
    """Writes the film and its events below the folder of a demo set."""
    path = root / FILM
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    ak_writer.encode_mp4(part, render_film(film), FPS, crf=20)
    part.replace(path)
    part = (root / EVENTS).with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(BOUT_COLUMNS)
        for place, name, first, stop in film.events():
            seconds = (f"{float(frame / FPS):.3f}" for frame in (first, stop))
            table.writerow((path.name, place, name, *seconds, first, stop - 1, "", ""))
    part.replace(root / EVENTS)


def render_film(film: Film) -> Iterator[np.ndarray]:
    """Yields the frames of the film, uint8 RGB (H, W, 3)."""
    rng = np.random.default_rng(film.seed)
    width, height = (side * film.size.scale for side in film.size.pixels)
    ground = demo_scenes.paint_ground(rng, width, height, film.ground)
    for number in range(film.num_frames):
        cast = [
            (act.actor, _moment(visit, act, number, film.size.scale))
            for visit in film.visits
            if visit.first <= number < visit.stop
            for act in visit.acts
            if act.first <= number < act.stop
        ]
        yield demo_scenes.draw_frame(rng, ground, cast)


def _moment(visit: Visit, act: Act, number: int, scale: int) -> demo_scenes.Moment:
    """Returns where an actor is in a frame of the film, in pixels of the film."""
    at = demo_scenes.pose(act.actor, number - act.first, act.stop - act.first)
    shown = min(1.0, (number - visit.first + 1) / _FADE, (visit.stop - number) / _FADE)
    return at._replace(
        x=at.x * scale, y=at.y * scale, radius=at.radius * scale, solid=at.solid * shown
    )


def plan_film(seed: int, size: FilmSize, shares: Mapping[str, float]) -> Film:
    """Plans the film.

    Args:
        shares: relative frequency of each motion, of each shape and of the shape that is no class.
    """
    rng = np.random.Generator(np.random.PCG64([seed, size.seconds]))
    ground = int(rng.integers(demo_scenes.NUM_GROUNDS))
    film_seed = int(rng.integers(2**31))
    coats = rng.permutation(demo_scenes.contrasting_coats(ground))
    num_frames = int(size.seconds * FPS)
    lacking = _Lacking(rng, shares)
    visits: list[Visit] = []
    free = {place: number * size.motion // 2 for number, place in enumerate(_PLACES)}
    while free:
        place = min(free, key=lambda each: free[each])
        if free[place] + size.motion > num_frames:
            del free[place]
            continue
        coat = int(coats[len(visits) % len(coats)])
        visits.append(_plan_visit(rng, size, lacking, place, (free[place], num_frames), coat))
        free[place] = visits[-1].stop + int(rng.integers(_FADE, size.motion))
    return Film(size, num_frames, ground, film_seed, tuple(visits))


class _Lacking:
    """Draws the classes of the film so that each gets about its share of the time."""

    def __init__(self, rng: np.random.Generator, shares: Mapping[str, float]):
        self._rng, self._shares = rng, shares
        self._frames = dict.fromkeys(shares, 0)

    def draw(self, names: list[str]) -> str:
        """Returns the class that has had the least of its share; chance decides close cases."""
        had = [self._frames[name] / self._shares[name] for name in names]
        return names[int(np.argmin(np.multiply(had, self._rng.uniform(0.7, 1.3, len(had)))))]

    def add(self, name: str, frames: int) -> None:
        """Counts the frames of a class."""
        self._frames[name] += frames


def _plan_visit(
    rng: np.random.Generator,
    size: FilmSize,
    lacking: _Lacking,
    place: str,
    span: tuple[int, int],
    coat: int,
) -> Visit:
    """Plans an actor and its motions from the first frame of a span on, and not beyond its end."""
    first, last = span
    short = min(size.pixels)
    actor = Actor(
        shape=lacking.draw([*SHAPES, PEBBLE]),
        motion=MOTIONS[0],
        x=size.pixels[0] / 2 + short * _PLACES[place],
        y=size.pixels[1] / 2 + short * float(rng.uniform(-0.1, 0.1)),
        radius=short * float(rng.uniform(*_RADII)),
        reach=short * _REACH,
        tempo=float(rng.uniform(0.8, 1.25)),
        phase=float(rng.random()),
        tilt=float(rng.uniform(-0.35, 0.35)),
        coat=coat,
    )
    acts: list[Act] = []
    for _ in range(int(rng.integers(1, _MOST_MOTIONS + 1))):
        if first + size.motion > last:
            break
        motion = lacking.draw(_fitting([act.actor.motion for act in acts]))
        longest = _LONGEST_CHANGE if motion in _CHANGES else _LONGEST
        frames = int(rng.integers(size.motion, int(longest * size.motion) + 1))
        frames = min(frames, last - first)
        lacking.add(motion, frames)
        act = Act(replace(actor, motion=motion), first, first + frames)
        acts.append(_continued(act, acts[-1]) if acts else act)
        first += frames
    lacking.add(actor.shape, first - acts[0].first)
    return Visit(place, tuple(acts))


def _fitting(before: list[str]) -> list[str]:
    """Returns the motions that can follow those of an actor; any can be the first."""
    if not before:
        return list(MOTIONS)
    state = {what: after for what, _, after in (_CHANGES[m] for m in before if m in _CHANGES)}

    def fits(motion: str) -> bool:
        what, start, _ = _CHANGES.get(motion, ("", 0, 0))
        return motion != before[-1] and state.get(what, 0) == start

    return [motion for motion in MOTIONS if fits(motion)]


def _continued(act: Act, before: Act) -> Act:
    """Returns a motion that begins where the one before it ends: same position, size and angle."""
    frames = before.stop - before.first
    end = demo_scenes.pose(before.actor, frames - 1, frames)
    start = demo_scenes.pose(act.actor, 0, act.stop - act.first)
    actor = replace(
        act.actor,
        x=act.actor.x + end.x - start.x,
        y=act.actor.y + end.y - start.y,
        radius=act.actor.radius * end.radius / start.radius,
        tilt=act.actor.tilt + end.angle - start.angle,
    )
    return replace(act, actor=actor)
