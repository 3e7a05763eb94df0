"""Setting keys from YAML files and command lines.

A file or a command line is read to its end. One error then lists all mistakes, each with the
nearest known name. Keys are set only if there is no mistake.
``Config`` is fvcore's ``CfgNode`` with its two merging methods replaced by these.
"""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.errors import UserError
from slowfast.ak.keys import Key
from slowfast.config import provenance
from slowfast.config.dotted import dotted_keys, nearest_key, set_value, show
from slowfast.config.keys import known_keys
from slowfast.config.schema import WrongType, coerce, found_in_words
from slowfast.config.yaml_files import read_with_bases

logger = logging.getLogger(__name__)

# Some of upstream's YAML files set this key in a group in which upstream's code has no such key.
_UNKNOWN_UPSTREAM = "PREFETCH"


class Config(CfgNode):
    """A configuration that explains all mistakes in settings, and records where keys were set."""

    def merge_from_file(self, cfg_filename: str | Path, allow_unsafe: bool = False) -> None:
        """Sets the keys of a YAML file, after the keys of the files under its ``_BASE_``."""
        del allow_unsafe  # tags that run code are always refused
        merge_file(self, cfg_filename)

    def merge_from_list(self, cfg_list: list[Any]) -> None:
        """Sets keys from ``[KEY, VALUE, KEY, VALUE, ...]``."""
        merge_list(self, cfg_list)


def merge_file(cfg: CfgNode, path: str | Path) -> None:
    """Sets in ``cfg`` the keys of the YAML file at ``path``.

    Raises:
        UserError: the file does not exist or is not YAML, keys are unknown, values have a wrong
            type.
    """
    for file, settings in read_with_bases(Path(path).expanduser()):
        _merge(cfg, _leaves(cfg, settings, ""), str(file))
    provenance.record_file(cfg, str(path))


def merge_list(cfg: CfgNode, pairs: list[Any], source: str = provenance.COMMAND_LINE) -> None:
    """Sets keys of ``cfg`` from ``[KEY, VALUE, KEY, VALUE, ...]``; texts are read as Python values.

    Raises:
        UserError: a key has no value, keys are unknown, values have a wrong type.
    """
    pairs = list(pairs)
    _check_pairs(pairs, source)
    _merge(cfg, zip(map(str, pairs[::2]), pairs[1::2], strict=True), source)


def _check_pairs(pairs: list[Any], source: str) -> None:
    """Raises UserError for overrides that the shell has split, or that are not pairs."""
    for text in map(str, pairs):
        if text.startswith(("[", "(")) and not text.endswith(("]", ")")):
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


def _merge(cfg: CfgNode, settings: Iterator[tuple[str, Any]] | zip, source: str) -> None:
    problems, accepted, known = [], [], known_keys()
    for key, value in settings:
        if key.rsplit(".", 1)[-1] == _UNKNOWN_UPSTREAM and key not in dotted_keys(cfg):
            logger.warning("%s: %s is ignored: no version of SlowFast has it", source, key)
            continue
        try:
            accepted.append((key, _accept(cfg, key, value, known.get(key))))
        except _Refused as error:
            problems.append(f"{source}: {error}")
    if problems:
        raise UserError("\n".join(problems))
    for key, value in accepted:
        set_value(cfg, key, value)
        provenance.record(cfg, key, source)


class _Refused(ValueError):
    """Why one setting cannot be accepted."""


def _accept(cfg: CfgNode, key: str, value: Any, known: Key | None) -> Any:
    """The value, converted to the type of its key. Raises _Refused."""
    node: Any = cfg
    for part in key.split("."):
        if not isinstance(node, CfgNode) or part not in node:
            near = nearest_key(cfg, key)
            hint = f"; did you mean {near}?" if near else ""
            raise _Refused(f"unknown key {show(key)}{hint}")
        node = node[part]
    if isinstance(node, CfgNode):
        example = dotted_keys(node, f"{key}.")
        hint = f", such as {example[0]}" if example else ""
        raise _Refused(
            f"{key}: expected the keys of this group{hint}; found {found_in_words(value)}"
        )
    known = known or Key(node)  # a key of `custom_config` has the type of its value
    if isinstance(value, str) and not isinstance(known.default, str):
        value = _literal(value)
    try:
        return coerce(value, known.default, known.kind)
    except WrongType as error:
        raise _Refused(f"{key}: expected {error}; found {found_in_words(value)}") from None
    except RecursionError:
        raise _Refused(f"{key}: the list contains itself") from None


def _literal(text: str) -> Any:
    """The Python value of a text, such as a number or a list; otherwise the text itself."""
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
