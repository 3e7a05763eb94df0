#!/usr/bin/env python3
"""Makes a hold-out: training clips for choosing the best epoch, so that val.csv is only the test.

    python tools/make_holdout.py data/ak/annot --share 0.1 --seed 0 --out data/ak/annot/holdout.txt
    python tools/run_net.py --cfg configs/AK/SLOWFAST_8x8_R50.yaml \\
        AK.HOLDOUT data/ak/annot/holdout.txt TEST.WEIGHTS best

The choice is stratified for several labels: about the same share of each class is held out, and a
class with two or more clips has clips on both sides. The same arguments give the same list. Clips
that were cut from one video look alike, and a frame list does not state which clips these are. If
your data have such clips, choose whole videos by hand.
"""

import sys
from pathlib import Path

import numpy as np

from slowfast.ak.errors import UserError
from slowfast.ak.lists.clip_list import ClipList, find_list
from slowfast.ak.lists.holdout import stratified_holdout, write_holdout
from slowfast.ak.lists.lines import ListForm
from slowfast.ak.registries.datasets import list_file
from slowfast.utils.command_line import tool_parser
from slowfast.utils.terminal import prints_errors

_SHOWN = 20  # most classes to name


@prints_errors
def main(argv: list[str] | None = None) -> int:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("folder", type=Path, help="folder of train.csv, or of images in train/<class>/")
    add("--share", type=float, default=0.1, help="share of the clips that is held out (0.1)")
    add("--seed", type=int, default=0, help="seed of everything random (0)")
    add("--out", type=Path, help="file to write (holdout.txt in the folder)")
    args = parser.parse_args(argv)
    out = args.out or args.folder / "holdout.txt"
    if not 0 < args.share < 1:
        raise UserError(f"--share {args.share}: expected a number between 0 and 1, such as 0.1.")
    if args.seed < 0:
        raise UserError(f"--seed {args.seed}: expected 0 or more.")
    has_list = find_list(args.folder / list_file("train", is_tree=False)) is not None
    is_tree = not has_list and (args.folder / "train").is_dir()
    form = ListForm(is_tree=is_tree, several=True)
    clips = ClipList.read(args.folder / list_file("train", is_tree), form=form)
    labels = clips.multi_hot(clips.highest_label + 1) > 0
    held_out = stratified_holdout(labels, args.share, args.seed)
    chosen = held_out.nonzero()[0]
    if not 0 < len(chosen) < len(clips):
        raise UserError(
            f"{clips.path}: --share {args.share} of {len(clips)} clips would hold out "
            f"{len(chosen)}; expected some, and not all. Give another share, or more clips."
        )
    remarks = [
        f"{len(chosen)} of the {len(clips)} clips of {clips.path}, held out from training;",
        f"made by tools/make_holdout.py --share {args.share:g} --seed {args.seed}",
    ]
    write_holdout(out, [clips.name(clip) for clip in chosen], remarks)
    print(f"{out}: {len(chosen)} of {len(clips)} clips ({len(chosen) / len(clips):.1%}).")
    print("\n".join(account(labels, held_out)))
    print(f"To train with it, set  AK.HOLDOUT {out}  TEST.WEIGHTS best")
    return 0


def account(labels: np.ndarray, held_out: np.ndarray) -> list[str]:
    """Returns lines of text: how many classes have clips on both sides, and which have not."""
    if not labels.any():
        return ["No clip of the list has a label: clips were drawn without regard to classes."]
    counts, held = labels.sum(axis=0), labels[held_out].sum(axis=0)
    both = (held > 0) & (held < counts)
    lines = [f"{both.sum()} of {(counts > 0).sum()} classes have clips on both sides."]
    groups = {
        "Classes with one clip, which stays in training": counts == 1,
        "Classes whose clips could not be divided": (counts > 1) & ~both,
    }
    for words, group in groups.items():
        if group.any():
            ids = ", ".join(map(str, group.nonzero()[0][:_SHOWN]))
            more = ", ..." if group.sum() > _SHOWN else ""
            lines.append(f"{words} ({group.sum()}): {ids}{more}.")
    return lines


if __name__ == "__main__":
    sys.exit(main())
