"""Reads YAML files of settings, and the files that they name under ``_BASE_``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from fvcore.common.config import BASE_KEY

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import nearest
from slowfast.ak.paths import expand
from slowfast.config.schema import found_in_words

logger = logging.getLogger(__name__)

# What PyYAML says of a key whose indentation fits no group above it.
_INDENTED_OTHERWISE = "expected <block end>, but found '<block mapping start>'"


def read_with_bases(
    path: Path, inside: tuple[Path, ...] = ()
) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """Yields (file, settings): first the files under ``_BASE_``, then the file itself.

    Args:
        inside: the files whose bases are being read.
    """
    if path.resolve() in inside:
        raise UserError(f"{path}: {BASE_KEY} leads back to this file")
    settings = read_yaml(path)
    bases = settings.pop(BASE_KEY, [])
    for base in bases if isinstance(bases, list) else [bases]:
        if not isinstance(base, str):
            raise UserError(
                f"{path}: {BASE_KEY}: expected a file name, found {found_in_words(base)}"
            )
        yield from read_with_bases(path.parent / expand(base), (*inside, path.resolve()))
    yield path, settings


def read_yaml(path: Path) -> dict[Any, Any]:
    """The mapping in a YAML file; empty for an empty file.

    Raises:
        UserError: the file does not exist, is a folder or is not text; or as `read_yaml_text`.
    """
    if not path.is_file():
        raise UserError(_missing(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise UserError(f"{path}: not readable as YAML: {error}") from None
    return read_yaml_text(text, str(path))


def read_yaml_text(text: str, source: str) -> dict[Any, Any]:
    """The mapping in a YAML text; empty for an empty text.

    Args:
        source: where the text is from, for messages.

    Raises:
        UserError: the text is not YAML (with the number and the text of the line), or is not a
            mapping.
    """
    try:
        loader = _Loader(text)
        loader.name = source
        settings = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        raise UserError(f"{source}: {_described(error, text)}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{source}: not readable as YAML: {reason}") from None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise UserError(
            f"{source}: expected keys and values, such as `TRAIN:` and below it, indented, "
            f"`BATCH_SIZE: 8`; found {found_in_words(settings)}"
        )
    return settings


def _described(error: yaml.MarkedYAMLError, text: str) -> str:
    """Where a text is not YAML, why, and what that line has."""
    problem = error.problem or error.context or "not YAML"
    mark = error.problem_mark or error.context_mark
    if not mark:
        return f"unknown line: not readable as YAML: {problem}"
    where = f"line {mark.line + 1}, column {mark.column + 1}: not readable as YAML"
    line = next(iter(text.splitlines()[mark.line : mark.line + 1]), "")
    found = f"`{line.strip()}`"
    if problem == _INDENTED_OTHERWISE:
        plural = "" if mark.column == 1 else "s"
        return (
            f"{where}: found {found}, indented by {mark.column} blank{plural}, unlike the lines "
            "above it; keys of one group have the same indentation"
        )
    return f"{where}: {problem}; found {found}"


def _missing(path: Path) -> str:
    if path.is_dir():
        return f"{path}: a folder; expected a YAML file"
    folders = [path.parent, Path("configs")]
    files = [f for folder in folders if folder.is_dir() for f in sorted(folder.rglob("*.y*ml"))]
    names = {file.name: file for file in reversed(files)}
    found = [names[name] for name in nearest(path.name, names)] or list(names.values())[-3:]
    if not found:
        return f"{path}: no such file, and no YAML file in {path.parent} or configs"
    return f"{path}: no such file; nearest: {', '.join(map(str, found))}"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with a warning where a key appears twice and the last one counts."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        for key_node, _ in getattr(node, "value", []):
            name, line = str(key_node.value), key_node.start_mark.line + 1
            if name in seen:
                logger.warning(
                    "%s: line %d: %s appears again (first in line %d); only this one counts",
                    self.name,
                    line,
                    name,
                    seen[name],
                )
            seen[name] = line
        return super().construct_mapping(node, deep)


def _keys_of_node(loader: _Loader, suffix: str, node: yaml.Node) -> dict[Any, Any]:
    """The keys of a configuration that ``yaml.dump(cfg)`` has written. No class is imported."""
    if not (suffix.endswith((".CfgNode", ".Config")) and isinstance(node, yaml.MappingNode)):
        problem = f"could not determine a constructor for the tag {node.tag!r}"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    return loader.construct_mapping(node, deep=True).get("dictitems") or {}


_Loader.add_multi_constructor("tag:yaml.org,2002:python/object/new:", _keys_of_node)
_Loader.add_constructor(
    "tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node, True)
)
