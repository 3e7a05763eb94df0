"""Reading pickles of arrays without running code from them.

A pickle may name any function, and unpickling calls it. Here only stand-ins can be reached. numpy's
own functions are left out too, because they trust what a pickle says about types and sizes; the
stand-ins look at bytes only.
"""

import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np


class Refused(pickle.UnpicklingError):
    """A pickle contains something else than arrays and plain values."""


def load_arrays(
    file: BinaryIO, also: Mapping[str, Any] | None = None, encoding: str = "ASCII"
) -> Any:
    """Reads a pickle of numpy arrays, dicts, lists and plain values.

    Args:
        file: open for reading.
        also: further functions and classes that the pickle may name, by dotted name.
        encoding: the encoding of texts in pickles of Python 2.

    Returns:
        The content, with a `StoredArray` in place of each array.

    Raises:
        Refused: the pickle names anything else. Nothing of it has run.
        Exception: nearly any kind, where the pickle is damaged.
    """
    return _Unpickler(file, also or {}, encoding).load()


class _Dtype:
    """Stands in for ``numpy.dtype``: booleans and numbers of a fixed size."""

    def __init__(self, code: str, *_: Any) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?[fiub]\d", code):
            raise Refused(f"an array of {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class StoredArray:
    """Stands in for ``numpy.ndarray`` and for the function that numpy restores an array with."""

    array: np.ndarray | None = None

    def __init__(self, *_: Any) -> None:
        """Makes an empty array; `__setstate__` fills it."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, is_fortran, raw = state
        self.fill(raw, dtype, shape, "F" if is_fortran else "C")

    def fill(self, raw: bytes | str, dtype: _Dtype, shape: tuple, order: str) -> None:
        """Takes the bytes of an array, or a text of Python 2 that holds them."""
        if isinstance(raw, str):
            raw = raw.encode("latin-1")
        self.array = np.frombuffer(raw, dtype.dtype).reshape(shape, order=order).copy()


class _Buffer(StoredArray):
    """Stands in for the function that pickle protocol 5 restores an array with."""

    def __init__(self, raw: bytes, dtype: _Dtype, shape: tuple, order: str) -> None:
        self.fill(raw, dtype, shape, order)


class _Scalar(StoredArray):
    """Stands in for a numpy number; it becomes an array without dimensions."""

    def __init__(self, dtype: _Dtype, raw: bytes) -> None:
        self.fill(raw, dtype, (), "C")


class _Bytes(bytes):
    """Stands in for ``bytes`` and ``_codecs.encode``, with which Python 3 writes for Python 2."""

    def __new__(cls, text: str = "", encoding: str = "latin1") -> "_Bytes":
        if encoding not in ("latin1", "latin-1"):
            raise Refused(f"bytes in the encoding {encoding!r}")
        return super().__new__(cls, text.encode("latin-1"))

    def __setstate__(self, state: Any) -> None:
        raise Refused("bytes with attributes")


# By the names that numpy 1 writes; numpy 2 writes `numpy._core` for `numpy.core`.
STAND_INS = {
    "numpy.dtype": _Dtype,
    "numpy.ndarray": StoredArray,
    "numpy.core.multiarray._reconstruct": StoredArray,
    "numpy.core.multiarray.scalar": _Scalar,
    "numpy.core.numeric._frombuffer": _Buffer,
}
_PLAIN = {
    "_codecs.encode": _Bytes,
    "__builtin__.bytes": _Bytes,
    "collections.OrderedDict": OrderedDict,
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, also: Mapping[str, Any], encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self._known = {**STAND_INS, **_PLAIN, **also}

    def find_class(self, module: str, name: str) -> Any:
        key = f"{module.replace('numpy._core', 'numpy.core')}.{name}"
        if key not in self._known:
            raise Refused(f"a call of {module}.{name}")
        return self._known[key]

    def persistent_load(self, pid: Any) -> Any:
        raise Refused("a reference to another file")
