"""Draws the scenes of the demo data: shapes that move over a painted ground.

An actor has a shape and a motion, and both are classes. The function `pose` is symmetric in time:
moving left is moving right played backwards, and growing is shrinking played backwards. So a
network cannot distinguish them by a single frame; it needs the order of the frames.

Shapes are drawn with numpy from signed distances: the distance of a pixel to the outline gives the
share of the pixel that is covered, and so smooth edges.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

SHAPES = ("Circle", "Square", "Triangle", "Star")
PEBBLE = "Pebble"  # a shape that is not a class
MOTIONS = (
    "Standing still",
    "Moving left",
    "Moving right",
    "Moving up",
    "Moving down",
    "Growing",
    "Shrinking",
    "Spinning",
    "Blinking",
    "Bouncing",
)
# Each motion is the time reversal of the other; only the order of the frames distinguishes them.
REVERSED = {"Moving left": "Moving right", "Moving up": "Moving down", "Growing": "Shrinking"}

# (corners, outer radius, inner radius divided by the outer one): outlines of about equal area.
_OUTLINES = {
    "Square": (4, 1.25, math.cos(math.pi / 4)),
    "Triangle": (3, 1.5, math.cos(math.pi / 3)),
    "Star": (5, 1.6, 0.38),
}
_FARTHEST = 1.6  # largest distance of an outline from the centre, in radii
_DIRECTIONS = {
    "Moving left": (-1.0, 0.0),
    "Moving right": (1.0, 0.0),
    "Moving up": (0.0, -1.0),
    "Moving down": (0.0, 1.0),
}
# Ground colours from low to high, as on a map: meadow, forest, sand, water, dusk, rock.
_GROUNDS = np.array(
    [
        [(62, 88, 52), (98, 122, 66), (146, 158, 96)],
        [(28, 48, 42), (46, 74, 58), (84, 104, 74)],
        [(150, 118, 84), (186, 154, 112), (214, 190, 150)],
        [(22, 58, 84), (38, 92, 118), (96, 146, 158)],
        [(52, 44, 74), (94, 70, 98), (160, 112, 116)],
        [(70, 70, 72), (104, 102, 98), (142, 138, 130)],
    ],
    dtype=np.float32,
)
NUM_GROUNDS = len(_GROUNDS)
# Colours of actors: coral, amber, cream, rose, sky, mint, ink, plum.
_COATS = np.array(
    [
        (240, 98, 78),
        (250, 182, 62),
        (250, 240, 218),
        (238, 128, 170),
        (112, 190, 240),
        (140, 226, 176),
        (28, 28, 44),
        (110, 44, 110),
    ],
    dtype=np.float32,
)


@dataclass(frozen=True)
class Actor:
    """A shape with a motion.

    Attributes:
        x, y: position in the middle of the clip, in pixels.
        radius: approximate radius in the middle of the clip, in pixels.
        reach: largest distance from (x, y) to each side, in pixels.
        tempo: speed of the motion, 0.8 to 1.25.
        phase: start of a repeated motion, as a share of its period, 0 to 1.
        tilt: rotation from upright, in radians.
        coat: row of the table of colours.
    """

    shape: str
    motion: str
    x: float
    y: float
    radius: float
    reach: float
    tempo: float
    phase: float
    tilt: float
    coat: int


@dataclass(frozen=True)
class Scene:
    """A clip to be drawn; width and height in pixels, `ground` a row of the table of grounds."""

    width: int
    height: int
    num_frames: int
    ground: int
    seed: int
    actors: tuple[Actor, ...]


class Moment(NamedTuple):
    """An actor in one frame: position and radius in pixels, angle in radians, opacity (0 to 1)."""

    x: float
    y: float
    radius: float
    angle: float
    solid: float


def pose(actor: Actor, frame: int, num_frames: int) -> Moment:
    """Returns the actor's position, size and opacity in a frame, from 0 to `num_frames` - 1."""
    since_middle = frame - (num_frames - 1) / 2
    cycle = actor.tempo * frame
    upright = math.pi / 4 if actor.shape == "Square" else -math.pi / 2
    still = Moment(actor.x, actor.y, actor.radius, upright + actor.tilt, 1.0)
    match actor.motion:
        case "Standing still":
            return still
        case "Moving left" | "Moving right" | "Moving up" | "Moving down":
            right, down = _DIRECTIONS[actor.motion]
            way = min(1.6 * actor.tempo, 2 * actor.reach / num_frames) * since_middle
            return still._replace(x=actor.x + right * way, y=actor.y + down * way)
        case "Growing" | "Shrinking":
            rate = math.log(3.0) * actor.tempo / num_frames
            sign = 1 if actor.motion == "Growing" else -1
            return still._replace(radius=actor.radius * math.exp(sign * rate * since_middle))
        case "Spinning":
            return still._replace(angle=still.angle + math.radians(11) * cycle)
        case "Blinking":
            wave = math.sin(2 * math.pi * (cycle / 9 + actor.phase))
            return still._replace(solid=min(max(0.5 + 2.5 * wave, 0.0), 1.0))
        case "Bouncing":
            hop = abs(math.sin(math.pi * (cycle / 10 + actor.phase)))
            return still._replace(y=actor.y + 0.8 * actor.reach * (0.5 - hop))
    raise KeyError(f"no motion {actor.motion!r}; there are {', '.join(MOTIONS)}")


def signed_distance(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Returns the distance to the outline of a shape of about unit radius; negative inside.

    For polygons and the star, the plane is folded onto one half of one corner. There the outline is
    one straight line from the tip of the corner to the notch beside it.
    """
    radius = np.hypot(x, y)
    if shape == "Circle":
        return radius - 1
    angle = np.arctan2(y, x)
    if shape == PEBBLE:
        return radius - (1 + 0.28 * np.cos(2 * angle) + 0.14 * np.cos(3 * angle + 1))
    corners, outer, inner = _OUTLINES[shape]
    half = np.pi / corners
    folded = np.abs((angle + half) % (2 * half) - half)
    notch_x, notch_y = outer * inner * np.cos(half), outer * inner * np.sin(half)
    length = np.hypot(notch_x - outer, notch_y)
    # The outward normal of the line from (outer, 0) to the notch.
    normal_x, normal_y = notch_y / length, (outer - notch_x) / length
    return (radius * np.cos(folded) - outer) * normal_x + radius * np.sin(folded) * normal_y


def render(scene: Scene) -> np.ndarray:
    """Draws the scene as uint8 RGB (T, H, W, 3)."""
    rng = np.random.default_rng(scene.seed)
    ground = paint_ground(rng, scene.width, scene.height, scene.ground)
    frames = np.empty((scene.num_frames, scene.height, scene.width, 3), dtype=np.uint8)
    for number in range(scene.num_frames):
        cast = [(actor, pose(actor, number, scene.num_frames)) for actor in scene.actors]
        frames[number] = draw_frame(rng, ground, cast)
    return frames


def draw_frame(
    rng: np.random.Generator, ground: np.ndarray, cast: Iterable[tuple[Actor, Moment]]
) -> np.ndarray:
    """Draws actors and grain on a ground, float32 RGB (H, W, 3); returns uint8 RGB (H, W, 3)."""
    frame = ground + 2 * rng.standard_normal((*ground.shape[:2], 1), dtype=np.float32)  # grain
    for actor, at in cast:
        _draw(frame, actor, at)
    return np.clip(frame + 0.5, 0, 255).astype(np.uint8)


def paint_ground(rng: np.random.Generator, width: int, height: int, ground: int) -> np.ndarray:
    """Draws a landscape from several octaves of smooth noise: float32 RGB (H, W, 3)."""
    relief = np.zeros((height, width), dtype=np.float32)
    for octave, cells in enumerate((3, 6, 12, 24)):
        coarse = rng.normal(size=(cells, cells + 1)).astype(np.float32)
        smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        relief += smooth * 0.55**octave
    relief += np.linspace(-0.8, 0.8, height, dtype=np.float32)[:, None]
    level = 1 + 0.45 * relief / relief.std()
    colours = _GROUNDS[ground]
    stops = np.arange(len(colours))
    return np.stack([np.interp(level, stops, colours[:, c]) for c in range(3)], axis=2).astype(
        np.float32
    )


def contrasting_coats(ground: int) -> np.ndarray:
    """Returns the rows of the table of colours that are clearly visible on this ground."""
    distance = np.linalg.norm(_COATS[:, None] - _GROUNDS[ground][None], axis=2).min(axis=1)
    return np.flatnonzero(distance > 105)


def _draw(frame: np.ndarray, actor: Actor, at: Moment) -> None:
    """Draws an actor with a soft shadow and a spot into a float frame (H, W, 3)."""
    height, width = frame.shape[:2]
    margin = _FARTHEST * at.radius + 8
    left, right = max(0, int(at.x - margin)), min(width, int(at.x + margin) + 1)
    top, bottom = max(0, int(at.y - margin)), min(height, int(at.y + margin) + 1)
    if left >= right or top >= bottom:
        return
    window = frame[top:bottom, left:right]
    across = np.arange(left, right, dtype=np.float32)[None, :] - at.x
    down = np.arange(top, bottom, dtype=np.float32)[:, None] - at.y
    cos, sin = np.cos(at.angle), np.sin(at.angle)

    def place(dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates in units of the radius, rotated with the actor, whose centre is shifted."""
        u, v = (across - dx) / at.radius, (down - dy) / at.radius
        return cos * u + sin * v, cos * v - sin * u

    shade = signed_distance(actor.shape, *place(1.5, 2.5)) * at.radius
    window *= (1 - 0.38 * at.solid * np.clip(0.5 - shade / 5, 0, 1))[..., None]

    u, v = place(0, 0)
    cover = at.solid * np.clip(0.5 - signed_distance(actor.shape, u, v) * at.radius, 0, 1)
    # A spot beside the centre, so that the rotation of a circle is visible too.
    spot = np.clip(0.5 - (np.hypot(u - 0.42, v) - 0.24) * at.radius, 0, 1)
    light = np.clip(1 - 0.10 * (across + down) / at.radius, 0.8, 1.15)  # from the upper left
    coat = _COATS[actor.coat]
    mark = coat + (0.65 * (255 - coat) if coat.mean() < 160 else -0.55 * coat)
    colour = (coat + spot[..., None] * (mark - coat)) * light[..., None]
    window += cover[..., None] * (colour - window)
