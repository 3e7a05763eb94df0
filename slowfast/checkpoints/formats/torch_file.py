"""Files of ``torch.save``, read without running code from them."""

from __future__ import annotations

import errno
import pickletools
import re
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch.serialization import safe_globals

from slowfast.ak.errors import UserError
from slowfast.utils.files.safe_pickle import STAND_INS, StoredArray

_SAFE_NUMPY = [
    (stand_in, name.replace("numpy.core", core))
    for name, stand_in in STAND_INS.items()
    for core in ("numpy.core", "numpy._core")
]
# Plain values and containers of training programs that lie beside weights. Only their names are
# allowed: stand-ins, which keep nothing or the items alone, take their place.
_BESIDE_WEIGHTS = (
    "argparse.Namespace",
    "pathlib.Path",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
    "pathlib._local.PosixPath",
    "datetime.datetime",
    "datetime.timedelta",
    # Training files of mmengine name the methods of this class by `getattr`, which is not called.
    "mmengine.logging.history_buffer.HistoryBuffer",
    "builtins.getattr",
)
_DICTS = (
    "collections.defaultdict",
    "fvcore.common.config.CfgNode",
    "yacs.config.CfgNode",
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)
_SAVE_WEIGHTS = (
    "Where you trust the file, save its weights alone: "
    "torch.save(model.state_dict(), 'weights.pth')"
)


class _LeftOut:
    """Stands in for a value beside the weights; nothing of it is kept."""

    def __new__(cls, *_: Any, **__: Any) -> _LeftOut:
        return super().__new__(cls)

    def __setstate__(self, state: Any) -> None:
        """Keeps nothing."""


class _Items(OrderedDict):
    """Stands in for a kind of dict; only its items are kept."""

    def __new__(cls, *_: Any) -> OrderedDict:
        return OrderedDict()


_SAFE = [
    *_SAFE_NUMPY,
    *((_LeftOut, name) for name in _BESIDE_WEIGHTS),
    *((_Items, name) for name in _DICTS),
    *((kind, f"builtins.{kind.__name__}") for kind in (dict, float, int, list)),
]


def read_torch(path: str | Path, *, lazily: bool = False) -> Any:
    """Returns the content of a file of ``torch.save``, with its tensors on the CPU.

    numpy's numbers and arrays become plain numbers and tensors.

    Args:
        lazily: whether a tensor is read from the disk only when it is used.

    Raises:
        UserError: the file is incomplete, or reading it would run code.
        OSError: the file cannot be read.
    """
    try:
        # Files of torch before 1.6 are not zip files, and cannot be read lazily.
        mmap = lazily and zipfile.is_zipfile(path)
        with safe_globals(_SAFE):
            return _without_numpy(
                torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
            )
    except Exception as error:  # A damaged file may raise nearly anything.
        # EINVAL: a damaged file makes torch seek to an impossible place.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        raise UserError(_why_unreadable(path, error)) from None


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


def _why_unreadable(path: str | Path, error: Exception) -> str:
    if array := re.search(r"an array of '[^']*'", str(error)):
        return f"refused: it contains {array[0]}. A checkpoint contains plain values and tensors."
    if called := re.search(r"GLOBAL ([\w.]+)", str(error)):
        if whole := _class_of_whole_object(path):
            return (
                f"refused: it holds a whole object of the class {whole}, not weights, and reading "
                f"it would run code. Nothing in the file was run. {_SAVE_WEIGHTS}"
            )
        return (
            f"refused: reading it would run code ({called[1]}). A checkpoint contains plain values "
            f"and tensors. Nothing in the file was run. {_SAVE_WEIGHTS}"
        )
    return (
        "not a complete PyTorch checkpoint: the file is damaged, truncated or of another kind. Get "
        "it again from its source."
    )


def _class_of_whole_object(path: str | Path) -> str:
    """Returns the class of the object that a file consists of; "" if the content is a dict or list.

    The pickle in the file is read as a sequence of operations, and none of them is carried out.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next(n for n in archive.namelist() if n.endswith("data.pkl"))
                with archive.open(name) as file:
                    return _first_class(file)
        with Path(path).open("rb") as file:
            for _ in range(3):  # a number, the version, and facts about the machine come first
                for _ in pickletools.genops(file):
                    pass
            return _first_class(file)
    except (OSError, ValueError, StopIteration, zipfile.BadZipFile):
        return ""


def _first_class(file: BinaryIO) -> str:
    """Returns the first class that a pickle names; "" if it begins with a dict or list."""
    for operation, argument, _ in pickletools.genops(file):
        if operation.name in ("EMPTY_DICT", "EMPTY_LIST"):
            return ""
        if operation.name == "GLOBAL":
            name = str(argument).replace(" ", ".")
            return "" if name == "collections.OrderedDict" else name
    return ""
