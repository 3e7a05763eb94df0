"""Inside a network: the outputs of its layers for a clip, and Grad-CAM.

Grad-CAM (Selvaraju et al., ICCV 2017) weights the channels of a layer by the mean gradient of the
score, and keeps the positive part of their sum. It starts from logits, since scores near 0 or 1
have almost no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from slowfast.ak.errors import UserError
from slowfast.ak.nearest import nearest
from slowfast.models.mvit import VisionTransformer
from slowfast.models.network import Pathways


def layers(network: nn.Module, key: str, names: Sequence[str]) -> dict[str, nn.Module]:
    """Returns layers by name; names are such as ``s5/pathway0_res2``, or have dots.

    Args:
        key: the configuration key that holds the names, for messages.

    Raises:
        UserError: the network has no layer of that name.
    """
    there, found = dict(network.named_modules()), {}
    for name in names:
        dotted = name.replace("/", ".")
        if dotted not in there:
            near = nearest(dotted, there)
            hint = f"did you mean {' or '.join(near)}?" if near else "the log has all layers."
            raise UserError(f"{key}: the network has no layer {name!r}; {hint}")
        found[name] = there[dotted]
    return found


def last_of_each_pathway(network: nn.Module) -> list[str]:
    """Returns the names of the last layer of each pathway; an empty list if they are unknown."""
    if isinstance(network, VisionTransformer) and not network.plan.reversible:
        # The class token does not depend on what the last block makes of the other tokens.
        return [f"blocks.{max(0, network.depth - 2)}"]
    stages = [(name, m) for name, m in network.named_children() if isinstance(m, Pathways)]
    if not stages:
        return []
    name, stage = stages[-1]
    last = {child.split("_")[0]: child for child, _ in stage.named_children()}
    return [f"{name}.{child}" for child in last.values()]


@contextmanager
def watched(shown: dict[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Collects the outputs (N, C, T, H, W) of layers while the block runs, by the same names.

    The tokens of a vision transformer, without the class token, become such maps.
    """
    seen: dict[str, Tensor] = {}

    def watch(name: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def keep(_: nn.Module, __: tuple, output: Any) -> Any:
            if isinstance(output, tuple):
                tokens, grid = output
                others, patches = tokens.tensor_split([tokens.shape[1] - math.prod(grid)], dim=1)
                seen[name] = patches.transpose(1, 2).unflatten(2, grid)
                return torch.cat([others, seen[name].flatten(2).transpose(1, 2)], dim=1), grid
            if not torch.is_tensor(output):
                seen.update({f"{name}, pathway {k}": part for k, part in enumerate(output)})
                return None
            seen[name] = output
            return output.clone()  # the next layer may overwrite its input

        return layer.register_forward_hook(keep)

    handles = [watch(name, layer) for name, layer in shown.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _giving_logits(network: nn.Module) -> Iterator[None]:
    """Makes the head, in evaluation, return logits instead of scores."""
    head = getattr(network, "head", None)
    activate = getattr(head, "activate", None)
    if activate is None:
        yield
        return
    head.activate = lambda logits: logits
    try:
        yield
    finally:
        head.activate = activate


def grad_cam(
    network: nn.Module, shown: dict[str, nn.Module], clip: list[Tensor], classes: Sequence[int]
) -> list[Tensor]:
    """Returns maps of the parts of a clip that raise the scores of some classes.

    Args:
        network: a network in evaluation mode.
        shown: one layer per pathway.
        clip: one tensor (1, 3, T, H, W) per pathway.
        classes: the classes whose scores are added up.

    Returns:
        For each pathway a map (T, H, W) in 0..1, on the CPU.
    """
    with torch.enable_grad(), watched(shown) as seen, _giving_logits(network):
        # With clips that require gradients, all layers have one, also frozen layers.
        logits = network([x.clone().requires_grad_() for x in clip])
        score = logits[0, list(classes)].sum()
        outputs = [seen[name] for name in shown]
        gradients = torch.autograd.grad(score, outputs)
    maps = []
    for x, output, gradient in zip(clip, outputs, gradients, strict=True):
        weights = gradient.mean(dim=(2, 3, 4), keepdim=True)
        heat = (weights * output).sum(dim=1, keepdim=True).relu().detach().float()
        heat = F.interpolate(heat, size=x.shape[2:], mode="trilinear", align_corners=False)[0, 0]
        maps.append((heat / heat.max().clamp_min(torch.finfo(heat.dtype).tiny)).cpu())
    return maps
