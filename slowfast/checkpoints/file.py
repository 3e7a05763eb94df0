"""A file of weights: written whole or not at all, known when damaged, read without running code.

Notable: its digest is made while it is written, and a file from elsewhere, which has none, is
judged by the checksums that PyTorch's files have inside.
"""

import errno
import json
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
from slowfast.utils.atomic import replacing
from slowfast.utils.safe_pickle import STAND_INS, StoredArray

_SAFE_NUMPY = [
    (stand_in, name.replace("numpy.core", core))
    for name, stand_in in STAND_INS.items()
    for core in ("numpy.core", "numpy._core")
]


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
    """Saves a checkpoint, and its digest beside it. At every moment of it ``path`` is what it was
    before or what it is to be, and :func:`flaw_of` knows it as whole.

    Raises:
        UserError: no room, or no right to write there.
    """
    with replacing(path) as file:
        hashing = digests.Hashing(file)
        torch.save(content, hashing)
        digests.announce(path, hashing.digest)
    digests.settle(path, hashing.digest)


def write_json(content: dict[str, Any], path: Path) -> None:
    """Saves plain values as JSON, whole or not at all.

    Raises:
        UserError: no room, or no right to write there.
    """
    with replacing(path) as file:
        file.write(json.dumps(content).encode() + b"\n")


def flaw_of(path: Path) -> str:
    """What is wrong with a file of weights, in words; "" where it is whole.

    A file with a digest is whole if it has that. One without, which another program or an earlier
    version has written, is so if each of its records has the checksum that the file itself names,
    and it can be read as a checkpoint.
    """
    try:
        if not path.stat().st_size:
            return "it is empty"
        expected = digests.listed(path)
        if expected and digests.of_file(path) in expected:
            return ""
        damage = _damage(path)
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    if not expected:
        return damage
    if damage:
        return "it is damaged or cut short"
    return (
        "its SHA-256 is another than it was written with. (If another program has replaced it, "
        f"delete {path_to_digest(path)} to have it taken.)"
    )


def _damage(path: Path) -> str:
    """What a file's own checksums and structure tell of damage; "" where that is nothing."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as records:
                if damaged := records.testzip():
                    return f"it is damaged: its record {damaged} has another checksum than it names"
        read_checkpoint(path, lazily=True)
    except UserError as error:
        return str(error).removeprefix(f"{path}: ")
    except OSError:
        raise
    except Exception as error:  # A damaged file may raise nearly anything.
        return f"it is damaged ({error})"
    return ""


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
    except Exception as error:  # A damaged file may raise nearly anything.
        # EINVAL: torch looks for a piece at a place that cannot be.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from None
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
