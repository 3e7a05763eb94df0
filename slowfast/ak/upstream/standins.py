"""Stand-ins: what upstream imports and current packages do not have.

Each is taken only where the real thing is missing, and from memory alone: no installed package is
touched, and a newer one that has the thing again is used at once. Two kinds:

- whole modules (detectron2, `torchvision.transforms.functional_tensor`, `pytorchvideo.losses`,
  `torch._six`, `vision.fair.slowfast`) are made by a finder that Python asks last, when all others
  have failed;
- names that a module lacks (numpy's aliases, `pytorchvideo.layers`) are added to it by `install`.

`tell` says in the log, once a process, what was taken. docs/DROP_IN.md says when each can go.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from slowfast.ak.errors import UserError

logger = logging.getLogger(__name__)

_taken: list[str] = []
_told: set[str] = set()


def install() -> None:
    """Put all stand-ins in place; those that are modules take effect when they are asked for."""
    if not any(isinstance(finder, _LastFinder) for finder in sys.meta_path):
        sys.meta_path.append(_LastFinder())
    _add_numpy_aliases()
    _add_to_pytorchvideo()
    _reconcile_protobuf()


def in_use() -> list[str]:
    """In words, what this process has taken so far."""
    return list(_taken)


def tell() -> None:
    """Say so in the log, each once; to be called when there is one."""
    for words in _taken:
        if words not in _told:
            _told.add(words)
            logger.info(f"Stand-in: {words}.")


def _take(words: str) -> None:
    if words not in _taken:
        _taken.append(words)


class _LastFinder(MetaPathFinder, Loader):
    """Makes the modules of `_MODULES`, when nobody else has them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname in _MODULES else None

    def exec_module(self, module: ModuleType) -> None:
        _MODULES[module.__name__](module)


def _empty(module: ModuleType) -> None:
    """A package that only holds others."""


# detectron2, which is not on PyPI

_DETECTRON2 = (
    "detectron2, which is not installed; classification does without. Install it with: "
    "python -m pip install 'git+https://github.com/facebookresearch/detectron2.git'"
)


class Lacking:
    """Something of detectron2's that may be imported and derived from, and fails when it is used.

    Raises:
        UserError: always; it says what to install.
    """

    name = "this"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UserError(f"{self.name} needs {_DETECTRON2}")


def _lacking(*names: str) -> Callable[[ModuleType], None]:
    def fill(module: ModuleType) -> None:
        for name in names:
            setattr(module, name, _lacking_one(module, name))

    return fill


def _lacking_one(module: ModuleType, name: str) -> type[Lacking]:
    path = f"{module.__name__}.{name}"
    return type(name, (Lacking,), {"name": path, "__module__": module.__name__})


def _model_zoo(module: ModuleType) -> None:
    def __getattr__(name: str) -> Any:
        if name.startswith("__"):  # Python's own questions
            raise AttributeError(name)
        return _lacking_one(module, name)

    module.__getattr__ = __getattr__


def _detectron2(module: ModuleType) -> None:
    _take("detectron2 is not installed: ROIAlign is torchvision's, all else of it fails when used")


def _detectron2_layers(module: ModuleType) -> None:
    from torch import Tensor
    from torchvision.ops import RoIAlign

    class ROIAlign(RoIAlign):
        """detectron2's: `aligned` is True unless it is given, and boxes may be of any float type.

        Args:
            output_size: (height, width) of a region.
            spatial_scale: of boxes, to the pixels of the input.
            sampling_ratio: samples a bin and direction; 0: as many as the bin is wide.
            aligned: whether boxes are moved by half a pixel, so that pixels' centres count.
        """

        def __init__(
            self,
            output_size: tuple[int, int],
            spatial_scale: float,
            sampling_ratio: int,
            aligned: bool = True,
        ) -> None:
            super().__init__(output_size, spatial_scale, sampling_ratio, aligned)

        def forward(self, input: Tensor, rois: Tensor) -> Tensor:
            """(N, C, H, W) and boxes (K, 5), each with its image's number first: (K, C, h, w)."""
            return super().forward(input, rois.to(input.dtype))

    ROIAlign.__module__, ROIAlign.__qualname__ = module.__name__, "ROIAlign"
    module.ROIAlign = ROIAlign


# torch, torchvision and pytorchvideo


def _torch_six(module: ModuleType) -> None:
    module.int_classes, module.string_classes = int, (str, bytes)
    module.inf, module.nan = float("inf"), float("nan")
    _take("torch has no _six any more: its names are Python's own types")


def _functional_tensor(module: ModuleType) -> None:
    successor = "torchvision.transforms._functional_tensor"
    if importlib.util.find_spec(successor) is None:
        successor = "torchvision.transforms.functional"
    names = vars(importlib.import_module(successor))
    vars(module).update({name: x for name, x in names.items() if not name.startswith("__")})
    _take(f"torchvision has no transforms.functional_tensor any more: it is {successor}")


def _pytorchvideo_losses(module: ModuleType) -> None:
    _take("pytorchvideo has no losses: SoftTargetCrossEntropyLoss is slowfast.ak's")


def _soft_target_cross_entropy(module: ModuleType) -> None:
    from slowfast.ak.upstream.pytorchvideo import SoftTargetCrossEntropyLoss

    module.SoftTargetCrossEntropyLoss = SoftTargetCrossEntropyLoss


def _add_to_pytorchvideo() -> None:
    """Functions and norms of a later pytorchvideo than any that was released."""
    if "pytorchvideo" not in sys.modules and importlib.util.find_spec("pytorchvideo") is None:
        return
    import pytorchvideo.layers.batch_norm as norms
    import pytorchvideo.layers.distributed as functions

    from slowfast.ak.upstream import pytorchvideo as ours

    if missing := [name for name in ours.DISTRIBUTED if not hasattr(functions, name)]:
        for name in missing:
            setattr(functions, name, getattr(ours, name))
        _take(f"pytorchvideo.layers.distributed has no {', '.join(missing)}: slowfast.ak's serve")
    for name in ("NaiveSyncBatchNorm1d", "NaiveSyncBatchNorm3d"):
        if "num_sync_devices" not in _parameters(getattr(norms, name, None)):
            setattr(norms, name, getattr(ours, name))
            _take(
                f"pytorchvideo's {name} takes no num_sync_devices and global_sync: "
                "slowfast.ak's does"
            )


def _parameters(kind: Any) -> Sequence[str]:
    return list(inspect.signature(kind.__init__).parameters) if kind else []


# numpy, protobuf, and a path that exists nowhere

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


def _add_numpy_aliases() -> None:
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are to go, or to come
        missing = [name for name in _ALIASES if not hasattr(np, name)]
    if missing:
        for name in missing:
            setattr(np, name, _ALIASES[name])
        _take(f"numpy has no {', '.join(missing)} any more: they are Python's types again")


def _reconcile_protobuf() -> None:
    """TensorBoard before 2.12 was generated for protobuf 3; later ones read it in Python alone.

    protobuf reads the variable when it is imported, which TensorBoard does.
    """
    key = "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"
    is_old = (0,) < _version("tensorboard") < (2, 12)
    if is_old and _version("protobuf") >= (4,) and key not in os.environ:
        os.environ[key] = "python"
        _take(
            f"TensorBoard {metadata.version('tensorboard')} does not go with protobuf "
            f"{metadata.version('protobuf')}: protobuf's slow form in Python serves"
        )


def _version(distribution: str) -> tuple[int, ...]:
    """The first two numbers of a version; (0,) where the distribution is not installed."""
    try:
        return tuple(map(int, re.findall(r"\d+", metadata.version(distribution))[:2]))
    except metadata.PackageNotFoundError:
        return (0,)


def _vision_fair_slowfast(module: ModuleType) -> None:
    import slowfast

    root = Path(slowfast.__file__).resolve().parents[1]
    module.__path__ = [str(root)]
    _take(f"vision.fair.slowfast exists nowhere public: it is {root}")


def how_to_install(module: str) -> str:
    """In words, for a module that was not found; empty where its package is there after all."""
    package = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # it was ruled out
        spec = None
    if spec is None:
        return (
            f"{package} is not installed. Unless it is of your own: "
            "python -m pip install -r slowfast/ak/requirements.txt"
        )
    is_ours = package == "detectron2" and isinstance(spec.loader, _LastFinder)
    return f"{module} is of {_DETECTRON2}" if is_ours else ""


_MODULES: dict[str, Callable[[ModuleType], None]] = {
    "detectron2": _detectron2,
    "detectron2.layers": _detectron2_layers,
    "detectron2.model_zoo": _model_zoo,
    "detectron2.config": _lacking("get_cfg"),
    "detectron2.engine": _lacking("DefaultPredictor"),
    "detectron2.utils": _empty,
    "detectron2.utils.visualizer": _lacking("Visualizer"),
    "torch._six": _torch_six,
    "torchvision.transforms.functional_tensor": _functional_tensor,
    "pytorchvideo.layers.batch_norm": _empty,  # to which `install` adds, as to the next
    "pytorchvideo.layers.distributed": _empty,
    "pytorchvideo.losses": _pytorchvideo_losses,
    "pytorchvideo.losses.soft_target_cross_entropy": _soft_target_cross_entropy,
    "vision": _empty,
    "vision.fair": _empty,
    "vision.fair.slowfast": _vision_fair_slowfast,
}
