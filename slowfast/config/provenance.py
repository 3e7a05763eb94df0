"""Where each key of a configuration was set, so that an error can name the file to mend.

Notable: the record lies in the ``__dict__`` of the configuration's root, beside what yacs keeps
there. So it comes along with ``clone()``, ``copy.deepcopy`` and ``pickle`` (processes started by
spawn), and never shows among the keys or in ``dump()``. A record holds the value too: where a
program has changed a key since, the record is seen to be out of date.
"""

from __future__ import annotations

from typing import Any

from fvcore.common.config import CfgNode

COMMAND_LINE = "command line"
DEFAULT = "default"
IN_CODE = "set by the program"

_RECORD = "__sources__"
_FILE = "__file__"


def get(cfg: CfgNode, key: str) -> Any:
    """The value of a dotted key."""
    node: Any = cfg
    for part in key.split("."):
        node = node[part]
    return node


def record(cfg: CfgNode, key: str, source: str) -> None:
    """Remember that ``source`` gave the dotted ``key`` the value that it has now."""
    cfg.__dict__.setdefault(_RECORD, {})[key] = (source, repr(get(cfg, key)))


def record_file(cfg: CfgNode, path: str) -> None:
    """Remember the file that was read last, for errors about keys that it leaves at default."""
    cfg.__dict__[_FILE] = path


def recorded(cfg: CfgNode) -> dict[str, str]:
    """Source by dotted key, for all keys that a file or a command has set."""
    return {key: source for key, (source, _) in cfg.__dict__.get(_RECORD, {}).items()}


def source_of(cfg: CfgNode, key: str) -> str:
    """The file that set a dotted key, or ``command line``, or ``set by the program``.

    Of a key that nobody set, the file that left it so: ``configs/AK/X.yaml (default)``.
    """
    source, value = cfg.__dict__.get(_RECORD, {}).get(key, (DEFAULT, None))
    if value is not None:
        return source if value == repr(get(cfg, key)) else IN_CODE
    from slowfast.config.defaults import get_cfg  # here, because defaults build on this module

    if repr(get(get_cfg(), key)) != repr(get(cfg, key)):
        return IN_CODE
    file = cfg.__dict__.get(_FILE)
    return f"{file} ({DEFAULT})" if file else DEFAULT


def describe(cfg: CfgNode, key: str) -> str:
    """Source, key and value, as an error begins: ``configs/AK/X.yaml: SOLVER.MAX_EPOCH = 0``."""
    return f"{source_of(cfg, key)}: {key} = {show(get(cfg, key))}"


def show(value: Any) -> str:
    """A value as it is written in YAML or on a command line; what cannot be seen, in quotes."""
    plain = isinstance(value, str) and value.strip() and value.isprintable()
    text = value if plain else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
