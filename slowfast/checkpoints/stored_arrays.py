"""numpy arrays and numbers out of a pickle, without numpy's own ways to restore them.

Notable: those ways trust what a pickle says of types and sizes. The stand-ins here look at bytes
alone, so that neither a call nor a malformed array gets through.
"""

import pickle
import re
from typing import Any

import numpy as np


class Refused(pickle.UnpicklingError):
    """Something in a pickle that is neither an array nor a plain value."""


class _Dtype:
    """Stands in for ``numpy.dtype``: booleans and numbers of a fixed size."""

    def __init__(self, code: str, *_: Any) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[<>|=]?[fiub]\d", code):
            raise Refused(f"an array of {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class StoredArray:
    """Stands in for ``numpy.ndarray`` and for what numpy restores one with."""

    array: np.ndarray | None = None

    def __init__(self, *_: Any) -> None:
        """What a pickle gives here only makes an empty array; its state fills it."""

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, is_fortran, raw = state
        self.fill(raw, dtype, shape, "F" if is_fortran else "C")

    def fill(self, raw: bytes | str, dtype: _Dtype, shape: tuple, order: str) -> None:
        if isinstance(raw, str):
            raw = raw.encode("latin-1")
        self.array = np.frombuffer(raw, dtype.dtype).reshape(shape, order=order).copy()


class _Buffer(StoredArray):
    """Stands in for the way that pickle protocol 5 restores an array."""

    def __init__(self, raw: bytes, dtype: _Dtype, shape: tuple, order: str) -> None:
        self.fill(raw, dtype, shape, order)


class _Scalar(StoredArray):
    """Stands in for a numpy number, and is an array of no dimensions."""

    def __init__(self, dtype: _Dtype, raw: bytes) -> None:
        self.fill(raw, dtype, (), "C")


# By the names that numpy 1 pickles; numpy 2 says `numpy._core` for `numpy.core`.
STAND_INS = {
    "numpy.dtype": _Dtype,
    "numpy.ndarray": StoredArray,
    "numpy.core.multiarray._reconstruct": StoredArray,
    "numpy.core.multiarray.scalar": _Scalar,
    "numpy.core.numeric._frombuffer": _Buffer,
}
