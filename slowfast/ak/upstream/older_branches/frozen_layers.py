"""MODEL.DETACH_FINAL_FC and MODEL.FROZEN_BN for branches that lack these keys.

Upstream's main has both keys and serves them itself. There, nothing is done here.
"""

from __future__ import annotations

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.norms.frozen import freeze_below_projection, freeze_norms
from slowfast.ak.upstream import config


def freeze_as_configured(model: nn.Module, cfg) -> nn.Module:
    """Freezes what the two keys ask for, if slowfast.ak added the keys to this checkout.

    Returns:
        The model. A model in DistributedDataParallel is returned in a new one with default
        settings, because the old one waits for gradients of parameters that are frozen now.

    Raises:
        UserError: MODEL.DETACH_FINAL_FC is set, and the network has no ``head.projection``.
    """
    import slowfast.config.defaults  # noqa: F401 -- its import fills `config.lent`

    wanted = [name for name in config.lent if cfg.MODEL[name.removeprefix("MODEL.")]]
    if not wanted:
        return model
    is_wrapped = isinstance(model, DistributedDataParallel)
    network = model.module if is_wrapped else model
    if "MODEL.FROZEN_BN" in wanted:
        freeze_norms(network)
    if "MODEL.DETACH_FINAL_FC" in wanted:
        freeze_below_projection(network)
    if not is_wrapped:
        return model
    return DistributedDataParallel(
        network,
        device_ids=model.device_ids,
        output_device=model.output_device,
        process_group=model.process_group,
    )
