"""Starts processes, counts parameters, and decides when to evaluate."""

import math

import psutil
import torch
from slowfast.datasets.utils import pack_pathway_output
from slowfast.utils import logging
from slowfast.utils import multiprocessing as mpu
from torch import nn

logger = logging.get_logger(__name__)


def launch_job(cfg, init_method, func, daemon=False):
    if cfg.NUM_GPUS <= 1:
        return func(cfg=cfg)
    count, machine = cfg.NUM_GPUS, (cfg.SHARD_ID, cfg.NUM_SHARDS)
    arguments = (count, func, init_method, *machine, cfg.DIST_BACKEND, cfg)
    torch.multiprocessing.spawn(mpu.run, arguments, nprocs=count, daemon=daemon)
    return None


def to_gpu(cfg, inputs, meta, *tensors):
    """A batch where the network is; `meta` is changed, the rest returned."""
    if not cfg.NUM_GPUS:
        return [inputs, *tensors]
    for key, value in meta.items():
        is_list = isinstance(value, list)
        meta[key] = [x.cuda(non_blocking=True) for x in value] if is_list else value.cuda()
    return [[pathway.cuda(non_blocking=True) for pathway in inputs], *(x.cuda() for x in tensors)]


def check_nan_losses(loss):
    if math.isnan(loss):
        raise RuntimeError("the loss is not a number")


def params_count(model):
    return sum(weights.numel() for weights in model.parameters())


def gpu_mem_usage():
    return torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else 0


def cpu_mem_usage():
    memory = psutil.virtual_memory()
    return (memory.total - memory.available) / 2**30, memory.total / 2**30


def log_model_info(model, cfg, use_train_input=True):
    size = cfg.DATA.TRAIN_CROP_SIZE if use_train_input else cfg.DATA.TEST_CROP_SIZE
    pathways = pack_pathway_output(cfg, torch.rand(3, cfg.DATA.NUM_FRAMES, size, size))
    inputs = [pathway[None] for pathway in pathways]
    if cfg.NUM_GPUS:
        inputs = [pathway.cuda(non_blocking=True) for pathway in inputs]
    was_training = model.training
    with torch.no_grad():
        shape = tuple(model.eval()(inputs).shape)
    model.train(was_training)
    logger.info(f"Parameters: {params_count(model)}; a clip gives {shape}")
    return 0.0, params_count(model)


def is_eval_epoch(cfg, cur_epoch, multigrid_schedule):
    done = cur_epoch + 1
    return done == cfg.SOLVER.MAX_EPOCH or done % cfg.TRAIN.EVAL_PERIOD == 0


def frozen_bn_stats(model):
    for part in model.modules():
        if isinstance(part, nn.BatchNorm3d):
            part.eval()


def aggregate_sub_bn_stats(module):
    return sum(aggregate_sub_bn_stats(child) for child in module.children())
