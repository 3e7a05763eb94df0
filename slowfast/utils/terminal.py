"""Printing to a terminal or a pipe, and the exit status of a program."""

import functools
import os
import sys
from collections.abc import Callable

from slowfast.ak.errors import UserError


def print_all(text: str) -> None:
    """Prints a long text to a pipe that may close before the end, as with ``head``.

    After that, this and all further output is discarded. Names that are not valid UTF-8 are shown
    with escapes.
    """
    try:
        print(text.encode(errors="backslashreplace").decode(), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def prints_errors(main: Callable[..., int]) -> Callable[..., int]:
    """Decorates a program's `main`: a UserError is printed and becomes exit status 2.

    A Ctrl-C becomes exit status 130. Neither shows a traceback.
    """

    @functools.wraps(main)
    def wrapper(argv: list[str] | None = None) -> int:
        try:
            return main(argv)
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\ninterrupted.", file=sys.stderr)
            return 130

    return wrapper
