"""Columns of times, as text: seconds, m:ss, h:mm:ss.fff, frames; with a decimal point or comma.

The decimal sign is decided for each column, because a cell such as ``1,500`` alone can mean 1.5 or
1500. A column in which both readings are possible is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from slowfast.ak.errors import UserError
from slowfast.data_tools.events.content import HOURS_AND_MINUTES

_FACTOR = {"": 1.0, "s": 1.0, "ms": 0.001, "min": 60.0, "frames": 1.0}
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):(\d{1,2})(?:[.,](\d+))?\s*(am|pm)?", re.IGNORECASE)
_TIME_CODE = re.compile(r"\d+:\d+:\d+[:;]\d+")
_SECONDS = re.compile(r"\s*(s|secs?|seconds?)$", re.IGNORECASE)  # after a number
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(\D.*)?")
_WITH_COMMA = re.compile(r"\d[\d.]*,\d+(\.\d+)?|\d+(,\d+)+(\.\d+)?")
_EXAMPLE = "expected seconds, such as 12.5, or a time, such as 1:02:03.5"
# What a number is if the decimal sign is the point, or the comma. A thousands sign is only taken
# where it can be nothing else: a lone point is always the decimal point.
_POINT = re.compile(r"\d{1,3}(,\d{3})+(\.\d*)?")
_COMMA = re.compile(r"\d{1,3}(\.\d{3})+,\d*|\d+,\d*|\d{1,3}(\.\d{3}){2,}")
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+\.\d*|\d{1,3}(,\d{3}){2,}")
_NO_TIME = {"", "na", "n/a", "nan", "none", "-"}


def decimal_sign(values: Sequence[str], separator: str, name: str, given: str = "") -> str:
    """The decimal sign of a column: "." or ",".

    Args:
        values: the cells.
        separator: the character between the fields of the file; programs write a semicolon where
            the comma is the decimal sign.
        name: of the column, for messages.
        given: the sign if the user gave it.

    Raises:
        UserError: both signs are possible, and the values would differ.
    """
    if given:
        return given
    numbers = [value for value in values if _WITH_COMMA.fullmatch(value) and ":" not in value]
    if not numbers:
        return "."
    plain = any("." in value and "," not in value and _is_number(value) for value in values)
    point = all(_POINT.fullmatch(value) for value in numbers) and not any(
        value.startswith("0") for value in numbers
    )
    comma = all(_COMMA.fullmatch(value) for value in numbers) and not plain
    if point and comma:
        if separator == ";":
            return ","
        raise UserError(
            f"column {name}: {numbers[0]!r} can be {numbers[0].replace(',', '.')} or "
            f"{numbers[0].replace(',', '')}; say which is the decimal sign with --decimal "
            "comma or --decimal point"
        )
    # A column with a lone decimal point must show elsewhere that commas are thousands signs.
    if comma or (point and (not plain or any(_THOUSANDS.fullmatch(n) for n in numbers))):
        return "," if comma else "."
    has = "values with a decimal point as well" if plain else "values that fit no decimal sign"
    raise UserError(
        f"column {name}: {numbers[0]!r} has a comma, and the column has {has}; write all times "
        "with one decimal sign, or say which it is with --decimal"
    )


@dataclass(frozen=True)
class TimeColumn:
    """The cells of a column of times.

    Attributes:
        name: for messages.
        unit: s, ms, min or frames; "": seconds, or a time such as 1:02:03.
    """

    name: str
    values: Sequence[str]
    unit: str = ""


def parse_times(
    columns: Sequence[TimeColumn], separator: str = ",", decimal: str = ""
) -> list[list[float | str]]:
    """Converts columns of one table to seconds, or to frame numbers if the unit is frames.

    A column in which the decimal sign is not clear takes the sign of another one.

    Returns:
        For each column and cell a number, or the text of a mistake. A cell without a time is NaN.

    Raises:
        UserError: the decimal sign is not clear in any column with commas.
    """
    signs: list[str | None] = []
    unclear: list[UserError] = []
    for column in columns:
        try:
            signs.append(decimal_sign(column.values, separator, column.name, decimal))
        except UserError as error:
            signs.append(None)
            unclear.append(error)
    known = {
        sign
        for sign, column in zip(signs, columns, strict=True)
        if sign and any("," in value for value in column.values)
    }
    if unclear and len(known) != 1:
        raise unclear[0]
    return [
        [_parse(value, column.name, column.unit, sign or max(known)) for value in column.values]
        for sign, column in zip(signs, columns, strict=True)
    ]


def to_number(value: object) -> float | None:
    """A finite number that a file writes as a number or as text; None for NA and other text."""
    try:
        number = float(str(value).strip().replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _parse(text: str, name: str, unit: str, sign: str) -> float | str:
    shown = f"{name} {text!r}"
    if HOURS_AND_MINUTES in text:
        return (
            f"{shown}: the spreadsheet holds hours and minutes, and minutes and seconds may be "
            "meant; write seconds, or give the cells the number format [h]:mm:ss and correct them"
        )
    if unit != "frames" and (clock := _CLOCK.fullmatch(text)):
        return _seconds_of_clock(clock, shown)
    if _TIME_CODE.fullmatch(text):
        return f"{shown}: is a time code with frames; {_EXAMPLE}"
    if _DATE.fullmatch(text):
        return (
            f"{shown}: is a date; expected the time from the beginning of the video, in seconds "
            "or as h:mm:ss"
        )
    number = _to_number(text, sign)
    if number is None or not 0 <= number < math.inf:
        if text.lower() in _NO_TIME - {"nan"}:
            return math.nan
        if unit == "frames":
            return f"{shown}: expected a frame number, such as 125"
        return f"{shown}: {_EXAMPLE}"
    if unit == "frames" and not number.is_integer():
        return f"{shown}: expected a frame number, which has no decimals"
    return number * _FACTOR[unit]


def _to_number(text: str, sign: str) -> float | None:
    text = _SECONDS.sub("", text)
    if sign == "," and _COMMA.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif sign == "." and _POINT.fullmatch(text):
        text = text.replace(",", "")
    try:
        return float(text)
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return _to_number(text, ".") is not None


def _seconds_of_clock(clock: re.Match[str], shown: str) -> float | str:
    hours, minutes, seconds, fraction, half = clock.groups()
    if int(seconds) > 59 or (hours is not None and int(minutes) > 59):
        return f"{shown}: minutes and seconds of a time go up to 59"
    hour = int(hours or 0)
    if half:  # a spreadsheet shows 3 s as 12:00:03 AM
        if hours is None or not 1 <= hour <= 12:
            return f"{shown}: {_EXAMPLE}"
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    return hour * 3600 + int(minutes) * 60 + float(f"{int(seconds)}.{fraction or 0}")
