"""A short training run of the demo has the same losses on CUDA as on the CPU.

Both runs are float32 without TF32. In the rehearsal the second run is on the CPU too, with its
convolutions in another layout of memory, which rounds differently.
"""

from benchmarks.step_parts.runs import DEMO, figures, run_net
from benchmarks.step_parts.settings import PLAIN
from cuda_parts.part import Failed, Findings, Part, Work, largest_difference

# The largest relative difference of a step's loss. Rounding grows while a network trains, so the
# tolerance of the first steps is smaller.
_FIRST, _OF_FIRST, _OF_ALL = 5, 1e-3, 5e-2

SHORT = {
    "TRAIN.BATCH_SIZE": 16,
    "TRAIN.EVAL_PERIOD": 2,
    "TEST.ENABLE": False,
    "SOLVER.MAX_EPOCH": 2,
    "SOLVER.WARMUP_EPOCHS": 0,
    "SOLVER.BASE_LR": 0.0004,
    "BN.NUM_BATCHES_PRECISE": 4,
    "LOG_PERIOD": 1,
}


def _run(work: Work) -> Findings:
    shared = PLAIN | work.demo() | SHORT
    other = {} if work.on_gpu else {"SPEED.CHANNELS_LAST": True}
    runs = {"CPU": shared | {"NUM_GPUS": 0}, "CUDA" if work.on_gpu else "rehearsal": shared | other}
    losses = []
    yield "| run | loss of the first step | loss of the last step | mAP of the evaluation |"
    yield "|---|---|---|---|"
    for name, overrides in runs.items():
        folder = work.folder / f"training-{name}"
        run_net(DEMO, folder, overrides | {"TRAIN.AUTO_RESUME": False})
        of_run = [line["loss"] for line in figures(folder, "train_iter_")]
        evaluation = figures(folder, "val_epoch")[-1]
        losses.append(of_run)
        yield f"| {name} | {of_run[0]:.5f} | {of_run[-1]:.5f} | {evaluation['map']:.4f} |"
    cpu, gpu = losses
    first = largest_difference(gpu[:_FIRST], cpu[:_FIRST])
    whole = largest_difference(gpu, cpu)
    words = (
        f"losses differ by {first:.1e} at most in {_FIRST} steps (relative; allowed "
        f"{_OF_FIRST:g}), by {whole:.1e} in {len(cpu)} (allowed {_OF_ALL:g})"
    )
    if not (first <= _OF_FIRST and whole <= _OF_ALL):
        raise Failed(words)
    return words


PART = Part("training", "a short training run of the demo has the CPU's losses", 55, _run)
