"""What a configuration key is, and the keys that a signature declares.

`Key` describes one key of the configuration: its default, its meaning, its type and its limits.
`keys_from_signature` makes the keys of a class or function from its parameters, so that a loss or
a network declares its settings in one place.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_type_hints

# What a check found: the key to blame, and what is wrong with it.
Finding = tuple[str, str]


@dataclass(frozen=True)
class Limits:
    """The values that a key accepts, beside its type. For a list, they hold for each number in it.

    Args:
        low, high: the smallest and the largest number that is accepted.
        above, below: numbers that the value must exceed, or stay under.
        choices: the only values that are accepted; empty: any.
        length: the number of entries of a list; None: any.
    """

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[Any, ...] = ()
    length: int | None = None


@dataclass(frozen=True)
class Key(Limits):
    """One configuration key.

    Args:
        default: the value where nobody sets the key.
        comment: what the key does, in which unit, and when it matters.
        kind: the type of the items where the default is an empty list, or of the value where the
            default is None: ``int``, ``float``, ``str``, or ``list`` (a list of any depth).
        unserved: why no value of the key has an effect here; empty: the key is used.
        is_switch: whether an unserved key switches something on that is not built. Such a key is
            refused where its value is not the default. Other unserved keys cause one warning.
        tree_only: whether this tree uses the key and an upstream checkout that `slowfast.ak` was
            carried into does not.
    """

    default: Any = None
    comment: str = ""
    kind: str = ""
    unserved: str = ""
    is_switch: bool = False
    tree_only: bool = False

    @property
    def help(self) -> str:
        """The comment, with the choices, and with the reason where the key has no effect."""
        parts = [self.comment]
        if self.choices:
            parts.append("One of " + ", ".join(str(c) or "''" for c in self.choices) + ".")
        if self.unserved and self.is_switch:
            parts.append(f"Refused when changed: {self.unserved} is not built here yet.")
        elif self.unserved:
            parts.append(f"Has no effect here: {self.unserved}.")
        if self.tree_only:
            parts.append("In this tree only.")
        return " ".join(part for part in parts if part)


def keys_from_signature(build: Callable[..., Any], group: str) -> dict[str, Key]:
    """A key for each parameter of `build` that has a default, named `<group>.<PARAMETER>`.

    The default of the key is that of the parameter; a tuple becomes a list. `Limits` in an
    ``Annotated`` type become the limits of the key. The comment is the text on the parameter in
    the ``Args:`` section of the docstring.

    Args:
        build: a class, of whose ``__init__`` the own parameters are taken, or a function.
        group: the dotted group, such as ``LOSS.LDAM``.
    """
    function = build.__init__ if inspect.isclass(build) else build
    hints = get_type_hints(function, include_extras=True)
    texts = dict(_described(inspect.getdoc(build) or ""))
    keys = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.default is inspect.Parameter.empty:
            continue
        default = parameter.default
        default = list(default) if isinstance(default, tuple) else default
        metadata = getattr(hints.get(name), "__metadata__", ())
        limits = next((each for each in metadata if isinstance(each, Limits)), Limits())
        key = Key(**vars(limits), default=default, comment=texts.get(name, ""))
        keys[f"{group}.{name.upper()}"] = key
    return keys


def _described(docstring: str) -> Iterator[tuple[str, str]]:
    """(parameter, text) of each entry of the ``Args:`` section of a docstring."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.MULTILINE)
    if not section:
        return
    for entry in re.finditer(r"^ {4}([\w, ]+): (.+(?:\n {5,}.+)*)", section[1], re.MULTILINE):
        text = " ".join(entry[2].split())
        for name in entry[1].split(","):
            yield name.strip(), text[:1].upper() + text[1:]


def unserved(why: str, keys: dict[str, Key], is_switch: bool = False) -> dict[str, Key]:
    """The same keys, marked as keys that have no effect here."""
    return {name: replace(key, unserved=why, is_switch=is_switch) for name, key in keys.items()}
