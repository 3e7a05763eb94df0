"""What two runs are compared by."""

import json
from pathlib import Path

import torch

# What depends on the machine and its load, and not on what was computed.
_MEASURED = {"dt", "dt_data", "dt_net", "dt_idle", "eta", "RAM", "gpu_mem"}


def stats(cfg, kind: str) -> list[dict]:
    """The json_stats lines of one type."""
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    parsed = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    return [line for line in parsed if line.get("_type") == kind]


def epochs(cfg) -> list[dict]:
    """What json_stats tells of epochs, in its order, without times and memory."""
    lines = Path(cfg.OUTPUT_DIR, "json_stats.log").read_text().splitlines()
    parsed = [json.loads(line.removeprefix("json_stats: ")) for line in lines]
    kept = [line for line in parsed if line["_type"] in ("train_epoch", "val_epoch")]
    return [{k: v for k, v in line.items() if k not in _MEASURED} for line in kept]


def last_state(cfg) -> dict:
    """The last checkpoint."""
    paths = sorted(Path(cfg.OUTPUT_DIR, "checkpoints").glob("*checkpoint_epoch_*.pyth"))
    return torch.load(paths[-1], weights_only=True)


def assert_same(one, other, where=""):
    """Bit-identical tensors, equal everything else, all the way down."""
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
    """Two runs that end with the same network and have told the same epochs."""
    states = last_state(one), last_state(other)
    for key in ("epoch", "model_state", "optimizer_state", "ema_state"):
        assert_same(*(state.get(key) for state in states), key)
    assert epochs(one) == epochs(other)
