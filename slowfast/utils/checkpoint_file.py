"""Files of weights: where they lie, written whole or not at all, read without running code.

Notable: a file is written beside its place and renamed, so that a crash or a full disk leaves the
one that was there before.
"""

import json
import os
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch.serialization import safe_globals

from slowfast.ak.errors import UserError
from slowfast.utils import caffe2
from slowfast.utils.env import pathmgr
from slowfast.utils.stored_arrays import STAND_INS, StoredArray

# Upstream resumes from any name that holds "checkpoint", so this one must not.
TEMPORARY = "unfinished.tmp"

_SAFE_NUMPY = [
    (stand_in, name.replace("numpy.core", core))
    for name, stand_in in STAND_INS.items()
    for core in ("numpy.core", "numpy._core")
]


def get_checkpoint_dir(path_to_job: str | Path) -> str:
    """The folder of checkpoints below OUTPUT_DIR."""
    return str(Path(path_to_job) / "checkpoints")


def get_path_to_checkpoint(path_to_job: str | Path, epoch: int, task: str = "") -> str:
    """The file after so many epochs (1: after the first)."""
    return str(Path(get_checkpoint_dir(path_to_job)) / f"{_prefix(task)}_epoch_{epoch:05d}.pyth")


def get_path_to_best(path_to_job: str | Path) -> str:
    """The file of the best evaluation's weights. A run is not resumed from it, so that its name
    may not hold "checkpoint"."""
    return str(Path(get_checkpoint_dir(path_to_job)) / "best.pyth")


def get_path_to_evaluations(path_to_job: str | Path) -> str:
    """The file that says which evaluation was the last, and which the best."""
    return str(Path(get_checkpoint_dir(path_to_job)) / "evaluations.json")


def get_last_checkpoint(path_to_job: str | Path, task: str = "") -> str | None:
    """The checkpoint of the last epoch in OUTPUT_DIR, None where there is none."""
    folder = Path(get_checkpoint_dir(path_to_job))
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    names = sorted(name for name in names if name.startswith(_prefix(task)))
    return str(folder / names[-1]) if names else None


def has_checkpoint(path_to_job: str | Path, task: str = "") -> bool:
    """Whether OUTPUT_DIR holds a checkpoint."""
    return get_last_checkpoint(path_to_job, task) is not None


def _prefix(task: str) -> str:
    return f"{task}_checkpoint" if task else "checkpoint"


def check_writable(output_dir: str | Path) -> None:
    """Makes OUTPUT_DIR's folder of checkpoints, and sees that a file can be written there.

    Raises:
        UserError: it cannot.
    """
    folder = Path(get_checkpoint_dir(output_dir))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix="probe-") as probe:
            probe.write(b"?")
            probe.flush()
    except OSError as error:
        reason = "it is a file" if folder.is_file() else error.strerror
        raise UserError(
            f"OUTPUT_DIR: checkpoints cannot be written to {folder} ({reason}); name another "
            "OUTPUT_DIR, or make this one writable."
        ) from None


def write_whole(content: dict[str, Any], path: Path) -> None:
    """Saves a checkpoint, as `_write_beside` does."""
    _write_beside(path, lambda file: torch.save(content, file))


def write_json(content: dict[str, Any], path: Path) -> None:
    """Saves plain values as JSON, as `_write_beside` does."""
    _write_beside(path, lambda file: file.write(json.dumps(content).encode() + b"\n"))


def _write_beside(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes beside ``path``, makes sure that it is on the disk, and renames.

    Raises:
        UserError: no room, or no right to write there. What was at ``path`` is still there.
    """
    temporary = path.with_name(TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        if temporary.exists() and os.access(path.parent, os.W_OK):
            temporary.unlink()
        cause = _behind(error)
        if isinstance(cause, KeyboardInterrupt):
            raise cause from None
        reason = getattr(cause, "strerror", None) or str(cause).splitlines()[0]
        raise UserError(
            f"{path}: the file cannot be written ({reason}). Make room, or make the folder "
            "writable, and start the same command again: it goes on from the last checkpoint."
        ) from error


def _behind(error: BaseException) -> BaseException:
    """What made torch's writer fail, which itself tells of a file with a piece missing: a full
    disk, a Ctrl-C; else the error itself."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError | KeyboardInterrupt):
        cause = cause.__context__
    return cause or error


def _sync_folder(folder: Path) -> None:
    """Makes sure that a new name in a folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checkpoint(path: str | Path, *, lazily: bool = False) -> dict[str, Any]:
    """A PyTorch checkpoint as a dict with ``model_state``, on the CPU.

    A file that is a state dict and nothing else is taken as the ``model_state``. Numbers and arrays
    of numpy come as plain numbers and tensors.

    Args:
        lazily: whether tensors are read from the disk only when they are looked at.

    Raises:
        UserError: the file is not there, not whole, or would have to run code.
    """
    local = _local(path)
    try:
        # Files of torch before 1.6 are no zip files, and only read at once.
        mmap = lazily and zipfile.is_zipfile(local)
        with safe_globals(_SAFE_NUMPY):
            content = torch.load(local, map_location="cpu", weights_only=True, mmap=mmap)
        content = _without_numpy(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except Exception as error:  # A damaged file may raise nearly anything.
        raise UserError(f"{path}: {_why_unreadable(error)}") from None
    if isinstance(content, dict) and isinstance(content.get("model_state"), dict):
        return content
    if isinstance(content, dict) and content and all(map(torch.is_tensor, content.values())):
        return {"model_state": content}
    raise UserError(f"{path}: a PyTorch file, but no checkpoint: it has no `model_state`.")


def _without_numpy(value: Any) -> Any:
    """The value with tensors and plain numbers for numpy's; changes dicts and lists in place."""
    if isinstance(value, StoredArray):
        array = value.array
        if array is None or array.ndim == 0:
            return None if array is None else array.item()
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")))
    if isinstance(value, dict):
        value.update({key: _without_numpy(part) for key, part in value.items()})
    elif isinstance(value, list):
        value[:] = map(_without_numpy, value)
    elif type(value) is tuple:
        return tuple(map(_without_numpy, value))
    return value


def read_caffe2(path: str | Path) -> dict[str, Any]:
    """A Caffe2 pickle as a dict with ``model_state``, under the names of this project.

    ``num_skipped`` counts the blobs that are no weights.

    Raises:
        UserError: as :func:`slowfast.utils.caffe2.read_blobs`.
    """
    blobs = caffe2.read_blobs(_local(path))
    state = {
        caffe2.parameter_name(name): torch.from_numpy(array)
        for name, array in blobs.items()
        if caffe2.is_weight(name)
    }
    return {"model_state": state, "num_skipped": len(blobs) - len(state)}


def file_exists(path: str | Path) -> bool:
    """Whether there is such a file, fetched by a registered path handler where it is remote."""
    return Path(_local(path)).is_file()


def _local(path: str | Path) -> str:
    return pathmgr.get_local_path(str(path))


def _why_unreadable(error: Exception) -> str:
    if held := re.search(r"an array of '[^']*'", str(error)):
        return (
            f"refused, for it holds {held[0]}, where a checkpoint holds plain values and tensors."
        )
    if called := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return (
            f"refused, for it would run code ({called[1]}), where a checkpoint holds plain values "
            "and tensors. Nothing of it was run."
        )
    return (
        "not a whole PyTorch checkpoint: cut short, or another kind of file. Take it anew from "
        "where it came; for a Caffe2 file (.pkl) set the key CHECKPOINT_TYPE to caffe2."
    )
