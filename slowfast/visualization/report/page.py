"""The report page: its style, its scripts and the records of runs in one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from slowfast.visualization.page.render import render, write

_HERE = Path(__file__).parent
_SCRIPTS = (
    *("marks.js", "charts.js", "classes.js", "matrix.js", "failures.js"),
    *("run.js", "compare.js", "main.js"),
)


def render_page(records: Sequence[dict]) -> str:
    """Returns the HTML of one run, or of several to compare."""
    title = "Run report: " + " | ".join(record["name"] for record in records)
    return render(title, records, [_HERE / "style.css"], [_HERE / name for name in _SCRIPTS])


def write_page(records: Sequence[dict], path: Path) -> Path:
    """Writes the page of one or several runs, and returns its path.

    Raises:
        UserError: the page cannot be written.
    """
    return write(path, render_page(records))
