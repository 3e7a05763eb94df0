"""Copying weights into a network, with a report of what matched and what did not.

A file may name parameters as a wrapped network does (``module.``). It may have statistics of plain
batch norm for a network with sub-batch norm, 2D kernels for 3D ones, or a head for other classes.
Each case is converted here or listed in :class:`LoadReport`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from slowfast.ak.norms.frozen import HEAD
from slowfast.checkpoints.sub_batch_norm import to_plain_batch_norm, to_sub_batch_norm
from slowfast.utils.distributed import unwrap

_WRAPPERS = ("module.", "_orig_mod.")
_COUNTER = "num_batches_tracked"
_LISTED = 5


@dataclass
class LoadReport:
    """Which entries of a file and of a network matched.

    Attributes:
        matched: entries of the network that the file has.
        missing: entries of the network that the file lacks.
        unexpected: entries of the file that the network lacks.
        shapes: entries of both with different shapes: the shape in the file, in the network.
        inflated: matched entries that were spread from 2D over time.
        left_out: the network's head entries, if the head of the file was not wanted.
        num_skipped: number of entries of the file that are not weights.
    """

    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    inflated: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    num_skipped: int = 0

    @property
    def num_wanted(self) -> int:
        """Number of entries of the network, without batch counters."""
        return len(self.matched) + len(self.missing) + len(self.shapes) + len(self.left_out)

    @property
    def same_entries(self) -> bool:
        """Whether file and network have the same entries with the same shapes."""
        return not (self.missing or self.unexpected or self.shapes)

    @property
    def is_complete(self) -> bool:
        """Whether the entries are the same and all of them were loaded."""
        return self.same_entries and not self.left_out

    @property
    def head_differs(self) -> bool:
        """Whether the head in the file is for another number of classes."""
        return bool(self._other_heads())

    @property
    def share_outside_head(self) -> float:
        """Share of the network's entries outside the head that the file has, from 0 to 1."""
        loaded, not_loaded = (
            sum(not name.startswith(HEAD) for name in names)
            for names in (self.matched, [*self.missing, *self.shapes])
        )
        return loaded / (loaded + not_loaded) if loaded + not_loaded else 1.0

    def _other_heads(self) -> dict[str, tuple[int, int]]:
        """Returns the head entries for other classes: classes in the file, in the network."""
        return {
            name: (in_file[0], here[0])
            for name, (in_file, here) in self.shapes.items()
            if name.startswith(HEAD) and in_file and here and in_file[0] != here[0]
        }

    def __str__(self) -> str:
        lines = [f"Weights: {len(self.matched)} of {self.num_wanted} entries of the model matched."]
        other_heads = self._other_heads()
        if other_heads:
            in_file, here = next(iter(other_heads.values()))
            lines.append(
                f"  The head in the file is for {in_file} classes and this model's for {here}: "
                "everything but the head is loaded, and the head starts at random."
            )
        if self.left_out:
            lines.append("  The head starts at random, because TRAIN.CHECKPOINT_SKIP_HEAD is True.")
        shapes = [
            f"{name} {list(a)} in the file, {list(b)} here"
            for name, (a, b) in self.shapes.items()
            if name not in other_heads
        ]
        for title, entries in (
            ("missing in the file", _by_module(self.missing)),
            ("not in the model", _by_module(self.unexpected)),
            ("of another shape", shapes),
        ):
            if entries:
                more = f"; and {len(entries) - _LISTED} more" if len(entries) > _LISTED else ""
                lines.append(f"  {title}: {'; '.join(entries[:_LISTED])}{more}")
        if self.inflated:
            lines.append(f"  {len(self.inflated)} 2D kernels were spread over time.")
        if self.num_skipped:
            lines.append(
                f"  {self.num_skipped} entries of the file are not weights (for example momenta)."
            )
        return "\n".join(lines)


def _by_module(names: Iterable[str]) -> list[str]:
    """Joins the names of each module: ``head.projection.{weight,bias}``."""
    modules: dict[str, list[str]] = {}
    for name in names:
        module, _, leaf = name.rpartition(".")
        modules.setdefault(module, []).append(leaf)
    return [
        f"{module}{'.' if module else ''}"
        + (leaves[0] if len(leaves) == 1 else "{" + ",".join(leaves) + "}")
        for module, leaves in modules.items()
    ]


def load_weights(
    model: nn.Module,
    state: Mapping[str, torch.Tensor],
    *,
    inflate: bool = False,
    pad_dims: bool = False,
    clear_patterns: Iterable[str] = (),
    skip_head: bool = False,
) -> LoadReport:
    """Copies the entries of a state dict whose names and shapes agree into a network.

    Args:
        model: may be wrapped (DistributedDataParallel, torch.compile).
        state: tensors by name.
        inflate: whether a 2D kernel (N, C, h, w) or (N, C, 1, h, w) is repeated over the T frames
            of the model's (N, C, T, h, w) and divided by T (Carreira and Zisserman, 2017).
        pad_dims: whether tensors of fewer dimensions get trailing ones.
        clear_patterns: texts removed from the names in ``state``.
        skip_head: whether the network keeps its present projection.

    Returns:
        What matched and what did not.
    """
    network = unwrap(model)
    own = network.state_dict()
    state = _plain_names(state, tuple(clear_patterns))
    state = to_sub_batch_norm(to_plain_batch_norm(state), own)
    report = LoadReport()
    matching = {}
    for name, target in own.items():
        if skip_head and name.startswith(HEAD):
            report.left_out.append(name)
            continue
        if name not in state:
            if not name.endswith(_COUNTER):
                report.missing.append(name)
            continue
        value, was_inflated = _reshape(state[name], target.shape, inflate, pad_dims)
        if value.shape != target.shape:
            report.shapes[name] = (tuple(state[name].shape), tuple(target.shape))
            continue
        matching[name] = value
        if was_inflated:
            report.inflated.append(name)
        if not name.endswith(_COUNTER):
            report.matched.append(name)
    report.unexpected = [n for n in state if n not in own and not n.endswith(_COUNTER)]
    network.load_state_dict(matching, strict=False)
    return report


def _plain_names(
    state: Mapping[str, torch.Tensor], patterns: tuple[str, ...]
) -> dict[str, torch.Tensor]:
    renamed = {}
    for name, value in state.items():
        while name.startswith(_WRAPPERS):
            name = name.split(".", 1)[1]
        for pattern in patterns:
            name = name.replace(pattern, "")
        renamed[name] = value
    return renamed


def _reshape(
    value: torch.Tensor, shape: torch.Size, inflate: bool, pad_dims: bool
) -> tuple[torch.Tensor, bool]:
    if inflate and len(shape) == 5 and value.shape != shape:
        flat = value.squeeze(2) if value.ndim == 5 and value.shape[2] == 1 else value
        if flat.shape == (*shape[:2], *shape[3:]):
            frames = shape[2]
            return flat.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames, True
    if pad_dims and value.ndim < len(shape):
        value = value.reshape(*value.shape, *(1,) * (len(shape) - value.ndim))
    return value, False
