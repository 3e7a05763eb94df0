"""Settings on the command line, after `--opts` or bare, on either branch.

patch-2 takes them bare alone. main takes them after `--opts` alone, and bare ones for further
configurations, which come after the first has run for days with other settings than were meant.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_ENDS = (".yaml", ".yml")


def takes_both_forms(parse_args: Callable[..., Any]) -> Callable[..., Any]:
    """`parse_args` of `sys.argv`, to whose result settings in either form are added as `opts`."""

    @functools.wraps(parse_args)
    def parse(*args: Any, **kwargs: Any) -> Any:
        given = sys.argv
        command, settings = apart(given)
        sys.argv = command
        try:
            parsed = parse_args(*args, **kwargs)
        finally:
            sys.argv = given
        if settings:
            parsed.opts = settings
        return parsed

    return parse


def apart(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """A command line without its settings, and the settings.

    They are all that comes after `--opts`; or from the first word on that is neither an option, nor
    an option's value, nor, after `--cfg`, a file.
    """
    words = list(argv)
    option, values = "", 0
    for place, word in enumerate(words[1:], start=1):
        if word == "--opts":
            return words[:place], words[place + 1 :]
        if word.startswith("--"):
            option, _, value = word.partition("=")
            values = int(bool(value))
        elif option == "--cfg" and (not values or word.endswith(_ENDS) or Path(word).is_file()):
            values += 1
        elif option and option != "--cfg" and not values:
            values = 1
        else:
            return words[:place], words[place:]
    return words, []
