"""A running average of the weights, which often scores higher than the last weights.

After each step, average = decay * average + (1 - decay) * weights (Polyak and Juditsky, 1992, with
exponential weights). The average starts from the weights at its creation. After n steps their share
is decay^n. Running statistics of norm layers are averaged too.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from slowfast.utils.distributed import unwrap


class AveragedWeights:
    """The average of the weights of a network in training.

    Args:
        model: the network, wrapped or not, on its device.
        decay: the share of the old average after a step, below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        followed = unwrap(model)
        groups = (getattr(layer, "process_group", None) for layer in followed.modules())
        # A copy of a layer shares its process group, because process groups cannot be copied.
        self._network = copy.deepcopy(followed, {id(group): group for group in groups})
        self._network.requires_grad_(False)
        self._followed = followed
        self._average = get_ema_multi_avg_fn(decay)

    @property
    def network(self) -> nn.Module:
        """The averaged network, for evaluation.

        It is in training mode, because `SubBatchNorm3d` folds its statistics when the mode changes
        to evaluation.
        """
        return self._network.train()

    @torch.no_grad()
    def update(self) -> None:
        """Adds the weights after a step to the average. It does not wait for the device."""
        # The buffers are looked up each time, because precise norm statistics replace them.
        own, new = ([*m.parameters(), *m.buffers()] for m in (self._network, self._followed))
        pairs = list(zip(own, new, strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        others = [pair for pair in pairs if not pair[0].is_floating_point()]
        self._average(*map(list, zip(*floats, strict=True)), None)
        if others:  # batch counters of norm layers
            torch._foreach_copy_(*map(list, zip(*others, strict=True)))

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged tensors, by the names of the network's own state."""
        return self.network.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores an average from `state_dict`."""
        self._network.load_state_dict(state)
