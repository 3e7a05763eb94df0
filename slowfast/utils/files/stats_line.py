"""Lines of json_stats.log: ``json_stats: {...}``. This module needs no torch."""

import json
from typing import Any

FILE = "json_stats.log"
PREFIX = "json_stats: "


def read_line(line: str | bytes) -> dict[str, Any]:
    """Returns the figures in a line; an empty dict if the line cannot be read."""
    text = line.decode(errors="replace") if isinstance(line, bytes) else line
    try:
        return dict(json.loads(text.strip().removeprefix(PREFIX)))
    except (ValueError, TypeError):
        return {}


def first_number(share: Any) -> int:
    """Returns 3 for "3/200", the form of ``epoch`` and ``iter`` in a line; 0 for anything else."""
    number = str(share).partition("/")[0]
    return int(number) if number.isdecimal() else 0
