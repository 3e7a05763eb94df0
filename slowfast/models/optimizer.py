"""The optimizer with the published parameter groups, its learning rate, and gradient clipping.

The groups have a fixed order, because the optimizer state in a checkpoint identifies parameters by
their position: normalisation, all others, without decay; with layer decay in the order in which the
network has their parameters. The saved state does not say which kernels computed it. Loaded state
gets the memory layout of the parameters.

With SOLVER.LAYER_DECAY below 1 a layer learns slower the further it is from the head (Clark et al.,
"ELECTRA", ICLR 2020; Bao et al., "BEiT", ICLR 2022). A network that knows the order of its layers
has ``depth``, the number of layers between the first and the last, and ``layer_of(name)``, which
gives the number of the layer of a parameter: 0 for the first, ``depth + 1`` for the last, the head.
A network can also have ``undecayed()``: the names of parameters that never have weight decay.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from fvcore.common.config import CfgNode
from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from slowfast.ak.errors import UserError
from slowfast.models import lr_policy
from slowfast.models.optimizers.lars import Lars
from slowfast.utils.distributed import unwrap


def parameter_kind(owner: nn.Module, name: str, parameter: nn.Parameter) -> str:
    """The kind of a parameter for weight decay: "norm", "exempt" or "plain".

    Args:
        owner: the module that has the parameter.
        name: the name of the parameter in this module.

    Returns:
        "norm" for weight and bias of batch and sub-batch normalisation; "exempt" for other biases
        and vectors, which have no decay with SOLVER.ZERO_WD_1D_PARAM; "plain" for all others.
    """
    if isinstance(owner, _NormBase):
        return "norm"
    return "exempt" if parameter.ndim == 1 or name == "bias" else "plain"


def parameter_groups(
    model: nn.Module,
    weight_decay: float,
    norm_weight_decay: float,
    exempt_vectors: bool = False,
    layer_decay: float = 1.0,
    lars: bool = False,
) -> list[dict]:
    """Groups of parameters by weight decay and layer, with every trainable parameter once.

    Args:
        model: the network. Parameters with ``requires_grad`` False are left out.
        weight_decay: the decay of "plain" parameters.
        norm_weight_decay: the decay of weights and biases of batch and sub-batch normalisation.
        exempt_vectors: whether biases and other vectors outside normalisation have no decay.
        layer_decay: the learning rate of a layer, divided by that of the next layer.
        lars: whether `Lars` changes the gradients of parameters outside normalisation.

    Returns:
        The groups that have parameters, in a fixed order, each with ``params``, ``weight_decay``,
        ``layer_decay`` (the factor on the learning rate) and ``apply_LARS``.

    Raises:
        UserError: `layer_decay` is not 1, and the network does not know the order of its layers.
    """
    model = unwrap(model)
    decays = {"norm": norm_weight_decay, "plain": weight_decay, "exempt": 0.0}
    factor_of = _layer_factors(model, layer_decay)
    undecayed = set(model.undecayed()) if hasattr(model, "undecayed") else set()
    members: dict[tuple[float, str], list[nn.Parameter]] = {}
    if layer_decay == 1:
        members = {(1.0, kind): [] for kind in decays}
    for path, parameter in model.named_parameters():
        if parameter.requires_grad:
            owner, _, name = path.rpartition(".")
            kind = parameter_kind(model.get_submodule(owner), name, parameter)
            if path in undecayed:
                kind = "exempt"
            elif kind == "exempt" and not exempt_vectors:
                kind = "plain"
            members.setdefault((factor_of(path), kind), []).append(parameter)
    return [
        {
            "params": parameters,
            "weight_decay": decays[kind],
            "layer_decay": factor,
            "apply_LARS": lars and kind != "norm",
        }
        for (factor, kind), parameters in members.items()
        if parameters
    ]


def _layer_factors(model: nn.Module, layer_decay: float) -> Callable[[str], float]:
    """A function that gives the factor on the learning rate for the name of a parameter."""
    if layer_decay == 1:
        return lambda path: 1.0
    if not hasattr(model, "layer_of"):
        raise UserError(
            f"SOLVER.LAYER_DECAY: found {layer_decay}, and {type(model).__name__} does not know "
            "the order of its layers; set the key to 1.0, or give the network `depth` and "
            "`layer_of` (slowfast/models/optimizer.py)."
        )
    return lambda path: layer_decay ** (model.depth + 1 - model.layer_of(path))


def groups_from_cfg(model: nn.Module, cfg: CfgNode) -> list[dict]:
    """The `parameter_groups` of a network that SOLVER and BN ask for."""
    solver = cfg.SOLVER
    return parameter_groups(
        model,
        solver.WEIGHT_DECAY,
        cfg.BN.WEIGHT_DECAY,
        solver.ZERO_WD_1D_PARAM,
        solver.LAYER_DECAY,
        solver.LARS_ON,
    )


def construct_optimizer(model: nn.Module, cfg: CfgNode) -> torch.optim.Optimizer:
    """SGD, Adam or AdamW, as SOLVER says; with SOLVER.LARS_ON its steps use `Lars`.

    Raises:
        UserError: SOLVER.OPTIMIZING_METHOD is unknown, the model has no trainable parameter, or
            SOLVER.LAYER_DECAY does not suit the model.
    """
    solver = cfg.SOLVER
    groups = groups_from_cfg(model, cfg)
    if not groups:
        raise UserError("The model has no trainable parameter: all are frozen.")
    # The momentum that `_prepare_state` creates for fused SGD is zero. A dampened first step is
    # different from a step without momentum, so that it cannot start from zero.
    fused = cfg.SPEED.FUSED_OPTIMIZER
    fused = fused and not (solver.OPTIMIZING_METHOD == "sgd" and solver.DAMPENING)
    shared = {
        "lr": solver.BASE_LR,
        "weight_decay": solver.WEIGHT_DECAY,
        "fused": fused or None,  # with False PyTorch would not use its foreach kernels either
    }
    if solver.OPTIMIZING_METHOD == "sgd":
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
    if solver.LARS_ON:
        Lars().attach(optimizer)
    optimizer.register_state_dict_post_hook(_without_kernels)
    optimizer.register_load_state_dict_pre_hook(_with_own_kernels)
    optimizer.register_load_state_dict_post_hook(_prepare_state)
    _prepare_state(optimizer)
    return optimizer


# The entries of a group that choose kernels. They do not change what is computed.
_KERNELS = ("foreach", "fused")


def _without_kernels(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> dict[str, Any]:
    """The state without the choice of kernels, so that it can be loaded on every device."""
    return saved | {
        "param_groups": [group | dict.fromkeys(_KERNELS) for group in saved["param_groups"]]
    }


def _with_own_kernels(optimizer: torch.optim.Optimizer, saved: dict[str, Any]) -> dict[str, Any]:
    """The state to load, with the kernels of this run."""
    own = {name: optimizer.defaults[name] for name in _KERNELS}
    return saved | {"param_groups": [group | own for group in saved["param_groups"]]}


def _prepare_state(optimizer: torch.optim.Optimizer) -> None:
    """Prepares the state for fused kernels.

    They combine values by their position in memory, so that the state must have the layout of the
    parameters. PyTorch's fused SGD leaves its first momenta uninitialised if a gradient scaler
    skips the first step, so that they are set to zero here.
    """
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
    """Sets the learning rate; that of a group with ``layer_decay`` is multiplied by it."""
    for group in optimizer.param_groups:
        group["lr"] = new_lr * group.get("layer_decay", 1.0)


def clip_gradients(
    parameters: nn.Module | Iterable[torch.Tensor],
    max_value: float | None = None,
    max_norm: float | None = None,
) -> torch.Tensor:
    """Clips gradients in place and returns their norm. It does not wait for the device.

    Args:
        parameters: a model or its parameters. Parameters without a gradient are skipped.
        max_value: SOLVER.CLIP_GRAD_VAL, the largest absolute value of an element; None or 0: no
            limit.
        max_norm: SOLVER.CLIP_GRAD_L2NORM, the largest norm of all gradients; None or 0: no limit.
            It is used only if there is no `max_value`.

    Returns:
        The L2 norm of all gradients before clipping, a scalar tensor.
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
