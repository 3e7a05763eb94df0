"""Reads AUG.AA_TYPE, which is written in timm's notation.

"rand-m9-n2-mstd0.5-inc1" is RandAugment with 2 operations a clip, with magnitudes of mean 9 and
standard deviation 0.5, from the set of operations that all become stronger with the magnitude. The
configuration checks import this file, so it imports nothing that works on pixels.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from slowfast.ak.errors import UserError

MAX_MAGNITUDE = 10.0
_FIELDS = {"m": "magnitude", "n": "count", "mstd": "deviation", "p": "prob"}


@dataclass(frozen=True)
class RandAugmentPolicy:
    """Settings of RandAugment (Cubuk et al., "RandAugment", CVPR workshops 2020).

    Args:
        magnitude: the strength of the operations, 0 to 10.
        count: the number of operations drawn for a clip, with replacement.
        deviation: the standard deviation of the magnitudes.
        prob: the probability that a drawn operation is applied.
    """

    magnitude: float = MAX_MAGNITUDE
    count: int = 2
    deviation: float = 0.0
    prob: float = 0.5


def parse_policy(text: str) -> RandAugmentPolicy:
    """Returns the policy that a text such as "rand-m9-mstd0.5-inc1" states.

    The parts are m (magnitude), n (operations), mstd (deviation), p (probability of each operation)
    and inc1, which is required. A part that is left out has timm's default.

    Raises:
        UserError: the text has another form.
    """
    expected = 'expected a text such as "rand-m9-mstd0.5-inc1" or, with 4 operations, "rand-m7-n4-'
    expected += 'mstd0.5-inc1"; empty: brightness, contrast and saturation as AUG.COLOR_JITTER says'
    kind, *parts = text.split("-")
    if kind != "rand":
        raise UserError(f"only rand of timm's policies is built; {expected}")
    found: dict[str, float] = {}
    for part in parts:
        name, number = re.fullmatch(r"([a-z]*)(.*)", part).groups()
        if name not in (*_FIELDS, "inc") or not re.fullmatch(r"\d+(\.\d+)?", number):
            raise UserError(
                f"its part {part!r} is not m, n, mstd, p or inc and a number; {expected}"
            )
        if name in found:
            raise UserError(f"{name} is given twice; {expected}")
        found[name] = float(number)
    if found.pop("inc", 0) != 1:
        raise UserError(
            "it lacks inc1: the older set, some operations of which weaken as the magnitude grows, "
            f"is not built; {expected}"
        )
    policy = RandAugmentPolicy(**{_FIELDS[name]: value for name, value in found.items()})
    if policy.magnitude > MAX_MAGNITUDE:
        raise UserError(f"m is at most {MAX_MAGNITUDE:g}; {expected}")
    if policy.count < 1 or policy.count != math.floor(policy.count):
        raise UserError(f"n is a whole number from 1 on; {expected}")
    if policy.prob > 1:
        raise UserError(f"p is at most 1; {expected}")
    return RandAugmentPolicy(policy.magnitude, int(policy.count), policy.deviation, policy.prob)
