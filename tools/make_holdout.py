#!/usr/bin/env python3
"""Makes a hold-out: a list of training clips to choose on, so that val.csv is left to the test.

    python tools/make_holdout.py data/ak/annot --share 0.1 --seed 0 --out data/ak/annot/holdout.txt
    python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml \\
        AK.HOLDOUT data/ak/annot/holdout.txt TEST.WEIGHTS best

It is stratified for many labels: each class keeps its share, and one of two clips or more a clip on
either side. The same arguments give the same list. Clips that were cut from one video look alike,
and nothing in a frame list tells of it: where yours were, choose whole videos by hand.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList
from slowfast.ak.lists.holdout import stratified_holdout, write_holdout
from slowfast.utils.terminal import tells_errors

_NAMED = 20


@tells_errors
def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="folder of train.csv")
    parser.add_argument("--share", type=float, default=0.1, help="of the clips (0.1)")
    parser.add_argument("--seed", type=int, default=0, help="of all that chance decides (0)")
    parser.add_argument("--out", type=Path, help="file to write (holdout.txt in the folder)")
    args = parser.parse_args(argv)
    out = args.out or args.folder / "holdout.txt"
    if not 0 < args.share < 1:
        raise UserError(f"--share {args.share}: expected a number between 0 and 1, such as 0.1.")
    if args.seed < 0:
        raise UserError(f"--seed {args.seed}: expected 0 or more.")
    clips = ClipList.read(args.folder / "train.csv")
    labels = clips.multi_hot(clips.highest_label + 1) > 0
    held_out = stratified_holdout(labels, args.share, args.seed)
    chosen = held_out.nonzero()[0]
    if not 0 < len(chosen) < len(clips):
        raise UserError(
            f"{clips.path}: --share {args.share} of {len(clips)} clips holds out "
            f"{len(chosen)}; give another share, or more clips."
        )
    remarks = [
        f"{len(chosen)} of the {len(clips)} clips of {clips.path}, held out from training;",
        f"made by tools/make_holdout.py --share {args.share:g} --seed {args.seed}",
    ]
    write_holdout(out, [clips.name(clip) for clip in chosen], remarks)
    print(f"{out}: {len(chosen)} of {len(clips)} clips ({len(chosen) / len(clips):.1%}).")
    print("\n".join(account(labels, held_out)))
    print(f"Train with it:  AK.HOLDOUT {out}  (and TEST.WEIGHTS best, chosen on it)")
    return 0


def account(labels: np.ndarray, held_out: np.ndarray) -> list[str]:
    """Which classes have clips on both sides, and which cannot."""
    counts, held = labels.sum(axis=0), labels[held_out].sum(axis=0)
    both = (held > 0) & (held < counts)
    lines = [f"{both.sum()} of {(counts > 0).sum()} classes have a clip on either side."]
    groups = {
        "of one clip, which is trained": counts == 1,
        "whose clips could not be parted": (counts > 1) & ~both,
    }
    for words, group in groups.items():
        if group.any():
            ids = ", ".join(map(str, group.nonzero()[0][:_NAMED]))
            more = ", ..." if group.sum() > _NAMED else ""
            lines.append(f"Not so {group.sum()} classes {words}: {ids}{more}.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
