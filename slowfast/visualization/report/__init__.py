"""The report page of a run: one HTML file that opens anywhere, without a network.

A test of classes ends with ``OUTPUT_DIR/report/report.json``, the data of the page, and
``index.html``, the page. ``tools/report.py`` makes the page again from run folders, and compares
several runs on one page; it needs neither the data set nor torch.

Python collects the data (``record``, ``curves``, ``findings``, ``stills``, ``runs``) and joins the
files (``page``). The scripts beside these modules, and those in `slowfast.visualization.page` that
all pages share, draw everything from the data in the page.
"""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from slowfast.ak.metrics.figure_sets import sets_of
from slowfast.visualization.report.page import write_page
from slowfast.visualization.report.record import Tested, make_record

logger = logging.getLogger(__name__)

FOLDER = "report"


def write_report(cfg, tests: Sequence[Tested]) -> Path | None:
    """Writes report.json and index.html of a run below OUTPUT_DIR.

    A failure causes a warning only, since the results are saved before.

    Args:
        tests: the tests of one run, at least one. The page shows the figures of all, and details
            of the last.

    Returns:
        The page; None if TEST.REPORT is False, if the figures are not figures of classes, or if
        writing failed.
    """
    if not (cfg.TEST.REPORT and sets_of(tests[-1].figures)):
        return None
    folder = Path(cfg.OUTPUT_DIR, FOLDER)
    try:
        record = make_record(cfg, tests)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(record, allow_nan=False)
        (folder / "report.json").write_text(text + "\n", encoding="ascii")
        page = write_page([record], folder / "index.html")
    except Exception as error:  # any failure: the results of the run matter more than its page
        logger.warning(
            "The report could not be written to %s (%s: %s). The results of the run are complete.",
            *(folder, type(error).__name__, error),
        )
        return None
    return page
