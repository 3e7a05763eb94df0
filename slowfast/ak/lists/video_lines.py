"""Reads the lines of a list of videos: a path, and numbers behind it.

Such a list, as for Kinetics, needs no header and has one line a clip. The path can contain the
separator, and can be in double quotes, as spreadsheets and csv modules write it:

    dancing/my clip.mp4 7       one class
    dancing/my clip.mp4 7,12    several classes
    "dancing/my clip.mp4" 7     the same path

Two or more numbers behind a path have one of these meanings, which `ListForm` states for the list:

    a.mp4 3 120      a class of each of its label columns, such as behaviour and animal
    folder 163 7     the number of frames of a folder of images, and then its classes
    a.mp4 3 17       several classes

Otherwise such a line is refused: the path would not be what was meant.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path

from slowfast.ak import paths
from slowfast.ak.errors import UserError
from slowfast.ak.lists.lines import (
    MAX_DIGITS,
    Block,
    ListForm,
    Run,
    Source,
    encode,
    lines_with_text,
    read_blocks,
)
from slowfast.ak.lists.other_forms import other_form
from slowfast.ak.registries.datasets import names_with

LONGEST_LINE = 1 << 13  # the time that a line takes grows with the square of its numbers
# UCF101 has this table of its classes beside its lists.
CLASSES_BY_FOLDER = "classInd.txt"

logger = logging.getLogger(__name__)

_NUMBERS = "[0-9]+(?:[ \t]*,[ \t]*[0-9]+)*"  # labels with commas between them
_BLANKS = re.compile("[ \t]+")
# Names of the column with the labels.
_LABEL_NAME = re.compile(r"(class|label|action|behaviou?r|categor|target)\w*( ?_?(id|index|name))?")


def read_video_lines(blocks: Iterable[Block], name: str, form: ListForm) -> Iterator[Run]:
    """Gives a run for each line of a list of videos. Blank lines are skipped.

    The length of a run is the number of frames that the line states, or 1.

    Raises:
        UserError: a line is not a path and the numbers that `form` says. The message has `name` and
            the line.
    """
    numbers_of, folder_labels = _Numbers(form.separator), dict(form.folder_labels)
    for number, (line, text) in enumerate(lines_with_text(blocks)):
        if len(text) > LONGEST_LINE:
            raise UserError(
                f"{name}:{line}: this line has more than {LONGEST_LINE:,} characters. No line of a "
                "list of videos is that long. Is this file a list?"
            )
        path, numbers = numbers_of(text)
        if not number and not numbers and _is_header(text, form.separator):
            logger.info(f"{name}:{line}: the header {text!r} is left out.")
            continue
        if not numbers and folder_labels:
            folder = path.rpartition("/")[0].rpartition("/")[2]
            numbers = [str(folder_labels[folder])] if folder in folder_labels else []
        path = _without_quotes(path)
        if form.columns:
            fits = len(numbers) == len(form.columns) and "," not in "".join(numbers)
        else:
            count = len(numbers) - form.frame_counts
            fits = count == 1 or (count > 1 and form.several)
        if form.frame_counts and fits:
            fits = len(numbers[0]) <= MAX_DIGITS and numbers[0].strip("0").isdigit()
        if not fits or not path:
            raise UserError(f"{name}:{line}: {_problem(text, path, numbers, form)}")
        length = int(numbers.pop(0)) if form.frame_counts else 1
        labels = ",".join(numbers)
        several = "," in labels and not form.columns
        if several and len(set(labels.split(","))) < labels.count(",") + 1:
            raise UserError(
                f"{name}:{line}: a label is there twice: {text[:100]!r}. Expected the numbers of "
                "the classes that the clip has. A 0 or 1 for each class is another way to write "
                "labels, which is not read here."
            )
        yield Run(encode(path), b"", encode(labels), length, line)


class _Numbers:
    """Takes the numbers at the end of a line off."""

    def __init__(self, separator: str) -> None:
        self._separator = separator
        between = "[ \t]+" if separator == " " else re.escape(separator) + "[ \t]*"
        if separator.isspace():  # a long row of blanks is looked at once, from its start
            between = ("(?<![ \t])" if separator == " " else f"(?<!{separator[-1]})") + between
        number = "[0-9]+" if separator == "," else _NUMBERS
        self._last = re.compile(f"{between}({number})$")
        self._quoted = re.compile(f'{between}"({_NUMBERS})"$')

    def __call__(self, text: str) -> tuple[str, list[str]]:
        """The path, and each field of numbers behind it, without blanks."""
        path, _, label = text.rpartition(self._separator)
        if label.isdigit() and label.isascii() and "\t" not in text:
            before = path.rpartition(self._separator)[2]
            if before.strip() == before != "" and "," not in before and not before.isdigit():
                return path, [label]  # nearly all lines of a list are so, and regexes take longer
        path, numbers = text.rstrip(" \t"), []
        while found := (not numbers and self._quoted.search(path)) or self._last.search(path):
            path = path[: found.start()]
            numbers.insert(0, _BLANKS.sub("", found[1]))
        return path, numbers


def _without_quotes(path: str) -> str:
    """The path that a csv module has put in double quotes, in which it doubles each quote."""
    if len(path) > 2 and path[0] == path[-1] == '"':
        return path[1:-1].replace('""', '"')
    return path


def _is_header(text: str, separator: str) -> bool:
    """Whether a line names the columns of the list, as in `video_path label`.

    Its fields are two to four words without a dot or a slash, and one of them is a usual name of
    the labels. A frame list has five.
    """
    fields = [field.strip(" \t\"'").lower() for field in text.split(separator)]
    words = [field for field in fields if field]
    return (
        1 < len(words) < 5
        and all(re.fullmatch(r"[^\W\d][\w -]*", word) for word in words)
        and any(_LABEL_NAME.fullmatch(word) for word in words[1:])
    )


def _problem(text: str, path: str, numbers: list[str], form: ListForm) -> str:
    """What is wrong with a line, what was expected, and what to do."""
    found, between = repr(text[:100]), repr(form.separator)
    if form.columns:
        return (
            f"expected a path, and a whole number from 0 on for each of {', '.join(form.columns)}, "
            f"with {between} between them, found {found}. DATA.PATH_LABEL_SEPARATOR sets the "
            "separator."
        )
    if form.frame_counts:
        return (
            f"expected a folder of images, its number of frames from 1 on and its label, with "
            f"{between} between them, as in other lines of this list, found {found}."
        )
    if len(numbers) > 1 and not other_form(text, "pairs"):
        names = names_with(lambda facts: len(facts.label_columns) == len(numbers))
        columns = f" If they are one label of each kind, set TRAIN.DATASET {' or '.join(names)}."
        return (
            f"expected one label behind the path, found {len(numbers)} numbers: {found}. Upstream "
            "takes the last one as the label and ignores the others; here nothing is ignored. If "
            f"they are several labels, set DATA.MULTI_LABEL True.{columns if names else ''} If "
            f"they are a number of frames and a label, {path!r} has to be a folder of images below "
            "DATA.PATH_PREFIX. If the path itself ends with a number, set "
            "DATA.PATH_LABEL_SEPARATOR to a text that no path contains."
        )
    words = other_form(text, "pairs")
    if not words and re.fullmatch(r"\S+\.\w+", text.strip()):
        words = _about_missing_label(form)
    words = words or _about_label(text, form.separator) or _about_separator(text, form.separator)
    labels = "one label, a whole number from 0 on"
    if form.several:
        labels = "labels, whole numbers from 0 on with commas between them"
    return (
        f"expected a path, {between} and {labels}, found {found}. DATA.PATH_LABEL_SEPARATOR sets "
        f"the separator.{words}"
    )


def _about_missing_label(form: ListForm) -> str:
    """What to do about a line that is a path alone."""
    if form.folder_labels:
        return f" The line has no label, and {CLASSES_BY_FOLDER} beside the list lacks its folder."
    return (
        " The line has no label. Upstream takes it as class 0; here nothing is guessed. Test "
        "lists of UCF101 are so: the class is the folder of the path. Put UCF101's "
        f"{CLASSES_BY_FOLDER}, with lines such as '1 ApplyEyeMakeup', beside the list, or write "
        "the number of the class behind each path."
    )


def _about_label(text: str, separator: str) -> str:
    """What to do about a field behind the path that is no label; empty if that is not known."""
    path, _, label = (part.strip() for part in text.rpartition(separator))
    if not path:
        return ""
    if re.fullmatch(r"[(\[{]?[0-9]+([,;|/+][0-9]+)*[)\]}]?", label) and not label.isdigit():
        return " Write several labels with commas between them and without brackets, as in 0,1."
    if re.fullmatch(r"-?[0-9]+(\.[0-9]*)?", label) and not label.isdigit():
        return f" {label} is no whole number from 0 on. Leave out clips that have no class."
    if re.search("[./]", path) and re.fullmatch(r"[^\W\d][\w-]*", label):
        return f" {label!r} is a name: write the number of its class."
    return ""


def _about_separator(text: str, separator: str) -> str:
    """Which other separator a line seems to have, in words; empty if none is found."""
    text = text.strip()
    for other in ",;|:	":
        has_label = re.fullmatch(rf".*[^\s,;|:]{re.escape(other)}\s*[0-9]+", text)
        if other != separator and (has_label or _is_header(text, other)):
            return f" Here it may be {other!r}."
    return ""


def read_folder_labels(path: str) -> tuple[tuple[str, int], ...]:
    """The classes of the file `CLASSES_BY_FOLDER` beside a list, with lines `1 ApplyEyeMakeup`.

    Returns:
        Pairs of a folder's name and its label; none if there is no such file, or if a line has
        another form.
    """
    file = paths.join(os.path.dirname(path), CLASSES_BY_FOLDER)  # noqa: PTH120 -- it can be remote
    try:
        if not paths.is_file(file):
            return ()
        text = Path(paths.local_path(file)).read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ()
    rows = [line.split() for line in text.splitlines() if line.strip()]
    if not all(len(row) == 2 and row[0].isascii() and row[0].isdigit() for row in rows):
        return ()
    return tuple((name, int(number)) for number, name in rows)


def has_frame_counts(source: Source, folder: str) -> bool:
    """Whether the first line with two numbers names a folder that exists below `folder`.

    The numbers are then the number of frames and the label, as in MMAction2's lists. Only the first
    block of the list is read.

    Raises:
        UserError: the list cannot be read.
    """
    path = _path_before_two_numbers(source)
    place = paths.join(folder, path)
    return bool(path) and paths.is_folder(place) and not paths.is_file(place)


@lru_cache(maxsize=16)
def _path_before_two_numbers(source: Source) -> str:
    numbers_of = _Numbers(source.form.separator)
    first = islice(read_blocks(source.file, source.name), 1)
    for _, text in lines_with_text(first):
        path, numbers = numbers_of(text[: LONGEST_LINE + 1])
        if len(numbers) > 1:
            return path
    return ""
