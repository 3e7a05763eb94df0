"""The order in which a person reviews predictions, so that an hour of work changes most.

A bout is worth a look if its mean score is near the threshold of its class: a little more or less,
and it would not be there. So is a time without a bout whose score comes near the threshold: the
class may be missed there. Of equally unsure places, those of rare classes come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from slowfast.ethograms.scores import Bout, VideoScores

USUAL_THRESHOLD = 0.5
_NEAR = 0.5  # of the threshold; times with lower scores are not looked at


@dataclass(frozen=True)
class Place:
    """A time of a video that a person should look at.

    Attributes:
        start, stop: seconds.
        score: the mean of a bout; the highest of a time without a bout.
        missed: whether it is a time without a bout.
        doubt: from 0 (sure) to 1 (the score is the threshold).
    """

    video: str
    label: str
    start: float
    stop: float
    score: float
    missed: bool
    doubt: float


def doubt(score: float, threshold: float) -> float:
    """Returns 1 for a score at the threshold, falling to 0 towards the scores 0 and 1."""
    if score >= threshold:
        return 1 - (score - threshold) / (1 - threshold) if threshold < 1 else 1.0
    return score / threshold


def places(
    scores: VideoScores, bouts: Sequence[Bout], thresholds: Mapping[str, float]
) -> list[Place]:
    """Returns the bouts of a video that have a score, and the times that come near a threshold.

    A time that touches a bout of its class belongs to it and is left out.
    """
    found = [
        Place(
            *(scores.video, bout.label, bout.start, bout.stop, bout.mean, False),
            doubt(bout.mean, thresholds.get(bout.label, USUAL_THRESHOLD)),
        )
        for bout in bouts
        if bout.mean is not None
    ]
    own: dict[str, list[Bout]] = {name: [] for name in scores.classes}
    for bout in bouts:
        own.setdefault(bout.label, []).append(bout)
    for index, name in enumerate(scores.classes):
        threshold = thresholds.get(name, USUAL_THRESHOLD)
        values = np.nan_to_num(scores.scores[:, index])
        # How many cells before each edge touch a bout of the class.
        touched = np.zeros(len(values), dtype=bool)
        for bout in own[name]:
            first, end = np.searchsorted(scores.times, (bout.start, bout.stop))
            touched[max(0, first - 1) : end + 1] = True
        before = np.concatenate(([0], touched.cumsum()))
        near = np.concatenate(([False], values >= _NEAR * threshold, [False]))
        for first, end in np.flatnonzero(near[1:] != near[:-1]).reshape(-1, 2).tolist():
            if before[end] == before[first]:
                peak = float(values[first:end].max())
                found.append(
                    Place(
                        *(scores.video, name, float(scores.times[first])),
                        *(float(scores.times[end]), peak, True, doubt(peak, threshold)),
                    )
                )
    return found


def ranked(
    found: Iterable[Place],
    most: int | None = None,
    training_clips: Mapping[str, int] | None = None,
) -> list[Place]:
    """Returns places of all videos, the most rewarding first.

    The doubt of a place is divided by the square root of the number of training clips of its class,
    or else of its bouts, and of the more doubtful places of this class before it: each review makes
    a class less rare.

    Args:
        training_clips: by class; None: not known.
    """
    of_class: dict[str, list[Place]] = {}
    for place in found:
        of_class.setdefault(place.label, []).append(place)
    worth = []
    for label, places_of_class in of_class.items():
        bouts = sum(not place.missed for place in places_of_class)
        examples = max(1, bouts if training_clips is None else training_clips.get(label, 0))
        in_order = sorted(places_of_class, key=lambda place: (-place.doubt, place.start))
        worth += [
            (-place.doubt / sqrt(examples + number), place.start, place.label, place.video, place)
            for number, place in enumerate(in_order)
        ]
    return [place for *_, place in sorted(worth, key=lambda entry: entry[:4])[:most]]
