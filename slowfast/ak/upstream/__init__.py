"""What ties slowfast.ak to an upstream SlowFast checkout.

A block at the end of some of the checkout's modules calls a function of a module here, which wraps
or adds to what that module defines; docs/DROP_IN.md lists them. `prepare` comes first, from the
checkout's `slowfast/__init__.py`, before anything else of the checkout is imported.
"""

from __future__ import annotations


def prepare() -> None:
    """Make the checkout importable, and able to run, on current packages and without CUDA."""
    from slowfast.ak.run import startup
    from slowfast.ak.upstream import last_words

    startup.settle()  # before anything imports torch
    last_words.begin()  # before what may find that a package is not installed
    from slowfast.ak.upstream import cpu, standins

    standins.install()
    cpu.do_without_cuda()


def in_use() -> list[str]:
    """In words, the stand-ins that this process has taken."""
    from slowfast.ak.upstream import standins

    return standins.in_use()
