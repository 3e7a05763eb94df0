"""Copying weights into a network, with a report of what matched and what did not.

A file may name entries as another library or a wrapped network does. It may have statistics of
plain batch norm for a network with sub-batch norm, 2D kernels for 3D ones, positions for another
crop, or a head for other classes. Each case is converted (`slowfast.checkpoints.fitting`) or listed
in a :class:`LoadReport`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from slowfast.ak.errors import UserError
from slowfast.ak.norms.frozen import classifier_of
from slowfast.checkpoints.fitting import kernels, positions
from slowfast.checkpoints.fitting.report import LoadReport
from slowfast.checkpoints.formats.places import Place
from slowfast.checkpoints.namings import Fit, find_fit
from slowfast.checkpoints.namings.network_of import differing_settings
from slowfast.checkpoints.namings.own import OwnNames
from slowfast.checkpoints.namings.sub_batch_norm import to_plain_batch_norm, to_sub_batch_norm
from slowfast.utils.distributed import unwrap

_COUNTER = "num_batches_tracked"


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
        inflate: whether weights of a network of images are converted for one of videos, and the
            reverse. A 2D kernel (N, C, h, w) or (N, C, 1, h, w) is repeated over the T frames of
            the model's (N, C, T, h, w) and divided by T (Carreira and Zisserman, 2017). A 3D kernel
            is summed over time. Positions are converted as `slowfast.checkpoints.fitting.positions`
            says. Kernels of the image networks of other libraries are spread in any case.
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
    shapes = {name: value.shape for name, value in (state or fit.state).items()}
    neutral = {name: _neutral(network, name) for name in naming.neutral(fit.state, {*wanted})}
    neutral = to_sub_batch_norm(neutral, own)
    state = to_sub_batch_norm(state, own) | neutral
    of_images = naming.is_of_images(fit.state)
    if inflate or of_images:
        converted = positions.between_images_and_videos(state, own)
        state, neutral = converted.state | converted.neutral, neutral | converted.neutral
        report.moved = converted.moved
        moved = {name for names, _ in converted.moved for name in names}
        here = naming.rename(fit.state)
        report.unexpected = [name for name in report.unexpected if here.get(name) not in moved]
    fitting = _Fitting(own, report, naming.pads, inflate or of_images, of_images)
    matching = {}
    for name, target in own.items():
        if skip_head and name in report.classifier:
            report.left_out.append(name)
            continue
        if name not in state:
            if not name.endswith(_COUNTER):
                has_one = naming.has_counterpart(name)
                (report.missing if has_one else report.not_there).append(name)
            continue
        value = fitting.fit(name, state[name])
        if value.shape != target.shape:
            report.shapes[name] = (tuple(state[name].shape), tuple(target.shape))
            continue
        matching[name] = value
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


@dataclass(frozen=True)
class _Fitting:
    """Gives entries of a file the shapes that a network has, and notes it in a report.

    Attributes:
        own: the entries of the network.
        report: where it is noted.
        pads: see `Naming`.
        across: whether kernels are converted between networks of images and of videos.
        widens: whether a kernel may lack input channels of the network's.
    """

    own: Mapping[str, torch.Tensor]
    report: LoadReport
    pads: bool
    across: bool
    widens: bool

    def fit(self, name: str, value: torch.Tensor) -> torch.Tensor:
        """Returns an entry in the network's shape, or as it is if that cannot be made of it."""
        target = self.own[name]
        if value.shape == target.shape:
            return value
        if self.across and (kernel := self._across(name, value, target)) is not None:
            return kernel
        if self.pads and value.ndim < target.ndim:
            value = value.reshape(*value.shape, *(1,) * (target.ndim - value.ndim))
        of_images = positions.takes_images(self.own)
        resized = positions.resized(name, value, target.shape, of_images=of_images)
        if resized is None:
            return value
        self.report.resized[name] = (tuple(value.shape), tuple(target.shape))
        return resized

    def _across(self, name: str, value: torch.Tensor, target: torch.Tensor) -> torch.Tensor | None:
        """Returns a kernel for the other kind of network; None if there is none of this shape."""
        if (kernel := kernels.for_images(value, target.shape)) is not None:
            self.report.summed.append(name)
            return kernel
        kernel = kernels.for_videos(value, target.shape)
        if kernel is not None and kernel.shape != target.shape and self.widens:
            kernel = kernels.with_further_channels(kernel, target)
            self.report.widened += [name] * (kernel is not None)
        if kernel is None or kernel.shape != target.shape:
            return None
        self.report.inflated += [name] * (target.shape[2] > 1)
        return kernel


def _described(fit: Fit, wanted: set[str]) -> LoadReport:
    """Returns a report of what a file has, before any of it is loaded."""
    naming = fit.naming or OwnNames()
    here = naming.rename(fit.state)  # several entries of a file can be one here
    weights = [n for n in fit.state if naming.is_weight(n) and not n.endswith(_COUNTER)]
    report = LoadReport(
        classifier=classifier_of(wanted),
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
        others = " and".join(dict.fromkeys(other.where for other in fit.as_good))
        caution = f"The file has as many entries that fit{others}; they are not loaded."
        if prefix := next((other.prefix for other in fit.as_good if other.prefix), ""):
            caution += f" TRAIN.CHECKPOINT_CLEAR_NAME_PATTERN \"['{prefix}']\" loads them instead."
        report.cautions.append(caution)
    return report


def _neutral(network: nn.Module, name: str) -> torch.Tensor:
    """Returns the value of an entry of a norm, or of a bias, that changes nothing."""
    module, _, leaf = name.rpartition(".")
    layer = network.get_submodule(module)
    layer = getattr(layer, "bn", layer)  # in sub-batch norm
    like = torch.zeros(layer.num_features if hasattr(layer, "num_features") else layer.out_channels)
    return like + {"weight": 1.0, "running_var": 1.0 - getattr(layer, "eps", 0.0)}.get(leaf, 0.0)
