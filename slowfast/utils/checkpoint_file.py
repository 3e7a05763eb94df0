"""Files of weights: where they lie, written whole or not at all, read without running code.

Notable: a file is written beside its place and renamed, so that a crash or a full disk leaves the
one that was there before.
"""

import os
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

from slowfast.ak.errors import UserError
from slowfast.utils import caffe2
from slowfast.utils.env import pathmgr

# Upstream resumes from any name that holds "checkpoint", so this one must not.
TEMPORARY = "unfinished.tmp"


def get_checkpoint_dir(path_to_job: str | Path) -> str:
    """The folder of checkpoints below OUTPUT_DIR."""
    return str(Path(path_to_job) / "checkpoints")


def get_path_to_checkpoint(path_to_job: str | Path, epoch: int, task: str = "") -> str:
    """The file after so many epochs (1: after the first)."""
    return str(Path(get_checkpoint_dir(path_to_job)) / f"{_prefix(task)}_epoch_{epoch:05d}.pyth")


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


def write_whole(content: dict[str, Any], path: Path) -> None:
    """Saves beside ``path``, makes sure that it is on the disk, and renames.

    Raises:
        UserError: no room, or no right to write there. What was at ``path`` is still there.
    """
    temporary = path.with_name(TEMPORARY)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except (OSError, RuntimeError) as error:
        if temporary.exists() and os.access(path.parent, os.W_OK):
            temporary.unlink()
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise UserError(
            f"{path}: the checkpoint cannot be written ({reason}). Make room, or make the folder "
            "writable, and start the same command again: it goes on from the last checkpoint."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Makes sure that a new name in a folder is on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_checkpoint(path: str | Path, *, lazily: bool = False) -> dict[str, Any]:
    """A PyTorch checkpoint as a dict with ``model_state``, on the CPU.

    A file that is a state dict and nothing else is taken as the ``model_state``.

    Args:
        lazily: whether tensors are read from the disk only when they are looked at.

    Raises:
        UserError: the file is not there, not whole, or would have to run code.
    """
    local = _local(path)
    try:
        # Files of torch before 1.6 are no zip files, and only read at once.
        mmap = lazily and zipfile.is_zipfile(local)
        content = torch.load(local, map_location="cpu", weights_only=True, mmap=mmap)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
    except Exception as error:  # A damaged file may raise nearly anything.
        raise UserError(f"{path}: {_why_unreadable(error)}") from None
    if isinstance(content, dict) and isinstance(content.get("model_state"), dict):
        return content
    if isinstance(content, dict) and content and all(map(torch.is_tensor, content.values())):
        return {"model_state": content}
    raise UserError(f"{path}: a PyTorch file, but no checkpoint: it has no `model_state`.")


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
    called = re.search(r"GLOBAL ([\w.]+)", str(error))
    if called and not called[1].startswith("numpy."):
        return (
            f"refused, for it would run code ({called[1]}), where a checkpoint holds plain values "
            "and tensors. Nothing of it was run."
        )
    return (
        "not a whole PyTorch checkpoint: cut short, or another kind of file. Take it anew from "
        "where it came; for a Caffe2 file (.pkl) set the key CHECKPOINT_TYPE to caffe2."
    )
