"""How often an epoch draws each training clip, to re-balance the classes.

A method is a function of the labels that returns one number for each clip: how often the clip is
expected in an epoch. `slowfast.ak.clips.loader.ClipOrder` makes draws of these numbers.
"""

from __future__ import annotations

import math

import numpy as np

from slowfast.ak.errors import UserError

# Classes are drawn in proportion to n_c^q (Kang et al., "Decoupling Representation and Classifier
# for Long-Tailed Recognition", ICLR 2020).
_CLASS_EXPONENTS = {"class_balanced": 0.0, "square_root": 0.5}


def expected_draws(name: str, labels: np.ndarray, threshold: float = 0.01) -> np.ndarray | None:
    """How often each clip is expected in an epoch under DATA_LOADER.SAMPLER; None: exactly once.

    class_balanced, square_root: a class is drawn with a probability in proportion to 1 or to
        sqrt(n_c), then one of its n_c clips, as many times as there are clips. A clip with several
        classes is drawn through each of them: w_i is the sum over its classes of 1 / n_c, or of
        1 / sqrt(n_c), scaled so that clips with labels come once on average.
    repeat_factor: w_i is the largest max(1, sqrt(threshold / f_c)) over its classes, where f_c is
        the share n_c / N of the clips that have the class (Gupta, Dollar and Girshick, "LVIS",
        CVPR 2019). No clip comes less than once, and the epoch becomes longer.

    A clip without labels is expected once: it is an example of no class.

    Args:
        name: shuffle, class_balanced, square_root or repeat_factor.
        labels: (N, C), not 0 if a clip has a class.
        threshold: the share of the clips below which a class is repeated.

    Returns:
        (N,) float64, or None for shuffle.

    Raises:
        UserError: there is no method of that name.
    """
    if name == "shuffle":
        return None
    labels = labels != 0
    counts = labels.sum(axis=0)
    if name == "repeat_factor":
        share = np.maximum(counts, 1) / len(labels)
        return np.where(labels, np.maximum(1, np.sqrt(threshold / share)), 1).max(axis=1)
    if name not in _CLASS_EXPONENTS:
        names = ", ".join(("shuffle", *_CLASS_EXPONENTS, "repeat_factor"))
        raise UserError(f"DATA_LOADER.SAMPLER: there is no {name!r}; choose one of {names}.")
    weights = labels @ np.maximum(counts, 1) ** (_CLASS_EXPONENTS[name] - 1)
    labelled = labels.any(axis=1)
    if labelled.any():
        weights *= labelled.sum() / weights.sum()
    return np.where(labelled, weights, 1)


def describe_draws(labels: np.ndarray, draws: np.ndarray) -> str:
    """Says what re-balancing does to the rarest and the most frequent class that has clips."""
    labels = labels != 0
    counts = labels.sum(axis=0)
    text = f"{len(labels)} clips make {math.ceil(draws.sum() - 1e-6)} draws an epoch"
    seen = np.flatnonzero(counts)
    if len(seen):
        expected = draws @ labels
        rarest, commonest = seen[counts[seen].argmin()], seen[counts[seen].argmax()]
        text += ", " + ", ".join(
            f"{expected[label]:.0f} of the {name} class ({label}) instead of {counts[label]}"
            for name, label in (("rarest", rarest), ("most frequent", commonest))
        )
    return f"{text}; a clip comes {draws.min():.2g} to {draws.max():.3g} times"
