"""Setting keys from YAML files and command lines.

All files that a configuration names, or a command line, are read to their end. One error then lists
all mistakes, each with the nearest known name. Keys are set only if there is no mistake.
``Config`` is fvcore's ``CfgNode`` with its two merging methods replaced by these.

A value arrives as it is given, in the type of its key. Only a path changes: ``~`` and ``$NAME`` are
expanded.
"""

from __future__ import annotations

import ast
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Key
from slowfast.ak.paths import expand
from slowfast.config import provenance
from slowfast.config.dotted import dotted_keys, has, nearest_key, set_value, show
from slowfast.config.keys import is_read_by_nothing, known_keys
from slowfast.config.schema import WrongType, coerce, found_in_words
from slowfast.config.yaml_files import read_with_bases, read_yaml_text

logger = logging.getLogger(__name__)


class UnknownKeys(UserError):
    """Settings of keys that the configuration does not have, perhaps with other mistakes."""


class Config(CfgNode):
    """A configuration that explains all mistakes in settings, and records where keys were set."""

    def merge_from_file(self, cfg_filename: str | Path, allow_unsafe: bool = False) -> None:
        """Sets the keys of a YAML file, after the keys of the files under its ``_BASE_``."""
        del allow_unsafe  # tags that run code are always refused
        merge_file(self, cfg_filename)

    def merge_from_list(self, cfg_list: list[Any]) -> None:
        """Sets keys from ``[KEY, VALUE, KEY, VALUE, ...]``."""
        merge_list(self, cfg_list)


class Setting(NamedTuple):
    """A value for a dotted key, and the file or command that gives it."""

    source: str
    key: str
    value: Any


def merge_file(cfg: CfgNode, path: str | Path, ignore_unknown: bool = False) -> None:
    """Sets in ``cfg`` the keys of the YAML file at ``path``.

    Args:
        ignore_unknown: whether unknown keys cause one warning instead of an error.

    Raises:
        UnknownKeys: keys are unknown.
        UserError: the file does not exist or is not YAML, values have a wrong type.
    """
    settings = [
        Setting(str(file), key, value)
        for file, tree in read_with_bases(Path(expand(str(path))))
        for key, value in _leaves(cfg, tree, "")
    ]
    _merge(cfg, settings, ignore_unknown)
    provenance.record_file(cfg, str(path))


def merge_list(
    cfg: CfgNode,
    pairs: list[Any],
    source: str = provenance.COMMAND_LINE,
    ignore_unknown: bool = False,
) -> None:
    """Sets keys of ``cfg`` from ``[KEY, VALUE, KEY, VALUE, ...]``.

    A text is read as a Python value, such as a number or a list, unless the key takes text.

    Args:
        ignore_unknown: whether unknown keys cause one warning instead of an error.

    Raises:
        UnknownKeys: keys are unknown.
        UserError: a key has no value, values have a wrong type.
    """
    pairs = list(pairs)
    _check_pairs(pairs, source)
    settings = [
        Setting(source, str(key), value) for key, value in zip(pairs[::2], pairs[1::2], strict=True)
    ]
    _merge(cfg, settings, ignore_unknown)


def merge_stored(cfg: CfgNode, text: str, source: str) -> None:
    """Sets the keys of a configuration that a file of weights stores, as YAML.

    Settings that this version does not have, or does not accept, are left out with one warning.

    Raises:
        UserError: the text is no configuration.
    """
    tree = read_yaml_text(text, source)
    settings = [Setting(source, key, value) for key, value in _leaves(cfg, tree, "")]
    _merge(cfg, settings, ignore_unknown=True, ignore_refused=True)


def _check_pairs(pairs: list[Any], source: str) -> None:
    """Raises UserError for overrides that the shell has split, or that are not pairs."""
    known = known_keys()
    for place, text in enumerate(map(str, pairs)):
        key = known.get(str(pairs[place - 1])) if place % 2 else None
        is_text = key is not None and _takes_text(key)
        if text.startswith(("[", "(")) and not text.endswith(("]", ")")) and not is_text:
            raise UserError(
                f"{source}: {text!r} is part of a list; a list goes in quotes, such as "
                "SOLVER.STEPS '[0, 41, 49]'"
            )
    for key in map(str, pairs[::2]):
        if "=" in key:
            raise UserError(f"{source}: {key!r}: separate key and value by a space, as KEY VALUE")
    if len(pairs) % 2:
        raise UserError(
            f"{source}: overrides are pairs, KEY VALUE, and {pairs[-1]!r} at the end has no value; "
            "expected for example TRAIN.BATCH_SIZE 4"
        )


def _leaves(node: CfgNode, settings: dict[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yields (dotted key, value) of nested settings, down to the keys of ``node``."""
    for name, value in settings.items():
        inner = node.get(name) if isinstance(name, (str, int)) else None
        if isinstance(inner, CfgNode) and isinstance(value, dict):
            yield from _leaves(inner, value, f"{prefix}{name}.")
        elif isinstance(inner, CfgNode) and value is None:
            continue  # a group without keys
        else:
            yield f"{prefix}{name}", value


def _merge(
    cfg: CfgNode,
    settings: Iterable[Setting],
    ignore_unknown: bool,
    ignore_refused: bool = False,
) -> None:
    """Sets all keys, or none and raises one error.

    Args:
        ignore_unknown: whether unknown keys are left out, with one warning.
        ignore_refused: whether values of a wrong type are left out too, in the same warning.
    """
    known = known_keys()
    accepted: list[Setting] = []
    unread: dict[str, list[str]] = defaultdict(list)
    problems, left_out, some_unknown = [], [], False
    for source, key, value in settings:
        if is_read_by_nothing(key) and not has(cfg, key):
            unread[source].append(key)
        elif words := _why_unknown(cfg, key):
            (left_out if ignore_unknown else problems).append(f"{source}: {words}")
            some_unknown = True
        else:
            try:
                accepted.append(Setting(source, key, _accept(cfg, key, value, known.get(key))))
            except _Refused as error:
                (left_out if ignore_refused else problems).append(f"{source}: {error}")
    if problems:
        is_about_names = some_unknown and not ignore_unknown
        raise (UnknownKeys if is_about_names else UserError)("\n".join(problems))
    ignored = []
    for source, keys in unread.items():
        verb, them = ("is", "it") if len(keys) == 1 else ("are", "them")
        words = f"ignored: no version of SlowFast reads {them}"
        ignored.append(f"{source}: {', '.join(keys)} {verb} {words}")
    if left_out:
        what = "setting" if ignore_refused else "unknown key"
        count = f"1 {what} is" if len(left_out) == 1 else f"{len(left_out)} {what}s are"
        ignored.append("\n  ".join([f"{count} ignored:", *left_out]))
    for words in ignored:
        logger.warning(words)
        provenance.record_ignored(cfg, words)
    for source, key, value in accepted:
        set_value(cfg, key, value)
        provenance.record(cfg, key, source)


class _Refused(ValueError):
    """Why one setting cannot be accepted."""


def _why_unknown(cfg: CfgNode, key: str) -> str:
    """Words about a key that the configuration does not have; empty if it has the key."""
    if has(cfg, key):
        return ""
    near = nearest_key(cfg, key)
    return f"unknown key {show(key)}" + (f"; did you mean {near}?" if near else "")


def _accept(cfg: CfgNode, key: str, value: Any, known: Key | None) -> Any:
    """The value, converted to the type of its key, which the configuration has.

    Raises:
        _Refused: the value has a wrong type, or the key is a group.
    """
    node: Any = cfg
    for part in key.split("."):
        node = node[part]
    if isinstance(node, CfgNode):
        example = dotted_keys(node, f"{key}.")
        hint = f", such as {example[0]}" if example else ""
        raise _Refused(
            f"{key}: expected the keys of this group{hint}; found {found_in_words(value)}"
        )
    known = known or Key(node)  # a key of `custom_config` has the type of its value
    if isinstance(value, str) and not _takes_text(known):
        value = _literal(value)
    try:
        value = coerce(value, known.default, known.kind)
    except WrongType as error:
        if known.unserved:  # nothing reads it, and a fork can have given it another type
            return value
        is_scalar = not isinstance(value, (list, tuple, dict))
        hint = ". Write a text like this in quotes" if _takes_text(known) and is_scalar else ""
        raise _Refused(f"{key}: expected {error}; found {found_in_words(value)}{hint}") from None
    except RecursionError:
        raise _Refused(f"{key}: the list contains itself") from None
    return _expanded(value) if known.kind == "path" else value


def _takes_text(key: Key) -> bool:
    """Whether a text is the value of a key as it stands, and not the notation of a value."""
    return isinstance(key.default, str) or (key.default is None and key.kind in ("str", "path"))


def _expanded(value: Any) -> Any:
    """A path, or each path of a list, with ``~`` and ``$NAME`` expanded."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_expanded, value))
    return expand(value) if isinstance(value, str) else value


def _literal(text: str) -> Any:
    """The Python value of a text, such as a number or a list; otherwise the text itself."""
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
