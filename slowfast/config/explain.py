"""The text of ``--keys``: what each key of the configuration means."""

from __future__ import annotations

import shutil
import textwrap

from slowfast.ak.errors import UserError
from slowfast.config.defaults import get_cfg
from slowfast.config.dotted import dotted_keys, get, nearest_key, show
from slowfast.config.keys import REGISTRIES, known_keys


def explain(name: str = "") -> str:
    """Default and meaning of a key, or of each key in a group.

    Args:
        name: a dotted key or group, in upper or lower case; empty: all keys.

    Raises:
        UserError: there is no such key or group.
    """
    cfg, known = get_cfg(), known_keys()
    meanings = {key: described.help for key, described in known.items()}
    for registry in REGISTRIES:
        if registry.key in meanings and len(registry):
            meanings[registry.key] += f" Registered: {', '.join(registry.shown_names())}."
    wanted = name.upper().strip(".")
    keys = [key for key in dotted_keys(cfg) if f"{key.upper()}.".startswith(f"{wanted}.")]
    if not wanted:
        keys = dotted_keys(cfg)
    if not keys:
        near = nearest_key(cfg, name)
        raise UserError(f"There is no key {name}" + (f"; did you mean {near}?" if near else "."))
    width = shutil.get_terminal_size().columns
    return "\n".join(
        textwrap.fill(f"{key}: {show(get(cfg, key))}", width, subsequent_indent="    ")
        + "\n"
        + textwrap.fill(
            meanings.get(key, ""), width, initial_indent="    ", subsequent_indent="    "
        )
        for key in keys
    )
