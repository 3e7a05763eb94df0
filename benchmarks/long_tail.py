"""Compares losses, samplers and regularisation on drawn clips with three seeds each, as a table.

    python benchmarks/long_tail.py output/long_tail
    python benchmarks/long_tail.py output/forty_classes --data forty_classes

The clips are the demo data (14 classes, 321 training clips), or forty classes of 1 to 400 training
clips with moving things that have no class (`slowfast.data_tools.demo_long_tail`).
All methods share one small I3D, one schedule and one set of clips, which is drawn if it is missing;
they differ only in the options of ``METHODS``. A run is a process of ``tools/run_net.py`` on one
thread. Finished runs are kept, so the command can be stopped and started again. The noise is
estimated from all runs together, because three seeds of one method say very little about it.
"""

import argparse
import json
import math
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy import stats
from tqdm import tqdm

from slowfast.data_tools import demo_data, demo_long_tail
from slowfast.utils.terminal import prints_errors

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ("map", "map_head", "map_middle", "map_tail")
BASELINE = "bce_loss"  # all differences are to this method

# For each set of clips: what draws them, and the settings of its runs.
SETS: dict[str, tuple[Callable[[Path], object], dict]] = {
    "demo": (lambda folder: demo_data.make_demo_data(folder, demo_data.make_settings()), {}),
    "forty_classes": (
        lambda folder: demo_long_tail.make_long_tail(folder, demo_long_tail.Settings()),
        {"MODEL.NUM_CLASSES": len(demo_long_tail.CLASSES)},
    ),
}

# One pathway, 8 frames of 48 pixels: a run takes less than a minute on one core.
SETTINGS = {
    "MODEL.MODEL_NAME": "ResNet",
    "MODEL.ARCH": "i3d",
    "DATA.INPUT_CHANNEL_NUM": [3],
    "RESNET.NUM_BLOCK_TEMP_KERNEL": [[2]] * 4,
    "RESNET.SPATIAL_STRIDES": [[1], [2], [2], [2]],
    "RESNET.SPATIAL_DILATIONS": [[1]] * 4,
    "NONLOCAL.LOCATION": [[[]]] * 4,
    "NONLOCAL.GROUP": [[1]] * 4,
    "DATA.NUM_FRAMES": 8,
    "DATA.SAMPLING_RATE": 4,
    "DATA.TRAIN_JITTER_SCALES": [48, 54],
    "DATA.TRAIN_CROP_SIZE": 48,
    "DATA.TEST_CROP_SIZE": 48,
    "DATA_LOADER.NUM_WORKERS": 0,
    "TEST.NUM_SPATIAL_CROPS": 1,
    "LOG_MODEL_INFO": False,
}
EPOCHS = 20

# Re-weighting begins after four fifths, as in the published I3D (epoch 80 of 100). The tail ends at
# the same count as in the sheet of the demo.
_DRW = {"LOSS.LDAM.STEP_EPOCH": [int(0.8 * EPOCHS)]}
_TAIL = {"LOSS.EQL.MAX_TAIL_NUM": 20}
METHODS: dict[str, dict] = {
    BASELINE: {},
    "focal_loss, gamma 2": {"MODEL.LOSS_FUNC": "focal_loss", "LOSS.FOCAL_LOSS.GAMMA": 2.0},
    "LDAM, no DRW": {"MODEL.LOSS_FUNC": "LDAM", "LOSS.LDAM.STEP_EPOCH": [], "LOSS.LDAM.BETA": []},
    "LDAM, DRW": {"MODEL.LOSS_FUNC": "LDAM", **_DRW},
    "EQL, gamma 0.00176": {"MODEL.LOSS_FUNC": "EQL", **_TAIL},
    "EQL, gamma 0.9": {"MODEL.LOSS_FUNC": "EQL", "LOSS.EQL.GAMMA": 0.9, **_TAIL},
    "class_balanced_bce": {"MODEL.LOSS_FUNC": "class_balanced_bce"},
    "class_balanced_focal": {"MODEL.LOSS_FUNC": "class_balanced_focal"},
    "asymmetric_loss": {"MODEL.LOSS_FUNC": "asymmetric_loss"},
    "distribution_balanced": {"MODEL.LOSS_FUNC": "distribution_balanced"},
    "logit_adjusted_bce": {"MODEL.LOSS_FUNC": "logit_adjusted_bce"},
    "hill_loss": {"MODEL.LOSS_FUNC": "hill_loss"},
    "splc": {"MODEL.LOSS_FUNC": "splc"},
    "zlpr": {"MODEL.LOSS_FUNC": "zlpr"},
    "class_balanced sampler": {"DATA_LOADER.SAMPLER": "class_balanced"},
    "square_root sampler": {"DATA_LOADER.SAMPLER": "square_root"},
    "repeat_factor sampler": {
        "DATA_LOADER.SAMPLER": "repeat_factor",
        "DATA_LOADER.REPEAT_THRESHOLD": 0.2,
    },
    "distribution_balanced, class_balanced sampler": {
        "MODEL.LOSS_FUNC": "distribution_balanced",
        "DATA_LOADER.SAMPLER": "class_balanced",
    },
    "mixup": {"MIXUP.ENABLE": True, "MIXUP.CUTMIX_ALPHA": 0.0, "MIXUP.LABEL_SMOOTH_VALUE": 0.0},
    "FrameStack": {"FRAMESTACK.ENABLE": True},
    "FrameStack, mean of AP": {"FRAMESTACK.ENABLE": True, "FRAMESTACK.AVERAGE": True},
    "label smoothing 0.1": {"LOSS.LABEL_SMOOTHING": 0.1},
    "colour jitter, random erasing": {"AUG.ENABLE": True, "AUG.AA_TYPE": ""},
    "RandAugment, random erasing": {"AUG.ENABLE": True},
}
# Only the classifier is trained again, on the features of the baseline with the same seed.
SECOND_STAGE = "decoupled: class_balanced classifier"
METHODS[SECOND_STAGE] = {
    "TRAIN.CHECKPOINT_SKIP_HEAD": True,
    "MODEL.DETACH_FINAL_FC": True,
    "MODEL.FROZEN_BN": True,
    "DATA_LOADER.SAMPLER": "class_balanced",
    "SOLVER.WARMUP_EPOCHS": 0,
}


@prints_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=Path, help="folder of the runs and the clips")
    parser.add_argument("--data", choices=SETS, default="demo", help="the clips (demo)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="fewer for a quick trial")
    parser.add_argument(
        "--only", nargs="+", choices=METHODS, metavar="METHOD", help="only these methods"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    args = parser.parse_args(argv)

    draw, settings = SETS[args.data]
    draw(args.output / "data")
    methods = args.only or list(METHODS)
    if SECOND_STAGE in methods and BASELINE not in methods:
        parser.error(f"{SECOND_STAGE} starts from {BASELINE}; give both.")
    # The second stage is last, when the runs that it starts from are finished.
    tasks = [(method, seed) for seed in range(1, args.seeds + 1) for method in methods]
    tasks.sort(key=lambda task: task[0] == SECOND_STAGE)
    with ThreadPoolExecutor(args.jobs) as pool:
        jobs = [pool.submit(run, args.output, settings, *task, args.epochs) for task in tasks]
        results: dict[str, list[dict]] = {method: [] for method in methods}
        for (method, _), job in zip(tasks, tqdm(jobs, unit="run"), strict=True):
            results[method].append(job.result())
    print(table(results))
    return 0


def run(output: Path, settings: dict, method: str, seed: int, epochs: int) -> dict:
    """Trains and tests a method with one seed, if not done before; returns figures in per cent.

    Args:
        settings: of the set of clips.
    """
    folder = run_folder(output, method, seed, epochs)
    summary = folder / "scores.json"
    if not summary.exists():
        settings = {
            **SETTINGS,
            **settings,
            "DATA.PATH_TO_DATA_DIR": output / "data" / "annot",
            "DATA.PATH_PREFIX": output / "data" / "image",
            "SOLVER.MAX_EPOCH": epochs,
            "TRAIN.EVAL_PERIOD": epochs,
            "TRAIN.CHECKPOINT_PERIOD": epochs,
            "RNG_SEED": seed,
            "OUTPUT_DIR": folder,
            **METHODS[method],
        }
        if method == SECOND_STAGE:
            first = run_folder(output, BASELINE, seed, epochs) / "checkpoints"
            settings["TRAIN.CHECKPOINT_FILE_PATH"] = max(first.glob("checkpoint_epoch_*.pyth"))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "terminal.txt").open("w") as log:
            subprocess.run(
                [
                    *(sys.executable, ROOT / "tools" / "run_net.py"),
                    *("--cfg", ROOT / "configs" / "AK" / "DEMO.yaml", "--opts"),
                    *(str(word) for setting in settings.items() for word in setting),
                ],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
    if not summary.exists():
        sys.exit(f"{method}, seed {seed}: the run failed; see {folder / 'terminal.txt'}.")
    figures = json.loads(summary.read_text())
    return {name: float(figures[name]) for name in FIGURES}


def run_folder(output: Path, method: str, seed: int, epochs: int) -> Path:
    """Returns the folder of a run; runs with other numbers of epochs have other folders."""
    return output / f"epochs_{epochs}" / re.sub(r"[^\w.]+", "_", method) / f"seed_{seed}"


def table(results: dict[str, list[dict]]) -> str:
    """Returns a Markdown table of means and standard deviations over seeds, the best tail first.

    ``*`` marks a difference from ``BASELINE`` that exceeds noise (see `noise`).

    Args:
        results: by method the figures of its runs, in the order of the seeds.
    """
    methods = sorted(
        results, key=lambda method: -np.mean([run["map_tail"] for run in results[method]])
    )
    values = np.array(
        [[[run[name] for name in FIGURES] for run in results[method]] for method in methods]
    )
    means = values.mean(axis=1)
    deviations = values.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros_like(means)
    spread, least = noise(values)
    base = means[methods.index(BASELINE)] if BASELINE in methods else np.nan
    marks = np.where(np.abs(means - base) > least, " *", "")
    heads = [name.removeprefix("map_").replace("map", "overall") for name in FIGURES]
    lines = ["| | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    for method, *row in zip(methods, means, deviations, marks, strict=True):
        cells = [f"{m:.1f} ± {d:.1f}{mark}" for m, d, mark in zip(*row, strict=True)]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    notes = {
        "Standard deviation of a run beyond method and seed": spread,
        f"Smallest difference from {BASELINE} marked *": least,
    }
    for title, numbers in notes.items():
        words = (f"{head} {number:.1f}" for head, number in zip(heads, numbers, strict=True))
        lines += ["", f"{title}: {', '.join(words)}."]
    return "\n".join(lines)


def noise(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates the noise of figures that neither the method nor the seed explains.

    With the same seed, all methods start from the same weights and see the clips in the same order,
    so a seed that is bad for one method is bad for most (randomised blocks). The noise is what
    remains of a run without the means of its method and its seed; it has one variance for all.

    Args:
        values: (methods, seeds, figures).

    Returns:
        The standard deviation of the noise, and the difference from the baseline that is
        significant by Student's t at 5 % over all methods together (Bonferroni); nan with one
        method or one seed.
    """
    methods, seeds, figures = values.shape
    freedom = (methods - 1) * (seeds - 1)
    if not freedom:
        return (np.full(figures, np.nan),) * 2
    rest = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean((0, 1))
    spread = np.sqrt((rest**2).sum((0, 1)) / freedom)
    quantile = stats.t.ppf(1 - 0.05 / 2 / (methods - 1), freedom)
    return spread, quantile * spread * math.sqrt(2 / seeds)


if __name__ == "__main__":
    sys.exit(main())
