"""The optimizer and its learning rate."""

import torch
from slowfast.utils import lr_policy
from torch import nn


def construct_optimizer(model, cfg):
    solver, groups = cfg.SOLVER, {"norms": [], "rest": [], "free": []}
    for module in model.modules():
        is_norm = isinstance(module, nn.modules.batchnorm._NormBase)
        for weights in module.parameters(recurse=False):
            if not weights.requires_grad:
                continue
            free = solver.ZERO_WD_1D_PARAM and weights.ndim <= 1
            groups["norms" if is_norm else "free" if free else "rest"].append(weights)
    decays = {"norms": cfg.BN.WEIGHT_DECAY, "rest": solver.WEIGHT_DECAY, "free": 0.0}
    wanted = [{"params": groups[g], "weight_decay": decays[g]} for g in groups if groups[g]]
    if solver.OPTIMIZING_METHOD == "sgd":
        return torch.optim.SGD(
            wanted, lr=solver.BASE_LR, momentum=solver.MOMENTUM, nesterov=solver.NESTEROV
        )
    return torch.optim.AdamW(wanted, lr=solver.BASE_LR)


def get_epoch_lr(cur_epoch, cfg):
    return lr_policy.get_lr_at_epoch(cfg, cur_epoch)


def set_lr(optimizer, new_lr):
    for group in optimizer.param_groups:
        group["lr"] = new_lr


def get_grad_norm_(parameters, norm_type=2.0):
    norms = [torch.linalg.vector_norm(p.grad, norm_type) for p in parameters if p.grad is not None]
    return torch.linalg.vector_norm(torch.stack(norms), norm_type)
