"""What tests read from the folder of a run, how they compare runs, and runs of two processes."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as mp

from slowfast.engine.step import TrainStep
from slowfast.engine.training import train
from slowfast.utils import distributed
from slowfast.utils.processes.launch import Stopped

# These depend on the machine and its load.
_MEASURED = {"dt", "dt_data", "dt_net", "dt_idle", "eta", "RAM", "gpu_mem"}


def stats(cfg, *kinds: str) -> list[dict]:
    """The json_stats lines of some types; without types, all lines."""
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    parsed = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    return [line for line in parsed if not kinds or line.get("_type") in kinds]


def epochs(cfg) -> list[dict]:
    """The json_stats lines of epochs and evaluations, without times and memory."""
    lines = stats(cfg, "train_epoch", "val_epoch")
    return [{k: v for k, v in line.items() if k not in _MEASURED} for line in lines]


def log(cfg) -> str:
    """The text of stdout.log, each white space as one blank."""
    return " ".join(Path(cfg.OUTPUT_DIR, "stdout.log").read_text().split())


def results(cfg) -> dict:
    """The JSON that a test wrote."""
    return json.loads(Path(cfg.OUTPUT_DIR, "results.json").read_text())


def checkpoints(cfg) -> Path:
    """The folder of checkpoints."""
    return Path(cfg.OUTPUT_DIR, "checkpoints")


def last_state(cfg) -> dict:
    """The content of the last checkpoint."""
    paths = sorted(checkpoints(cfg).glob("*checkpoint_epoch_*.pyth"))
    return torch.load(paths[-1], weights_only=True)


def assert_same(one, other, where=""):
    """Asserts that tensors are bit-identical and everything else equal, at every depth."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    else:
        assert one == other, where


def assert_same_run(one, other) -> None:
    """Asserts that two runs end with the same state and logged the same epochs."""
    states = last_state(one), last_state(other)
    for key in ("epoch", "model_state", "optimizer_state", "ema_state"):
        assert_same(*(state.get(key) for state in states), key)
    assert epochs(one) == epochs(other)


def train_with_a_stop(cfg, step: int) -> None:
    """Trains, stops before a step (counted from 1), and trains again to the end."""
    take_step, calls = TrainStep.__call__, []

    def stopped(self, *args):
        calls.append(None)
        if len(calls) == step:
            raise Stopped
        return take_step(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TrainStep, "__call__", stopped)
        with pytest.raises(Stopped):
            train(cfg)
    train(cfg)


def in_two_processes(work: Callable, folder: Path, *args) -> list:
    """Calls ``work(rank, *args)`` in two processes of one group, and returns both results.

    The processes are forks, so that their start costs no imports.
    """
    name = folder / uuid.uuid4().hex
    mp.start_processes(_join, (work, name, args), nprocs=2, start_method="fork")
    return [torch.load(f"{name}{rank}", weights_only=False) for rank in range(2)]


def _join(rank: int, work: Callable, name: Path, args: tuple) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group(0, 1, rank, 2, f"file://{name}", "gloo")
    torch.save(work(rank, *args), f"{name}{rank}")
    distributed.destroy_process_group()
