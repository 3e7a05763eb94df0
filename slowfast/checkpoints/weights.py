"""Copying weights into a network, with a report of what matched and what did not.

A file may name entries as another library or a wrapped network does. It may have statistics of
plain batch norm for a network with sub-batch norm, 2D kernels for 3D ones, or a head for other
classes. Each case is converted here or listed in :class:`LoadReport`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.norms.frozen import is_of_classifier
from slowfast.checkpoints.formats.places import Place
from slowfast.checkpoints.namings import Fit, find_fit
from slowfast.checkpoints.namings.network_of import differing_settings
from slowfast.checkpoints.namings.own import OwnNames
from slowfast.checkpoints.namings.sub_batch_norm import to_plain_batch_norm, to_sub_batch_norm
from slowfast.utils.distributed import unwrap

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
        widened: matched kernels that read further channels here, which stay random.
        neutral: entries that the network of the file lacks and that change nothing.
        not_there: entries of the network for which the network of the file has no counterpart.
        left_out: the network's head entries, if the head of the file was not wanted.
        num_skipped: number of entries of the file that are not weights.
        naming: how the entries of the file are named; "" for a file of SlowFast as it is.
        where: the prefix of the names and their place in the file.
        num_mapped: number of entries of the file that the network has, whatever their names.
        num_in_file: number of weights in the file.
        network: the settings in which the network of the file differs; "" if none is known.
        cautions: sentences on how the network differs from the one of the weights.
        settings: values of configuration keys with which the weights were trained.
    """

    matched: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)
    inflated: list[str] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)
    neutral: list[str] = field(default_factory=list)
    not_there: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    num_skipped: int = 0
    naming: str = ""
    where: str = ""
    num_mapped: int = 0
    num_in_file: int = 0
    network: str = ""
    cautions: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def num_wanted(self) -> int:
        """Number of entries of the network, without batch counters."""
        lists = (self.matched, self.missing, self.shapes, self.left_out)
        return sum(map(len, (*lists, self.neutral, self.not_there)))

    @property
    def same_entries(self) -> bool:
        """Whether file and network have the same entries with the same shapes."""
        return not (self.missing or self.unexpected or self.shapes or self.not_there)

    @property
    def is_complete(self) -> bool:
        """Whether the entries are the same and all of them were loaded."""
        return self.same_entries and not self.left_out

    @property
    def head_differs(self) -> bool:
        """Whether the head in the file is for another number of classes."""
        return bool(self.other_heads())

    @property
    def has_head(self) -> bool:
        """Whether the network got the classifier of the file, or has none of this name."""
        not_loaded = (*self.missing, *self.shapes, *self.left_out)
        return not any(is_of_classifier(name) for name in not_loaded)

    @property
    def share_outside_head(self) -> float:
        """Share of the network's entries outside the head that the file has, from 0 to 1.

        Entries without a counterpart in networks of the file's kind do not count.
        """
        loaded, not_loaded = (
            sum(not is_of_classifier(name) for name in names)
            for names in ([*self.matched, *self.neutral], [*self.missing, *self.shapes])
        )
        return loaded / (loaded + not_loaded) if loaded + not_loaded else 1.0

    def other_heads(self) -> dict[str, tuple[int, int]]:
        """Returns the head entries for other classes: classes in the file, in the network."""
        return {
            name: (in_file[0], here[0])
            for name, (in_file, here) in self.shapes.items()
            if is_of_classifier(name) and in_file and here and in_file[0] != here[0]
        }

    def __str__(self) -> str:
        lines = [f"Weights: {len(self.matched)} of {self.num_wanted} entries of the model matched."]
        if self.naming:
            lines.append(
                f"  {self.naming}{self.where}: {self.num_mapped} of {self.num_in_file} entries of "
                "the file mapped."
            )
        other_heads = self.other_heads()
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
        if self.network and (shapes or self.missing):
            lines.append(f"  The network of the file has {self.network}.")
        if self.inflated:
            lines.append(f"  {len(self.inflated)} 2D kernels were spread over time.")
        elif shapes and all(
            _is_flat(*pair) for name, pair in self.shapes.items() if name not in other_heads
        ):
            lines.append(
                "  The file has 2D kernels for 3D ones here. TRAIN.CHECKPOINT_INFLATE True spreads "
                "them over time."
            )
        if self.widened:
            lines.append(
                f"  {len(self.widened)} kernels read more channels here than in the file. The "
                "weights of the further channels start at random."
            )
        if self.not_there:
            lines.append(
                f"  {len(self.not_there)} entries start at random, because networks of the file's "
                f"kind have none like them: {'; '.join(_by_module(self.not_there)[:2])}; ..."
            )
        if self.neutral:
            lines.append(
                "  The network of the file has no "
                f"{'; '.join(_by_module(self.neutral)[:_LISTED])}: values that change nothing in "
                "evaluation take their place."
            )
        if self.num_skipped:
            lines.append(
                f"  {self.num_skipped} entries of the file are not weights (for example momenta)."
            )
        return "\n".join([*lines, *(f"  {caution}" for caution in self.cautions)])


def _is_flat(in_file: Sequence[int], here: Sequence[int]) -> bool:
    """Whether a kernel differs from a 3D one only in that it has no time, or one frame."""
    flat = tuple(in_file[:2]) + tuple(in_file[-2:])
    frames = tuple(in_file[2:-2])
    return len(here) == 5 and frames in ((), (1,)) and flat == (*here[:2], *here[3:])


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
    clear_patterns: Iterable[str] = (),
    skip_head: bool = False,
) -> LoadReport:
    """Copies the entries of a state dict whose names and shapes agree into a network.

    Args:
        model: may be wrapped (DistributedDataParallel, torch.compile).
        state: tensors by name, under any naming of `slowfast.checkpoints.namings`.
        inflate: whether a 2D kernel (N, C, h, w) or (N, C, 1, h, w) is repeated over the T frames
            of the model's (N, C, T, h, w) and divided by T (Carreira and Zisserman, 2017). Kernels
            of an image network are spread in any case.
        clear_patterns: texts removed from the names in ``state``.
        skip_head: whether the network keeps its present projection.

    Returns:
        What matched and what did not.

    Raises:
        UserError: no network here computes what the weights were trained for.
    """
    options = {"inflate": inflate, "skip_head": skip_head}
    return load_from(model, [Place("", state)], clear_patterns=clear_patterns, **options)


def load_from(
    model: nn.Module,
    places: Sequence[Place],
    *,
    inflate: bool = False,
    clear_patterns: Iterable[str] = (),
    skip_head: bool = False,
    averaged: bool = False,
) -> LoadReport:
    """Copies weights from the place of a file that fits a network best; see `load_weights`.

    Args:
        places: where in the file weights can lie.
        averaged: whether a running average is preferred, where a file has both.
    """
    network = unwrap(model)
    own = network.state_dict()
    wanted = [name for name in to_plain_batch_norm(own) if not name.endswith(_COUNTER)]
    fit = find_fit(places, wanted, tuple(clear_patterns), averaged=averaged)
    naming = fit.naming or OwnNames()
    if refusal := naming.refusal(fit.state):
        raise UserError(f"the file has {fit}: {refusal}.")
    report = _described(fit, {*wanted})
    state = {
        here: naming.convert(here, fit.state[there], fit.state) for here, there in fit.names.items()
    }
    shapes = {name: value.shape for name, value in state.items()}
    neutral = {name: _neutral(network, name) for name in naming.neutral(fit.state, {*wanted})}
    neutral = to_sub_batch_norm(neutral, own)
    state = to_sub_batch_norm(state, own) | neutral
    of_images = naming.is_of_images(fit.state)
    matching = {}
    for name, target in own.items():
        if skip_head and is_of_classifier(name):
            report.left_out.append(name)
            continue
        if name not in state:
            if not name.endswith(_COUNTER):
                has_one = naming.has_counterpart(name)
                (report.missing if has_one else report.not_there).append(name)
            continue
        value, was_inflated = _reshape(state[name], target, inflate or of_images, naming.pads)
        if value.shape != target.shape and of_images and _reads_less(value, target):
            value = torch.cat([value.to(target), target[:, value.shape[1] :]], dim=1)
            report.widened.append(name)
        if value.shape != target.shape:
            report.shapes[name] = (tuple(state[name].shape), tuple(target.shape))
            continue
        matching[name] = value
        if was_inflated:
            report.inflated.append(name)
        if not name.endswith(_COUNTER):
            (report.neutral if name in neutral else report.matched).append(name)
    if broken := [name for name, value in matching.items() if not value.isfinite().all()]:
        report.cautions.append(
            f"{len(broken)} entries have values that are not finite, such as {broken[0]}: scores "
            "will be nan. Name another file."
        )
    if not report.same_entries:
        report.network = differing_settings(shapes, {name: x.shape for name, x in own.items()})
    network.load_state_dict(matching, strict=False)
    return report


def _described(fit: Fit, wanted: set[str]) -> LoadReport:
    """Returns a report of what a file has, before any of it is loaded."""
    naming = fit.naming or OwnNames()
    here = {there: name for name, there in fit.names.items()}
    weights = [n for n in fit.state if naming.is_weight(n) and not n.endswith(_COUNTER)]
    report = LoadReport(
        unexpected=[name for name in weights if here.get(name) not in wanted],
        num_skipped=sum(not naming.is_weight(name) for name in fit.state),
        naming="" if fit.is_own else fit.title,
        where=fit.where,
        num_mapped=sum(here.get(name) in wanted for name in weights),
        num_in_file=len(weights),
        cautions=naming.cautions(fit.state),
        settings=naming.settings(fit.state),
    )
    if fit.as_good:
        report.cautions.append(
            f"The file has as many entries that fit{' and'.join(fit.as_good)}; they are not loaded."
        )
    return report


def _neutral(network: nn.Module, name: str) -> torch.Tensor:
    """Returns the value of an entry of a norm, or of a bias, that changes nothing."""
    module, _, leaf = name.rpartition(".")
    layer = network.get_submodule(module)
    layer = getattr(layer, "bn", layer)  # in sub-batch norm
    like = torch.zeros(layer.num_features if hasattr(layer, "num_features") else layer.out_channels)
    return like + {"weight": 1.0, "running_var": 1.0 - getattr(layer, "eps", 0.0)}.get(leaf, 0.0)


def _reads_less(value: torch.Tensor, target: torch.Tensor) -> bool:
    """Whether a kernel has fewer input channels than the network's, and is equal otherwise."""
    rest = (value.shape[:1] + value.shape[2:], target.shape[:1] + target.shape[2:])
    return value.ndim == 5 and rest[0] == rest[1] and value.shape[1] < target.shape[1]


def spread_over_time(kernel: torch.Tensor, frames: int) -> torch.Tensor:
    """Returns a 2D kernel (N, C, h, w) as a 3D one (N, C, T, h, w), repeated and divided by T.

    On a still clip the 3D kernel gives what the 2D kernel gives on its image (Carreira and
    Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017).
    """
    return kernel.unsqueeze(2).repeat(1, 1, frames, 1, 1) / frames


def _reshape(
    value: torch.Tensor, target: torch.Tensor, inflate: bool, pad_dims: bool
) -> tuple[torch.Tensor, bool]:
    """Returns a tensor in the form of the network's, and whether it was spread over time."""
    shape = target.shape
    if inflate and len(shape) == 5 and value.shape != shape:
        flat = value.squeeze(2) if value.ndim == 5 and value.shape[2] == 1 else value
        if flat.ndim == 4 and flat.shape[2:] == shape[3:]:
            return spread_over_time(flat, shape[2]), shape[2] > 1
    if pad_dims and value.ndim < len(shape):
        value = value.reshape(*value.shape, *(1,) * (len(shape) - value.ndim))
    return value, False
