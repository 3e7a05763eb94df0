"""Positions of vision transformers, for other crops, other numbers of frames, images and videos.

A network keeps its positions in entries of these names, with C channels:

- ``rel_pos_h``, ``rel_pos_w``, ``rel_pos_t`` (L, C): one for each distance along an axis. They are
  interpolated linearly.
- ``pos_embed_temporal`` (1, T, C): one for each frame. They are interpolated linearly.
- ``pos_embed_spatial`` (1, S, C): one for each place of a square grid. They are interpolated
  bicubically on the square.
- ``pos_embed`` (1, S, C), or (1, 1 + S, C) with the position of the class token first: all
  positions. In networks of images they are a square grid too. In networks of videos the shape does
  not tell frames from places, so they are not converted.

No interpolation aligns the corners. The rules are those of SlowFast: weights that SlowFast has
interpolated have the same values here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt

import torch

from slowfast.models.transformer.positions import spatial_at, temporal_at

_RELATIVE = re.compile(r"(?:.*\.)?rel_pos_[hwt]")
_TEMPORAL = re.compile(r"(?:.*[._])?pos_embed_temporal")
_SPATIAL = re.compile(r"(?:.*[._])?pos_embed_spatial")
_ALL = re.compile(r"(?P<prefix>(?:.*\.)?)pos_embed")
_PATCHES = re.compile(r"(?:.*\.)?patch_embed\.(?:proj|patch_model)\.weight")

Sizes = tuple[int, int]


def resized(
    name: str, value: torch.Tensor, shape: Sequence[int], *, of_images: bool
) -> torch.Tensor | None:
    """Returns positions interpolated to another shape.

    Args:
        name: the name of the entry.
        value: the positions in the file.
        shape: their shape in the network.
        of_images: whether the network takes images.

    Returns:
        float32 values; None if the entry has no positions, or their shape does not tell the grid.
    """
    if value.ndim != len(shape) or value.shape[-1] != shape[-1]:
        return None
    if _RELATIVE.fullmatch(name) and value.ndim == 2:
        return _on_a_line(value[None], shape[0])[0]
    if value.ndim != 3 or not value.shape[0] == shape[0] == 1:
        return None
    if _TEMPORAL.fullmatch(name):
        return _on_a_line(value, shape[1])
    is_grid = _SPATIAL.fullmatch(name) or (of_images and _ALL.fullmatch(name))
    before, here = class_positions(value.shape[1]), class_positions(shape[1])
    if not is_grid or before is None or before != here:
        return None
    grid = _on_a_square(value[:, before:], shape[1] - here)
    return torch.cat([value[:, :before].float(), grid], dim=1)


def takes_images(names: Mapping[str, torch.Tensor]) -> bool:
    """Returns whether the entries are of a vision transformer whose patches have no time."""
    return any(_PATCHES.fullmatch(name) and value.ndim == 4 for name, value in names.items())


def class_positions(length: int) -> int | None:
    """Returns how many of the positions before a square grid belong to a class token: 0 or 1.

    Returns:
        None if the positions are no square grid with at most one more.
    """
    return next((extra for extra in (0, 1) if isqrt(length - extra) ** 2 == length - extra), None)


def _on_a_line(value: torch.Tensor, length: int) -> torch.Tensor:
    """Interpolates (1, L, C) to (1, length, C)."""
    return temporal_at(value.float(), (value.shape[1], 1, 1), (length, 1, 1))


def _on_a_square(value: torch.Tensor, length: int) -> torch.Tensor:
    """Interpolates (1, side * side, C) to (1, length, C), a square too."""
    side, wanted = isqrt(value.shape[1]), isqrt(length)
    return spatial_at(value.float(), (1, side, side), (1, wanted, wanted))


@dataclass
class Converted:
    """Entries whose positions were converted between networks of images and of videos.

    Attributes:
        state: all entries, by the names of the network.
        moved: the entries of the file that are in others now, and the names of these.
        neutral: positions in time that the file lacks, all zero: a still clip gives what the image
            gives.
    """

    state: dict[str, torch.Tensor]
    moved: list[tuple[list[str], list[str]]] = field(default_factory=list)
    neutral: dict[str, torch.Tensor] = field(default_factory=dict)


def between_images_and_videos(
    state: Mapping[str, torch.Tensor], own: Mapping[str, torch.Tensor]
) -> Converted:
    """Returns entries with the positions that a network of videos, or of images, has.

    ``pos_embed`` of images becomes ``pos_embed_spatial`` and ``pos_embed_class``, and the reverse.
    Positions in time, ``pos_embed_temporal`` and ``rel_pos_t``, are zero in the one case. In the
    other they are left out; a single one is added to those in space.

    Args:
        state: the entries of the file, by the names of the network.
        own: the entries of the network.
    """
    found = Converted(dict(state))
    for name in {**state, **own}:
        if not (match := _ALL.fullmatch(name)):
            continue
        if name in state and name not in own:
            _split(found, match["prefix"], own)
        elif name in own and name not in state:
            _join(found, match["prefix"], own[name].shape)
    for name, value in own.items():
        height = name.replace("rel_pos_t", "rel_pos_h")
        if name not in state and height != name and height in state:
            found.neutral[name] = torch.zeros_like(value)
    return found


def _split(found: Converted, prefix: str, own: Mapping[str, torch.Tensor]) -> None:
    """Divides the positions of an image network among the entries of a video network."""
    every, spatial, temporal, first = _names(prefix)
    value = found.state[every]
    extra = class_positions(value.shape[1]) if value.ndim == 3 else None
    if spatial not in own or extra is None:
        return
    parts = {spatial: value[:, extra:]}
    if extra and first in own:
        parts[first] = value[:, :extra]
    del found.state[every]
    found.state.update(parts)
    found.moved.append(([every], [*parts]))
    if temporal in own:
        found.neutral[temporal] = torch.zeros_like(own[temporal])


def _join(found: Converted, prefix: str, shape: Sequence[int]) -> None:
    """Makes the positions of an image network of the entries of a video network."""
    every, spatial, temporal, first = _names(prefix)
    extra = class_positions(shape[1]) if len(shape) == 3 else None
    parts = [first, spatial] if extra else [spatial]
    if extra is None or not all(part in found.state for part in parts):
        return
    values = [found.state[part] for part in parts]
    if temporal in found.state and found.state[temporal].shape[1] == 1:
        values[-1] = values[-1] + found.state[temporal]
        parts.append(temporal)
    found.state[every] = torch.cat(values, dim=1)
    found.moved.append((parts, [every]))


def _names(prefix: str) -> list[str]:
    return [f"{prefix}pos_embed{end}" for end in ("", "_spatial", "_temporal", "_class")]


def in_words(sizes: Mapping[str, tuple[Sequence[int], Sequence[int]]]) -> Iterable[str]:
    """Returns which positions were interpolated, from what size to what size.

    Args:
        sizes: the shape in the file and in the network by the name of the entry.

    Returns:
        For example "pos_embed_spatial 14 x 14 to 20 x 20", "rel_pos_h, rel_pos_w 27 to 13
        (4 entries)".
    """
    counts = Counter(
        f"{_kind(name)} {_size(name, before)} to {_size(name, here)}"
        for name, (before, here) in sizes.items()
    )
    return [text + (f" ({n} entries)" if n > 1 else "") for text, n in counts.items()]


def _kind(name: str) -> str:
    leaf = name.rpartition(".")[2]
    return "rel_pos_h, rel_pos_w" if leaf in ("rel_pos_h", "rel_pos_w") else leaf


def _size(name: str, shape: Sequence[int]) -> str:
    if _RELATIVE.fullmatch(name) or _TEMPORAL.fullmatch(name):
        return str(shape[-2])
    side = isqrt(shape[-2])
    return f"{side} x {side}"
