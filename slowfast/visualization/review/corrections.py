"""The corrections of a video as files: a table of the bouts that stand, and the steps to them."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.utils.files import atomic

FOLDER = "corrections"


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

    def steps(self, digest: str) -> list[dict[str, Any]]:
        """Returns the steps from the predicted bouts with this digest; none if there are others."""
        saved = self._read()
        return saved.get("steps", []) if saved.get("digest") == digest else []

    def write(self, digest: str, steps: list[dict[str, Any]], csv: str) -> None:
        """Replaces the files. Those of other predicted bouts are kept under another name.

        Raises:
            UserError: a file cannot be written.
        """
        saved = self._read()
        try:
            if saved and saved.get("digest") != digest:
                for path in (self.table, self._steps):
                    if path.is_file():
                        path.rename(_free(path))
        except OSError as error:
            raise atomic.cannot_be_written(self.table, error) from None
        record = json.dumps({"digest": digest, "steps": steps})
        atomic.write(self.table, csv.encode("utf-8", "surrogateescape"), f"{self.table.name}.tmp")
        atomic.write(self._steps, record.encode("ascii"), f"{self._steps.name}.tmp")

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
