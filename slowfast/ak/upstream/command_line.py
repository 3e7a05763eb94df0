"""Takes settings on the command line after `--opts` and bare, on either branch.

Branch patch-2 takes bare settings only. Branch main takes settings after `--opts` only. It reads
bare settings as further configuration files: the first run ignores them, and the program fails
after that run.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_ENDINGS = (".yaml", ".yml")


def takes_both_forms(parse_args: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `parse_args`, changed so that its result has settings of either form as `opts`."""

    @functools.wraps(parse_args)
    def parse(*args: Any, **kwargs: Any) -> Any:
        given = sys.argv
        command, settings = split_settings(given)
        sys.argv = command
        try:
            parsed = parse_args(*args, **kwargs)
        finally:
            sys.argv = given
        if settings:
            parsed.opts = settings
        return parsed

    return parse


def split_settings(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Splits a command line into the command and the settings.

    The settings are all words after `--opts`. Without it they begin at the first word that is
    neither an option, nor the value of an option, nor a file after `--cfg`.
    """
    words = list(argv)
    option, values = "", 0
    for place, word in enumerate(words[1:], start=1):
        if word == "--opts":
            return words[:place], words[place + 1 :]
        if word.startswith("--"):
            option, _, value = word.partition("=")
            values = int(bool(value))
        elif option == "--cfg" and (not values or word.endswith(_ENDINGS) or Path(word).is_file()):
            values += 1
        elif option and option != "--cfg" and not values:
            values = 1
        else:
            return words[:place], words[place:]
    return words, []
