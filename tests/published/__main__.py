"""Loads, builds, trains and tests every published file; prints the tables of docs/DROP_IN.md.

PYTHONPATH=tools python -m tests.published
"""

import logging
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.entries import register_entries
from slowfast.utils.parser import load_config, parse_args
from tests.conftest import write_set
from tests.published import files
from tests.published.data import write_data
from tests.published.runs import build_whole, run_smaller
from tests.published.tables import FOLDERS, published_table, unserved_table


def main() -> int:
    """Prints the tables; returns 1 if a file that should run does not."""
    register_entries()
    counts = {folder: [0, 0, 0] for folder in FOLDERS}
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "ak").mkdir()
        clips, data = write_set(root / "ak"), {}
        for number, name in enumerate(files.PUBLISHED):
            own = root / str(number)
            dataset = files.PUBLISHED[name].get("TRAIN.DATASET", "kinetics").removeprefix("ptv")
            print(f"{number + 1} of {len(files.PUBLISHED)}: {name}", file=sys.stderr, flush=True)
            done = 0
            try:
                with redirect_stdout(sys.stderr):
                    load_config(parse_args(["--cfg", str(files.write(name, own))]))
                    done = 1
                    if not files.not_served(name):
                        build_whole(name, own)
                        done = 2
                        if dataset not in data:
                            data[dataset] = write_data(dataset, root / dataset, clips)
                        run_smaller(name, own, data[dataset])
                        done = 3
            except (UserError, RuntimeError, ValueError, AssertionError) as error:
                failed.append(f"{name}: {type(error).__name__}: {error}")
            for step in range(done):
                counts[files.folder_of(name)][step] += 1
    print(*published_table(counts), "", *unserved_table(), *failed, sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    sys.exit(main())
