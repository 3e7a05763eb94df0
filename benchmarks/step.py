"""A step of training, plain and as configured, side by side: time, where it goes, memory, mAP.

    python benchmarks/step.py                                 # three recipes, 8 clips of 256 pixels
    python benchmarks/step.py X3D_L --batch 2 --crop 128 --repeats 3
    python benchmarks/step.py X3D_L --each                     # a figure for each key
    python benchmarks/step.py X3D_L --each bf16 SPEED.COMPILE  # for these

The plain step is float32, contiguous, without extras; the configured one is what the recipe and the
defaults make of it; with --each, the plain one has one thing switched on at a time. Settings take
their steps in turn, each in a process of its own, on clips that are drawn (and read as others are).
Every loss is bce_loss, since the drawn clips are not those that a recipe's loss counts.
The tables are those of docs/SPEED.md.
"""

import argparse
import datetime
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the tree that this benchmark is of

import torch  # noqa: E402

from benchmarks.step_parts import machine, scores, settings  # noqa: E402
from benchmarks.step_parts.clock import PARTS  # noqa: E402
from benchmarks.step_parts.steps import Measured, load_cfg, measure  # noqa: E402
from slowfast.ak.run.cores import available_cores  # noqa: E402
from slowfast.utils.terminal import prints_errors  # noqa: E402

# Of configs/AK, with what the configured step may take of the plain one, on two CPU cores.
RECIPES = {"I3D_8x8_R50": 0.65, "SLOWFAST_8x8_R50": 0.85, "X3D_L": 0.65}


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = _arguments(argv)
    device = torch.device("cuda" if torch.cuda.is_available() and not args.cpu else "cpu")
    known = settings.switches(device.type == "cuda")
    if args.each is not None:
        if unknown := sorted(set(args.each) - set(known)):
            raise SystemExit(
                f"--each {' '.join(unknown)}: on this device there are {' '.join(known)}"
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
    parser.add_argument("--batch", type=int, default=8, help="clips in a step (8)")
    parser.add_argument("--crop", type=int, default=256, help="pixels of their sides (256)")
    parser.add_argument("--repeats", type=int, default=5, help="turns, whose median counts (5)")
    parser.add_argument(
        "--threads", type=int, default=available_cores(), help="of a process (as many as cores)"
    )
    parser.add_argument("--cpu", action="store_true", help="even where there is a GPU")
    parser.add_argument(
        "--each",
        nargs="*",
        metavar="NAME",
        help="instead of the configured step the plain one with one of these, or with each of "
        "SPEED's keys, bf16, fp16 and MODEL.ACT_CHECKPOINT",
    )
    parser.add_argument(
        "--opts",
        nargs="+",
        default=[],
        metavar="KEY VALUE",
        help="changed in all settings but the plain one",
    )
    parser.add_argument("--no-steps", action="store_true", help="measure mAP alone")
    parser.add_argument("--no-map", action="store_true", help="measure steps alone")
    parser.add_argument("--checkpoint", type=Path, help="whose mAP is measured, with its --cfg")
    parser.add_argument("--cfg", type=Path, help="YAML file of --checkpoint; its data are read")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "output" / "step",
        help="where drawn clips and a small network trained on them are kept (output/step)",
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
    """The table of one recipe, a row as soon as it is measured."""
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
    # Two at a time: more would not fit into the memory of a small machine.
    for number, (name, overrides) in enumerate(compared.items()):
        options = {"plain": plain, name: settings.as_options(shared | overrides) + args.opts}
        found = measure(str(path), options, args.repeats, args.threads)
        for row, measured in found.items():
            if row == "plain" and number:
                continue
            print(_row(row, measured, found["plain"], flops, peak, device), flush=True)
    if "configured" in compared and device.type == "cpu":
        print(f"\non two cores expected: at most {RECIPES[recipe]} of plain")


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
    """What a step waits for most, by a rule of thumb."""
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
    """The mAP of one checkpoint under all settings."""
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
