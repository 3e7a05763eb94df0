"""Weight files: written completely or not at all, checked for damage, read without running code.

The digest of a file is computed while the file is written. A file from elsewhere has no digest
and is checked by the checksums inside PyTorch's file format.
"""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import torch

from slowfast.ak.errors import UserError
from slowfast.ak.paths import pathmgr
from slowfast.checkpoints import digests
from slowfast.checkpoints.formats.places import is_own_format
from slowfast.checkpoints.formats.reading import read_weight_file
from slowfast.checkpoints.names import get_checkpoint_dir, path_to_digest
from slowfast.utils.files.atomic import replacing


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
    """Reads a checkpoint of this project as a dict with ``model_state``, on the CPU.

    A file that contains only a state dict becomes the ``model_state``. numpy's numbers and arrays
    become plain numbers and tensors.

    Args:
        lazily: whether a tensor is read from the disk only when it is used.

    Raises:
        UserError: the file is missing or incomplete, or reading it would run code.
    """
    content = read_weight_file(path, lazily=lazily).content
    if is_own_format(content):
        return content
    if isinstance(content, dict) and content and all(map(torch.is_tensor, content.values())):
        return {"model_state": content}
    raise UserError(f"{path}: a PyTorch file, but no checkpoint: it has no `model_state`.")


def file_exists(path: str | Path) -> bool:
    """Returns whether a file exists; a remote file is fetched by its registered handler."""
    return Path(pathmgr.get_local_path(str(path))).is_file()
