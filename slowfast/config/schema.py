"""Conversion of a value from YAML, or from a command line, to the type of its key.

The type of a key follows from its default. ``Key.kind`` adds what a default cannot show: the type
of the items of an empty list, or the type of a value that can also be None.
"""

from __future__ import annotations

import math
from typing import Any

from slowfast.config.dotted import show

_ITEM_WORDS = {
    "int": "whole numbers",
    "float": "numbers",
    "number": "numbers",
    "str": "texts",
    "path": "paths",
}
_ONE_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "number": "a number",
    "str": "text",
    "path": "a path",
    "bool": "True or False",
}


class WrongType(ValueError):
    """A value does not fit its key. The text says what was expected."""


def coerce(value: Any, default: Any, kind: str = "") -> Any:
    """The value, converted to the type of ``default``.

    An int is accepted for a float, a float without a fraction for an int, and a text that holds a
    number for both, because YAML reads ``1e-4`` as text. Tuples become lists unless the default is
    a tuple. None is accepted for each type, as upstream does: it becomes the empty text, the empty
    list, or False, and stays None for a number and where the default is None.

    Raises:
        WrongType: the value does not fit.
    """
    if default is None:
        return _coerce_optional(value, kind)
    if isinstance(default, (list, tuple)):
        items = [] if value is None else _coerce_list(value, default, kind)
        return tuple(items) if isinstance(default, tuple) else items
    if value is None and isinstance(default, (bool, int, float)):
        return False if isinstance(default, bool) else None
    return _coerce_one(value, _type_name(default))


def expected(default: Any, kind: str = "") -> str:
    """The values that a key with this default accepts, in words."""
    if default is None:
        return (_ONE_WORDS.get(kind) or "a list") + " or None"
    if isinstance(default, (list, tuple)):
        if _is_nested(default) or kind == "list":
            return f"a list of lists, such as {list(default)}" if default else "a list"
        words = _ITEM_WORDS.get(_leaf_type(default) or kind, "values")
        return f"a list of {words}" + (f", such as {list(default)}" if default else "")
    return _ONE_WORDS.get(_type_name(default), type(default).__name__)


def _type_name(value: Any) -> str:
    return type(value).__name__


def _is_nested(value: list[Any] | tuple[Any, ...]) -> bool:
    return any(isinstance(item, (list, tuple)) for item in value)


def _leaf_type(value: Any) -> str:
    """The type of the items: ``float`` if any is a float; empty if they have no common type."""
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
    if wanted in ("str", "path"):
        if value is None or value in ("None", "null"):
            return ""
        if isinstance(value, str):
            return value
    elif wanted == "bool":
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
    elif wanted in ("int", "float", "number"):
        number = _as_number(value)
        if number is not None and wanted == "number":
            return number
        if number is not None and wanted == "float":
            return float(number)
        if number is not None and math.isfinite(number) and number == int(number):
            return int(number)
    else:  # a type that only a key of `custom_config` can have
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


def found_in_words(value: Any) -> str:
    """Type and value of a setting, for messages "expected ...; found ..."."""
    kinds = {str: "text", bool: "", int: "the number", float: "the number", dict: "a group of keys"}
    if value is None:
        return "nothing"
    kind = kinds.get(type(value), "a list" if isinstance(value, (list, tuple)) else "")
    return f"{kind} {show(value)}".strip()
