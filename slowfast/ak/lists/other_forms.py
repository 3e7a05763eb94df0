"""Recognises lines of lists that another data set reads, for messages."""

from __future__ import annotations

import re
from typing import NamedTuple

from slowfast.ak.registries.datasets import DATASETS, names_with

_SHARE = r"[01]?\.?[0-9]*"


class _Form(NamedTuple):
    """What a line can look like.

    Args:
        words: its name.
        pattern: what such lines match.
        list_format: of the data sets that read such a list
            (`slowfast.ak.registries.datasets.DatasetFacts`).
        may_be_first: whether such a line can be the first of a list. Otherwise a header is missing.
    """

    words: str
    pattern: re.Pattern
    list_format: str
    may_be_first: bool = True


_FORMS = (
    _Form("the header of a frame list", re.compile(r'"?original_vido_id\b.*labels?"?$'), "header"),
    _Form("the header of a light list", re.compile(r'"?[\w ]+"?;\s*"?labels?"?$'), "header"),
    _Form(
        "a line of a frame list without its header "
        "(original_vido_id video_id frame_id path labels)",
        re.compile(r'\S+\s+\d+\s+\d+\s+\S+\s+("[\d,]*"|[\d,]+)$'),
        "header",
        may_be_first=False,
    ),
    _Form(
        "a box of AVA (video, second, x1, y1, x2, y2, action, person)",
        re.compile(rf"[^,]+,\s*\d+(,\s*{_SHARE}){{4}}(,[^,]*){{1,2}}$"),
        "boxes",
    ),
    _Form(
        "the annotations of Kinetics, which have names of classes and no paths",
        re.compile(r'"?label"?,\s*"?youtube_id\b.*'),
        "annotations",
    ),
    _Form(
        "a line of a list of videos or folders (path label)",
        re.compile(r".*\S[\s,;|]+\d+(,\s*\d+)*$"),
        "pairs",
    ),
)


def other_form(line: str, own: str) -> str:
    """A sentence that says what a line looks like, and which data sets read it.

    Args:
        own: the list format that was expected.

    Returns:
        Empty if the line looks like nothing that is known, or like a line of the expected format.
    """
    form = next((each for each in _FORMS if each.pattern.match(line.strip())), None)
    if form is None or (form.list_format == own and form.may_be_first):
        return ""
    names = names_with(
        lambda facts: facts.list_format == form.list_format and facts.complete_list is None
    )
    if names:
        reads = f"; TRAIN.DATASET {' or '.join(names)} reads it"
    else:  # a tool that reads no configuration does not know the data sets
        reads = "; no data set reads it" if DATASETS.shown_names() else ""
    return f" It looks like {form.words}{reads}."
