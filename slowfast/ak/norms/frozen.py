"""Freezes parts of a network: everything below the classifier, or the norm layers.

Both functions change a network that exists already, so that they work with any builder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.errors import UserError

HEAD = "head.projection."  # the names of the classifier's parameters begin with it
# A network that scores several label sets has a classifier for each, `head._<set>_head`.
# The networks of pytorchvideo are in `model`. Its transformers have a head, and can have layers
# `proj` in their blocks. Its other networks have no head: the last block has the classifier.
_HEAD = re.compile(r"head\.(projection|_\w+_head)\.|model\.head\.proj\.")
_LAST_BLOCK = re.compile(r"model\.blocks\.\d+\.proj\.")


def classifier_of(names: Iterable[str]) -> frozenset[str]:
    """The names, of all parameters of a network, that belong to its classifier."""
    names = list(names)
    return frozenset(filter(_HEAD.match, names)) or frozenset(filter(_LAST_BLOCK.match, names))


def freeze_below_projection(network: nn.Module) -> None:
    """Freezes all parameters except the head's projection.

    Frozen parameters need no gradient, so that the backward pass, the optimizer, weight decay and
    DistributedDataParallel skip them. MODEL.FROZEN_BN freezes the norm statistics too.

    Raises:
        UserError: the network has no ``head.projection``.
    """
    parameters = dict(network.named_parameters())
    classifier = classifier_of(parameters)
    if not classifier:
        raise UserError(
            f"MODEL.DETACH_FINAL_FC: trains {HEAD}* only, and {type(network).__name__} has no "
            "such parameters; set the key to False, or give the last layer this name."
        )
    for name, parameter in parameters.items():
        parameter.requires_grad_(name in classifier)


class FrozenNorm(nn.Module):
    """A mixin for norm layers that stay as they were loaded, in training too.

    The layer normalises with its running statistics. Statistics, weight and bias do not change.
    Gradients pass through.
    """

    def train(self, mode: bool = True) -> FrozenNorm:
        """Stays in evaluation mode, whatever `mode` is."""
        return super().train(False)


def freeze_norms(network: nn.Module) -> None:
    """Makes each batch norm of a network, of any kind, a `FrozenNorm` too."""
    for layer in list(network.modules()):
        is_norm = isinstance(layer, _NormBase) or hasattr(layer, "split_bn")  # sub-batch norm
        if is_norm and not isinstance(layer, FrozenNorm):
            kind = type(layer)
            layer.__class__ = type(f"Frozen{kind.__name__}", (FrozenNorm, kind), {})
            layer.requires_grad_(False)
            layer.eval()
