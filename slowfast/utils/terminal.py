"""Printing to a terminal, or to whatever stands in its place."""

import os
import sys


def print_all(text: str) -> None:
    """Prints a long text; a reader, such as ``head``, may have seen enough before its end.

    A name of bytes that are no UTF-8 is shown with escapes. Output that nobody reads any more is
    thrown away, this and all that follows.
    """
    try:
        print(text.encode(errors="backslashreplace").decode(), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
