"""How YAML files and command lines set keys: read, looked up, converted, or refused in words.

Notable: a file or a command line is looked at to its end before anything is refused, so that one
error names all its mistakes, each with the nearest name that would have been right. Nothing is
set until all of it is right. ``Config`` is fvcore's ``CfgNode`` with its two merging methods
replaced by these.
"""

from __future__ import annotations

import ast
import difflib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from fvcore.common.config import BASE_KEY, CfgNode

from slowfast.ak.errors import UserError
from slowfast.config import provenance
from slowfast.config.keys import UPSTREAM_KEYS
from slowfast.config.schema import WrongType, coerce

logger = logging.getLogger(__name__)

# Some of upstream's own files set this in a group where no upstream code knows it.
_UNREAD = "PREFETCH"


class Config(CfgNode):
    """A configuration whose merging reports every mistake in words and remembers its sources."""

    def merge_from_file(self, cfg_filename: str | Path, allow_unsafe: bool = False) -> None:
        """Set what a YAML file says; files it names under ``_BASE_`` come first."""
        del allow_unsafe  # tags that run code are never admitted
        merge_file(self, cfg_filename)

    def merge_from_list(self, cfg_list: list[Any]) -> None:
        """Set keys from ``[KEY, VALUE, KEY, VALUE, ...]``."""
        merge_list(self, cfg_list)


def merge_file(cfg: CfgNode, path: str | Path) -> None:
    """Set in ``cfg`` what the YAML file at ``path`` says.

    Raises:
        UserError: no such file, broken YAML, unknown keys, values of a wrong type.
    """
    for file, settings in _with_bases(Path(path).expanduser(), ()):
        _merge(cfg, _leaves(cfg, settings, ""), str(file))
    provenance.record_file(cfg, str(path))


def merge_list(cfg: CfgNode, pairs: list[Any], source: str = provenance.COMMAND_LINE) -> None:
    """Set in ``cfg`` keys from ``[KEY, VALUE, KEY, VALUE, ...]``; texts are read as Python values.

    Raises:
        UserError: a key without a value, unknown keys, values of a wrong type.
    """
    pairs = list(pairs)
    _check_pairs(pairs, source)
    _merge(cfg, zip(map(str, pairs[::2]), pairs[1::2], strict=True), source)


def _check_pairs(pairs: list[Any], source: str) -> None:
    """Refuse what a shell makes of overrides that were meant otherwise."""
    for text in map(str, pairs):
        if text.startswith(("[", "(")) and not text.endswith(("]", ")")):
            raise UserError(
                f"{source}: {text!r} is part of a list; a list goes in quotes, such as "
                "SOLVER.STEPS '[0, 41, 49]'"
            )
    for key in map(str, pairs[::2]):
        if "=" in key:
            raise UserError(f"{source}: {key!r}: write key and value apart, as KEY VALUE")
    if len(pairs) % 2:
        raise UserError(
            f"{source}: overrides come in pairs, KEY VALUE, and {pairs[-1]!r} at the end is left "
            "alone; expected for example TRAIN.BATCH_SIZE 4"
        )


def read_yaml(path: Path) -> dict[Any, Any]:
    """The mapping that a YAML file holds; empty for an empty file.

    Raises:
        UserError: no such file, a folder, not text, broken YAML (with the line), no mapping.
    """
    if not path.is_file():
        raise UserError(_missing(path))
    try:
        loader = _Loader(path.read_text(encoding="utf-8-sig"))
        loader.name = str(path)
        settings = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "unknown line"
        problem = error.problem or error.context or "not YAML"
        raise UserError(f"{path}: {where}: not readable as YAML: {problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not readable as YAML: {reason}") from None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise UserError(
            f"{path}: expected keys and values, such as `TRAIN:` and below it, indented, "
            f"`BATCH_SIZE: 8`; found {_found(settings)}"
        )
    return settings


def dotted_keys(cfg: CfgNode, prefix: str = "") -> list[str]:
    """All keys of a configuration, dotted, without the groups they stand in."""
    keys = []
    for name, value in cfg.items():
        inner = isinstance(value, CfgNode)
        keys += dotted_keys(value, f"{prefix}{name}.") if inner else [prefix + str(name)]
    return keys


def nearest_key(cfg: CfgNode, key: str) -> str | None:
    """The key or group most like a misspelt one: by its last part, else by its letters."""
    keys = dotted_keys(cfg)
    groups = {key.rsplit(".", depth)[0] for key in keys for depth in range(1, key.count(".") + 1)}
    by_upper = {name.upper(): name for name in (*groups, *keys)}
    if key.upper() in by_upper:
        return by_upper[key.upper()]
    leaf = key.upper().rsplit(".", 1)[-1]
    same_leaf = [name for name in keys if name.rsplit(".", 1)[-1] == leaf]
    if len(same_leaf) == 2:
        return " or ".join(sorted(same_leaf, reverse=True))
    if same_leaf:
        return max(same_leaf, key=lambda name: difflib.SequenceMatcher(None, name, key).ratio())
    close = difflib.get_close_matches(key.upper(), list(by_upper), n=1, cutoff=0.6)
    return by_upper[close[0]] if close else None


def _with_bases(path: Path, inside: tuple[Path, ...]) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """The file and its settings, after all files that it builds on by ``_BASE_``."""
    if path.resolve() in inside:
        raise UserError(f"{path}: {BASE_KEY} leads back to this file itself")
    settings = read_yaml(path)
    bases = settings.pop(BASE_KEY, [])
    for base in bases if isinstance(bases, list) else [bases]:
        if not isinstance(base, str):
            raise UserError(f"{path}: {BASE_KEY}: expected a file name, found {_found(base)}")
        yield from _with_bases(path.parent / Path(base).expanduser(), (*inside, path.resolve()))
    yield path, settings


def _leaves(node: CfgNode, settings: dict[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Dotted key and value of nested settings, as deep as both they and ``node`` are nested."""
    for name, value in settings.items():
        inner = node.get(name) if isinstance(name, (str, int)) else None
        if isinstance(inner, CfgNode) and isinstance(value, dict):
            yield from _leaves(inner, value, f"{prefix}{name}.")
        elif isinstance(inner, CfgNode) and value is None:
            continue  # a heading with nothing below it
        else:
            yield f"{prefix}{name}", value


def _merge(cfg: CfgNode, settings: Iterator[tuple[str, Any]] | zip, source: str) -> None:
    problems, accepted = [], []
    for key, value in settings:
        if key.rsplit(".", 1)[-1] == _UNREAD and key not in dotted_keys(cfg):
            logger.warning("%s: %s is passed over: no version of SlowFast reads it", source, key)
            continue
        try:
            accepted.append((key, _accept(cfg, key, value)))
        except _Refused as error:
            problems.append(f"{source}: {error}")
    if problems:
        raise UserError("\n".join(problems))
    for key, value in accepted:
        *groups, leaf = key.split(".")
        setattr(provenance.get(cfg, ".".join(groups)) if groups else cfg, leaf, value)
        provenance.record(cfg, key, source)


class _Refused(ValueError):
    """Why one setting cannot be accepted."""


def _accept(cfg: CfgNode, key: str, value: Any) -> Any:
    node: Any = cfg
    for part in key.split("."):
        if not isinstance(node, CfgNode) or part not in node:
            near = nearest_key(cfg, key)
            hint = f"; did you mean {near}?" if near else ""
            raise _Refused(f"unknown key {provenance.show(key)}{hint}")
        node = node[part]
    if isinstance(node, CfgNode):
        example = dotted_keys(node, f"{key}.")
        hint = f", such as {example[0]}" if example else ""
        raise _Refused(f"{key}: expected the keys of this group{hint}; found {_found(value)}")
    kind = UPSTREAM_KEYS[key].kind if key in UPSTREAM_KEYS else ""
    default = UPSTREAM_KEYS[key].default if key in UPSTREAM_KEYS else node
    if isinstance(value, str) and not isinstance(default, str):
        value = _literal(value)
    try:
        return coerce(value, default, kind)
    except WrongType as error:
        raise _Refused(f"{key}: expected {error}; found {_found(value)}") from None
    except RecursionError:
        raise _Refused(f"{key}: the list contains itself") from None


def _literal(text: str) -> Any:
    """A text as the Python value it writes down, if it does."""
    words = {"true": True, "false": False, "none": None, "null": None}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def _found(value: Any) -> str:
    kinds = {str: "text", bool: "", int: "the number", float: "the number", dict: "a group of keys"}
    if value is None:
        return "nothing"
    kind = kinds.get(type(value), "a list" if isinstance(value, (list, tuple)) else "")
    return f"{kind} {provenance.show(value)}".strip()


def _missing(path: Path) -> str:
    if path.is_dir():
        return f"{path}: a folder; expected a YAML file"
    folders = [path.parent, Path("configs")]
    files = [f for folder in folders if folder.is_dir() for f in sorted(folder.rglob("*.y*ml"))]
    names = {file.name.lower(): file for file in reversed(files)}
    close = difflib.get_close_matches(path.name.lower(), list(names), n=3, cutoff=0.5)
    found = [names[name] for name in close] or list(names.values())[-3:]
    if not found:
        return f"{path}: no such file, and no YAML file in {path.parent} or configs"
    return f"{path}: no such file; nearest: {', '.join(map(str, found))}"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that warns where a key stands twice, of which only the last counts."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key_node, _ in getattr(node, "value", []):
            name, line = str(key_node.value), key_node.start_mark.line + 1
            if name in seen:
                logger.warning(
                    "%s: line %d: %s stands here again (first in line %d); only this one counts",
                    self.name,
                    line,
                    name,
                    seen[name],
                )
            seen[name] = line
        return super().construct_mapping(node, deep)
