"""The mechanism of checks: settings that cannot run, and settings that are seldom intended.

A check is a generator of ``(key, words)``: the key to blame, and what is wrong with it. Register it
with ``@problem`` or ``@warning``. ``problems`` and ``warnings`` run all checks and put file, key
and value before the words. The checks of this room are in the modules ``checks_*``; rooms above
register those that need them. No check reads data, builds a network or needs a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from fvcore.common.config import CfgNode

from slowfast.ak.keys import Finding, Key
from slowfast.config.dotted import get, has, set_value, show
from slowfast.config.keys import known_keys
from slowfast.config.provenance import describe, recorded
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
    """All problems because of which this configuration cannot run, one line each."""
    impossible = list(_impossible_values(cfg))
    blamed = {name for name, _ in impossible}
    corrected = _with_defaults(cfg, blamed)
    findings = [
        *_switches_of_missing_parts(corrected),
        *impossible,
        *(
            (key, words)
            for check in _PROBLEMS
            for key, words in check(corrected)
            if not any(name in f"{key} {words}" for name in blamed)
        ),
    ]
    return [f"{describe(cfg, key)}: {words}" for key, words in findings]


def warnings(cfg: CfgNode) -> list[str]:
    """All settings that can run but are seldom intended, one line each."""
    findings = [
        *_settings_without_effect(cfg),
        *(found for check in _WARNINGS for found in check(cfg)),
    ]
    return [f"{describe(cfg, key)}: {words}" for key, words in findings]


def _keys_of(cfg: CfgNode) -> dict[str, Key]:
    """The known keys of a configuration. An entry that was registered later has none in it."""
    return {name: key for name, key in known_keys().items() if has(cfg, name)}


def _switches_of_missing_parts(cfg: CfgNode) -> Iterator[Finding]:
    for name, key in _keys_of(cfg).items():
        if key.is_switch and get(cfg, name) != key.default:
            words = f"asks for {key.unserved}, which is not built here yet"
            yield name, f"{words}; leave it at {show(key.default)}"


def _settings_without_effect(cfg: CfgNode) -> Iterator[Finding]:
    known = known_keys()
    for name in recorded(cfg):
        key = known.get(name)
        if key and key.unserved and not key.is_switch and get(cfg, name) != key.default:
            yield name, f"has no effect here: {key.unserved}"


def _impossible_values(cfg: CfgNode) -> Iterator[Finding]:
    """Values of a wrong type, outside their limits, or not among their choices."""
    for name, key in _keys_of(cfg).items():
        value = get(cfg, name)
        if value != key.default and not key.unserved and (words := _why_impossible(key, value)):
            yield name, words


def _why_impossible(key: Key, value: Any) -> str:
    # A value that a program sets is not converted, unlike values from files and commands.
    plain = list(value) if isinstance(value, tuple) else value
    try:
        fits = coerce(value, key.default, key.kind) == plain
    except WrongType:
        fits = False
    return key.problem_with(value) if fits else f"expected {expected(key.default, key.kind)}"


def _with_defaults(cfg: CfgNode, names: Iterable[str]) -> CfgNode:
    """A copy in which these keys have their defaults, so that the others can be checked."""
    copy, known = cfg.clone(), known_keys()
    copy.defrost()
    for name in names:
        set_value(copy, name, known[name].default)
    return copy
