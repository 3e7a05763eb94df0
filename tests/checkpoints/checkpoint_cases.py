"""A small network and helpers for the tests of checkpoints."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from fvcore.common.config import CfgNode
from torch import nn

from slowfast.checkpoints.digests import HashingWriter
from slowfast.checkpoints.saving import CheckpointWriter, save_checkpoint, training_state
from slowfast.config.defaults import get_cfg
from slowfast.models.optimizer import construct_optimizer


class Network(nn.Module):
    """Two layers with the names of upstream's layers."""

    def __init__(self, classes: int = 5, width: int = 4) -> None:
        super().__init__()
        self.s1 = nn.Sequential(nn.Conv3d(3, width, (2, 1, 1)), nn.BatchNorm3d(width))
        self.head = nn.Module()
        self.head.projection = nn.Linear(width, classes)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        return self.head.projection(self.s1(clips).mean((2, 3, 4)))


def make_cfg(folder: Path) -> CfgNode:
    """Returns a configuration of ten epochs on the CPU with OUTPUT_DIR in the folder."""
    cfg = get_cfg()
    cfg.OUTPUT_DIR = str(folder / "out")
    cfg.SOLVER.MAX_EPOCH = 10
    cfg.NUM_GPUS = 0
    return cfg


def make(cfg, seed=0, **kwargs):
    """Returns a network with weights by seed, and its optimizer."""
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
    """Returns whether an optimizer has no state of an earlier step."""
    return not any(value.any() for state in optimizer.state.values() for value in state.values())


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def average(model):
    """Returns a state dict in place of a running average; it differs from the weights."""
    return {name: value + 1 for name, value in model.state_dict().items()}


def save_epochs(cfg, model, optimizer, *epochs: int) -> list[Path]:
    """Writes the checkpoints of epochs, counted from 1."""
    own = (cfg.OUTPUT_DIR, model, optimizer)
    origin = (None, None, "from scratch", "")
    return [Path(save_checkpoint(*own, epoch - 1, cfg, *origin)) for epoch in epochs]


def save_within(cfg, model, optimizer, epoch, iteration, average_state=None) -> Path:
    """Writes the state within an epoch, counted from 1."""
    writer = CheckpointWriter.from_cfg(cfg, "from scratch", "")
    state = training_state(model, optimizer, average_state=average_state)
    return Path(writer.write_unfinished(epoch - 1, iteration, state, {"losses": [0.5]}))


def other_run_file(cfg, tmp_path, classes=5, epoch=3):
    """Writes a checkpoint of another run in a folder of its own; returns its model and its path."""
    model, optimizer = make(cfg, seed=7, classes=classes)
    step(model, optimizer, 0)
    return model, save_checkpoint(tmp_path / "zoo", model, optimizer, epoch, cfg)


class Killed(KeyboardInterrupt):
    """The process was killed."""


def killed_at_each_step(
    monkeypatch, prepare: Callable[[], object], act: Callable[[], object]
) -> Iterator[int]:
    """Repeats `prepare` and `act`, and kills `act` one step later each time.

    A step is a write, a flush to the disk, a rename or a removal.
    """
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
            patch.setattr(HashingWriter, "write", mortal(HashingWriter.write))
            try:
                act()
                return
            except Killed:
                pass
        yield last
