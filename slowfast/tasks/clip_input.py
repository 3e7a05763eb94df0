"""The clips of a batch as input of a network, for all tasks that take one view of each clip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from slowfast.ak.clips.mixing.mixup import BatchMixer
from slowfast.tasks.batch import Batch
from slowfast.tasks.task import Moment


def clips_to_input(
    batch: Batch,
    to_input: Callable[[Tensor], list[Tensor]],
    mix: BatchMixer,
    moment: Moment | None = None,
) -> Batch:
    """Returns the batch with the input of the network, as `Task.prepare` does.

    Args:
        batch: one view of each clip, uint8 pixels or features.
        to_input: turns the view into one float tensor per pathway.
        mix: mixes the inputs in place, and returns the targets that belong to them.
        moment: of a training step; None: nothing is mixed.
    """
    (given,) = batch.inputs
    inputs: list[Tensor] = to_input(given)
    targets: Any = batch.targets
    if moment is not None:
        targets = mix(inputs, targets, moment, batch.samples)
    return replace(batch, inputs=inputs, targets=targets, meta=None)
