"""Names of upstream that this tree does not serve yet: they say so when they are called.

`not_built.yaml` has the names, their parameters, why they are missing, and what to use instead.
"""

from __future__ import annotations

import ast
import inspect
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from slowfast.ak.errors import UserError


class NotBuilt(NamedTuple):
    """What is known of a missing name: "def" or "class", its parameters, and words for an error."""

    kind: str
    parameters: str
    words: str


@cache
def table() -> dict[str, dict[str, NotBuilt]]:
    """Returns the missing names at each of upstream's paths."""
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, NotBuilt]] = {}
    for group in yaml.safe_load(text):
        words = f"{group['why']}. Instead, {group['instead']}."
        for path, names in group["names"].items():
            for name, declared in names.items():
                kind, bracket, parameters = declared.partition("(")
                found.setdefault(path, {})[name] = NotBuilt(kind, bracket + parameters, words)
    return found


@cache
def stand_in(path: str, name: str) -> Any:
    """Returns a function or class that raises UserError when it is called.

    It has upstream's parameters, and can be a base class.
    """
    missing = table()[path][name]

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise UserError(f"{path}.{name}: {missing.words}")

    if missing.kind == "def":
        made = refuse
        made.__name__ = made.__qualname__ = name
    else:
        made = type(name, (), {"__init__": refuse})
    made.__module__, made.__doc__ = path, f"Not built here: {missing.words}"
    made.__signature__ = signature(missing.parameters)
    return made


class _Expression:
    """A default that is not a plain value, such as ``nn.LayerNorm``; shown as its text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def signature(parameters: str) -> inspect.Signature:
    """Returns the signature of a text such as ``(cfg, is_train=True)``."""
    arguments = ast.parse(f"def f{parameters}: pass").body[0].args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(positional) - len(arguments.defaults)) + arguments.defaults
    kind = inspect.Parameter
    found = [
        kind(each.arg, kind.POSITIONAL_OR_KEYWORD, default=_default(value))
        for each, value in zip(positional, defaults, strict=True)
    ]
    if arguments.vararg:
        found.append(kind(arguments.vararg.arg, kind.VAR_POSITIONAL))
    found += [
        kind(each.arg, kind.KEYWORD_ONLY, default=_default(value))
        for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    ]
    if arguments.kwarg:
        found.append(kind(arguments.kwarg.arg, kind.VAR_KEYWORD))
    return inspect.Signature(found)


def _default(value: ast.expr | None) -> Any:
    if value is None:
        return inspect.Parameter.empty
    try:
        return ast.literal_eval(value)
    except ValueError:
        return _Expression(ast.unparse(value))
