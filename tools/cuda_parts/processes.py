"""Two processes on one GPU, which meet over gloo, train as one process does.

NCCL refuses two processes on one GPU. The norm layers are synchronised, so a step of two
processes with half of the clips each equals a step of one process with all clips.
"""

import statistics
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from benchmarks.step_parts.runs import DEMO
from benchmarks.step_parts.settings import PLAIN, Overrides, as_options
from benchmarks.step_parts.steps import Stepper, load_cfg
from cuda_parts.part import Failed, Findings, Part, Work, largest_difference

_STEPS = 5
_CLIPS = 8
# Relative. Sums in another order differ by about 1e-6 at first, and training lets this grow.
_TOLERANCE = 1e-3
_SETTINGS: dict[str, Overrides] = {
    "plain": {},
    "SPEED.BUCKET_VIEW": {"SPEED.BUCKET_VIEW": True},
    "SPEED.STATIC_GRAPH": {"SPEED.STATIC_GRAPH": True},
}


def _run(work: Work) -> Findings:
    shared = PLAIN | work.demo() | {"DATA_LOADER.NUM_WORKERS": 0, "SOLVER.OPTIMIZING_METHOD": "sgd"}
    shared |= {"BN.NORM_TYPE": "sync_batchnorm", "BN.NUM_SYNC_DEVICES": 2}
    alone, _ = _take_steps(shared | {"TRAIN.BATCH_SIZE": _CLIPS})
    yield "| two processes | ms a step | largest relative difference of a loss |"
    yield "|---|---|---|"
    worst = 0.0
    for name, overrides in _SETTINGS.items():
        halves = shared | overrides | {"TRAIN.BATCH_SIZE": _CLIPS // 2}
        with tempfile.TemporaryDirectory() as folder:
            mp.spawn(_one_of_two, (work.device, folder, halves), nprocs=2)
            results = [torch.load(Path(folder, f"{rank}.pt")) for rank in range(2)]
        means = [sum(pair) / 2 for pair in zip(*(r["losses"] for r in results), strict=True)]
        difference = largest_difference(means, alone)
        worst = max(worst, difference)
        yield f"| {name} | {1000 * results[0]['seconds']:.1f} | {difference:.1e} |"
    words = (
        f"losses of {_STEPS} steps differ from those of one process by {worst:.1e} at most "
        f"(relative; allowed {_TOLERANCE:g})"
    )
    if not worst <= _TOLERANCE:
        raise Failed(words)
    return words


def _one_of_two(rank: int, device: str, folder: str, overrides: Overrides) -> None:
    torch.set_num_threads(1)
    if device == "cuda":
        torch.cuda.set_device(0)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    losses, seconds = _take_steps(overrides)
    torch.save({"losses": losses, "seconds": seconds}, Path(folder, f"{rank}.pt"))
    dist.destroy_process_group()


def _take_steps(overrides: Overrides) -> tuple[list[float], float]:
    """Returns the loss of each step, and the median of the seconds of all steps but the first."""
    stepper = Stepper(load_cfg(str(DEMO), as_options(overrides)))
    steps = [stepper() for _ in range(_STEPS)]
    seconds = statistics.median(sum(step.parts.values()) for step in steps[1:])
    return [step.loss for step in steps], seconds


PART = Part("processes", "two processes on one GPU, over gloo, train as one process", 45, _run)
