#!/usr/bin/env python3
"""Shows predictions in the browser, and keeps a person's corrections in files as they are made.

    python tools/review.py predictions/

The pages are those of tools/predict.py. The first one lists what to look at first: bouts, and times
without a bout, whose scores are near the threshold, rare classes before common ones. Corrections go
to predictions/corrections/NAME.csv at once, as tables of events that tools/cut_videos.py reads. The
server can be reached from this computer only, by the address that it prints. Ctrl-C ends it.
"""

import argparse
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

from slowfast.utils.command_line import tool_parser
from slowfast.utils.terminal import prints_errors
from slowfast.visualization.review.corrections import FOLDER
from slowfast.visualization.review.server import make_review_server


def make_parser() -> argparse.ArgumentParser:
    parser = tool_parser(__doc__)
    add = parser.add_argument
    add("predictions", type=Path, help="folder of tools/predict.py, with its pages")
    words = f"folder of the corrections (PREDICTIONS/{FOLDER})"
    add("--corrections", type=Path, metavar="FOLDER", help=words)
    add("--port", type=int, default=0, help="of the server (any that is free)")
    add("--no-browser", action="store_true", help="print the address, and open no browser")
    return parser


@prints_errors
def main(argv: list[str] | None = None) -> int:
    args = make_parser().parse_args(argv)
    server, address = make_review_server(args.predictions, args.port, args.corrections)
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
