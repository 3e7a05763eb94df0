"""What a configuration key is: its default, what it does, and which values it takes.

Notable: a key is data, not code. Its type follows from its default, what cannot be seen there (the
items of an empty list, what a ``None`` stands for) is named by ``kind``, and everything that a
user may be told about a key (its meaning, its choices and limits, whether this tree builds it)
stands beside the default. ``coerce`` turns what YAML or a command line gives into a value of the
key's type, or says in words what it had expected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

_ITEM_WORDS = {"int": "whole numbers", "float": "numbers", "str": "texts"}
_ONE_WORDS = {"int": "a whole number", "float": "a number", "str": "text", "bool": "True or False"}


@dataclass(frozen=True)
class Key:
    """One configuration key.

    Args:
        default: its value where nobody sets it.
        comment: what it does, in which unit, and when it matters.
        kind: type of the items where the default is an empty list, or of the value where the
            default is None: ``int``, ``float``, ``str``, or ``list`` (a list of any depth).
        choices: the only values it takes; empty: any.
        low, high: limits of a number, themselves allowed; for a list, of each number in it.
        length: how many entries a list has, where that is fixed.
        not_built: what this tree lacks. Such a key is refused wherever its value is not
            ``default``: it switches something on that does not exist here.
        idle: why no value of this key has an effect here (the switch that it serves is refused,
            or upstream's own program for it does not exist here). The log names changed ones.
    """

    default: Any
    comment: str
    kind: str = ""
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    length: int | None = None
    not_built: str = ""
    idle: str = ""

    @property
    def help(self) -> str:
        """The comment, with the choices and whether this tree builds it."""
        parts = [self.comment]
        if self.choices:
            parts.append("One of " + ", ".join(str(c) for c in self.choices) + ".")
        if self.not_built:
            parts.append(f"Refused when changed: {self.not_built} is not built here yet.")
        if self.idle:
            parts.append(f"Has no effect here: {self.idle}.")
        return " ".join(parts)


def not_built(words: str, keys: dict[str, Key]) -> dict[str, Key]:
    """Mark every key of a group as a switch for something that this tree lacks."""
    return {name: Key(**{**vars(key), "not_built": words}) for name, key in keys.items()}


def idle(words: str, keys: dict[str, Key]) -> dict[str, Key]:
    """Mark every key of a group, save those marked already, as one without effect here."""
    return {
        name: key if key.not_built else Key(**{**vars(key), "idle": words})
        for name, key in keys.items()
    }


class WrongType(ValueError):
    """A value does not fit its key; the text says what had been expected."""


def coerce(value: Any, default: Any, kind: str = "") -> Any:
    """Turn ``value`` into the type of ``default``.

    Whole numbers serve where any number does, whole floats where whole numbers do, and numbers
    in quotes where a number is wanted, because YAML reads ``1e-4`` as text. A missing value is
    the empty text for a text key, and None where the default is None. Tuples become lists unless
    the default is a tuple.

    Raises:
        WrongType: the text says what had been expected.
    """
    if default is None:
        return _coerce_optional(value, kind)
    if isinstance(default, (list, tuple)):
        items = _coerce_list(value, default, kind)
        return tuple(items) if isinstance(default, tuple) else items
    return _coerce_one(value, _type_name(default))


def expected(default: Any, kind: str = "") -> str:
    """What a key with this default takes, in words."""
    if default is None:
        return (_ONE_WORDS.get(kind) or "a list") + " or None"
    if isinstance(default, (list, tuple)):
        if _is_nested(default) or kind == "list":
            return f"a list of lists, such as {list(default)}" if default else "a list"
        words = _ITEM_WORDS.get(_leaf_type(default) or kind, "values")
        return f"a list of {words}" + (f", such as {list(default)}" if default else "")
    return _ONE_WORDS.get(_type_name(default), type(default).__name__)


def numbers_in(value: Any) -> list[float]:
    """All numbers of a value, whatever its nesting; True and False are none."""
    if isinstance(value, (list, tuple)):
        return [number for item in value for number in numbers_in(item)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


def _type_name(value: Any) -> str:
    return type(value).__name__


def _is_nested(value: list[Any] | tuple[Any, ...]) -> bool:
    return any(isinstance(item, (list, tuple)) for item in value)


def _leaf_type(value: Any) -> str:
    """``float`` where any leaf is one, else the type of the leaves, else nothing."""
    if not isinstance(value, (list, tuple)):
        return _type_name(value)
    types = {_leaf_type(item) for item in value} - {""}
    if "float" in types:
        return "float"
    return types.pop() if len(types) == 1 else ""


def _coerce_optional(value: Any, kind: str) -> Any:
    if value is None or value in ("None", "null"):
        return None
    try:
        if kind == "list":
            return _coerce_list(value, [], "list")
        return _coerce_one(value, kind) if kind else value
    except WrongType as error:
        raise WrongType(f"{error} or None") from None


def _coerce_list(value: Any, default: Any, kind: str) -> list[Any]:
    words = expected(default, kind)
    if not isinstance(value, (list, tuple)):
        raise WrongType(words)
    leaf = _leaf_type(default) or kind
    deep = _is_nested(default) or leaf in ("", "list")

    def convert(item: Any) -> Any:
        if isinstance(item, (list, tuple)) and deep:
            return [convert(inner) for inner in item]
        if leaf in ("", "list"):
            if isinstance(item, dict):
                raise WrongType(words)
            return item
        try:
            return _coerce_one(item, leaf)
        except WrongType:
            raise WrongType(words) from None

    return [convert(item) for item in value]


def _coerce_one(value: Any, wanted: str) -> Any:
    if wanted == "str":
        if value is None or value in ("None", "null"):
            return ""
        if isinstance(value, str):
            return value
    elif wanted == "bool":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif wanted in ("int", "float"):
        number = _as_number(value)
        if number is not None and wanted == "float":
            return float(number)
        if number is not None and math.isfinite(number) and number == int(number):
            return int(number)
    else:  # a type that only a key of the user's own can have
        if type(value).__name__ == wanted:
            return value
    raise WrongType(_ONE_WORDS.get(wanted, wanted))


def _as_number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if isinstance(value, int) and value.bit_length() > 1000:  # beyond what a float can hold
        return None
    if not isinstance(value, str):
        return value
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            continue
    return None
