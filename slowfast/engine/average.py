"""A running average of the weights, which often scores higher than the weights themselves.

After each step, average = decay * average + (1 - decay) * weights (Polyak and Juditsky, 1992;
exponential, as most recent work has it). It starts from the weights as they are when it is made:
after n steps decay^n of them are left in it. Running statistics of norm layers are averaged too.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from slowfast.utils.distributed import unwrap


class AveragedWeights:
    """Follows a network that is trained.

    Args:
        model: the network, wrapped or not, on its device.
        decay: share of the average that a step leaves, below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        followed = unwrap(model)
        groups = (getattr(layer, "process_group", None) for layer in followed.modules())
        # Norm groups are shared, since they cannot be copied.
        self._network = copy.deepcopy(followed, {id(group): group for group in groups})
        self._network.requires_grad_(False)
        self._followed = followed
        self._average = get_ema_multi_avg_fn(decay)

    @property
    def network(self) -> nn.Module:
        """The averaged network, to be evaluated; in training mode, so that norm layers which fold
        their statistics when evaluation begins do so."""
        return self._network.train()

    @torch.no_grad()
    def update(self) -> None:
        """Takes the weights after a step in; waits for no device."""
        # Looked up anew: precise norm statistics put other buffers in their places.
        own, new = ([*m.parameters(), *m.buffers()] for m in (self._network, self._followed))
        pairs = list(zip(own, new, strict=True))
        floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._average(*map(list, zip(*floats, strict=True)), None)
        for own, new in pairs:
            if not own.is_floating_point():
                own.copy_(new)

    def state_dict(self) -> dict[str, Tensor]:
        """Named as the network's own."""
        return self.network.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up an average that `state_dict` gave."""
        self._network.load_state_dict(state)
