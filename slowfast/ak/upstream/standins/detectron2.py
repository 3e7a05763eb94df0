"""Stand-ins for detectron2, which is not on PyPI. Classification needs its import only."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from slowfast.ak.errors import UserError
from slowfast.ak.upstream.standins import record

HOW_TO_INSTALL = (
    "detectron2, which is not installed and which classification does not need. Install it with: "
    "python -m pip install 'git+https://github.com/facebookresearch/detectron2.git'"
)


class Missing:
    """A name of detectron2 that can be imported and derived from, and that fails when it is used.

    Raises:
        UserError: always; the text says what to install.
    """

    name = "this"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise UserError(f"{self.name} needs {HOW_TO_INSTALL}")


def fill_package(module: ModuleType) -> None:
    """Records that detectron2 is replaced; the package itself has no content."""
    record.add(
        "detectron2 is not installed: torchvision's ROIAlign is used, and all other parts of "
        "detectron2 fail when they are used"
    )


def fill_with_missing(*names: str) -> Callable[[ModuleType], None]:
    """Returns a function that gives a module a `Missing` class for each name."""

    def fill(module: ModuleType) -> None:
        for name in names:
            setattr(module, name, _missing(module, name))

    return fill


def fill_model_zoo(module: ModuleType) -> None:
    """Gives the module a `Missing` class for every name that is asked for."""

    def __getattr__(name: str) -> Any:
        if name.startswith("__"):  # Python itself asks for such names
            raise AttributeError(name)
        return _missing(module, name)

    module.__getattr__ = __getattr__


def _missing(module: ModuleType, name: str) -> type[Missing]:
    path = f"{module.__name__}.{name}"
    return type(name, (Missing,), {"name": path, "__module__": module.__name__})


def fill_layers(module: ModuleType) -> None:
    """Gives the module a ROIAlign made of torchvision's."""
    from torch import Tensor
    from torchvision.ops import RoIAlign

    class ROIAlign(RoIAlign):
        """detectron2's ROIAlign: `aligned` is True by default, and boxes can be of any float type.

        Args:
            output_size: (height, width) of a region.
            spatial_scale: factor from boxes to pixels of the input.
            sampling_ratio: samples a bin and direction; 0: as many as the bin is wide.
            aligned: whether boxes are moved by half a pixel, so that the centres of pixels count.
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
            """(N, C, H, W) and boxes (K, 5), image number first -> (K, C, h, w)."""
            return super().forward(input, rois.to(input.dtype))

    ROIAlign.__module__, ROIAlign.__qualname__ = module.__name__, "ROIAlign"
    module.ROIAlign = ROIAlign
