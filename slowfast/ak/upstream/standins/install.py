"""Puts all stand-ins in place: the finder of missing modules, and names that modules lack."""

from __future__ import annotations

import importlib.util
import inspect
import os
import re
import sys
import warnings
from importlib import metadata
from typing import Any

from slowfast.ak.upstream.standins import record
from slowfast.ak.upstream.standins.finder import LastFinder

# Aliases that numpy had, and what they meant.
_ALIASES = {
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "object": object,
    "str": str,
    "long": int,
    "unicode": str,
    "bool8": bool,
}


def install() -> None:
    """Puts the stand-ins in place. A module is only made when it is imported."""
    if not any(isinstance(finder, LastFinder) for finder in sys.meta_path):
        sys.meta_path.append(LastFinder())
    _add_numpy_aliases()
    _add_to_pytorchvideo()
    _reconcile_protobuf()


def _add_numpy_aliases() -> None:
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns of names that it is about to drop or add
        missing = [name for name in _ALIASES if not hasattr(np, name)]
    if missing:
        for name in missing:
            setattr(np, name, _ALIASES[name])
        record.add(f"numpy no longer has {', '.join(missing)}: they are Python's types again")


def _add_to_pytorchvideo() -> None:
    """Adds functions and norms of a pytorchvideo that is newer than any release."""
    if "pytorchvideo" not in sys.modules and importlib.util.find_spec("pytorchvideo") is None:
        return
    import pytorchvideo.layers.batch_norm as norms
    import pytorchvideo.layers.distributed as functions

    from slowfast.ak.upstream.standins import pytorchvideo as ours

    if missing := [name for name in ours.DISTRIBUTED if not hasattr(functions, name)]:
        for name in missing:
            setattr(functions, name, getattr(ours, name))
        record.add(
            f"pytorchvideo.layers.distributed lacks {', '.join(missing)}: slowfast.ak's are used"
        )
    for name in ("NaiveSyncBatchNorm1d", "NaiveSyncBatchNorm3d"):
        if "num_sync_devices" not in _parameters(getattr(norms, name, None)):
            setattr(norms, name, getattr(ours, name))
            record.add(
                f"pytorchvideo's {name} lacks the parameters num_sync_devices and global_sync: "
                "that of slowfast.ak is used"
            )


def _parameters(kind: Any) -> list[str]:
    return list(inspect.signature(kind.__init__).parameters) if kind else []


def _reconcile_protobuf() -> None:
    """Lets a TensorBoard before 2.12, which was generated for protobuf 3, work with protobuf 4.

    protobuf reads the environment variable when TensorBoard imports it.
    """
    key = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
    is_old = (0,) < _version("tensorboard") < (2, 12)
    if is_old and _version("protobuf") >= (4,) and key not in os.environ:
        os.environ[key] = "python"
        record.add(
            f"TensorBoard {metadata.version('tensorboard')} does not work with protobuf "
            f"{metadata.version('protobuf')}: protobuf's slow implementation in Python is used"
        )


def _version(distribution: str) -> tuple[int, ...]:
    """Returns the first two numbers of a version; (0,) if the distribution is not installed."""
    try:
        return tuple(map(int, re.findall(r"\d+", metadata.version(distribution))[:2]))
    except metadata.PackageNotFoundError:
        return (0,)
