#!/usr/bin/env python3
"""Shows predictions in the browser, and keeps a person's corrections in files as they are made.

    python tools/review.py predictions/

The pages are those of tools/predict.py. The first one lists what to look at first: bouts, and times
without a bout, whose scores are near the threshold, rare classes before common ones. Corrections go
to predictions/corrections/NAME.csv at once, as tables of events that tools/cut_videos.py reads. The
server can be reached from this computer only, by the address that it prints. Ctrl-C ends it, at any
time. `tools/cut_videos.py --corrections predictions/` makes the next training set.
"""

import argparse
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

from slowfast.ak.errors import UserError
from slowfast.utils.command_line import check_folder, tool_parser
from slowfast.utils.terminal import prints_errors
from slowfast.visualization.review.corrections import FOLDER
from slowfast.visualization.review.server import make_review_server

PORT = 8765


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("predictions", type=Path, help="folder of tools/predict.py, with its pages")
    words = f"folder of the corrections (PREDICTIONS/{FOLDER})"
    add("--corrections", type=Path, metavar="FOLDER", help=words)
    add("--port", type=int, metavar="N", help=f"of the server ({PORT}, or else any; 0: any)")
    add("--no-browser", action="store_true", help="print the address, and open no browser")
    return parser


def make_server(args: argparse.Namespace) -> tuple:
    """Returns the server and its address.

    The port is the same each time, if it is free: a browser keeps what could not be saved by port.
    """
    if args.port is None:
        with suppress(UserError):
            return make_review_server(args.predictions, PORT, args.corrections)
    return make_review_server(args.predictions, args.port or 0, args.corrections)


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    if args.corrections:
        check_folder(args.corrections)
    server, address = make_server(args)
    kept = args.corrections or args.predictions / FOLDER
    print(f"Open {address}\nCorrections go to {kept}. Ctrl-C ends.", flush=True)
    if not args.no_browser:
        with suppress(webbrowser.Error):
            webbrowser.open(address)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    server.server_close()
    print("\nThe review has ended.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
