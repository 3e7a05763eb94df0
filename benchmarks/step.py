"""Compares a plain step of training with the configured one: time and its parts, memory, mAP.

    python benchmarks/step.py                                 # four recipes, 8 clips of 256 pixels
    python benchmarks/step.py X3D_L --batch 2 --crop 128 --repeats 3
    python benchmarks/step.py X3D_L --each                     # each key by itself
    python benchmarks/step.py X3D_L --each bf16 SPEED.COMPILE  # these keys

The plain step is float32, contiguous, with every SPEED key off. The configured step has the keys of
the recipe and the defaults. With --each, one key at a time is added to the plain step. The settings
take their steps in turn, each in a process of its own, on drawn clips that the usual loader reads.
The loss is always bce_loss, because a recipe's loss may need the class counts of its own data set.
The tables are in the format of docs/SPEED.md.
"""

import argparse
import datetime
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this project

import torch  # noqa: E402

from benchmarks.step_parts import machine, scores, settings  # noqa: E402
from benchmarks.step_parts.clock import PARTS  # noqa: E402
from benchmarks.step_parts.steps import Measured, load_cfg, measure  # noqa: E402
from slowfast.ak.run.cores import available_cores  # noqa: E402
from slowfast.utils.terminal import prints_errors  # noqa: E402

# The recipes of configs/AK, and the expected time of the configured step on two CPU cores, as a
# share of the plain step.
RECIPES = {
    "I3D_8x8_R50": 0.65,
    "SLOWFAST_8x8_R50": 0.85,
    "X3D_L": 0.65,
    "MVITv2_S_16x4": 0.7,
}


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = _arguments(argv)
    device = torch.device("cuda" if torch.cuda.is_available() and not args.cpu else "cpu")
    known = settings.switches(device.type == "cuda")
    if args.each is not None:
        if unknown := sorted(set(args.each) - set(known)):
            raise SystemExit(
                f"--each {' '.join(unknown)}: expected keys of this device: {' '.join(known)}"
            )
        compared = {name: settings.PLAIN | known[name] for name in args.each or known}
    else:
        compared = {"configured": settings.CONFIGURED}
    args.folder.mkdir(parents=True, exist_ok=True)
    places = scores.draw_clips(args.folder / "clips")
    peak = machine.matrix_product_rate(device, args.threads)
    print(
        f"{machine.name_of(device, args.threads)}; PyTorch {torch.__version__}; "
        f"{datetime.date.today()}; a matrix product of {machine.SIDE[device.type]} x "
        f"{machine.SIDE[device.type]} makes {peak / 1e9:,.0f} GFLOP/s.",
        flush=True,
    )
    if not args.no_steps:
        for recipe in args.recipes:
            _print_steps(recipe, compared, places, device, peak, args)
    if not args.no_map:
        _print_scores(compared, places, device, args)
    return 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "recipes", nargs="*", metavar="RECIPE", help=f"of {', '.join(RECIPES)} (all)"
    )
    parser.add_argument("--batch", type=int, default=8, help="clips of a step (8)")
    parser.add_argument("--crop", type=int, default=256, help="pixels of a clip's side (256)")
    parser.add_argument("--repeats", type=int, default=5, help="steps that are measured (5)")
    parser.add_argument(
        "--threads", type=int, default=available_cores(), help="threads of a process (all cores)"
    )
    parser.add_argument("--cpu", action="store_true", help="measure the CPU even with a GPU")
    parser.add_argument(
        "--each",
        nargs="*",
        metavar="NAME",
        help="measure the plain step with each of these keys, instead of the configured step "
        "(all: SPEED keys, bf16, fp16 and MODEL.ACT_CHECKPOINT)",
    )
    parser.add_argument(
        "--opts",
        nargs="+",
        default=[],
        metavar="KEY VALUE",
        help="overrides of all settings but the plain one",
    )
    parser.add_argument("--no-steps", action="store_true", help="measure only the mAP")
    parser.add_argument("--no-map", action="store_true", help="measure only steps")
    parser.add_argument("--checkpoint", type=Path, help="measure its mAP; needs --cfg")
    parser.add_argument("--cfg", type=Path, help="YAML file of --checkpoint, which names its data")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "output" / "step",
        help="folder for drawn clips and a small trained network (output/step)",
    )
    args = parser.parse_args(argv)
    if unknown := sorted(set(args.recipes).difference(RECIPES)):
        parser.error(f"{', '.join(unknown)}: expected recipes of {', '.join(RECIPES)}")
    args.recipes = args.recipes or list(RECIPES)
    for name in ("batch", "crop", "repeats", "threads"):
        if getattr(args, name) < 1:
            parser.error(f"--{name} {getattr(args, name)}: expected 1 or more")
    if (args.checkpoint is None) != (args.cfg is None):
        parser.error("--checkpoint and --cfg go together")
    args.folder = args.folder.resolve()
    return args


def _print_steps(
    recipe: str,
    compared: dict[str, settings.Overrides],
    places: settings.Overrides,
    device: torch.device,
    peak: float,
    args: argparse.Namespace,
) -> None:
    """Prints the table of one recipe, each row as soon as it is measured."""
    path = ROOT / "configs" / "AK" / f"{recipe}.yaml"
    jitter = [args.crop, round(args.crop * 4 / 3)]
    shared = places | {
        "NUM_GPUS": int(device.type == "cuda"),
        "TRAIN.BATCH_SIZE": args.batch,
        "DATA.TRAIN_CROP_SIZE": args.crop,
        "DATA.TRAIN_JITTER_SCALES": jitter,
        "MODEL.LOSS_FUNC": "bce_loss",
    }
    flops = machine.flops_of_step(load_cfg(str(path), settings.as_options(shared)))
    unit = "GPU memory" if device.type == "cuda" else "process"
    print(
        f"\n{recipe}: {args.batch} clips of {args.crop} pixels, {flops / 1e9:,.0f} GFLOP a step, "
        f"median of {args.repeats}; `--batch {args.batch} --crop {args.crop}`\n\n"
        f"| setting | s a step | of plain | processor s | of plain | {' | '.join(PARTS)} "
        f"| GFLOP/s | of the product | peak {unit}, GiB | bound by |\n"
        f"|---|{'---|' * (len(PARTS) + 8)}",
        flush=True,
    )
    plain = settings.as_options(shared | settings.PLAIN)
    # Two settings at a time: more would not fit into the memory of a small machine.
    for number, (name, overrides) in enumerate(compared.items()):
        options = {"plain": plain, name: settings.as_options(shared | overrides) + args.opts}
        found = measure(str(path), options, args.repeats, args.threads)
        for row, measured in found.items():
            if row == "plain" and number:
                continue
            print(_row(row, measured, found["plain"], flops, peak, device), flush=True)
    if "configured" in compared and device.type == "cpu":
        print(f"\nexpected on two cores: at most {RECIPES[recipe]} of plain")


def _row(
    name: str, measured: Measured, plain: Measured, flops: float, peak: float, device: torch.device
) -> str:
    if measured.failure:
        return f"| {name} | {measured.failure} |"
    rate = flops / measured.seconds
    cells = [
        f"{measured.seconds:.3g}",
        f"{measured.seconds / plain.seconds:.2f}",
        f"{measured.processor:.3g}",
        f"{measured.processor / plain.processor:.2f}",
        *(f"{100 * measured.shares[part]:.0f} %" for part in PARTS),
        f"{rate / 1e9:,.0f}",
        f"{100 * rate / peak:.0f} %",
        f"{measured.memory / 2**30:.2f}",
        _bound(measured, rate / peak, device),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _bound(measured: Measured, of_product: float, device: torch.device) -> str:
    """Returns what limits a step, by a rule of thumb."""
    if measured.shares["data"] > 0.2:
        return "data"
    if device.type == "cuda" and measured.queued > 0.9:
        return "launches by the host"
    return "arithmetic" if of_product > 0.5 else "memory and small kernels"


def _print_scores(
    compared: dict[str, settings.Overrides],
    places: settings.Overrides,
    device: torch.device,
    args: argparse.Namespace,
) -> None:
    """Prints the mAP of one checkpoint under all settings."""
    shared = {"NUM_GPUS": int(device.type == "cuda")}
    cfg_file, checkpoint = args.cfg, args.checkpoint
    if checkpoint is None:
        cfg_file, shared = scores.DEMO, shared | places
        checkpoint = scores.trained(args.folder / "trained", shared)
    print(
        f"\nmAP of {checkpoint.name}, {cfg_file.name}, one temporal view\n\n"
        "| setting | mAP |\n|---|---|",
        flush=True,
    )
    for name, overrides in {"plain": settings.PLAIN, **compared}.items():
        options = shared | overrides
        value = scores.mean_ap(cfg_file, checkpoint, args.folder / "tested", options)
        print(f"| {name} | {value:.2f} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
