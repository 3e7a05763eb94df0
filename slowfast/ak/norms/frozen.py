"""Parts of a network that training leaves as they are: all below the classifier, or the norms.

Notable: both are done to a network that is there already, whoever built it.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.errors import UserError

HEAD = "head.projection."  # what all networks call the parameters of their classifier


def freeze_below_projection(network: nn.Module) -> None:
    """Let the head's projection alone be trained.

    The parameters below need no gradient: no graph is kept of them, and optimizer, weight decay
    and DistributedDataParallel pass them by. Norm statistics stay too with MODEL.FROZEN_BN.

    Raises:
        UserError: the network has no ``head.projection``.
    """
    parameters = dict(network.named_parameters())
    if not any(name.startswith(HEAD) for name in parameters):
        raise UserError(
            f"MODEL.DETACH_FINAL_FC: trains {HEAD}* alone, and {type(network).__name__} has no "
            "such parameters; set it False, or name its last layer so."
        )
    for name, parameter in parameters.items():
        parameter.requires_grad_(name.startswith(HEAD))


class FrozenNorm(nn.Module):
    """Mixed into a norm layer: it normalises by its running statistics, in training too, and
    keeps them, its weight and its bias as they were loaded; gradients pass through."""

    def train(self, mode: bool = True) -> FrozenNorm:
        """Stay in evaluation mode, whatever is asked."""
        return super().train(False)


def freeze_norms(network: nn.Module) -> None:
    """Turn each batch norm of a network, of any kind, into one that is a `FrozenNorm` too."""
    for layer in list(network.modules()):
        is_norm = isinstance(layer, _NormBase) or hasattr(layer, "split_bn")  # sub-batch norm
        if is_norm and not isinstance(layer, FrozenNorm):
            kind = type(layer)
            layer.__class__ = type(f"Frozen{kind.__name__}", (FrozenNorm, kind), {})
            layer.requires_grad_(False)
            layer.eval()
