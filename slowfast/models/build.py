"""Builds the network that a configuration names, on its device.

A network is a function or class that takes the configuration and returns a module. To add one,
write a file in this folder (or in your own program) that registers it::

    @MODEL_REGISTRY.register(archs=("mine",))
    def MyNetwork(cfg, width: Annotated[int, Limits(low=1)] = 8) -> nn.Module: ...

A parameter with a default, such as ``width``, is a setting: the configuration key is
``MYNETWORK.WIDTH``. A parameter of type ``str | Path`` is a path, in which ``~`` and ``$NAME`` are
expanded. `slowfast.ak.registries.networks` lists what can be stated about a network.
"""

from inspect import signature

import torch
import torch.distributed as dist
from fvcore.common.config import CfgNode
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import fp16_compress_hook
from torch.nn.parallel import DistributedDataParallel

from slowfast.ak.errors import UserError
from slowfast.ak.norms.frozen import freeze_below_projection
from slowfast.ak.registries.networks import NETWORKS
from slowfast.models.memory_format import optimise_layout

MODEL_REGISTRY = NETWORKS

# `share_norm_statistics` joins the norm statistics before they are used. DDP need not do so in
# every step. Newer versions of PyTorch have another name for this argument.
_is_new = "forward_sync_buffers" in signature(DistributedDataParallel.__init__).parameters
_SYNCS_BUFFERS = {"forward_sync_buffers" if _is_new else "broadcast_buffers": False}


def build_model(cfg: CfgNode, gpu_id: int | None = None) -> nn.Module:
    """Builds the network MODEL.MODEL_NAME, in training mode, with the memory layout of SPEED.

    With MODEL.DETACH_FINAL_FC all parameters except the head's projection are frozen.

    Args:
        cfg: the configuration.
        gpu_id: the number of the GPU; None: the current one. If NUM_GPUS is 0 or there is no CUDA
            device, the network is on the CPU.

    Returns:
        The network, wrapped in DistributedDataParallel if more than one process trains.

    Raises:
        UserError: no network has this name, or the configuration does not describe one.
    """
    build = NETWORKS.get(cfg.MODEL.MODEL_NAME)
    problems = NETWORKS.facts(cfg.MODEL.MODEL_NAME).problems
    findings = [*NETWORKS.architecture_problems(cfg), *(problems(cfg) if problems else ())]
    if findings:
        raise UserError("\n".join(f"{key}: {words}" for key, words in findings))
    model = build(cfg, **NETWORKS.settings(cfg.MODEL.MODEL_NAME, cfg))

    if cfg.MODEL.DETACH_FINAL_FC:
        freeze_below_projection(model)
    on_gpu = cfg.NUM_GPUS > 0 and torch.cuda.is_available()
    if on_gpu:
        gpu_id = torch.cuda.current_device() if gpu_id is None else gpu_id
        model = model.cuda(gpu_id)
    optimise_layout(cfg, model)
    if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
        model = DistributedDataParallel(
            model,
            device_ids=[gpu_id] if on_gpu else None,
            **_SYNCS_BUFFERS,
            gradient_as_bucket_view=cfg.SPEED.BUCKET_VIEW,
            # DDP plans a static graph in the first backward pass, which must exchange gradients.
            static_graph=cfg.SPEED.STATIC_GRAPH and cfg.SOLVER.ACCUMULATE_STEPS == 1,
        )
        if cfg.MODEL.FP16_ALLREDUCE:
            model.register_comm_hook(state=None, hook=fp16_compress_hook)
    return model
