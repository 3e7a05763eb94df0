"""What a naming is: how one library names the entries of its networks, and what that means here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch

from slowfast.ak.errors import UserError

State = Mapping[str, torch.Tensor]

# What DATA.MEAN and DATA.STD are for networks that were trained on ImageNet's statistics.
IMAGENET_PIXELS = {"DATA.MEAN": [0.485, 0.456, 0.406], "DATA.STD": [0.229, 0.224, 0.225]}


class Naming:
    """How one library names the entries of its networks. A subclass is one file of this folder.

    All methods take entries by their names without the prefix that a wrapper gave them. Nothing
    but names and shapes is used to recognise a naming.

    Attributes:
        title: the naming in messages, for example "pytorchvideo hub names".
        anchor: a pattern for the name of one entry that every file with this naming has. The text
            before it is the prefix of the names.
        entries: rules that give the name here of an entry, unless `rename` does it otherwise.
        pads: whether 2D weights of linear layers stand for kernels of 1 x 1 x 1.
    """

    title: str
    entries: ClassVar[Rules] = ()
    anchor: ClassVar[re.Pattern]
    pads = False

    def prefixes(self, state: State, wanted: set[str]) -> list[str]:
        """Returns the prefixes behind which entries of a file can have this naming, in file order.

        Args:
            state: the entries of the file.
            wanted: the names of the network's entries.
        """
        found = (re.search(rf"(?:^|\.)({self.anchor.pattern})$", name) for name in state)
        return [*dict.fromkeys(match.string[: match.start(1)] for match in found if match)]

    def recognises(self, state: State, key: str) -> bool:
        """Returns whether entries with the anchor have this naming; `key` is their place."""
        return True

    def is_weight(self, name: str) -> bool:
        """Returns whether an entry is a parameter or a statistic of the network."""
        return True

    def rename(self, state: State) -> dict[str, str]:
        """Returns the name here of each entry that has one, by its name in the file."""
        return {name: here for name in state if (here := apply(self.entries, name))}

    def convert(self, here: str, value: torch.Tensor, state: State) -> torch.Tensor:
        """Returns the value here of an entry, by its name here; `state` has all entries."""
        return value

    def refusal(self, state: State) -> str:
        """Returns why no network here can compute with the weights; "" if one can."""
        return ""

    def cautions(self, state: State) -> list[str]:
        """Returns sentences on how the network here differs from the one of the weights."""
        return []

    def settings(self, state: State) -> dict[str, Any]:
        """Returns the values of configuration keys with which the weights were trained."""
        return {}

    def is_of_images(self, state: State) -> bool:
        """Returns whether the weights are of an image network, to be spread over time."""
        return False

    def has_counterpart(self, name: str) -> bool:
        """Returns whether networks with this naming have an entry for one of the network here."""
        return True

    def neutral(self, state: State, wanted: set[str]) -> set[str]:
        """Returns the wanted entries that the source network lacks, and that can be neutral.

        A norm or bias that changes nothing takes their place, so that the network here computes
        what the source network computes in evaluation.
        """
        return set()


Rules = Sequence[tuple[re.Pattern, str]]


def rules(*pairs: tuple[str, str]) -> Rules:
    """Returns rules for :func:`apply`: patterns of whole texts, and the text to put in place."""
    return [(re.compile(pattern), text) for pattern, text in pairs]


def apply(table: Rules, text: str) -> str | None:
    """Returns a text rewritten by the first rule that matches all of it; None if none does."""
    for pattern, replacement in table:
        if match := pattern.fullmatch(text):
            return match.expand(replacement)
    return None


NAMINGS: list[Naming] = []


def register(kind: type[Naming]) -> type[Naming]:
    """Adds a naming to those that files are compared with.

    Raises:
        UserError: there is a naming with this title.
    """
    if any(kind.title == other.title for other in NAMINGS):
        raise UserError(f"there are two namings with the title {kind.title!r}")
    NAMINGS.append(kind())
    return kind
