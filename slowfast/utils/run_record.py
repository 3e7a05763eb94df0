"""What a run was made with: OUTPUT_DIR/runs.jsonl, a line of JSON for each time it was started.

Notable: the commit of the tree does not tell what ran where files were changed after it. The
changes themselves are saved beside, as ``changes_<n>.patch``, a new one only where they differ from
those of the start before. Nothing here stops a run: what cannot be found out is null.
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

_TREE = Path(__file__).resolve().parents[2]
# By the names under which pip knows them; what is not installed is left out.
_LIBRARIES = (
    *("torch", "torchvision", "numpy", "fvcore", "iopath", "opencv-python-headless", "simplejpeg"),
    *("av", "torchcodec", "pandas", "scikit-learn", "tensorboard", "nvidia-nccl-cu12"),
)
_SECONDS = 30  # that a program is waited for; a tree on a busy file server may take some


def get_path_to_record(output_dir: str | Path) -> Path:
    """The file of a run's starts."""
    return Path(output_dir) / "runs.jsonl"


def record_run(cfg: CfgNode, task: str, starts_from: str | Path | None = None) -> None:
    """Adds a line for this start to OUTPUT_DIR/runs.jsonl; the first process writes it.

    Args:
        task: what is started, ``train`` or ``test``.
        starts_from: the file that its weights come from, if any: the checkpoint that is resumed.
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
        **surroundings(),
    }
    path = get_path_to_record(cfg.OUTPUT_DIR)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = len(path.read_bytes().splitlines()) + 1 if path.is_file() else 1
        record["git"] = _git_state(_TREE, path.parent, number)
        with path.open("ab") as file:
            # A line that a crash cut off is ended, and spoils no other.
            torn = file.tell() and not path.read_bytes().endswith(b"\n")
            file.write(b"\n" * bool(torn) + json.dumps(record).encode() + b"\n")
    except OSError as error:
        logger.warning(f"{path}: this start is not recorded ({error.strerror}); the run goes on.")


def surroundings() -> dict[str, Any]:
    """Machine and software, as plain values."""
    on_gpu = torch.cuda.is_available()
    devices = range(torch.cuda.device_count()) if on_gpu else ()
    query = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return {
        "host": platform.node(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": _versions(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if on_gpu else None,
        "driver": (_output(*query) or "").partition("\n")[0] or None if on_gpu else None,
        "gpus": [torch.cuda.get_device_name(device) for device in devices],
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _git_state(tree: Path, folder: Path, number: int) -> dict[str, Any] | None:
    """Commit, branch and changes of the tree that runs; None where git does not keep it.

    Changes go to `folder`. A tree that lies, unknown to git, in another repository is not kept.
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
    """The name of the file that holds the changes: one that is there already, or a new one."""
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
    """What a program prints; None where it is not there, fails, or does not end."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="surrogateescape")
