"""The command `python -m slowfast.ak.upstream.check`."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from slowfast.ak.upstream.check import steps, trial
from slowfast.ak.upstream.check.report import Failed, Report, quiet

_RECIPES = Path("configs/AK")
_LOOPS = "training, evaluation, test"


def main(argv: Sequence[str] | None = None) -> int:
    """Checks the checkout in the working directory; returns 0 if all steps pass, else 1."""
    parser = argparse.ArgumentParser(description="Check whether this checkout can run.")
    parser.parse_args(argv)
    report, run_net = Report(), []
    report.step("Python", steps.python)
    report.step("package slowfast", functools.partial(steps.package, Path.cwd()))
    report.step("requirements", functools.partial(steps.requirements, steps.REQUIREMENTS))
    report.step("PyTorch", steps.pytorch)
    report.step("TensorBoard", steps.tensorboard)
    script = Path("tools/run_net.py")
    report.step(f"imports of {script}", lambda: steps.imports(script, run_net))
    report.step("stand-ins", steps.stand_ins)
    files = sorted(_RECIPES.glob("*.yaml"))
    if not files:
        report.step(str(_RECIPES), _no_recipes)
    for file in files:
        report.step(file.name, functools.partial(trial.build, file))
    if run_net:
        report.step(_LOOPS, functools.partial(trial.run_loops, run_net[0]))
    else:
        report.remark(_LOOPS, f"not tried, because {script} cannot be imported")
    with quiet():
        missing = list(trial.missing(files))
    for name, words in missing:
        report.remark(name, words)
    print("Some steps failed." if report.has_failed else "All steps passed.")
    return int(report.has_failed)


def _no_recipes() -> str:
    raise Failed(f"{_RECIPES.resolve()} has no *.yaml; run scripts/prepare_dir_AR.sh again")


if __name__ == "__main__":
    sys.exit(main())
