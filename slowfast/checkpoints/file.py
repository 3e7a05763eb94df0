"""Weight files: written completely or not at all, checked for damage, read without running code.

The digest of a file is computed while the file is written. A file from elsewhere has no digest
and is checked by the checksums inside PyTorch's file format.
"""

import errno
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch.serialization import safe_globals

from slowfast.ak.errors import UserError
from slowfast.ak.paths import pathmgr
from slowfast.checkpoints import caffe2, digests
from slowfast.checkpoints.names import get_checkpoint_dir, path_to_digest
from slowfast.utils.files.atomic import replacing
from slowfast.utils.files.safe_pickle import STAND_INS, StoredArray

_SAFE_NUMPY = [
    (stand_in, name.replace("numpy.core", core))
    for name, stand_in in STAND_INS.items()
    for core in ("numpy.core", "numpy._core")
]


def check_writable(output_dir: str | Path) -> None:
    """Creates the folder of checkpoints in OUTPUT_DIR and tries to write a file there.

    Raises:
        UserError: the folder cannot be created or written.
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
            f"OUTPUT_DIR: checkpoints cannot be written to {folder} ({reason}). Name another "
            "OUTPUT_DIR, or make this one writable."
        ) from None


def write_checkpoint(content: dict[str, Any], path: Path) -> None:
    """Writes a weight file and its digest. The tensors in the file are contiguous.

    At every moment ``path`` is the old file or the new one, and :func:`find_damage` finds none.

    Raises:
        UserError: the disk is full, or the folder is not writable.
    """
    with replacing(path) as file:
        writer = digests.HashingWriter(file)
        torch.save(_contiguous(content), writer)
        digests.add_digest(path, writer.digest)
    digests.replace_digests(path, writer.digest)


def _contiguous(value: Any) -> Any:
    """Returns the value with contiguous tensors: a file is the same for every memory layout."""
    if torch.is_tensor(value):
        return value.contiguous()
    if isinstance(value, dict):
        return {key: _contiguous(part) for key, part in value.items()}
    return [_contiguous(part) for part in value] if isinstance(value, list) else value


def find_damage(path: Path) -> str:
    """Returns a description of what is wrong with a weight file; "" if the file is intact.

    A file with a listed digest is intact if it has this digest. A file without one, from another
    program or an earlier version, is intact if its records have the checksums that the file
    states and it can be read as a checkpoint.
    """
    try:
        if not path.stat().st_size:
            return "it is empty"
        expected = digests.listed_digests(path)
        if expected and digests.compute_digest(path) in expected:
            return ""
        damage = _find_damage_inside(path)
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    if not expected:
        return damage
    if damage:
        return "it is damaged or truncated"
    return (
        "its SHA-256 digest is not the one recorded when it was written. (If another program has "
        f"replaced the file on purpose, delete {path_to_digest(path)} to accept it.)"
    )


def _find_damage_inside(path: Path) -> str:
    """Returns the damage that a file's own checksums and structure reveal; "" if none."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as records:
                if damaged := records.testzip():
                    return f"it is damaged: its record {damaged} does not have its checksum"
        read_checkpoint(path, lazily=True)
    except UserError as error:
        return str(error).removeprefix(f"{path}: ")
    except OSError:
        raise
    except Exception as error:  # A damaged file may raise nearly anything.
        return f"it is damaged ({error})"
    return ""


def read_checkpoint(path: str | Path, *, lazily: bool = False) -> dict[str, Any]:
    """Reads a PyTorch checkpoint as a dict with ``model_state``, on the CPU.

    A file that contains only a state dict becomes the ``model_state``. numpy's numbers and arrays
    become plain numbers and tensors.

    Args:
        lazily: whether a tensor is read from the disk only when it is used.

    Raises:
        UserError: the file is missing or incomplete, or reading it would run code.
    """
    local = _local(path)
    try:
        # Files of torch before 1.6 are not zip files, and cannot be read lazily.
        mmap = lazily and zipfile.is_zipfile(local)
        with safe_globals(_SAFE_NUMPY):
            content = torch.load(local, map_location="cpu", weights_only=True, mmap=mmap)
        content = _without_numpy(content)
    except Exception as error:  # A damaged file may raise nearly anything.
        # EINVAL: a damaged file makes torch seek to an impossible place.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
        raise UserError(f"{path}: {_why_unreadable(error)}") from None
    if isinstance(content, dict) and isinstance(content.get("model_state"), dict):
        return content
    if isinstance(content, dict) and content and all(map(torch.is_tensor, content.values())):
        return {"model_state": content}
    raise UserError(f"{path}: a PyTorch file, but no checkpoint: it has no `model_state`.")


def _without_numpy(value: Any) -> Any:
    """Replaces numpy values by tensors and plain numbers; changes dicts and lists in place."""
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
    """Reads a Caffe2 pickle as a dict with ``model_state``, under the names of this project.

    ``num_skipped`` counts the blobs that are not weights.

    Raises:
        UserError: as :func:`slowfast.checkpoints.caffe2.read_blobs`.
    """
    blobs = caffe2.read_blobs(_local(path))
    state = {
        caffe2.parameter_name(name): torch.from_numpy(array)
        for name, array in blobs.items()
        if caffe2.is_weight(name)
    }
    return {"model_state": state, "num_skipped": len(blobs) - len(state)}


def file_exists(path: str | Path) -> bool:
    """Returns whether a file exists; a remote file is fetched by its registered handler."""
    return Path(_local(path)).is_file()


def _local(path: str | Path) -> str:
    return pathmgr.get_local_path(str(path))


def _why_unreadable(error: Exception) -> str:
    if array := re.search(r"an array of '[^']*'", str(error)):
        return f"refused: it contains {array[0]}. A checkpoint contains plain values and tensors."
    if called := re.search(r"GLOBAL ([\w.]+)", str(error)):
        return (
            f"refused: reading it would run code ({called[1]}). A checkpoint contains plain values "
            "and tensors. Nothing in the file was run."
        )
    return (
        "not a complete PyTorch checkpoint: the file is truncated or of another kind. Get it again "
        "from its source. For a Caffe2 file (.pkl) set the key CHECKPOINT_TYPE to caffe2."
    )
