"""Recognises lines of lists that another data set reads, for messages."""

from __future__ import annotations

import re

from slowfast.ak.registries.datasets import names_with

_SHARE = r"[01]?\.?[0-9]*"
# What a line looks like, its pattern, and the list format of the data sets that read such a list.
_FORMS = (
    (
        "the header of a frame list",
        re.compile(r'"?original_vido_id\b.*labels"?$'),
        "header",
    ),
    ("the header of a light list", re.compile(r'"?[\w ]+"?;\s*"?labels"?$'), "header"),
    (
        "a line of a frame list without its header "
        "(original_vido_id video_id frame_id path labels)",
        re.compile(r'\S+\s+\d+\s+\d+\s+\S+\s+("[\d,]*"|[\d,]+)$'),
        "header",
    ),
    (
        "a box of AVA (video, second, x1, y1, x2, y2, action, person)",
        re.compile(rf"[^,]+,\s*\d+(,\s*{_SHARE}){{4}}(,[^,]*){{1,2}}$"),
        "boxes",
    ),
    (
        "a line of a list of videos or folders (path label)",
        re.compile(r".*\S[\s,;|]+\d+(,\s*\d+)*$"),
        "pairs",
    ),
)


def other_form(line: str, own: str) -> str:
    """A sentence that says what a line looks like, and which data sets read it.

    Args:
        own: the list format that was expected (`slowfast.ak.registries.datasets.DatasetFacts`).

    Returns:
        Empty if the line looks like nothing that is known, or like a line of the expected format.
    """
    line = line.strip()
    for words, pattern, list_format in _FORMS:
        if not pattern.match(line):
            continue
        if list_format == own and "without" not in words:
            return ""
        names = names_with(lambda facts, wanted=list_format: facts.list_format == wanted)
        reads = f"TRAIN.DATASET {' or '.join(names)} reads it" if names else "no data set reads it"
        return f" It looks like {words}; {reads}."
    return ""
