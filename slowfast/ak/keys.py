"""What a configuration key is, and the keys that a signature declares.

`Key` describes one key of the configuration: its default, its meaning, its type and its limits.
`read_keys` reads a table of keys. `keys_from_signature` makes the keys of a class or function from
its parameters, so that a loss or a network declares its settings in one place.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from slowfast.ak.nearest import suggestion

# A result of a check: a key, and what is wrong with its value.
Finding = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
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

    def problem_with(self, value: Any) -> str:
        """Returns what was expected instead of a value of the right type; empty if it fits."""
        if self.choices and value not in self.choices:
            names = [str(choice) or "''" for choice in self.choices]
            near = suggestion(value, names, count=1, cutoff=0.6)
            return f"{near} expected one of {', '.join(names)}".lstrip()
        if self.length is not None and len(value) != self.length:
            return f"found {len(value)} entries; expected {self.length}"
        for number in numbers_in(value):
            if not math.isfinite(number):
                return "expected a finite number"
            if self.low is not None and number < self.low:
                return f"expected at least {self.low}"
            if self.high is not None and number > self.high:
                return f"expected at most {self.high}"
            if self.above is not None and number <= self.above:
                return f"expected a number above {self.above}"
            if self.below is not None and number >= self.below:
                return f"expected a number below {self.below}"
        return ""


@dataclass(frozen=True)
class Key(Limits):
    """One configuration key.

    Args:
        default: the value if the key is not set.
        comment: what the key does, in which unit, and when it matters.
        kind: the type of the items where the default is an empty list, or of the value where the
            default is None: ``int``, ``float``, ``number`` (whole numbers stay whole), ``str``, or
            ``list`` (a list of any depth).
            ``path``: a text, or each text of a list, is the path of a file or folder.
        nullable: whether None is a value of a key whose default is a number. None then has the
            meaning of 0.
        unserved: why no value of the key has an effect here; empty: the key is used.
        is_switch: whether an unserved key switches something on that is not built. Such a key is
            refused if its value is not the default. Other unserved keys cause one warning.
        tree_only: whether this tree uses the key and an upstream checkout that `slowfast.ak` was
            carried into does not.
    """

    default: Any = None
    comment: str = ""
    kind: str = ""
    nullable: bool = False
    unserved: str = ""
    is_switch: bool = False
    tree_only: bool = False

    @property
    def help(self) -> str:
        """The comment, with the choices, and with the reason if the key has no effect."""
        parts = [self.comment]
        if self.choices:
            parts.append("One of " + ", ".join(str(c) or "''" for c in self.choices) + ".")
        if self.kind == "path":
            parts.append("~ and $NAME are expanded.")
        if self.unserved and self.is_switch:
            parts.append(f"Refused when changed: {self.unserved} is not built here yet.")
        elif self.unserved:
            parts.append(f"Has no effect here: {self.unserved}.")
        if self.tree_only:
            parts.append("In this tree only.")
        return " ".join(part for part in parts if part)


def read_keys(path: Path) -> dict[str, Key]:
    """The keys of a YAML table: for each dotted name the fields of its `Key`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table = yaml.load(path.read_text(encoding="utf-8"), loader)
    return {
        name: Key(**fields | {"choices": tuple(fields.get("choices", ()))})
        for name, fields in table.items()
    }


def numbers_in(value: Any) -> list[float]:
    """All numbers of a value, at any depth; True and False are not numbers."""
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def keys_from_signature(
    build: Callable[..., Any], group: str, without: Collection[str] = ()
) -> dict[str, Key]:
    """A key for each parameter of `build` with a default that YAML can express.

    The key is named `<group>.<PARAMETER>`. Its default is the default of the parameter, with a
    tuple as a list. `Limits` in an ``Annotated`` type become the limits of the key. A type that
    names `pathlib.Path`, such as ``Union[str, Path]``, makes the key a path. The comment is the
    text on the parameter in the ``Args:`` section of the docstring.

    Args:
        build: a function, or a class, whose own ``__init__`` is read. A class without one has no
            keys.
        group: the dotted group, such as ``LOSS.LDAM``.
        without: parameters that are not keys.
    """
    function = vars(build).get("__init__") if inspect.isclass(build) else build
    if function is None:
        return {}
    try:
        parameters = inspect.signature(function).parameters
        hints = get_type_hints(function, include_extras=True)
    except (ValueError, NameError, TypeError):  # a function of another language, or unknown types
        return {}
    texts = dict(_described(inspect.getdoc(build) or ""))
    keys = {}
    for name, parameter in parameters.items():
        default = parameter.default
        default = list(default) if isinstance(default, tuple) else default
        if name in without or not isinstance(default, (bool, int, float, str, list)):
            continue
        metadata = getattr(hints.get(name), "__metadata__", ())
        limits = next((each for each in metadata if isinstance(each, Limits)), Limits())
        kind = "path" if _names_path(hints.get(name)) else ""
        keys[f"{group}.{name.upper()}"] = Key(default, texts.get(name, ""), kind, **vars(limits))
    return keys


def _names_path(hint: Any) -> bool:
    """Whether a type is `pathlib.Path`, or contains it."""
    return hint is Path or any(map(_names_path, getattr(hint, "__args__", ())))


def _described(docstring: str) -> Iterator[tuple[str, str]]:
    """Yields (parameter, text) for each entry of the ``Args:`` section of a docstring."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.MULTILINE)
    if not section:
        return
    for entry in re.finditer(r"^ {4}([\w, ]+): (.+(?:\n {5,}.+)*)", section[1], re.MULTILINE):
        text = " ".join(entry[2].split())
        for name in entry[1].split(","):
            yield name.strip(), text[:1].upper() + text[1:]
