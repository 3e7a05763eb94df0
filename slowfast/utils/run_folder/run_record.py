"""The software and hardware of a run: OUTPUT_DIR/runs.jsonl, one line of JSON for each start.

The commit does not identify the code if files were changed after it. The changes are saved
as ``changes_<n>.patch``, with a new file only if they differ from the saved ones. Nothing here
stops a run: an unknown value is null.
"""

import json
import platform
import shlex
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from fvcore.common.config import CfgNode

from slowfast.utils import distributed, logging

logger = logging.get_logger(__name__)

_TREE = Path(__file__).resolve().parents[3]
# Names as in pip. Libraries that are not installed are left out.
_LIBRARIES = (
    *("torch", "torchvision", "numpy", "fvcore", "iopath", "opencv-python-headless", "simplejpeg"),
    *("av", "torchcodec", "pandas", "scikit-learn", "tensorboard"),
)
_SECONDS = 30  # time limit of a program; git on a busy file server may be slow


def get_path_to_record(output_dir: str | Path) -> Path:
    """Returns the path of the record of a run's starts."""
    return Path(output_dir) / "runs.jsonl"


def record_run(cfg: CfgNode, task: str, starts_from: str | Path | None = None) -> None:
    """Adds a line for this start to OUTPUT_DIR/runs.jsonl. Only the first process writes.

    Args:
        task: ``train`` or ``test``.
        starts_from: the file of the weights, for example the checkpoint that the run resumes.
    """
    if not distributed.is_master_proc():
        return
    record = {
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "task": task,
        "command": shlex.join(["python", *sys.argv]),
        "processes": distributed.get_world_size(),
        "machines": cfg.NUM_SHARDS,
        "starts_from": None if starts_from is None else str(starts_from),
        **environment(),
    }
    path = get_path_to_record(cfg.OUTPUT_DIR)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = len(path.read_bytes().splitlines()) + 1 if path.is_file() else 1
        record["git"] = _git_state(_TREE, path.parent, number)
        with path.open("ab") as file:
            # End a line that a crash cut off, so that it does not spoil this one.
            torn = file.tell() and not path.read_bytes().endswith(b"\n")
            file.write(b"\n" * bool(torn) + json.dumps(record).encode() + b"\n")
    except OSError as error:
        logger.warning(f"{path}: this start is not recorded ({error.strerror}). The run continues.")


def environment() -> dict[str, Any]:
    """Returns the machine and the software versions, as plain values."""
    on_gpu = torch.cuda.is_available()
    devices = range(torch.cuda.device_count()) if on_gpu else ()
    query = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": _versions(),
        "cuda": torch.version.cuda,
        "nccl": _nccl_version() if on_gpu else None,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
        "driver": (_output(*query) or "").partition("\n")[0] or None if on_gpu else None,
        "gpus": [torch.cuda.get_device_name(device) for device in devices],
    }


def _nccl_version() -> str | None:
    if not torch.distributed.is_nccl_available():
        return None
    return ".".join(map(str, torch.cuda.nccl.version()))


def _versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _git_state(tree: Path, folder: Path, number: int) -> dict[str, Any] | None:
    """Returns commit, branch and changes of the running tree; None if git does not track it.

    The changes are saved in `folder`.
    """
    if _git(tree, "ls-files", "--error-unmatch", "slowfast/__init__.py") is None:
        return None
    changes = _git(tree, "diff", "HEAD", "--binary") or ""
    new = _git(tree, "ls-files", "--others", "--exclude-standard", "--", "*.py", "*.yaml") or ""
    return {
        "commit": (_git(tree, "rev-parse", "HEAD") or "").strip() or None,
        "branch": (_git(tree, "branch", "--show-current") or "").strip() or None,
        "changed": bool(changes or new),
        "changes": _save_changes(changes, folder, number) if changes else None,
        "new_files": new.splitlines(),
    }


def _save_changes(changes: str, folder: Path, number: int) -> str:
    """Returns the name of the file with these changes, which is written if there is none yet."""
    content = changes.encode(errors="surrogateescape")
    for path in folder.glob("changes_*.patch"):
        if path.read_bytes() == content:
            return path.name
    path = folder / f"changes_{number}.patch"
    path.write_bytes(content)
    return path.name


def _git(tree: Path, *arguments: str) -> str | None:
    return _output("git", "-C", str(tree), *arguments)


def _output(*command: str) -> str | None:
    """Returns what a program prints; None if it is missing, fails, or exceeds the time limit."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="surrogateescape")
