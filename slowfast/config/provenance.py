"""The source of each key of a configuration, so that an error can name the file to correct.

The record is kept in the ``__dict__`` of the configuration's root, where yacs keeps its own state.
``clone()``, ``copy.deepcopy`` and ``pickle`` (processes that are started by spawn) copy it, and it
is neither a key nor part of ``dump()``. A record includes the value. If a program changes the key
later, the record no longer fits, and the source is "set by the program".
"""

from __future__ import annotations

from fvcore.common.config import CfgNode

from slowfast.config.dotted import get, show
from slowfast.config.keys import known_keys

COMMAND_LINE = "command line"
DEFAULT = "default"
IN_CODE = "set by the program"
FOR_NETWORK = "set for the network"

_RECORD = "__sources__"
_FILE = "__file__"
_IGNORED = "__ignored__"


def record(cfg: CfgNode, key: str, source: str) -> None:
    """Records that ``source`` set the dotted ``key`` to its present value."""
    cfg.__dict__.setdefault(_RECORD, {})[key] = (source, repr(get(cfg, key)))


def record_file(cfg: CfgNode, path: str) -> None:
    """Records the file that was read last, for errors about keys that have their defaults."""
    cfg.__dict__[_FILE] = path


def record_ignored(cfg: CfgNode, words: str) -> None:
    """Records words about settings of a file or a command that are not in the configuration."""
    cfg.__dict__.setdefault(_IGNORED, []).append(words)


def ignored(cfg: CfgNode) -> list[str]:
    """The words of ``record_ignored``, for the log of a run."""
    return list(cfg.__dict__.get(_IGNORED, ()))


def source_of(cfg: CfgNode, key: str) -> str:
    """The file that set a dotted key, or ``command line``, or ``set by the program``.

    For a key that was not set: the file that was read last, as ``configs/AK/X.yaml (default)``.
    """
    source, value = cfg.__dict__.get(_RECORD, {}).get(key, (DEFAULT, None))
    if value is not None:
        return source if value == repr(get(cfg, key)) else IN_CODE
    known = known_keys().get(key)
    if known and repr(known.default) != repr(get(cfg, key)):
        return IN_CODE
    file = cfg.__dict__.get(_FILE)
    return f"{file} ({DEFAULT})" if file else DEFAULT


def is_set(cfg: CfgNode, key: str) -> bool:
    """Whether a file, a command or a program gave a key its present value.

    It did not if the value is the default of the configuration, or was set for the network.
    """
    source, value = cfg.__dict__.get(_RECORD, {}).get(key, (DEFAULT, None))
    if value is not None:
        return source != FOR_NETWORK or value != repr(get(cfg, key))
    return source_of(cfg, key) == IN_CODE


def set_for_network(cfg: CfgNode) -> list[str]:
    """The keys that have values of the network because nobody set them."""
    keys = cfg.__dict__.get(_RECORD, {})
    return [key for key in keys if source_of(cfg, key) == FOR_NETWORK]


def describe(cfg: CfgNode, key: str) -> str:
    """The beginning of an error: ``configs/AK/X.yaml: SOLVER.MAX_EPOCH = 0``."""
    return f"{source_of(cfg, key)}: {key} = {show(get(cfg, key))}"
