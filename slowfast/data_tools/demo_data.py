"""Makes the demo data: a small data set like Animal Kingdom, drawn in less than a minute.

It has fourteen classes: four shapes and ten motions (see `demo_scenes`). A clip shows one or two
actors, so it has 1 to 4 labels. The frequencies of the training classes are long-tailed. The
validation set is flatter: each class has at least five validation clips, so that each average
precision means something. (In Animal Kingdom, 13 classes have no test clip.)

A class is head if at least a fifth of the training clips show it, and tail if at most a sixteenth
do. `segment_limits` returns these numbers of clips, which are AK.HEAD_MIN and AK.TAIL_MAX of a run
without a class sheet.

A film of the same shapes and motions, with a table of what is seen when, is for prediction on whole
videos (see `demo_film`).

The same seed, size and number of clips give the same data set. The file `demo_data.json` marks a
folder of demo data, and states whether the set is complete.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.data_tools import ak_writer, demo_film, demo_scenes
from slowfast.data_tools.ak_writer import ListedClass, ListedClip
from slowfast.data_tools.demo_film import Film, FilmSize
from slowfast.data_tools.demo_scenes import MOTIONS, PEBBLE, SHAPES, Actor, Scene
from slowfast.data_tools.parallel import run_all

CLASSES = MOTIONS + SHAPES
MARKER = "demo_data.json"
RECIPE = 2  # increases whenever the same settings produce other clips

_SHARES = {  # shares of the actors in the training clips
    "Moving left": 0.22,
    "Moving right": 0.17,
    "Standing still": 0.13,
    "Moving up": 0.11,
    "Growing": 0.10,
    "Moving down": 0.09,
    "Spinning": 0.07,
    "Shrinking": 0.04,
    "Blinking": 0.035,
    "Bouncing": 0.035,
    "Circle": 0.41,
    "Square": 0.24,
    "Triangle": 0.13,
    "Star": 0.04,
    PEBBLE: 0.18,
}
_FLATTENED = 0.5  # power of the shares in the validation clips and in the film
_PARTNERS = 0.35  # share of the clips with a second actor
_VALIDATION = 0.27  # share of the clips in the validation set
_MIN_VALIDATION = 50  # fewest validation clips
_EACH_VALIDATION = 6  # fewest actors of each class in the validation clips
_MIN_TRAIN = 60  # fewest training clips, so that each rare class has some


@dataclass(frozen=True)
class Size:
    """The size of a data set.

    Attributes:
        frames: shortest and longest clip, in frames.
        pixels: relative frequency of each (width, height).
        film: size of the film.
    """

    clips: int
    frames: tuple[int, int]
    pixels: dict[tuple[int, int], int]
    film: FilmSize


SIZES = {
    "standard": Size(
        clips=440,
        frames=(24, 40),
        pixels={(112, 84): 10, (128, 96): 3, (84, 112): 3, (96, 72): 2, (106, 78): 1, (90, 90): 1},
        film=FilmSize(seconds=120, pixels=(112, 84), scale=2, motion=36),
    ),
    "small": Size(
        clips=120,
        frames=(12, 20),
        pixels={(64, 48): 6, (48, 64): 2, (58, 50): 1},
        film=FilmSize(seconds=30, pixels=(64, 48), scale=1, motion=18),
    ),
}


@dataclass(frozen=True)
class Settings:
    """The settings of a data set; equal settings give equal data sets."""

    seed: int
    clips: int
    size: str
    recipe: int = RECIPE


class Planned(Protocol):
    """A clip that is not drawn yet; `split` is train or val, and `labels` are class ids."""

    @property
    def name(self) -> str: ...
    @property
    def split(self) -> str: ...
    @property
    def scene(self) -> Scene: ...
    @property
    def labels(self) -> tuple[int, ...]: ...


@dataclass(frozen=True)
class PlannedClip:
    """A clip that is not drawn yet; `split` is train or val."""

    name: str
    split: str
    scene: Scene

    @property
    def labels(self) -> tuple[int, ...]:
        """Ids of the shapes and motions of its actors."""
        names = {name for actor in self.scene.actors for name in (actor.motion, actor.shape)}
        return tuple(sorted(CLASSES.index(name) for name in names - {PEBBLE}))


def make_settings(seed: int = 0, clips: int | None = None, size: str = "standard") -> Settings:
    """Returns settings; `clips` None takes the default number of the size.

    Raises:
        UserError: there is no such size, or the clips are too few for every class in both splits.
    """
    if size not in SIZES:
        raise UserError(f"--size {size}: expected one of {', '.join(SIZES)}")
    clips = SIZES[size].clips if clips is None else clips
    if clips < _MIN_TRAIN + _MIN_VALIDATION:
        raise UserError(
            f"--clips {clips}: expected at least {_MIN_TRAIN + _MIN_VALIDATION}, "
            "so that every class has training clips and validation clips"
        )
    return Settings(seed, clips, size)


def make_demo_data(root: Path, settings: Settings) -> bool:
    """Makes the data set below `root`, or completes a set that was begun.

    Returns:
        False if the complete set was there already.

    Raises:
        UserError: `root` holds something else, or demo data of other settings.
    """
    finished = claim(root, asdict(settings))
    if finished and demo_film.has_film(root):
        return False
    if not demo_film.has_film(root):
        demo_film.write_film(root, plan_film(settings))
    if finished:  # by an earlier version, without a film
        return True
    write_clips(root, plan_clips(settings), class_rows)
    write_marker(root, asdict(settings), finished=True)
    return True


def write_clips(
    root: Path,
    plan: Sequence[Planned],
    class_rows: Callable[[Sequence[ListedClip]], Sequence[ListedClass]],
) -> None:
    """Draws the clips that are missing, and writes the lists and the class sheet.

    Args:
        class_rows: returns the rows of the class sheet for the training clips.
    """
    ak_writer.make_folders(root)

    def make(clip: Planned) -> None:
        if not ak_writer.has_clip(root, clip.name):
            ak_writer.write_clip(
                root, clip.name, demo_scenes.render(clip.scene), fps=Fraction(12), crf=20
            )

    run_all(plan, make, "demo clips")
    listed = {
        split: [
            ListedClip(clip.name, clip.scene.num_frames, clip.labels)
            for clip in plan
            if clip.split == split
        ]
        for split in ("train", "val")
    }
    for split, clips in listed.items():
        ak_writer.write_frame_list(root / "annot" / f"{split}.csv", clips)
    ak_writer.write_class_sheet(root / "annot" / "df_action.xlsx", class_rows(listed["train"]))


def segment_limits(train_clips: int) -> tuple[int, int]:
    """Returns (AK.HEAD_MIN, AK.TAIL_MAX) for a demo set with this many training clips."""
    return train_clips // 5, train_clips // 16


def class_rows(train: Sequence[ListedClip]) -> list[ListedClass]:
    """Returns the rows of the class sheet, with the counts of the training clips."""
    counts = ak_writer.count_labels(train, len(CLASSES))
    limits = segment_limits(len(train))
    return [
        ListedClass(
            name,
            "Shape" if name in SHAPES else "Motion",
            ak_writer.segment_of(count, *limits),
            count,
        )
        for name, count in zip(CLASSES, counts, strict=True)
    ]


def plan_film(settings: Settings) -> Film:
    """Returns the film of the set; its classes are about as frequent as in the validation clips."""
    shares = {name: share**_FLATTENED for name, share in _SHARES.items()}
    return demo_film.plan_film(settings.seed, SIZES[settings.size].film, shares)


def plan_clips(settings: Settings) -> list[PlannedClip]:
    """Returns all clips of the set, training clips first."""
    rng = np.random.Generator(np.random.PCG64([settings.seed, settings.clips]))
    size = SIZES[settings.size]
    num_val = max(round(_VALIDATION * settings.clips), _MIN_VALIDATION)
    names = draw_names(rng, settings.clips)
    plan = []
    for split, num_clips in (("train", settings.clips - num_val), ("val", num_val)):
        casts = _draw_casts(rng, num_clips, flat=split == "val")
        split_names, names = names[:num_clips], names[num_clips:]
        for name, cast in zip(sorted(split_names), casts, strict=True):
            plan.append(PlannedClip(name, split, _draw_scene(rng, size, cast)))
    return plan


def apportion(shares: Sequence[float], total: int, least: int = 0) -> list[int]:
    """Divides `total` into whole parts in proportion to `shares`, each part at least `least`.

    The largest remainders are rounded up, so nothing is random.

    Raises:
        ValueError: `total` is too small.
    """
    if total < least * len(shares):
        raise ValueError(f"{total} cannot be divided into {len(shares)} parts of at least {least}")
    parts = np.asarray(shares, dtype=np.float64) / np.sum(shares) * total
    dealt = np.maximum(np.floor(parts).astype(int), least)
    while dealt.sum() != total:
        lacking = parts - dealt
        if dealt.sum() < total:
            dealt[np.argmax(lacking)] += 1
        else:
            dealt[np.argmin(np.where(dealt > least, lacking, np.inf))] -= 1
    return dealt.tolist()


def claim(root: Path, settings: dict[str, Any]) -> bool:
    """Marks `root` as drawn data of these settings; returns whether the set is complete.

    Raises:
        UserError: `root` holds something else, or demo data of other settings.
    """
    marker = root / MARKER
    if root.exists() and not root.is_dir():
        raise UserError(f"{root}: is a file; expected a folder, or nothing there yet")
    if marker.is_file():
        try:
            state = json.loads(marker.read_text(encoding="utf-8"))
            found, finished = state["settings"], state["finished"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{marker}: cannot be read as the marker of demo data ({error}); "
                "give another folder, or remove this one"
            ) from error
        if found != settings:
            raise UserError(
                f"{root}: holds demo data of {_in_words(found)}, and the settings now are "
                f"{_in_words(settings)}; give another folder, or remove this one"
            )
        return bool(finished)
    if root.is_dir() and any(root.iterdir()):
        raise UserError(
            f"{root}: is not empty and has no {MARKER}, so it is not demo data; "
            "give a new or an empty folder"
        )
    root.mkdir(parents=True, exist_ok=True)
    write_marker(root, settings, finished=False)
    return False


def write_marker(root: Path, settings: dict[str, Any], finished: bool) -> None:
    """Writes the marker of a folder of drawn data.

    Args:
        finished: whether the set is complete.
    """
    part = root / f"{MARKER}.part"
    state = {"settings": settings, "finished": finished}
    part.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
    part.replace(root / MARKER)


def _in_words(settings: dict) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())


def draw_names(rng: np.random.Generator, count: int) -> list[str]:
    """Draws distinct names of eight capital letters, as in Animal Kingdom."""
    names: dict[str, None] = {}
    while len(names) < count:
        names["".join(map(chr, rng.integers(65, 91, size=8)))] = None
    return list(names)


def _draw_casts(
    rng: np.random.Generator, num_clips: int, flat: bool
) -> list[list[tuple[str, str]]]:
    """Draws the (shape, motion) of the one or two actors of each clip.

    The shares fix the number of each shape and motion; only their order is random. `flat` takes the
    square roots of the shares, so that rare classes are less rare.
    """
    num_actors = num_clips + round(_PARTNERS * num_clips)

    def deal(names: Sequence[str]) -> list[str]:
        shares = np.array([_SHARES[name] for name in names]) ** (_FLATTENED if flat else 1.0)
        counts = apportion(shares, num_actors, least=_EACH_VALIDATION if flat else 2)
        return list(rng.permutation(np.repeat(names, counts)))

    actors = [(str(s), str(m)) for s, m in zip(deal((*SHAPES, PEBBLE)), deal(MOTIONS), strict=True)]
    casts = [[actor] for actor in actors[:num_clips]]
    for shape, motion in actors[num_clips:]:
        alone = [cast for cast in casts if len(cast) == 1]
        # If possible, the partner differs in shape and motion, so that no label is lost.
        fitting = [cast for cast in alone if cast[0][0] != shape and cast[0][1] != motion] or alone
        fitting[rng.integers(len(fitting))].append((shape, motion))
    return casts


def _draw_scene(rng: np.random.Generator, size: Size, cast: list[tuple[str, str]]) -> Scene:
    """Draws a scene: its size, its ground, and the actors around its middle."""
    stages = list(size.pixels)
    often = np.array([size.pixels[stage] for stage in stages], dtype=np.float64)
    width, height = stages[rng.choice(len(stages), p=often / often.sum())]
    short = min(width, height)
    ground = int(rng.integers(demo_scenes.NUM_GROUNDS))
    coats = rng.permutation(demo_scenes.contrasting_coats(ground))
    if len(cast) == 1:
        places = [rng.uniform(-0.12, 0.12, size=2)]
        radii, reach = (0.18, 0.23), 0.36
    else:
        side = np.array([0.27, rng.uniform(-0.1, 0.1)])
        if rng.random() < 0.5:
            side = side[::-1]
        places = [side, -side]
        radii, reach = (0.14, 0.17), 0.26
    actors = tuple(
        Actor(
            shape=shape,
            motion=motion,
            x=float(width / 2 + short * place[0]),
            y=float(height / 2 + short * place[1]),
            radius=float(short * rng.uniform(*radii)),
            reach=reach * short,
            tempo=float(rng.uniform(0.8, 1.25)),
            phase=float(rng.random()),
            tilt=float(rng.uniform(-0.35, 0.35)),
            coat=int(coats[i % len(coats)]),
        )
        for i, ((shape, motion), place) in enumerate(zip(cast, places, strict=True))
    )
    num_frames = int(rng.integers(size.frames[0], size.frames[1] + 1))
    return Scene(width, height, num_frames, ground, int(rng.integers(2**31)), actors)
