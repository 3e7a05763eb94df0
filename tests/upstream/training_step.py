"""Takes one training step in a prepared look-alike, in one or more processes.

Run `python training_step.py FOLDER` in a checkout. It takes the step in one process and then in
two, and writes FOLDER/1.pt and FOLDER/2.pt.
"""

import sys

import torch

from slowfast.config.defaults import assert_and_infer_cfg, get_cfg
from slowfast.models import build_model
from slowfast.utils import distributed as du
from slowfast.utils.misc import launch_job

CLIPS = 4


def step(cfg):
    torch.manual_seed(0)
    model = build_model(cfg)
    generator = torch.Generator().manual_seed(1)
    clips = 5 + torch.randn(CLIPS, 3, 8, 32, 32, generator=generator)
    own = clips.chunk(du.get_world_size())[du.get_rank()]
    scores = model([own.cuda(non_blocking=True) if cfg.NUM_GPUS else own])
    scores.square().mean().backward()
    torch.cuda.synchronize()
    (scores,) = du.all_gather([scores.detach()]) if du.get_world_size() > 1 else [scores.detach()]
    if du.get_rank() == 0:
        network = getattr(model, "module", model)
        found = {name: weights.grad for name, weights in network.named_parameters()}
        found |= dict(network.named_buffers())
        result = f"{sys.argv[1]}/{cfg.BN.NUM_SYNC_DEVICES}.pt"
        torch.save({"processes": du.get_world_size(), "scores": scores, **found}, result)


def configured(count):
    cfg = get_cfg()
    cfg.MODEL.MODEL_NAME, cfg.MODEL.ARCH, cfg.MODEL.NUM_CLASSES = "ResNet", "i3d", 5
    cfg.DATA.NUM_FRAMES, cfg.MODEL.DROPOUT_RATE = 8, 0.0
    cfg.BN.NORM_TYPE, cfg.BN.NUM_SYNC_DEVICES = "sync_batchnorm", count
    cfg.NUM_GPUS, cfg.DIST_BACKEND = count, "gloo"
    return assert_and_infer_cfg(cfg)


if __name__ == "__main__":
    for count in (1, 2):
        meet = f"file://{sys.argv[1]}/{count}.meet"
        launch_job(cfg=configured(count), init_method=meet, func=step)
