"""A finder that makes the missing modules. Python asks it after all other finders have failed."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from slowfast.ak.upstream.standins import detectron2, record


class LastFinder(MetaPathFinder, Loader):
    """Makes the modules of `_MODULES`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname in _MODULES else None

    def exec_module(self, module: ModuleType) -> None:
        _MODULES[module.__name__](module)


def how_to_install(module: str) -> str:
    """Returns how to install a module that was not found; empty if its package is installed."""
    package = module.partition(".")[0]
    try:
        spec = importlib.util.find_spec(package)
    except ValueError:  # sys.modules holds None for the package
        spec = None
    if spec is None:
        return (
            f"{package} is not installed. If it is not a module of your own: "
            "python -m pip install -r slowfast/ak/requirements.txt"
        )
    is_standin = package == "detectron2" and isinstance(spec.loader, LastFinder)
    return f"{module} is a part of {detectron2.HOW_TO_INSTALL}" if is_standin else ""


def _leave_empty(module: ModuleType) -> None:
    """Does nothing: the package only holds others, or `install` adds to it."""


def _fill_torch_six(module: ModuleType) -> None:
    module.int_classes, module.string_classes = int, (str, bytes)
    module.inf, module.nan = float("inf"), float("nan")
    record.add("torch._six no longer exists: its names are Python's own types")


def _fill_functional_tensor(module: ModuleType) -> None:
    successor = "torchvision.transforms._functional_tensor"
    if importlib.util.find_spec(successor) is None:
        successor = "torchvision.transforms.functional"
    names = vars(importlib.import_module(successor))
    vars(module).update({name: x for name, x in names.items() if not name.startswith("__")})
    record.add(
        f"torchvision.transforms.functional_tensor no longer exists: {successor} is used instead"
    )


def _fill_pytorchvideo_losses(module: ModuleType) -> None:
    record.add(
        "pytorchvideo.losses does not exist: SoftTargetCrossEntropyLoss of slowfast.ak is used"
    )


def _fill_soft_target_cross_entropy(module: ModuleType) -> None:
    from slowfast.ak.upstream.standins.pytorchvideo import SoftTargetCrossEntropyLoss

    module.SoftTargetCrossEntropyLoss = SoftTargetCrossEntropyLoss


def _fill_vision_fair_slowfast(module: ModuleType) -> None:
    import slowfast

    root = Path(slowfast.__file__).resolve().parents[1]
    module.__path__ = [str(root)]
    record.add(f"vision.fair.slowfast is not public: {root} is used")


_MODULES: dict[str, Callable[[ModuleType], None]] = {
    "detectron2": detectron2.fill_package,
    "detectron2.layers": detectron2.fill_layers,
    "detectron2.model_zoo": detectron2.fill_model_zoo,
    "detectron2.config": detectron2.fill_with_missing("get_cfg"),
    "detectron2.engine": detectron2.fill_with_missing("DefaultPredictor"),
    "detectron2.utils": _leave_empty,
    "detectron2.utils.visualizer": detectron2.fill_with_missing("Visualizer"),
    "torch._six": _fill_torch_six,
    "torchvision.transforms.functional_tensor": _fill_functional_tensor,
    "pytorchvideo.layers.batch_norm": _leave_empty,
    "pytorchvideo.layers.distributed": _leave_empty,
    "pytorchvideo.losses": _fill_pytorchvideo_losses,
    "pytorchvideo.losses.soft_target_cross_entropy": _fill_soft_target_cross_entropy,
    "vision": _leave_empty,
    "vision.fair": _leave_empty,
    "vision.fair.slowfast": _fill_vision_fair_slowfast,
}
