"""MODEL.DETACH_FINAL_FC and MODEL.FROZEN_BN on branches that lack them.

Notable: upstream's main has both keys, and serves them itself; there nothing is done here.
"""

from __future__ import annotations

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.norms.frozen import freeze_below_projection, freeze_norms
from slowfast.ak.upstream import config


def freeze_as_configured(model: nn.Module, cfg) -> nn.Module:
    """Freeze what the two keys name, where it is slowfast.ak that has brought them.

    Returns:
        the model; one that was in DistributedDataParallel is in a new one, of the default
        settings, because the old waits for gradients of what is frozen now.

    Raises:
        UserError: MODEL.DETACH_FINAL_FC, and the network has no ``head.projection``.
    """
    import slowfast.config.defaults  # noqa: F401 -- by which `config.lent` is filled

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
