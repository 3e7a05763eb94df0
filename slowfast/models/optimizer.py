"""The optimizer, with the published parameter groups, and what a step does to gradients.

Notable: groups stand in a fixed order (normalisation, all others, without decay), because the
optimizer state in a checkpoint knows parameters by their place alone.
"""

from collections.abc import Iterable

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.errors import UserError
from slowfast.utils import lr_policy


def parameter_kind(owner: nn.Module, name: str, parameter: nn.Parameter) -> str:
    """What a parameter is to weight decay: "norm", "exempt" or "plain".

    Args:
        owner: the module that holds it.
        name: its name there.

    Returns:
        "norm" for weight and bias of batch (and sub-batch) normalisation, "exempt" for other
        biases and vectors, which SOLVER.ZERO_WD_1D_PARAM spares, "plain" for all else.
    """
    if isinstance(owner, _NormBase):
        return "norm"
    return "exempt" if parameter.ndim == 1 or name == "bias" else "plain"


def parameter_groups(
    model: nn.Module, weight_decay: float, norm_weight_decay: float, exempt_vectors: bool = False
) -> list[dict]:
    """Every trainable parameter once, in groups by weight decay; empty groups are left out.

    Args:
        model: parameters with ``requires_grad`` False are left out.
        weight_decay: of all parameters that have no other.
        norm_weight_decay: of weights and biases of batch (and sub-batch) normalisation.
        exempt_vectors: whether biases and other vectors outside normalisation have no decay.
    """
    decays = {"norm": norm_weight_decay, "plain": weight_decay, "exempt": 0.0}
    members: dict[str, list[nn.Parameter]] = {kind: [] for kind in decays}
    for path, parameter in model.named_parameters():
        if parameter.requires_grad:
            owner, _, name = path.rpartition(".")
            kind = parameter_kind(model.get_submodule(owner), name, parameter)
            members["plain" if kind == "exempt" and not exempt_vectors else kind].append(parameter)
    return [{"params": members[k], "weight_decay": decays[k]} for k in decays if members[k]]


def construct_optimizer(model: nn.Module, cfg: CfgNode) -> torch.optim.Optimizer:
    """SGD, Adam or AdamW, as SOLVER says.

    Raises:
        UserError: SOLVER.OPTIMIZING_METHOD is unknown, or nothing of the model is trainable.
    """
    solver = cfg.SOLVER
    groups = parameter_groups(
        model, solver.WEIGHT_DECAY, cfg.BN.WEIGHT_DECAY, solver.ZERO_WD_1D_PARAM
    )
    if not groups:
        raise UserError("The model has no trainable parameter: all are frozen.")
    shared = {"lr": solver.BASE_LR, "weight_decay": solver.WEIGHT_DECAY, **_implementation(groups)}
    if solver.OPTIMIZING_METHOD == "sgd":
        return torch.optim.SGD(
            groups,
            momentum=solver.MOMENTUM,
            dampening=solver.DAMPENING,
            nesterov=solver.NESTEROV,
            **shared,
        )
    if solver.OPTIMIZING_METHOD == "adam":
        return torch.optim.Adam(groups, betas=tuple(solver.BETAS), **shared)
    if solver.OPTIMIZING_METHOD == "adamw":
        return torch.optim.AdamW(groups, betas=tuple(solver.BETAS), **shared)
    raise UserError(
        f"SOLVER.OPTIMIZING_METHOD: there is no {solver.OPTIMIZING_METHOD!r}; "
        "choose sgd, adam or adamw."
    )


def _implementation(groups: list[dict]) -> dict[str, bool]:
    """Fused kernels on CUDA; on the CPU torch's loop, whose results the tests pin."""
    on_cuda = all(
        parameter.is_cuda and parameter.is_floating_point()
        for group in groups
        for parameter in group["params"]
    )
    return {"fused": True} if on_cuda else {"foreach": False}


def get_epoch_lr(cur_epoch: float, cfg: CfgNode) -> float:
    """The learning rate at a fractional epoch."""
    return lr_policy.get_lr_at_epoch(cfg, cur_epoch)


def set_lr(optimizer: torch.optim.Optimizer, new_lr: float) -> None:
    """Gives all groups this learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = new_lr


def clip_gradients(
    parameters: nn.Module | Iterable[torch.Tensor],
    max_value: float | None = None,
    max_norm: float | None = None,
) -> torch.Tensor:
    """Clips gradients in place, and measures them; waits for no device.

    Args:
        parameters: a model or its parameters; those without a gradient are passed over.
        max_value: SOLVER.CLIP_GRAD_VAL, the largest size of one element; None or 0: no bound.
        max_norm: SOLVER.CLIP_GRAD_L2NORM, the largest norm of all of them; None or 0: no bound.
            Looked at only where ``max_value`` is none.

    Returns:
        The L2 norm of all gradients before they were clipped, a scalar tensor.
    """
    if isinstance(parameters, nn.Module):
        parameters = parameters.parameters()
    parameters = [parameter for parameter in parameters if parameter.grad is not None]
    norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters])
    if max_value:
        nn.utils.clip_grad_value_(parameters, max_value)
    elif max_norm:
        nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)
    return norm
