"""Connects slowfast.ak to an upstream SlowFast checkout.

`scripts/prepare_dir_AR.sh` appends a block to some modules of the checkout. Each block calls a
function of a module in this folder, which wraps or extends what the checkout's module defines;
docs/DROP_IN.md lists the blocks. The block of `slowfast/__init__.py` calls `prepare` before any
other module of the checkout is imported.

The modules that blocks import, and the functions that they call, keep their names: a checkout that
was prepared with --link follows this folder, while its blocks stay as they were written.
"""

from __future__ import annotations


def prepare() -> None:
    """Makes the checkout importable, and able to run, on current packages and without CUDA."""
    from slowfast.ak.run import startup

    startup.settle()  # before torch is imported
    from slowfast.ak.upstream import error_messages

    error_messages.install()  # before an import can fail because a package is not installed
    from slowfast.ak.upstream import cpu, path_manager
    from slowfast.ak.upstream.standins import install

    install.install()
    cpu.do_without_cuda()
    path_manager.share()


def in_use() -> list[str]:
    """Returns a sentence for each stand-in that this process uses."""
    from slowfast.ak.upstream.standins import record

    return record.in_use()
