"""Whether an upstream checkout with slowfast.ak in it can run.

`python -m slowfast.ak.upstream.check`, in the checkout's folder and with the checkout on PYTHONPATH
or installed, prints a line for each step. One that fails says what to do, and the steps after it
are tried all the same. The exit status is 1 where any failed. What only a full run needs, data and
weights, is told and fails nothing.

Notable: nothing but the standard library is imported before the step that needs it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import io
import logging
import platform
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

from slowfast.ak.errors import UserError
from slowfast.ak.upstream import trial

RECIPES = Path("configs/AK")
REQUIREMENTS = Path(__file__).parents[1] / "requirements.txt"
INSTALL = "python -m pip install"

# What a distribution is imported as, where that is not its name.
_MODULES = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "protobuf": "google.protobuf",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
_NAMED = ("torch", "torchvision", "pytorchvideo", "numpy")  # whose versions are shown
_WIDTH = 30


class Failed(Exception):
    """A step failed; its text says with what, and what to do."""


class Report:
    """Runs steps, prints a line for each, and remembers whether one failed."""

    def __init__(self) -> None:
        self.has_failed = False

    def step(self, name: str, do: Callable[[], str]) -> None:
        """Print the name, then `ok` and what the step returns, or `FAILED` and what it raises."""
        print(f"{name:<{_WIDTH}}", end="", flush=True)
        state = "ok"
        try:
            with _quiet():
                words = do()
        except Failed as error:
            state, words = "FAILED", str(error)
        except (Exception, SystemExit) as error:
            state, words = "FAILED", _told(error)
        self._print(state, words)
        self.has_failed |= state == "FAILED"

    def tell(self, name: str, words: str) -> None:
        """Print something that neither is in order nor fails."""
        print(f"{name:<{_WIDTH}}", end="")
        self._print("-", words)

    def _print(self, state: str, words: str) -> None:
        first, *more = words.splitlines() or [""]
        print(f"{state:<8}{first}".rstrip(), flush=True)
        for line in more:
            print(" " * (_WIDTH + 8) + line, flush=True)


def _told(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error}\n{place.filename}, line {place.lineno}"


@contextlib.contextmanager
def _quiet():
    """Without what the checkout prints, logs and warns of meanwhile; its lines would tear ours."""
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def main(argv: Sequence[str] | None = None) -> int:
    """Check the checkout in the working directory; 0 where all is in order, else 1."""
    parser = argparse.ArgumentParser(description="Check whether this checkout can run.")
    parser.parse_args(argv)
    report, run_net = Report(), []
    report.step("Python", python)
    report.step("package slowfast", functools.partial(package, Path.cwd()))
    report.step("requirements", functools.partial(requirements, REQUIREMENTS))
    report.step("PyTorch", pytorch)
    report.step("TensorBoard", tensorboard)
    report.step("imports of tools/run_net.py", lambda: imports(Path("tools/run_net.py"), run_net))
    report.step("stand-ins", stand_ins)
    files = sorted(RECIPES.glob("*.yaml"))
    if not files:
        report.step(str(RECIPES), _no_recipes)
    for file in files:
        report.step(file.name, functools.partial(trial.build, file))
    if run_net:
        report.step("training, evaluation, test", functools.partial(trial.run_loops, run_net[0]))
    else:
        report.tell(
            "training, evaluation, test", "not tried, as tools/run_net.py cannot be imported"
        )
    with _quiet():
        missing = list(trial.missing(files))
    for name, words in missing:
        report.tell(name, words)
    print("Some of it failed." if report.has_failed else "All of it is in order.")
    return int(report.has_failed)


def python() -> str:
    if sys.version_info < (3, 10):  # noqa: UP036 -- a checkout may be run with any
        raise Failed(f"{platform.python_version()}, expected 3.10 or newer; {sys.executable}")
    return f"{platform.python_version()}, {sys.executable}"


def package(folder: Path) -> str:
    """Where slowfast is imported from, which has to be this folder."""
    import slowfast

    found = Path(slowfast.__file__).resolve().parents[1]
    if found != folder.resolve():
        raise Failed(
            f"found {found}, expected {folder}, the working directory\n"
            "Go to the checkout and put it first:  PYTHONPATH=$PWD python ..."
        )
    return str(found)


def requirements(file: Path) -> str:
    """That all distributions of a requirements file are there, and late enough."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    if amiss := [words for line in lines if (words := _amiss(line))]:
        raise Failed("; ".join(amiss) + f"\n{INSTALL} -r {_shown(file)}")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _NAMED)
    return f"{len(lines)} distributions, of them {versions}"


def _amiss(line: str) -> str:
    """What is wrong with what a line of a requirements file asks for; empty: nothing."""
    name = line.split(">")[0].split("=")[0].strip()
    module = _MODULES.get(name.lower(), name)
    try:
        is_there = importlib.util.find_spec(module) is not None
    except ImportError:  # of the package around it
        is_there = False
    if not is_there:
        return f"{name} is missing"
    try:
        from packaging.requirements import Requirement

        found = importlib.metadata.version(name)
    except ImportError:  # no packaging; or another distribution of the same module, as for OpenCV
        return ""
    if name == "protobuf" or Requirement(line).specifier.contains(found, prereleases=True):
        return ""  # whether a protobuf serves is tried with TensorBoard
    return f"{name} is {found}, expected {line.removeprefix(name)}"


def _shown(file: Path) -> str:
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def pytorch() -> str:
    import torch

    if not torch.cuda.is_available():
        return f"{torch.__version__}, without CUDA: runs on the CPU, NUM_GPUS is lowered to 0"
    count = torch.cuda.device_count()
    return f"{torch.__version__}, {count} x {torch.cuda.get_device_name(0)}"


def tensorboard() -> str:
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except TypeError as error:
        protobuf = importlib.metadata.version("protobuf")
        raise Failed(
            f"does not go with protobuf {protobuf}: {str(error).splitlines()[0]}\n"
            f'{INSTALL} "protobuf==3.20.0"'
        ) from None
    except ImportError as error:
        raise Failed(f"{error}\n{INSTALL} -r {_shown(REQUIREMENTS)}") from None
    return importlib.metadata.version("tensorboard")


def imports(script: Path, found: list[ModuleType]) -> str:
    """Import a script as Python does that runs it, from its folder, and add it to `found`."""
    if not script.is_file():
        raise Failed(f"there is no {script} in {Path.cwd()}; run this in the checkout's folder")
    sys.path.insert(0, str(script.parent.resolve()))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    start = time.perf_counter()
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise Failed(
            f"{error}\n{INSTALL} -r {_shown(REQUIREMENTS)}; what is not of it is the checkout's own"
        ) from error
    found.append(module)
    return f"{time.perf_counter() - start:.1f} s"


def stand_ins() -> str:
    from slowfast.ak import upstream

    return "\n".join(upstream.in_use()) or "none is needed"


def _no_recipes() -> str:
    raise Failed(f"there is no *.yaml in {RECIPES.resolve()}; put slowfast.ak in once more")


if __name__ == "__main__":
    sys.exit(main())
