"""Makes a drawn data set that is harder than the demo data: forty classes, one to 400 clips each.

A class is one of four shapes with one of ten motions (see `demo_scenes`), such as "Star, growing".
Neither a shape nor a motion alone is a class, so that a rare class shares both with frequent ones.
Up to two pebbles move in each clip. They have no class, and only distract. About a third of the
clips show two classes.

The training clips of the classes fall in equal ratios from the most frequent class to the rarest.
Chance decides which class is rare. The validation set has the same number of clips of each class,
so that the average precision of a rare class is measured as well as that of a frequent one.

The segments are head from a fourth of the clips of the most frequent class on, and tail up to a
twentieth of them: 10 head, 10 middle and 20 tail classes with 400 clips.

The same settings give the same set. `demo_data.json` marks the folder, as of the demo data.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools import ak_writer, demo_data, demo_scenes
from slowfast.data_tools.ak_writer import ListedClass, ListedClip
from slowfast.data_tools.demo_scenes import MOTIONS, PEBBLE, SHAPES, Actor, Scene

PAIRS = tuple(product(SHAPES, MOTIONS))  # the shape and the motion of each class
CLASSES = tuple(f"{shape}, {motion.lower()}" for shape, motion in PAIRS)

_PARTNERS = 0.25  # share of the actors that join the clip of another one
_PEBBLES = (0.3, 0.4, 0.3)  # probabilities of 0, 1 and 2 pebbles in a clip
# Actors have a quarter of the picture each, whose centres are this far from the middle, in parts of
# height and width.
_OFF_CENTRE = 0.24
_RADII, _REACH = (0.12, 0.15), 0.21  # in parts of the shorter side


@dataclass(frozen=True)
class Settings:
    """The settings of a data set; equal settings give equal data sets.

    Attributes:
        most: training clips of the most frequent class; the rarest has one.
        each_val: validation clips of each class.
        frames: shortest and longest clip, in frames.
        pixels: width and height of the clips; both are even.
    """

    seed: int = 0
    most: int = 400
    each_val: int = 12
    frames: tuple[int, int] = (24, 40)
    pixels: tuple[int, int] = (112, 84)
    recipe: str = "long tail 1"  # changes whenever the same settings produce other clips


@dataclass(frozen=True)
class PlannedClip:
    """A clip that is not drawn yet; `split` is train or val, `labels` are class ids."""

    name: str
    split: str
    scene: Scene
    labels: tuple[int, ...]


def make_long_tail(root: Path, settings: Settings) -> bool:
    """Makes the data set below `root`, or completes a set that was begun.

    Returns:
        False if the complete set was there already.

    Raises:
        UserError: `root` holds something else, or data of other settings; or the settings leave a
            class without clips.
    """
    if min(settings.most, settings.each_val) < 1:
        raise UserError(
            f"most {settings.most}, each_val {settings.each_val}: expected at least 1 of each, so "
            "that every class has training clips and validation clips"
        )
    marks = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(settings).items()}
    if demo_data.claim(root, marks):
        return False
    limits = segment_limits(settings)

    def rows(train: Sequence[ListedClip]) -> list[ListedClass]:
        counts = ak_writer.count_labels(train, len(CLASSES))
        return [
            ListedClass(name, motion, ak_writer.segment_of(count, *limits), count)
            for name, (_, motion), count in zip(CLASSES, PAIRS, counts, strict=True)
        ]

    demo_data.write_clips(root, plan_clips(settings), rows)
    demo_data.write_marker(root, marks, finished=True)
    return True


def segment_limits(settings: Settings) -> tuple[int, int]:
    """(AK.HEAD_MIN, AK.TAIL_MAX) of the set."""
    return -(-settings.most // 4), settings.most // 20


def class_counts(settings: Settings) -> np.ndarray:
    """(C,) int64: the training clips of each class."""
    counts = np.geomspace(settings.most, 1, len(CLASSES)).round().astype(np.int64)
    return np.random.default_rng([settings.seed, 0]).permutation(counts)


def plan_clips(settings: Settings) -> list[PlannedClip]:
    """All clips of the set, training clips first."""
    rng = np.random.default_rng([settings.seed, 1])
    counts = {
        "train": class_counts(settings),
        "val": np.full(len(CLASSES), settings.each_val),
    }
    casts = [(split, cast) for split, own in counts.items() for cast in _draw_casts(rng, own)]
    names = demo_data.draw_names(rng, len(casts))
    return [
        PlannedClip(name, split, _draw_scene(rng, settings, cast), tuple(sorted(cast)))
        for name, (split, cast) in zip(names, casts, strict=True)
    ]


def _draw_casts(rng: np.random.Generator, counts: np.ndarray) -> list[list[int]]:
    """The classes of each clip, one or two different ones; class c is in counts[c] clips."""
    actors = rng.permutation(np.repeat(np.arange(len(counts)), counts)).tolist()
    partners = int(_PARTNERS * len(actors))
    casts = [[actor] for actor in actors[partners:]]
    for actor in actors[:partners]:
        fitting = [cast for cast in casts if len(cast) == 1 and cast[0] != actor]
        if fitting:
            fitting[rng.integers(len(fitting))].append(actor)
        else:
            casts.append([actor])
    return casts


def _draw_scene(rng: np.random.Generator, settings: Settings, cast: list[int]) -> Scene:
    """Draws a scene: its ground, its actors and pebbles, each in a quarter of the picture."""
    (width, height), short = settings.pixels, min(settings.pixels)
    ground = int(rng.integers(demo_scenes.NUM_GROUNDS))
    coats = rng.permutation(demo_scenes.contrasting_coats(ground))
    pebbles = int(rng.choice(len(_PEBBLES), p=_PEBBLES))
    shown = [PAIRS[label] for label in cast]
    shown += [(PEBBLE, str(rng.choice(MOTIONS))) for _ in range(pebbles)]
    quarters = rng.permutation(list(product((-1, 1), (-1, 1))))
    actors = tuple(
        Actor(
            shape=shape,
            motion=motion,
            x=float(width * (0.5 + _OFF_CENTRE * across + rng.uniform(-0.03, 0.03))),
            y=float(height * (0.5 + _OFF_CENTRE * down + rng.uniform(-0.03, 0.03))),
            radius=float(short * rng.uniform(*_RADII)),
            reach=_REACH * short,
            tempo=float(rng.uniform(0.8, 1.25)),
            phase=float(rng.random()),
            tilt=float(rng.uniform(-0.35, 0.35)),
            coat=int(coats[number % len(coats)]),
        )
        for number, ((shape, motion), (across, down)) in enumerate(
            zip(shown, quarters, strict=False)
        )
    )
    frames = int(rng.integers(settings.frames[0], settings.frames[1] + 1))
    return Scene(width, height, frames, ground, int(rng.integers(2**31)), actors)
