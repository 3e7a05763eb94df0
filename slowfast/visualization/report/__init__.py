"""The report page of a run: one HTML file that opens anywhere, without a network.

A multi-label test ends with ``OUTPUT_DIR/report/report.json``, all that the page shows, and
``index.html``, the page. ``tools/report.py`` makes the page anew from run folders, several of them
side by side; it needs neither data set nor torch.

Notable: Python collects (``record``, ``curves``, ``findings``, ``stills``, ``runs``) and puts the
files together (``page``); all drawing is done by the scripts beside these modules, from the data
that the page holds as JSON.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from slowfast.visualization.report.page import write_page
from slowfast.visualization.report.record import Tested, make_record

logger = logging.getLogger(__name__)

FOLDER = "report"


def write_report(cfg, tests: Sequence[Tested]) -> Path | None:
    """Writes report.json and index.html of a multi-label run below OUTPUT_DIR.

    A report that fails costs a warning and nothing else: what was tested is saved by then.

    Args:
        tests: of one run, at least one; the page shows the figures of all and details of the last.

    Returns:
        The page; None where TEST.REPORT is off, clips have a single label, or writing failed.
    """
    if not (cfg.TEST.REPORT and cfg.DATA.MULTI_LABEL):
        return None
    folder = Path(cfg.OUTPUT_DIR, FOLDER)
    try:
        record = make_record(cfg, tests)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record, allow_nan=False)
        (folder / "report.json").write_text(text + "\n", encoding="ascii")
        page = write_page([record], folder / "index.html")
    except Exception as error:  # whatever it is, the run's results are worth more than its page
        logger.warning(
            "The report could not be written to %s (%s: %s). The run's results are not touched.",
            *(folder, type(error).__name__, error),
        )
        return None
    return page
