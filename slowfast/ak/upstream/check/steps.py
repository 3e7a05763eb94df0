"""The steps that look at the environment: Python, packages, and what can be imported.

A step returns what it found, in words, and raises Failed if something is wrong.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
import time
from pathlib import Path
from types import ModuleType

from slowfast.ak.upstream.check.report import Failed

REQUIREMENTS = Path(__file__).parents[2] / "requirements.txt"
_INSTALL = "python -m pip install"

# The names under which distributions are imported, where these differ.
MODULES = {
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "protobuf": "google.protobuf",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
_SHOWN = ("torch", "torchvision", "pytorchvideo", "numpy")  # distributions whose version is shown


def python() -> str:
    """Checks the version of Python."""
    if sys.version_info < (3, 10):  # noqa: UP036 -- a checkout can be run with any version
        raise Failed(f"{platform.python_version()}, expected 3.10 or newer; {sys.executable}")
    return f"{platform.python_version()}, {sys.executable}"


def package(folder: Path) -> str:
    """Checks that slowfast is imported from a folder."""
    import slowfast

    found = Path(slowfast.__file__).resolve().parents[1]
    if found != folder.resolve():
        raise Failed(
            f"found {found}, expected {folder}, the working directory\n"
            "Go to the checkout and put it first:  PYTHONPATH=$PWD python ..."
        )
    return str(found)


def requirements(file: Path) -> str:
    """Checks that all distributions of a requirements file are installed and new enough."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    if problems := [words for line in lines if (words := _problem(line))]:
        raise Failed("; ".join(problems) + f"\n{_INSTALL} -r {_shown(file)}")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _SHOWN)
    return f"{len(lines)} distributions, among them {versions}"


def _problem(line: str) -> str:
    """Returns what is wrong with the distribution of a line; empty if nothing is."""
    name = line.split(">")[0].split("=")[0].strip()
    module = MODULES.get(name.lower(), name)
    try:
        is_there = importlib.util.find_spec(module) is not None
    except ImportError:  # the package around the module is missing
        is_there = False
    if not is_there:
        return f"{name} is missing"
    try:
        from packaging.requirements import Requirement

        found = importlib.metadata.version(name)
    except ImportError:  # no packaging; or another distribution has the module, as with OpenCV
        return ""
    if name == "protobuf" or Requirement(line).specifier.contains(found, prereleases=True):
        return ""  # the step for TensorBoard tries protobuf
    return f"{name} is {found}, expected {line.removeprefix(name)}"


def _shown(file: Path) -> str:
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def pytorch() -> str:
    """Returns the version of PyTorch, and the GPUs."""
    import torch

    if not torch.cuda.is_available():
        return f"{torch.__version__}, without CUDA: runs on the CPU, NUM_GPUS is lowered to 0"
    count = torch.cuda.device_count()
    return f"{torch.__version__}, {count} x {torch.cuda.get_device_name(0)}"


def tensorboard() -> str:
    """Checks that TensorBoard can be imported, which an unsuitable protobuf prevents."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: F401
    except TypeError as error:
        protobuf = importlib.metadata.version("protobuf")
        raise Failed(
            f"does not work with protobuf {protobuf}: {str(error).splitlines()[0]}\n"
            f'{_INSTALL} "protobuf==3.20.0"'
        ) from None
    except ImportError as error:
        raise Failed(f"{error}\n{_INSTALL} -r {_shown(REQUIREMENTS)}") from None
    return importlib.metadata.version("tensorboard")


def imports(script: Path, found: list[ModuleType]) -> str:
    """Imports a script as Python does that runs it from its folder, and adds it to `found`."""
    if not script.is_file():
        raise Failed(f"{Path.cwd()} has no {script}; run this in the checkout's folder")
    sys.path.insert(0, str(script.parent.resolve()))
    spec = importlib.util.spec_from_file_location(script.stem, script)
    module = importlib.util.module_from_spec(spec)
    start = time.perf_counter()
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        raise Failed(
            f"{error}\n{_INSTALL} -r {_shown(REQUIREMENTS)} installs what slowfast.ak needs; other "
            "packages are the checkout's"
        ) from error
    found.append(module)
    return f"{time.perf_counter() - start:.1f} s"


def stand_ins() -> str:
    """Returns the stand-ins in use."""
    from slowfast.ak import upstream

    return "\n".join(upstream.in_use()) or "none is needed"
