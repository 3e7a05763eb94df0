"""A run that is stopped by SIGTERM and started again equals a run that was never stopped."""

import shutil
import signal
import subprocess
import time
from pathlib import Path

import torch

from benchmarks.step_parts.runs import DEMO, command, figures, run_net
from benchmarks.step_parts.settings import Overrides
from cuda_parts.part import Failed, Findings, Part, Work, largest_difference
from cuda_parts.training import SHORT
from slowfast.utils.processes.launch import EXIT_STOPPED

# Relative, of a step's loss. Some CUDA kernels add in an order that changes from run to run.
_TOLERANCE = 1e-2


def _run(work: Work) -> Findings:
    overrides = work.demo() | SHORT | {"SPEED.CUDNN_BENCHMARK": False, "SOLVER.MAX_EPOCH": 3}
    whole, parts = work.folder / "resume-whole", work.folder / "resume-parts"
    for folder in (whole, parts):  # of an earlier check, which would be resumed
        shutil.rmtree(folder, ignore_errors=True)
    run_net(DEMO, whole, overrides)
    done = _stop_after_a_step(parts, overrides)
    yield f"- stopped by SIGTERM after {done} logged steps"
    run_net(DEMO, parts, overrides)
    expected, losses = ([x["loss"] for x in figures(f, "train_iter_")] for f in (whole, parts))
    if len(losses) != len(expected):
        raise Failed(f"{len(losses)} steps are logged, and {len(expected)} of the whole run")
    difference = largest_difference(losses, expected)
    one, other = (_last_weights(folder) for folder in (whole, parts))
    same_bits = all(torch.equal(one[name], other[name]) for name in one)
    words = (
        f"losses of {len(losses)} steps differ by {difference:.1e} at most (relative; allowed "
        f"{_TOLERANCE:g}); the weights are {'the same bits' if same_bits else 'not the same bits'}"
    )
    if not difference <= _TOLERANCE or not (same_bits or work.on_gpu):
        raise Failed(words)
    return words


def _stop_after_a_step(folder: Path, overrides: Overrides) -> int:
    """Starts a run and stops it as soon as it has logged a step; returns the steps in its log."""
    process = subprocess.Popen(command(DEMO, folder, overrides))
    while process.poll() is None and not figures(folder, "train_iter_"):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    status = process.wait()
    if status != EXIT_STOPPED:
        raise Failed(f"the run that was to stop ended with status {status}, not {EXIT_STOPPED}")
    return len(figures(folder, "train_iter_"))


def _last_weights(folder: Path) -> dict[str, torch.Tensor]:
    path = max((folder / "checkpoints").glob("checkpoint_epoch_*.pyth"))
    return torch.load(path, map_location="cpu", weights_only=True)["model_state"]


PART = Part("resume", "a run that is stopped and resumed equals an undisturbed run", 55, _run)
