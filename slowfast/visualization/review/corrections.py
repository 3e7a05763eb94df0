"""The corrections of a video as files: a table of the bouts that stand, and the steps to them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.utils.files import atomic

FOLDER = "corrections"
_CHECKED = "checked"  # the id of a step that changes the checked times; others change a bout


class Outdated(Exception):
    """Corrections that follow an older state than the one that is kept."""


@dataclass(frozen=True)
class State:
    """The corrections of a video as they are kept.

    Attributes:
        revision: how often they were written.
        steps: from the predicted bouts to those that stand, as the page wrote them.
    """

    revision: int = 0
    steps: tuple[dict[str, Any], ...] = ()

    @property
    def checked(self) -> list[tuple[float, float]]:
        """The times (start, stop) that a person has marked as checked, in seconds."""
        spans = [step["after"] for step in self.steps if step["id"] == _CHECKED]
        return [(start, stop) for start, stop in spans[-1]] if spans else []

    def has_seen(self, number: int) -> bool:
        """Whether the person has changed or judged the predicted bout with this number."""
        steps = [step["after"] for step in self.steps if step["id"] == number]
        return bool(steps) and (steps[-1] is None or bool(steps[-1]["review"]))


def is_step(step: Any) -> bool:
    """Whether a value is a step: ``{id, before, after}``.

    A step of a bout has its number, and the bout with its ``review``, or None for a bout that was
    deleted. A step of the checked times has all of them, as [start, stop] in seconds.
    """
    if not isinstance(step, dict) or not {"id", "after"} <= step.keys():
        return False
    after = step["after"]
    if step["id"] != _CHECKED:
        return after is None or (isinstance(after, dict) and isinstance(after.get("review"), str))
    spans = after if isinstance(after, list) else [None]
    return all(
        isinstance(span, list)
        and len(span) == 2
        and all(isinstance(time, int | float) and not isinstance(time, bool) for time in span)
        for span in spans
    )


class Corrections:
    """The corrections of one video.

    Args:
        folder: of all corrections; `NAME.csv` and `NAME.steps` are written there. A program that
            reads all tables of the folder reads the first alone.
        name: of the page, without its ending.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.table = folder / f"{name}.csv"
        self._steps = folder / f"{name}.steps"

    def state(self, digest: str) -> State:
        """Returns the corrections of the predicted bouts with this digest; none if it is another.

        Raises:
            UserError: the file of steps cannot be read.
        """
        saved = self._read()
        if saved.get("digest") != digest:
            return State()
        return State(saved.get("revision", 0), tuple(saved.get("steps", ())))

    def write(
        self, digest: str, steps: list[dict[str, Any]], csv: str, after: int | None = None
    ) -> None:
        """Replaces the files. Those of other predicted bouts are kept under another name.

        Args:
            after: the revision that the steps follow; None: whichever is kept.

        Raises:
            Outdated: another revision is kept, as when the page is open in two windows.
            UserError: a file cannot be written.
        """
        saved = self._read()
        revision = self.state(digest).revision
        if after is not None and after != revision:
            raise Outdated
        try:
            if saved and saved.get("digest") != digest:
                for path in (self.table, self._steps):
                    if path.is_file():
                        path.rename(_free(path))
        except OSError as error:
            raise atomic.cannot_be_written(self.table, error) from None
        record = {"digest": digest, "revision": revision + 1, "steps": steps, "csv": csv}
        # The steps first: if the program is stopped here, `complete` writes the table.
        self._put(self._steps, json.dumps(record).encode("ascii"))
        self._put(self.table, csv.encode("utf-8", "surrogateescape"))

    def complete(self) -> None:
        """Writes the table if a stop between the two files left an older one."""
        csv = self._read().get("csv")
        if csv is None:
            return
        content = csv.encode("utf-8", "surrogateescape")
        if not self.table.is_file() or self.table.read_bytes() != content:
            self._put(self.table, content)

    @staticmethod
    def _put(path: Path, content: bytes) -> None:
        atomic.write(path, content, f"{path.name}.tmp")

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._steps.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise UserError(
                f"{self._steps}: cannot be read ({error}). Move it away to begin anew; the "
                f"corrections are in {self.table.name}."
            ) from None
        return found if isinstance(found, dict) else {}


def _free(path: Path) -> Path:
    """Returns the first name of `path.1`, `path.2` and so on that is free."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in count(1))
    return next(each for each in numbered if not each.exists())
