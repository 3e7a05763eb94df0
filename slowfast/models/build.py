"""From a configuration to a network on its device.

A network is a callable in `MODEL_REGISTRY` that takes the configuration and gives a module; ours
are functions that carry the names which published configurations use. To add one, register it::

    @MODEL_REGISTRY.register()
    def MyNetwork(cfg): ...
"""

from inspect import signature

import torch
import torch.distributed as dist
from fvcore.common.config import CfgNode
from fvcore.common.registry import Registry
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.norms.frozen import freeze_below_projection
from slowfast.models.memory_format import arrange
from slowfast.models.settings import look_up

MODEL_REGISTRY = Registry("MODEL")

# Norm statistics are joined where they are used (`share_norm_statistics`), not in every step.
_is_new = "forward_sync_buffers" in signature(DistributedDataParallel.__init__).parameters
_SYNCS_BUFFERS = {"forward_sync_buffers" if _is_new else "broadcast_buffers": False}


def build_model(cfg: CfgNode, gpu_id: int | None = None) -> nn.Module:
    """Build the network MODEL.MODEL_NAME, in training mode, arranged as SPEED says.

    With MODEL.DETACH_FINAL_FC all but the head's projection is frozen.

    Args:
        cfg: the configuration.
        gpu_id: the GPU to put it on; the current one if None. The CPU where NUM_GPUS is 0 or there
            is no CUDA.

    Returns:
        the network, wrapped in DistributedDataParallel where more than one process trains.

    Raises:
        UserError: no network has that name, or the configuration does not describe one.
    """
    model = look_up("MODEL.MODEL_NAME", cfg.MODEL.MODEL_NAME, dict(MODEL_REGISTRY))(cfg)

    if cfg.MODEL.DETACH_FINAL_FC:
        freeze_below_projection(model)
    on_gpu = cfg.NUM_GPUS > 0 and torch.cuda.is_available()
    if on_gpu:
        gpu_id = torch.cuda.current_device() if gpu_id is None else gpu_id
        model = model.cuda(gpu_id)
    arrange(cfg, model)
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        model = DistributedDataParallel(
            model,
            device_ids=[gpu_id] if on_gpu else None,
            **_SYNCS_BUFFERS,
            gradient_as_bucket_view=cfg.SPEED.BUCKET_VIEW,
            # Planned in the first backward pass, which may not be one that exchanges nothing.
            static_graph=cfg.SPEED.STATIC_GRAPH and cfg.SOLVER.ACCUMULATE_STEPS == 1,
        )
        if cfg.MODEL.FP16_ALLREDUCE:
            model.register_comm_hook(state=None, hook=fp16_compress_hook)
    return model
