"""Features of views: what the classifier of a network projects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from slowfast.ak.errors import UserError
from slowfast.data_tools.feature_files import FeatureSet, as_size, size_of
from slowfast.engine.device.runtime import Precision
from slowfast.prediction.model import Model
from slowfast.prediction.scoring import prepared
from slowfast.prediction.store import scored_by
from slowfast.tasks import Task
from slowfast.utils import logging
from slowfast.utils.distributed import unwrap
from slowfast.utils.processes import torchrun

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class Wanted:
    """The features that are asked for.

    Attributes:
        tokens: whether each position of the feature maps is kept. Otherwise the mean is.
        dtype: float16 or float32.
        windows: of each clip of a data set.
    """

    tokens: bool = False
    dtype: str = "float16"
    windows: int = 1

    def settings(self, model: Model) -> dict[str, Any]:
        """What the features of a model depend on."""
        return {**scored_by(model), "tokens": self.tokens}

    def shape(self, model: Model, crops: int = 1) -> tuple[int, ...]:
        """The shape of a row: (C,), or (P, C) with the positions of all crops.

        It builds the network and computes the features of a black clip.
        """
        task, precision = model.load()
        network_input = task.example(1, False, precision.device)
        with torch.no_grad():
            found = vectors_of(task, precision, self.tokens)(network_input.inputs[0])
        return (found.shape[1] * crops, found.shape[2]) if self.tokens else (found.shape[2],)

    def log_size(self, what: str, rows: int, shape: tuple[int, ...]) -> None:
        """Logs how large the array will be, in the first process."""
        if (run := torchrun.current()) and run.rank:
            return
        size = as_size(size_of(rows, shape, self.dtype))
        logger.info(f"{what}: {' x '.join(map(str, (rows, *shape)))} {self.dtype}, {size}.")


def created(name: str, create: Callable[[], FeatureSet]) -> FeatureSet:
    """The set that `create` makes. Of the processes of torchrun, the first calls it alone."""
    run = torchrun.current()
    if run and run.rank:
        run.store.wait([f"created {name}"])
    made = create()
    if run and not run.rank:
        run.store.set(f"created {name}", "")
    return made


def vectors_of(task: Task, precision: Precision, tokens: bool) -> Callable[[Tensor], Tensor]:
    """A function, uint8 views (n, 3, T, H, W) -> features (n, P, C) float32.

    Raises:
        UserError: the network does not give features.
    """
    network = unwrap(task.network)
    if not callable(getattr(network, "vectors", None)):
        raise UserError(
            f"{type(network).__name__}: has no method vectors(clips, each_position), which gives "
            "the features before the classifier. Networks of slowfast.models.network have it."
        )
    forward = precision.run(partial(network.vectors, each_position=tokens))
    return lambda pixels: forward(prepared(task, pixels).inputs)
