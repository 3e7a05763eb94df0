"""A small network, and what the tests of checkpoints do with it."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.checkpoints.checkpoint import save_checkpoint
from slowfast.checkpoints.digests import Hashing
from slowfast.config.defaults import get_cfg
from slowfast.models.optimizer import construct_optimizer


class Network(nn.Module):
    """Two layers, with upstream's names."""

    def __init__(self, classes: int = 5, width: int = 4) -> None:
        super().__init__()
        self.s1 = nn.Sequential(nn.Conv3d(3, width, (2, 1, 1)), nn.BatchNorm3d(width))
        self.head = nn.Module()
        self.head.projection = nn.Linear(width, classes)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return self.head.projection(self.s1(clips).mean((2, 3, 4)))


def make_cfg(folder: Path) -> CfgNode:
    """Ten epochs on the CPU; OUTPUT_DIR is below the folder."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(folder / "out")
    cfg.SOLVER.MAX_EPOCH = 10
    cfg.NUM_GPUS = 0
    return cfg


def make(cfg, seed=0, **kwargs):
    torch.manual_seed(seed)
    model = Network(**kwargs)
    return model, construct_optimizer(model, cfg)


def step(model, optimizer, seed):
    generator = torch.Generator().manual_seed(seed)
    loss = model(torch.randn(2, 3, 4, 2, 2, generator=generator)).square().sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def is_new(optimizer):
    """Whether no step has left anything in it."""
    return not any(value.any() for state in optimizer.state.values() for value in state.values())


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def zoo_file(cfg, tmp_path, classes=5, epoch=3):
    """A checkpoint of another run, in a folder of its own."""
    model, optimizer = make(cfg, seed=7, classes=classes)
    step(model, optimizer, 0)
    return model, save_checkpoint(tmp_path / "zoo", model, optimizer, epoch, cfg)


class Killed(KeyboardInterrupt):
    """This process does nothing more."""


def killed_at_each_step(
    monkeypatch, prepare: Callable[[], object], act: Callable[[], object]
) -> Iterator[int]:
    """Acts again and again, and is killed at one step of it later each time: before a piece is
    written, before what was written reaches the disk, before a file is renamed or removed."""
    for last in itertools.count():
        prepare()
        steps = itertools.count()

        def mortal(function, last=last, steps=steps):
            def call(*args, **kwargs):
                if next(steps) >= last:
                    raise Killed
                return function(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in ("fsync", "replace", "unlink"):
                patch.setattr(os, name, mortal(getattr(os, name)))
            patch.setattr(Hashing, "write", mortal(Hashing.write))
            try:
                act()
                return
            except Killed:
                pass
        yield last
