"""Batches: the clips of a step, with their targets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import default_collate

from slowfast.ak.clips.dataset import separated
from slowfast.ak.errors import UserError


@dataclass(frozen=True)
class Batch:
    """N clips.

    Attributes:
        inputs: from a loader: uint8 pixels (N, 3, T, H, W), one tensor per view of a clip, or
            features (N, P, C). After `Task.prepare`: the input of the network, one float tensor per
            pathway.
        targets: a tensor, or a list, tuple or dict of tensors, each with N rows; None: no targets.
        clips: (N,) numbers of the clips in the data set, on the CPU.
        meta: the metas of the items, which describe clips that could not be read.
        samples: how many consecutive rows show the same clip of the data set, each with a window
            and a crop of its own (repeated augmentation).
        is_mixed: (N,) booleans, which rows have frames of several clips; None: it is not known.
    """

    inputs: Sequence[Tensor]
    targets: Any
    clips: Tensor
    meta: Any = None
    samples: int = 1
    is_mixed: Tensor | None = None

    @classmethod
    def collate(cls, items: Sequence[Sequence[Any]]) -> Batch:
        """Joins items ``(clips, labels, index, time, meta)`` of a data set; a row for each clip.

        Raises:
            UserError: the items have different numbers of clips.
        """
        samples = len(items[0][0])
        if found := {len(clips) for clips, *_ in items} - {samples}:
            raise UserError(
                f"the items of a batch have {samples} and {found.pop()} clips; expected the same "
                "number in each item of a data set."
            )
        rows = [row[:3] for item in items for row in separated(item)]
        inputs, labels, index = default_collate(rows)
        return cls(inputs, labels, index, default_collate([item[-1] for item in items]), samples)

    @property
    def size(self) -> int:
        """N."""
        return len(self.inputs[0])

    def to(self, device: torch.device, non_blocking: bool = True) -> Batch:
        """The same batch with inputs and targets on a device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory; the pinning thread of a DataLoader calls this."""
        return self._mapped(lambda tensor: tensor.pin_memory())

    def tensors(self) -> Iterator[Tensor]:
        """The tensors of the batch, without the numbers of the clips."""
        found: list[Tensor] = []
        self._mapped(found.append)
        return iter(found)

    def part(self, start: int, stop: int) -> Batch:
        """Clips start..stop-1 as a batch."""
        part = self._mapped(lambda tensor: tensor[start:stop])
        return replace(part, clips=self.clips[start:stop])

    def split(self, parts: int) -> Iterator[Batch]:
        """The clips in `parts` batches of equal size."""
        size = -(-self.size // parts)
        return (self.part(start, start + size) for start in range(0, self.size, size))

    def _mapped(self, change: Callable[[Tensor], Any]) -> Batch:
        return replace(
            self,
            inputs=mapped(self.inputs, change),
            targets=mapped(self.targets, change),
            is_mixed=mapped(self.is_mixed, change),
        )


def mapped(value: Any, change: Callable[[Tensor], Any]) -> Any:
    """The same nested lists, tuples and dicts with each tensor changed; None stays None."""
    if isinstance(value, dict):
        return {name: mapped(part, change) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [mapped(part, change) for part in value]
    return value if value is None else change(value)


def joined(values: Sequence[Any]) -> Any:
    """Joins tensors, or dicts of tensors, over their first dimension; None where they are None."""
    first = values[0]
    if isinstance(first, dict):
        return {name: joined([value[name] for value in values]) for name in first}
    return None if first is None else torch.cat(list(values))
