"""Exports a trained network: python tools/export.py --checkpoint best.pyth --out model.pt2

The file runs wherever torch is installed, without this project. It takes clips in a batch of any
size and returns their scores. It has the names of the classes, the size of the input and its
normalisation as metadata. docs/PREDICTION.md shows how to read it.

By default the input is uint8 pixels (N, 3, T, H, W), RGB, and the file normalises them. With
`--input floats` it is float32 of this shape, normalised as the metadata say.

The file is compared with the network on random clips before it is kept. KEY VALUE sets keys of the
configuration. Exit status: 0, or 2 for an error.
"""

import argparse
import sys
from pathlib import Path

from slowfast.utils.command_line import OverridesParser, check_folder
from slowfast.utils.terminal import prints_errors


def make_parser() -> argparse.ArgumentParser:
    parser = OverridesParser(description=__doc__)
    add = parser.add_argument
    add("opts", nargs="*", metavar="KEY VALUE", help="overrides of the configuration")
    add("--checkpoint", required=True, metavar="FILE", help="weights of a trained network")
    add("--cfg", metavar="FILE.yaml", help="configuration, in place of the one in the checkpoint")
    add("--out", type=Path, metavar="FILE.pt2", help="default: beside the checkpoint")
    parser.add_configuration_options()
    add("--input", choices=("pixels", "floats"), default="pixels", help="(%(default)s)")
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse(argv)
    from slowfast.entries import register_entries

    register_entries()
    from slowfast.ak.errors import UserError
    from slowfast.prediction.export import PLAIN, export_model
    from slowfast.prediction.model import open_model
    from slowfast.utils import logging
    from slowfast.utils.plural import count

    logging.setup_logging()
    path = args.out or Path(args.checkpoint).with_suffix(".pt2")
    if path.suffix != ".pt2":
        raise UserError(f"--out {path}: expected the name of a file that ends in .pt2.")
    check_folder(path.parent)
    ignore = args.ignore_unknown_keys
    model = open_model(args.checkpoint, args.cfg, [*args.opts, *PLAIN], path.parent, ignore)
    exported = export_model(model, path, args.input)
    shape = " x ".join(map(str, exported.metadata["input"]["shape"]))
    print(
        f"{path}: {exported.metadata['network']}, {count(len(model.classes.names), 'class', 'es')}"
        f"; takes {exported.metadata['input']['dtype']} {shape}. Scores of random clips differ "
        f"from those of the network by at most {exported.difference:.1e}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
