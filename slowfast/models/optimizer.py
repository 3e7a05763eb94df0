"""The optimizer, with the published parameter groups, and what a step does to gradients.

Notable: groups stand in a fixed order (normalisation, all others, without decay), because the
optimizer state in a checkpoint knows parameters by their place alone. That state is contiguous
there, and says nothing of kernels; read back, it lies in memory as the parameters do.
"""

from collections.abc import Iterable
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.errors import UserError
from slowfast.models import lr_policy


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
    shared = {
        "lr": solver.BASE_LR,
        "weight_decay": solver.WEIGHT_DECAY,
        "fused": cfg.SPEED.FUSED_OPTIMIZER,
    }
    if solver.OPTIMIZING_METHOD == "sgd":
        # Without dampening a momentum of zero does to the first step what having none does.
        shared["fused"] &= not solver.DAMPENING
        optimizer = torch.optim.SGD(
            groups,
            momentum=solver.MOMENTUM,
            dampening=solver.DAMPENING,
            nesterov=solver.NESTEROV,
            **shared,
        )
    elif solver.OPTIMIZING_METHOD == "adam":
        optimizer = torch.optim.Adam(groups, betas=tuple(solver.BETAS), **shared)
    elif solver.OPTIMIZING_METHOD == "adamw":
        optimizer = torch.optim.AdamW(groups, betas=tuple(solver.BETAS), **shared)
    else:
        raise UserError(
            f"SOLVER.OPTIMIZING_METHOD: there is no {solver.OPTIMIZING_METHOD!r}; "
            "choose sgd, adam or adamw."
        )
    optimizer.register_state_dict_post_hook(_without_arrangement)
    optimizer.register_load_state_dict_pre_hook(_with_own_kernels)
    optimizer.register_load_state_dict_post_hook(_prepare_momenta)
    _prepare_momenta(optimizer)
    return optimizer


# What of a group says how it is computed, and not what.
_KERNELS = ("foreach", "fused")


def _without_arrangement(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> dict[str, Any]:
    """The state as every device and layout can take it."""
    state = {
        place: {k: v.contiguous() if torch.is_tensor(v) else v for k, v in values.items()}
        for place, values in saved["state"].items()
    }
    groups = [group | dict.fromkeys(_KERNELS) for group in saved["param_groups"]]
    return {"state": state, "param_groups": groups}


def _with_own_kernels(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> dict[str, Any]:
    """The state to be read, computed by the kernels that this run asks for."""
    own = {name: optimizer.defaults[name] for name in _KERNELS}
    return saved | {"param_groups": [group | own for group in saved["param_groups"]]}


def _prepare_momenta(optimizer: torch.optim.Optimizer) -> None:
    """Gives fused kernels what they take for granted: they go by places in memory, so that momenta
    have to lie as their parameters do, and SGD's leaves its first momenta without a value where a
    gradient scaler skips that step."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            state = optimizer.state.get(parameter, {})
            if group["fused"] and group.get("momentum"):
                state.setdefault("momentum_buffer", torch.zeros_like(parameter))
            for name, value in state.items():
                if torch.is_tensor(value) and value.shape == parameter.shape:
                    state[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
            if state:
                optimizer.state[parameter] = state


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
