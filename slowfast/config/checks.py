"""The mechanism of checks: settings that cannot run, and settings that are seldom intended.

A check is a generator of ``(key, words)``: the key to blame, and what is wrong with it. Register it
with ``@problem`` or ``@warning``. ``problems`` and ``warnings`` run all checks and put file, key
and value before the words. The checks of this room are in the modules ``checks_*``; rooms above
register those that need them. No check reads data, builds a network or needs a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any, NamedTuple

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding, Key
from slowfast.ak.paths import not_expanded
from slowfast.config.dotted import get, has, set_value, show
from slowfast.config.keys import known_keys
from slowfast.config.provenance import describe, source_of
from slowfast.config.readers import can_be_read, why_unread
from slowfast.config.schema import WrongType, coerce, expected

Check = Callable[[CfgNode], Iterator[Finding]]

_PROBLEMS: list[Check] = []
_WARNINGS: list[Check] = []


def problem(check: Check) -> Check:
    """Registers a check that finds settings with which a run cannot start.

    When the check runs, each value is possible in itself.
    """
    _PROBLEMS.append(check)
    return check


def warning(check: Check) -> Check:
    """Registers a check that finds settings that can run but are seldom intended.

    When the check runs, the configuration has no problem.
    """
    _WARNINGS.append(check)
    return check


def problems(cfg: CfgNode) -> list[str]:
    """All problems because of which this configuration cannot run, one line each.

    A value that the run does not read is no problem, whatever it is.
    """
    impossible = dict(_impossible_values(cfg))
    corrected = _with_defaults(cfg, impossible)
    findings = [
        *_switches_of_missing_parts(corrected),
        *((key, words) for key, words in impossible.items() if can_be_read(corrected, key)),
        *(
            (key, words)
            for check in _PROBLEMS
            for key, words in check(corrected)
            if not any(name in f"{key} {words}" for name in impossible)
        ),
    ]
    return [f"{describe(cfg, key)}: {words}" for key, words in findings]


def warnings(cfg: CfgNode) -> list[str]:
    """All settings that can run but are seldom intended, one line each.

    The first warning names all settings that have no effect in this run.
    """
    impossible = dict(_impossible_values(cfg))
    corrected = _with_defaults(cfg, impossible)
    findings = [found for check in _WARNINGS for found in check(corrected)]
    return [
        *_as_one_warning(cfg, list(_settings_without_effect(cfg, corrected, impossible))),
        *(f"{describe(cfg, key)}: {words}" for key, words in findings),
    ]


def _keys_of(cfg: CfgNode) -> dict[str, Key]:
    """The known keys of a configuration. An entry that was registered later has none in it."""
    return {name: key for name, key in known_keys().items() if has(cfg, name)}


def _switches_of_missing_parts(cfg: CfgNode) -> Iterator[Finding]:
    for name, key in _keys_of(cfg).items():
        value = get(cfg, name)
        if key.is_switch and value not in (key.default, None) and can_be_read(cfg, name):
            words = f"asks for {key.unserved}, which is not built here yet"
            yield name, f"{words}; leave it at {show(key.default)}"


def _settings_without_effect(
    cfg: CfgNode, corrected: CfgNode, impossible: Container[str]
) -> Iterator[tuple[str, _Effect]]:
    """(key, why it has no effect) of the settings to warn about.

    Args:
        corrected: the same configuration, in which the impossible values are the defaults.
    """
    for name, key in _keys_of(cfg).items():
        value = get(cfg, name)
        if value == key.default or (_is_empty(value) and _is_empty(key.default)):
            continue
        unread = why_unread(corrected, name)
        if key.unserved and not key.is_switch:
            yield name, _Effect("has no effect here", "have no effect here", f": {key.unserved}")
        elif unread and (unread.warn or key.unserved or name in impossible):
            yield name, _Effect("is not read", "are not read", f" with {unread.decided_by}")


def _is_empty(value: Any) -> bool:
    """Whether a value is a list of nothing: the branches of upstream write [] and [[]]."""
    return isinstance(value, list) and all(map(_is_empty, value))


class _Effect(NamedTuple):
    """Why settings have no effect: the verb for one and for several, and what follows."""

    one: str
    several: str
    reason: str


def _as_one_warning(cfg: CfgNode, settings: list[tuple[str, _Effect]]) -> Iterator[str]:
    """Yields one text that names all settings, in a line for each source and reason."""
    groups: dict[tuple[str, _Effect], list[str]] = {}
    for key, effect in settings:
        setting = f"{key} = {show(get(cfg, key))}"
        groups.setdefault((source_of(cfg, key), effect), []).append(setting)
    lines = [
        f"{source}: {', '.join(names)}: "
        + (effect.one if len(names) == 1 else effect.several)
        + effect.reason
        for (source, effect), names in groups.items()
    ]
    if len(lines) == 1:
        yield lines[0]
    elif lines:
        yield "\n  ".join([f"{len(settings)} settings have no effect in this run:", *lines])


def _impossible_values(cfg: CfgNode) -> Iterator[Finding]:
    """Values of a wrong type, outside their limits, or not among their choices."""
    for name, key in _keys_of(cfg).items():
        value = get(cfg, name)
        if value != key.default and not key.unserved and (words := _why_impossible(key, value)):
            yield name, words


def _why_impossible(key: Key, value: Any) -> str:
    if value is None and key.nullable:
        return ""
    # A value that a program sets is not converted, unlike values from files and commands.
    plain = list(value) if isinstance(value, tuple) else value
    try:
        fits = value is not None and coerce(value, key.default, key.kind) == plain
    except WrongType:
        fits = False
    if not fits:
        return f"expected {expected(key.default, key.kind)}"
    return key.problem_with(value) or _why_no_path(key, value)


def _why_no_path(key: Key, value: Any) -> str:
    paths = value if isinstance(value, (list, tuple)) else [value]
    for path in paths if key.kind == "path" else ():
        if words := not_expanded(path):
            return f"{words}; write the path in full"
    return ""


def _with_defaults(cfg: CfgNode, names: Iterable[str]) -> CfgNode:
    """A copy in which these keys have their defaults, so that the others can be checked."""
    copy, known = cfg.clone(), known_keys()
    copy.defrost()
    for name in names:
        set_value(copy, name, known[name].default)
    return copy
