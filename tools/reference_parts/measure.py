"""The program that runs with a checkout's `slowfast`: it prints a line of JSON for each file.

    PYTHONPATH=<checkout>:<this project>/tools python -m reference_parts.measure FOLDER FILE ...

The first line names the imported `slowfast` and its branch. FOLDER holds the existing files, with
the cases. All other output, also upstream's, goes to stderr.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from .files import SkippedError, kind_of, read


def main(folder: str, *names: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(**words: Any) -> None:
        print(json.dumps(words), file=answers, flush=True)

    import slowfast

    from .settings import branch

    answer(package=str(Path(slowfast.__file__).parent), branch=branch())
    for name in names:
        try:
            kind = kind_of(name)
            if kind.skipped:
                raise SkippedError(kind.skipped)
            module, function = kind.maker.split(".")
            maker = getattr(importlib.import_module(f"{__package__}.{module}"), function)
            answer(made=maker(read(Path(folder), name), name))
        except SkippedError as error:
            answer(skipped=str(error))
        except Exception as error:  # an error of upstream's code must not stop the other files
            answer(failed=f"{type(error).__name__}: {' '.join(str(error).split())}")


if __name__ == "__main__":
    main(*sys.argv[1:])
