"""Measures mAP of random scores, and computes losses of random logits.

Upstream has no such losses. They and their gradients are computed here in NumPy and float64 by the
published formulas, independently of the project's own code.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .files import REFERENCE, Made, read, renewed

# LDAM (Cao et al., NeurIPS 2019) as published for Animal Kingdom.
SCALE, LARGEST_MARGIN, REWEIGHTED_FROM, BETA = 30.0, 0.5, 80, 0.9999
RARE = 100  # EQL (Tan et al., CVPR 2020): the most clips of a rare class


def mean_average_precisions(existing: Any, name: str) -> Made:
    """Makes mAP of drawn scores, by upstream's function."""
    from slowfast.utils.meters import get_map

    inputs = ("seed", "n", "k", "p", "rounded_to_1_decimal")
    cases = [renewed(case, {"map": _map(get_map, case)}, *inputs) for case in existing["cases"]]
    return Made(renewed(existing, {"cases": cases}, "how"))


def _map(get_map: Any, case: dict) -> float:
    generator, shape = np.random.Generator(np.random.PCG64(case["seed"])), (case["n"], case["k"])
    scores = generator.random(shape).astype(np.float32)
    labels = (generator.random(shape) < case["p"]).astype(np.float32)
    return float(get_map(scores.round(1) if case["rounded_to_1_decimal"] else scores, labels))


def losses(existing: Any, name: str) -> Made:
    """Makes value and gradient norm of each loss, on 16 clips and 140 classes."""
    generator = np.random.Generator(np.random.PCG64(7))
    logits = (2 * generator.standard_normal((16, 140))).astype(np.float32).astype(np.float64)
    targets = (generator.random((16, 140)) < 0.03).astype(np.float64)
    counts = np.array([row[-1] for row in read(REFERENCE, "ak_sheet.json")["rows"]], np.float64)
    inputs = ("loss", "drw_epoch", "gamma", "reduction", "ignore_probability_gamma")
    cases = []
    for case in existing["cases"]:
        elements, gradient = _ELEMENTS[case["loss"]](logits, targets, counts, case)
        share = 1 if case.get("reduction") == "sum" else 1 / elements.size
        value, norm = share * elements.sum(), share * np.linalg.norm(gradient)
        made = {"value": float(value), "grad_norm": float(norm)}
        cases.append(renewed(case, made, *inputs))
    return Made(renewed(existing, {"cases": cases}, "how"))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# Each returns loss and derivative by element, for logits x and targets y (clips, classes) and
# training clips n (classes,).


def _bce(x: np.ndarray, y: np.ndarray, n: np.ndarray, case: dict) -> tuple:
    return np.logaddexp(0, x) - x * y, _sigmoid(x) - y


def _focal(x: np.ndarray, y: np.ndarray, n: np.ndarray, case: dict) -> tuple:
    (cost, slope), gamma = _bce(x, y, n, case), case.get("gamma", 0.0)
    hit = np.exp(-cost)  # the probability of the target
    factor = (1 - hit) ** gamma
    return factor * cost, slope * (factor + gamma * factor / (1 - hit) * hit * cost)


def _ldam(x: np.ndarray, y: np.ndarray, n: np.ndarray, case: dict) -> tuple:
    margins = LARGEST_MARGIN * (n.min() / n) ** 0.25
    moved = SCALE * (x - y * (y @ margins)[:, None])
    beta = BETA if (case.get("drw_epoch") or 0) >= REWEIGHTED_FROM else 0.0
    weights = (1 - beta) / (1 - beta**n)
    weights = weights * len(n) / weights.sum()
    cost, slope = _bce(moved, y, n, case)
    return weights * cost, weights * SCALE * slope


def _eql(x: np.ndarray, y: np.ndarray, n: np.ndarray, case: dict) -> tuple:
    """Ignores nothing or everything; values between 0 and 1 would be random."""
    drawn = case.get("ignore_probability_gamma", 0.0)
    assert drawn in (0, 1), drawn
    kept = 1 - drawn * (n <= RARE) * (1 - y)
    cost, slope = _bce(x, y, n, case)
    return kept * cost, kept * slope


_ELEMENTS = {"bce_loss": _bce, "focal_loss": _focal, "LDAM": _ldam, "EQL": _eql}
