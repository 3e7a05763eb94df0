"""The report page: template, style, scripts and data in one HTML file, which loads no other file.

The data are JSON without any ``<``, so that no name can end the element or begin another one. The
scripts insert data as text only.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path

from slowfast.ak.errors import UserError

_HERE = Path(__file__).parent
_SCRIPTS = (
    *("dom.js", "charts.js", "tables.js", "classes.js", "matrix.js", "failures.js"),
    *("run.js", "compare.js", "main.js"),
)


def render_page(records: Sequence[dict]) -> str:
    """Returns the HTML of one run, or of several to compare."""
    names = [record["name"] for record in records]
    parts = {
        "title": html.escape("Run report: " + " | ".join(names)),
        "style": _read("style.css"),
        "script": "\n".join(_read(name) for name in _SCRIPTS),
        "data": _embedded(records),
    }
    page = _read("page.html")
    # Split the template first: inserted text may look like a place in it.
    before, *rest = page.split("{{")
    for piece in rest:
        name, _, after = piece.partition("}}")
        before += parts[name] + after
    return before


def write_page(records: Sequence[dict], path: Path) -> Path:
    """Writes the page of one or several runs, and returns its path.

    Raises:
        UserError: the page cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Names in a file system may hold bytes that are not UTF-8.
        path.write_text(render_page(records), encoding="utf-8", errors="xmlcharrefreplace")
    except OSError as error:
        raise UserError(
            f"{path}: the page cannot be written ({error.strerror}); name another file."
        ) from None
    return path


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _embedded(records: Sequence[dict]) -> str:
    text = json.dumps(records, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
