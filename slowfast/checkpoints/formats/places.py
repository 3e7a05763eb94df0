"""Where in the content of a file the weights lie: under ``model_state``, ``state_dict``, ..."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from slowfast.ak.errors import UserError

OWN_KEY = "model_state"
OWN_AVERAGE = "ema_state"
_DEEPEST = 3  # levels of dicts in which weights are sought
_AVERAGE = re.compile(r"(?:^|[._])(?:ema|swa|avg|averaged?)(?:[._]|$)")
_NO_WEIGHTS = re.compile(r"optim|lr_sched|sched|scaler|amp|callbacks|loops|loss_state|rng")


@dataclass(frozen=True)
class Place:
    """Tensors by name that lie under one key of a file.

    Attributes:
        key: the dotted key; "" if the file itself is the dict of tensors.
        state: the tensors by name.
    """

    key: str
    state: Mapping[str, torch.Tensor]

    def __str__(self) -> str:
        return f"under `{self.key}`" if self.key else "at the top of the file"


def is_average(name: str) -> bool:
    """Returns whether a key, or a prefix of names, speaks of a running average of weights."""
    return bool(_AVERAGE.search(name))


def is_own_format(content: Any) -> bool:
    """Returns whether a content has the form in which SlowFast writes checkpoints."""
    return isinstance(content, dict) and isinstance(content.get(OWN_KEY), dict)


def find_places(content: Any, *, averaged: bool = False) -> list[Place]:
    """Returns the places of a content where weights can lie, in the order of the file.

    A checkpoint of SlowFast has one: ``model_state``, or ``ema_state`` if that exists and
    `averaged` is set.

    Raises:
        UserError: the content has no tensors by name.
    """
    if is_own_format(content):
        keys = [OWN_AVERAGE, OWN_KEY] if averaged else [OWN_KEY]
        key = next(key for key in keys if isinstance(content.get(key), dict))
        return [Place(key, _tensors(content[key]))]
    places = list(_places(content, "", _DEEPEST))
    if isinstance(content, dict) and "meta" in content:
        # Training files of mmengine exchange the two: `state_dict` is the running average.
        places = [place for place in places if place.key != "ema_state_dict"]
    if not places:
        if isinstance(content, dict):
            found = f"a dict with {', '.join(map(str, list(content)[:5])) or 'nothing in it'}"
        else:
            found = f"a {type(content).__name__}"
        raise UserError(
            f"a file without weights: it holds {found}. Expected tensors by name, as of "
            "model.state_dict(), in the file itself or under a key such as `model_state`."
        )
    return places


def _places(content: Any, key: str, depth: int) -> Iterator[Place]:
    if not isinstance(content, dict):
        return
    if tensors := _tensors(content):
        yield Place(key, tensors)
    for name, part in content.items() if depth > 1 else ():
        if isinstance(name, str) and not _NO_WEIGHTS.match(name):
            yield from _places(part, f"{key}.{name}" if key else name, depth - 1)


def _tensors(state: Mapping[Any, Any]) -> dict[str, torch.Tensor]:
    return {n: _plain(v) for n, v in state.items() if isinstance(n, str) and torch.is_tensor(v)}


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in the form that a network can copy: neither sparse nor quantized.

    Raises:
        UserError: the tensor has a shape and no values.
    """
    if tensor.is_meta:
        raise UserError(
            "a file without values: its tensors are on the device `meta` and have shapes alone. "
            "Save the weights after they have been loaded onto a device."
        )
    if tensor.is_quantized:
        return tensor.dequantize()
    return tensor if tensor.layout is torch.strided else tensor.to_dense()
