"""Builds the network that MODEL.MODEL_NAME names, on its device."""

import torch
from fvcore.common.registry import Registry
from slowfast import flavour
from torch.nn.parallel import DistributedDataParallel

MODEL_REGISTRY = Registry("MODEL")


def build_model(cfg, gpu_id=None):
    if not torch.cuda.is_available():
        assert cfg.NUM_GPUS == 0, "there is no CUDA: NUM_GPUS must be 0"
    else:
        assert cfg.NUM_GPUS <= torch.cuda.device_count(), "NUM_GPUS is more than there are"
    network = MODEL_REGISTRY.get(cfg.MODEL.MODEL_NAME)(cfg)
    if not cfg.NUM_GPUS:
        return network
    device = torch.cuda.current_device() if gpu_id is None else gpu_id
    network = network.cuda(device=device)
    if cfg.NUM_GPUS == 1:
        return network
    unused = flavour.DETACHES_FINAL_FC and cfg.MODEL.DETACH_FINAL_FC
    return DistributedDataParallel(network, device_ids=[device], find_unused_parameters=unused)
