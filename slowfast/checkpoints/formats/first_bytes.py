"""What kind a file is. Its bytes decide; its name says nothing."""

import io
import json
import re
import zipfile
from enum import Enum
from pathlib import Path

from slowfast.ak.errors import UserError

_MOST_HEADER = 100_000_000  # bytes of the largest header that safetensors allows
_AGAIN = "Get the file again from its source."
_UNPACK = "Unpack it, and name the file inside."
# What torch wrote before version 1.6: a pickle of this number comes first.
_TORCH_PICKLE = re.compile(rb"\x80.(?:\x95.{8})?\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19", re.DOTALL)
# Any other pickle: of protocol 2 and later, or of a dict in protocol 0 or 1.
_PICKLE = re.compile(rb"\x80[\x02-\x05]|\(dp|\}q")


class Kind(Enum):
    """A format that holds weights, in words. The name in lower case is its CHECKPOINT_TYPE."""

    PYTORCH = "PyTorch file"
    CAFFE2 = "Caffe2 pickle"
    SAFETENSORS = "safetensors file"


# First bytes of files that are not weights, what the file is, and what to do.
_OTHERS = tuple(
    (re.compile(start, re.DOTALL | re.IGNORECASE), words, advice)
    for start, words, advice in (
        (
            rb"version https://git-lfs",
            "a pointer of git-lfs, which stands for the weights in a repository",
            "Fetch the file itself: `git lfs pull` in that repository.",
        ),
        (
            rb"(?:\xef\xbb\xbf)?\s*<",
            "a web page (HTML or XML): the server answered with a page instead of the file",
            "Open the address in a browser to see what it says, and download the file from there.",
        ),
        (
            rb"\s*\{.*\"weight_map\"",
            "the index of weights that lie in several files",
            "Name one file with all weights.",
        ),
        (rb"\s*[\{\[]", "a JSON text", _AGAIN),
        (
            rb"\x89HDF\r\n\x1a\n",
            "an HDF5 file, as Keras and MATLAB write",
            "Save the weights with PyTorch or safetensors.",
        ),
        (
            rb"\x08[\x01-\x20][\x12\x3a\x42\x0a\x1a]",
            "an ONNX or TensorFlow graph: a network for inference",
            "Name the file of weights that the graph was exported from.",
        ),
        (
            rb".{4}TFL3",
            "a TensorFlow Lite network",
            "Name the file of weights that it was exported from.",
        ),
        (rb"GGUF", "a GGUF file, which holds a language model", "Name a file of a video network."),
        (rb"\x93NUMPY", "a numpy array", "Name a file of weights."),
        (rb"\x1f\x8b", "compressed with gzip", _UNPACK),
        (rb"BZh", "compressed with bzip2", _UNPACK),
        (rb"\xfd7zXZ", "compressed with xz", _UNPACK),
        (rb"\x28\xb5\x2f\xfd", "compressed with zstandard", _UNPACK),
        (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
        (rb"Rar!", "a RAR archive", _UNPACK),
        (rb".{257}ustar", "a tar archive", _UNPACK),
    )
)


def kind_of(path: str | Path) -> Kind:
    """Returns the format of a weight file.

    Raises:
        UserError: the file is empty, truncated, or of a kind that holds no weights.
        OSError: the file cannot be read.
    """
    path = Path(path)
    size = path.stat().st_size
    if not size:
        raise UserError(f"it is empty. {_AGAIN}")
    with path.open("rb") as file:
        start = file.read(4096)
    if start.startswith(b"PK\x03\x04"):
        _check_zip(path, size)
        return Kind.PYTORCH
    if _TORCH_PICKLE.match(start):
        return Kind.PYTORCH
    if _PICKLE.match(start):
        return Kind.CAFFE2
    if _is_safetensors(start, path, size):
        return Kind.SAFETENSORS
    for pattern, words, advice in _OTHERS:
        if pattern.match(start):
            raise UserError(f"not a weight file: it is {words}. {advice}")
    if not start.strip(b"\0"):
        raise UserError(f"it is damaged: it begins with zeros, as after a broken copy. {_AGAIN}")
    raise UserError(
        "not a complete PyTorch, safetensors or Caffe2 file: the file is truncated or of another "
        f"kind. {_AGAIN}"
    )


def _check_zip(path: Path, size: int) -> None:
    """Raises a UserError for a zip archive that is not a whole file of ``torch.save``."""
    if not zipfile.is_zipfile(path):
        raise UserError(
            f"not a complete PyTorch file: it is truncated after {size:,} bytes, so that its "
            f"directory at the end is missing. {_AGAIN}"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"it is damaged ({error}). {_AGAIN}") from None
    if names and all(name.endswith(".npy") for name in names):
        raise UserError(
            f"not a weight file: it is a zip archive with {names[0]}, as numpy writes arrays. Save "
            "them with PyTorch: torch.save({name: torch.from_numpy(array) for name, array in "
            "numpy.load(FILE).items()}, 'weights.pth')"
        )
    leaves = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in leaves and "constants.pkl" in leaves:
        raise UserError(
            "refused: it is a TorchScript archive, a program with its weights, and reading it "
            "would run code. Nothing in the file was run. Where you trust the file, save its "
            "weights alone: torch.save(torch.jit.load(FILE).state_dict(), 'weights.pth')"
        )
    if "data.pkl" in leaves:
        return
    if any(name.endswith("serialized_exported_program.json") for name in names) or any(
        "archive_format" in name for name in names
    ):
        raise UserError(
            "not a weight file: it is a program of torch.export. Name the file of weights that "
            "the program was exported from."
        )
    shown = ", ".join(names[:3]) + (" ..." if len(names) > 3 else "")
    raise UserError(
        f"not a complete PyTorch file: it is a zip archive with {shown or 'nothing in it'}. "
        f"{_UNPACK}"
    )


def _is_safetensors(start: bytes, path: Path, size: int) -> bool:
    """Returns whether a file begins with the length of a JSON header and that header.

    Raises:
        UserError: the file is shorter than its header says.
    """
    length = int.from_bytes(start[:8], "little")
    if len(start) < 9 or start[8:9] != b"{" or not 2 <= length <= _MOST_HEADER:
        return False
    with path.open("rb") as file:
        file.seek(8)
        header = file.read(length)
    try:
        entries = json.load(io.BytesIO(header)) if len(header) == length else {}
        needed = 8 + length + max((_end(entry) for entry in entries.values()), default=0)
    except (ValueError, AttributeError, UnicodeDecodeError):
        return False
    if size < needed:
        raise UserError(
            f"not a complete safetensors file: it is truncated, {size:,} of {needed:,} bytes. "
            f"{_AGAIN}"
        )
    return True


def _end(entry: dict) -> int:
    """Returns where the bytes of an entry of a safetensors header end; 0 for metadata."""
    offsets = entry.get("data_offsets")
    return int(offsets[1]) if offsets else 0
