"""Measures a checkout's parameter groups, and the steps of LARS."""

from __future__ import annotations

import zlib
from typing import Any

import torch
from torch import nn

from slowfast.models import build_model
from slowfast.models.optimizer import construct_optimizer, set_lr

from .files import Made, renewed
from .networks import PLAIN, fill_by_name, normal
from .settings import configured

RATE = 0.002  # of set_lr, for the rates of groups
DECIMALS = 9


def layer_decay(existing: Any, name: str) -> Made:
    """Makes the groups of the parameters of vision transformers."""
    cases, corrected = [], []
    for number, case in enumerate(existing["cases"]):
        cfg = configured(case["overrides"] | PLAIN)
        made = _groups_of(build_model(cfg), cfg)
        cases.append(renewed(case, made, "model", "overrides"))
        if _has_a_fault(case["overrides"]):
            corrected.append(f"cases[{number}].groups")
    reason = "upstream decays rel_pos_* and gives rev_backbone.* the rate of the head"
    return Made(renewed(existing, {"cases": cases}, *existing), corrected={reason: corrected})


def _has_a_fault(overrides: dict[str, Any]) -> bool:
    """Whether upstream's groups are not those that layer decay asks for."""
    relative = overrides.get("MVIT.REL_POS_SPATIAL", False)
    undecayed = relative and overrides.get("MVIT.ZERO_DECAY_POS_CLS", True)
    has_layers = overrides.get("SOLVER.LAYER_DECAY", 1.0) < 1
    return has_layers and (undecayed or overrides.get("MVIT.REV.ENABLE", False))


def _groups_of(model: nn.Module, cfg: Any) -> dict[str, Any]:
    optimizer = construct_optimizer(model, cfg)
    set_lr(optimizer, RATE)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    groups = [
        {
            "weight_decay": group["weight_decay"],
            "layer_decay": group["layer_decay"],
            f"lr_after_set_lr_{RATE}": group["lr"],
            "params": [names[id(parameter)] for parameter in group["params"]],
        }
        for group in optimizer.param_groups
    ]
    used = {name for group in groups for name in group["params"]}
    return {"groups": groups, "not_optimised": [n for n in names.values() if n not in used]}


def lars(existing: Any, name: str) -> Made:
    """Makes two steps of an optimizer, with LARS and without."""
    cases, corrected = [], []
    for number, case in enumerate(existing["cases"]):
        settings = case["settings"]
        cases.append(renewed(case, _steps(case), "settings"))
        if settings["SOLVER.LARS_ON"] and not settings.get("SOLVER.ZERO_WD_1D_PARAM", False):
            corrected += [
                f"cases[{number}].steps[{step}].parameters.{vector}"
                for step in range(len(case["steps"]))
                for vector in ("conv.bias", "fc.bias")
            ]
    reason = "upstream drops the weight decay of vectors in groups with LARS"
    return Made(renewed(existing, {"cases": cases}, *existing), corrected={reason: corrected})


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.zero = nn.Parameter(torch.zeros(2, 2))
        self.conv, self.bn = nn.Conv3d(2, 3, (1, 2, 2)), nn.BatchNorm3d(3)
        self.fc = nn.Linear(3, 2)


def _steps(case: dict[str, Any]) -> dict[str, Any]:
    model = _Model()
    fill_by_name(model)
    nn.init.zeros_(model.zero)
    optimizer = construct_optimizer(model, configured(case["settings"]))
    parameters = dict(model.named_parameters())
    names = {id(parameter): name for name, parameter in parameters.items()}
    groups = [
        {
            "params": [names[id(parameter)] for parameter in group["params"]],
            "weight_decay": group["weight_decay"],
            "apply_LARS": group["apply_LARS"],
        }
        for group in optimizer.param_groups
    ]
    steps = []
    for number, step in enumerate(case["steps"], start=1):
        for name, parameter in parameters.items():
            seed = zlib.crc32(f"grad{number}.{name}".encode())
            parameter.grad = 0.1 * normal(seed, parameter.shape)
        set_lr(optimizer, step["lr"])
        optimizer.step()
        values = {name: _rounded(parameter) for name, parameter in parameters.items()}
        steps.append({"lr": step["lr"], "parameters": values})
    decays = [group["weight_decay"] for group in optimizer.param_groups]
    return {"groups": groups, "steps": steps, "weight_decay_of_groups_afterwards": decays}


def _rounded(x: torch.Tensor) -> list[float]:
    return [round(value, DECIMALS) for value in x.detach().flatten().tolist()]
