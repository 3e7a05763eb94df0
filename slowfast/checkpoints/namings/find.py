"""Finds out how the entries of a file are named, and where in the file the weights lie.

Each naming is tried behind each prefix at each place of the file. The best is the one under which
the entries have the most names of the network. So a wrapper's or an attribute's name before all
entries, and other modules beside the network, need no key of the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import torch

from slowfast.checkpoints.formats.places import OWN_AVERAGE, OWN_KEY, Place, is_average
from slowfast.checkpoints.namings.naming import NAMINGS, Naming
from slowfast.checkpoints.namings.sub_batch_norm import to_plain_batch_norm

# What torch.compile, FSDP and checkpointing write between the names of modules, wherever it stands.
_WRAPPED = re.compile(r"(?<![^.])(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
# What DistributedDataParallel and AveragedModel write before all names, once each.
_WRAPPERS = re.compile(r"(?:module\.)*")
UNKNOWN_NAMES = "names of no known kind"  # the title of entries under no naming
_NOT_WEIGHTS = ("n_averaged",)  # AveragedModel's count of updates


@dataclass(frozen=True)
class Fit:
    """The entries of a file under one naming.

    Attributes:
        place: where in the file they lie.
        naming: how they are named; None if that is not known.
        prefix: the text before the names.
        state: the entries by the names in the file, without `prefix`.
        names: the name in `state` of each entry that has a name here, by that name.
        score: the number of the network's entries among these names.
        as_good: entries at other places, or behind other prefixes, with the same score.
    """

    place: Place
    naming: Naming | None
    prefix: str
    state: dict[str, torch.Tensor]
    names: dict[str, str] = field(default_factory=dict)
    score: int = 0
    as_good: tuple[Fit, ...] = ()

    def __str__(self) -> str:
        return f"{self.title}{self.where}"

    @property
    def title(self) -> str:
        """How the entries are named, in words."""
        return self.naming.title if self.naming else UNKNOWN_NAMES

    @property
    def where(self) -> str:
        """The prefix and the place of the entries, in words that follow the title."""
        behind = f" behind `{self.prefix}`" if self.prefix else ""
        return f"{behind}, {self.place}"

    @property
    def is_own(self) -> bool:
        """Whether the entries lie where SlowFast writes them, under the names of this project."""
        is_ours = _WRAPPERS.fullmatch(self.prefix) and self.place.key in ("", OWN_KEY, OWN_AVERAGE)
        return bool(self.names and is_ours) and all(
            here == there for here, there in self.names.items()
        )


def find_fit(
    places: Sequence[Place],
    wanted: Collection[str],
    patterns: Sequence[str] = (),
    *,
    averaged: bool = False,
) -> Fit:
    """Returns the entries of a file under the naming that fits a network best.

    Args:
        places: where in the file weights can lie; at least one.
        wanted: the names of the network's entries.
        patterns: texts of which the first occurrence is removed from the names in the file.
        averaged: whether a running average is preferred to the weights themselves, where a file
            has both.
    """
    wanted = set(wanted)
    found = [
        fit
        for place in places
        for state in [_cleaned(place, patterns)]
        for fit in _fits(place, state, wanted)
    ]
    if not found:
        first = max(places, key=lambda place: len(place.state))
        return Fit(first, None, "", _cleaned(first, patterns))
    best = max(fit.score for fit in found)
    not_built = [fit for fit in found if not fit.names]
    if not_built and 2 * best < len(wanted):
        return not_built[0]
    equals = [fit for fit in found if fit.score == best]

    def preference(fit: Fit) -> tuple[bool, int]:
        is_other = is_average(fit.place.key) or is_average(fit.prefix)
        return is_other != averaged, len(fit.prefix)

    chosen = min(equals, key=preference)
    others = tuple(fit for fit in equals if fit.where != chosen.where and best)
    return replace(chosen, as_good=others)


def _cleaned(place: Place, patterns: Sequence[str]) -> dict[str, torch.Tensor]:
    """Returns entries without what torch writes between names, and without the patterns."""
    cleaned = {}
    for name, value in place.state.items():
        name = _WRAPPED.sub("", name)
        for pattern in patterns:
            name = name.replace(pattern, "", 1)
        if name not in _NOT_WEIGHTS:
            cleaned[name] = value
    return dict(to_plain_batch_norm(cleaned))


def _fits(place: Place, state: dict[str, torch.Tensor], wanted: set[str]) -> Iterator[Fit]:
    for naming in NAMINGS:
        for prefix in sorted(naming.prefixes(state, wanted), key=len):
            inside = _without(state, prefix)
            if naming.recognises(inside, place.key):
                names = {here: there for there, here in naming.rename(inside).items()}
                score = len(wanted & names.keys())
                yield Fit(place, naming, prefix, inside, names, score)


def _without(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Returns entries without a prefix. Entries that do not have it keep their names."""
    if not prefix:
        return state
    bare = {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
    others = {name: v for name, v in state.items() if not name.startswith(prefix)}
    return others | bare
