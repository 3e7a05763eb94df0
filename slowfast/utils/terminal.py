"""Printing to a terminal, or to whatever stands in its place; how a program ends."""

import functools
import os
import sys
from collections.abc import Callable

from slowfast.ak.errors import UserError


def print_all(text: str) -> None:
    """Prints a long text; a reader, such as ``head``, may have seen enough before its end.

    A name of bytes that are no UTF-8 is shown with escapes. Output that nobody reads any more is
    thrown away, this and all that follows.
    """
    try:
        print(text.encode(errors="backslashreplace").decode(), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def tells_errors(main: Callable[..., int]) -> Callable[..., int]:
    """A program's `main`, whose foreseeable errors are printed and end it with status 2.

    A Ctrl-C ends it with status 130, and no traceback either.
    """

    @functools.wraps(main)
    def telling(argv: list[str] | None = None) -> int:
        try:
            return main(argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\ninterrupted.", file=sys.stderr)
            return 130

    return telling
