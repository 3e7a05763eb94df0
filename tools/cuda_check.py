#!/usr/bin/env python3
"""Shows on a GPU what only a GPU can show, and writes a table for docs/SPEED.md.

    python tools/cuda_check.py                          # all parts, at most 8 minutes
    python tools/cuda_check.py --parts keys memory      # these parts only
    python tools/cuda_check.py --rehearse               # the same on the CPU, at tiny size

Any Python with PyTorch, pytest and the packages of requirements.txt will do: nothing is installed
and no network is needed. Each part runs in a process of its own and has its own time limit; it can
also use the time that earlier parts did not need. The table is written after each part, so that
results are kept if the check is stopped.

The exit status is 0 if all parts passed, 1 if a part failed or was stopped at its time limit, and 2
if there is no GPU.
"""

import argparse
import signal
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the package need not be installed

import torch  # noqa: E402

from cuda_parts import report  # noqa: E402
from cuda_parts.alone import PARTS, Outcome, run_alone  # noqa: E402
from cuda_parts.part import Work  # noqa: E402
from slowfast.utils.terminal import prints_errors  # noqa: E402

# A part that has less time left than this is not started.
_LEAST_SECONDS = 5.0


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = _arguments(argv)
    if args.list:
        for part in PARTS.values():
            print(f"{part.name:<11}{part.seconds:>4} s  {part.title}")
        return 0
    if not args.rehearse and not torch.cuda.is_available():
        built = torch.version.cuda is not None
        why = "PyTorch finds no driver" if built else "this PyTorch is built without CUDA"
        print(
            f"error: There is no CUDA device here ({why}), so nothing was checked. Run this on a "
            "machine with a GPU, or try the check itself on the CPU with --rehearse.",
            file=sys.stderr,
        )
        return 2
    # A SIGTERM then also ends the process of the part.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    work = Work("cpu" if args.rehearse else "cuda", args.folder)
    outcomes = _run_parts(args, work)
    print(f"\nThe table is in {args.out}; what the parts printed is in {args.folder}.")
    return int(any(outcome.result != "passed" for outcome in outcomes))


def _run_parts(args: argparse.Namespace, work: Work) -> list[Outcome]:
    """Runs the parts that were asked for; writes the table after each."""
    work.folder.mkdir(parents=True, exist_ok=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    where = report.machine(work)
    print(where, flush=True)
    deadline = time.monotonic() + 60 * args.minutes
    outcomes: list[Outcome] = []
    for name in args.parts:
        limit = _limit(name, args.parts, work, deadline - time.monotonic())
        if limit < _LEAST_SECONDS:
            outcome = Outcome(PARTS[name], summary=f"no time was left of {args.minutes:g} minutes")
        else:
            outcome = run_alone(PARTS[name], work, limit)
        outcomes.append(outcome)
        print(f"{name}: {outcome.result}, {outcome.seconds:.0f} s: {outcome.summary}", flush=True)
        missing = [other for other in PARTS if other not in {o.part.name for o in outcomes}]
        args.out.write_text(report.text(where, outcomes, missing), encoding="utf-8")
    return outcomes


def _limit(name: str, names: list[str], work: Work, left: float) -> float:
    """Returns the time limit of a part in seconds: its own, and what earlier parts did not need.

    Args:
        names: the parts of this run, in order.
        left: seconds until the limit of all parts.
    """
    later = sum(PARTS[other].seconds for other in names[names.index(name) + 1 :])
    own = min(PARTS[name].seconds * work.patience, left)
    return max(own, left - later * work.patience)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=list(PARTS),
        default=list(PARTS),
        metavar="PART",
        help=f"parts to run, of {', '.join(PARTS)} (all)",
    )
    parser.add_argument(
        "--minutes", type=float, help="time limit of all parts (8; of a rehearsal 40)"
    )
    parser.add_argument("--list", action="store_true", help="print the parts and their time limits")
    parser.add_argument("--rehearse", action="store_true", help="run on the CPU, at tiny size")
    output = ROOT / "output"
    parser.add_argument(
        "--out", type=Path, default=output / "cuda_check.md", help="file of the table"
    )
    parser.add_argument(
        "--folder", type=Path, default=output / "cuda_check", help="where parts write"
    )
    args = parser.parse_args(argv)
    args.folder = args.folder.resolve()
    args.minutes = args.minutes or (40.0 if args.rehearse else 8.0)
    return args


if __name__ == "__main__":
    sys.exit(main())
