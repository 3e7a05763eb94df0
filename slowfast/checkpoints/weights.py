"""Weights into a network: names and shapes made to agree, and a report of what did not.

Notable: a file may name parameters as a wrapped network does (``module.``), hold statistics of
plain batch norm where the network has sub-batch norm, 2D kernels for 3D ones, or a head of other
classes. Each is put right here, or told in :class:`LoadReport`.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from slowfast.ak.norms.frozen import HEAD
from slowfast.utils.distributed import unwrap

_WRAPPERS = ("module.", "_orig_mod.")
_COUNTER = "num_batches_tracked"
_LISTED = 5


@dataclass
class LoadReport:
    """What became of every entry of a file and of the network.

    Attributes:
        matched: entries of the network that the file gave.
        missing: entries of the network that the file lacks.
        unexpected: entries of the file that the network lacks.
        shapes: entries that both have, with the shape in the file and that in the network.
        inflated: matched ones that were spread from 2D over time.
        left_out: the head's entries, where the file's head was not wanted.
        num_skipped: number of entries of the file that are no weights.
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
        """Entries that the network has (batch counters aside)."""
        return len(self.matched) + len(self.missing) + len(self.shapes) + len(self.left_out)

    @property
    def is_as_wanted(self) -> bool:
        """Whether file and network hold the same entries, of the same shapes."""
        return not (self.missing or self.unexpected or self.shapes)

    @property
    def is_whole(self) -> bool:
        """Whether, besides, the network was given all of them."""
        return self.is_as_wanted and not self.left_out

    @property
    def head_differs(self) -> bool:
        """Whether the file's head is for another number of classes."""
        return bool(self._other_heads())

    @property
    def share_outside_head(self) -> float:
        """How much of the network's entries outside the head the file gave, from 0 to 1."""
        given, wanting = (
            sum(not name.startswith(HEAD) for name in names)
            for names in (self.matched, [*self.missing, *self.shapes])
        )
        return given / (given + wanting) if given + wanting else 1.0

    def _other_heads(self) -> dict[str, tuple[int, int]]:
        """Entries of the head that differ in classes, with those of the file and of the network."""
        return {
            name: (of_file[0], of_model[0])
            for name, (of_file, of_model) in self.shapes.items()
            if name.startswith(HEAD) and of_file and of_model and of_file[0] != of_model[0]
        }

    def __str__(self) -> str:
        lines = [f"Weights: {len(self.matched)} of {self.num_wanted} entries of the model matched."]
        other_heads = self._other_heads()
        if other_heads:
            of_file, of_model = next(iter(other_heads.values()))
            lines.append(
                f"  The head in the file is for {of_file} classes and this model's for {of_model}: "
                "all but the head is loaded, and the head starts anew."
            )
        if self.left_out:
            lines.append("  The head starts anew, as TRAIN.CHECKPOINT_SKIP_HEAD asks.")
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
                f"  {self.num_skipped} entries of the file are no weights (momenta and such)."
            )
        return "\n".join(lines)


def _by_module(names: Iterable[str]) -> list[str]:
    """Joins names of one module: ``head.projection.{weight,bias}``."""
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
        pad_dims: whether tensors of fewer dimensions gain trailing ones.
        clear_patterns: taken out of the names in ``state``.
        skip_head: whether the network keeps the projection that it has.

    Returns:
        What matched and what did not.
    """
    network = unwrap(model)
    own = network.state_dict()
    state = _plain_names(state, tuple(clear_patterns))
    state = to_sub_batch_norm(to_plain_batch_norm(state), own)
    report = LoadReport()
    agreed = {}
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
        agreed[name] = value
        if was_inflated:
            report.inflated.append(name)
        if not name.endswith(_COUNTER):
            report.matched.append(name)
    report.unexpected = [n for n in state if n not in own and not n.endswith(_COUNTER)]
    network.load_state_dict(agreed, strict=False)
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


def to_plain_batch_norm(state: Mapping[str, torch.Tensor]) -> "OrderedDict[str, torch.Tensor]":
    """A state dict in which sub-batch norm is named as plain batch norm: of each layer ``X``,
    ``X.bn.running_mean`` becomes ``X.running_mean``, and the splits' statistics are dropped."""
    layers = _sub_batch_norms(state)
    plain = OrderedDict()
    for name, value in state.items():
        parent, _, leaf = name.rpartition(".")
        layer, _, part = parent.rpartition(".")
        if layer not in layers or part not in ("bn", "split_bn"):
            plain[name] = value
        elif part == "bn":
            plain[f"{layer}.{leaf}"] = value
    return plain


def to_sub_batch_norm(
    state: Mapping[str, torch.Tensor], model_state: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The way back: each split of a sub-batch norm in the model gets the plain statistics."""
    named = dict(state)
    for layer in _sub_batch_norms(model_state):
        for leaf in ("running_mean", "running_var", _COUNTER):
            plain = named.pop(f"{layer}.{leaf}", None)
            if plain is None:
                continue
            for part in ("bn", "split_bn"):
                target = model_state[f"{layer}.{part}.{leaf}"]
                copies = max(1, target.numel() // plain.numel())
                named[f"{layer}.{part}.{leaf}"] = plain.repeat(copies) if plain.ndim else plain
    return named


def _sub_batch_norms(state: Mapping[str, torch.Tensor]) -> set[str]:
    """Names of the sub-batch-norm layers of a state dict."""
    return {name.rsplit(".split_bn.", 1)[0] for name in state if ".split_bn." in name}
