"""Functions that data sets share."""

import torch
from torch.utils.data.distributed import DistributedSampler


def pack_pathway_output(cfg, frames):
    """(3, T, H, W) as a list with one tensor a pathway, the slow one first."""
    if cfg.MODEL.ARCH in cfg.MODEL.SINGLE_PATHWAY_ARCH:
        return [frames]
    count = frames.shape[1]
    kept = torch.linspace(0, count - 1, count // cfg.SLOWFAST.ALPHA).long()
    return [frames[:, kept], frames]


def create_sampler(dataset, shuffle, cfg):
    return DistributedSampler(dataset) if cfg.NUM_GPUS > 1 else None
