"""How a run ends that a UserError ends: with its text, and status 2, as the programs here do.

Any other error is shown as before; where a package is not installed, with how to install it.
"""

from __future__ import annotations

import sys
from types import TracebackType

from slowfast.ak.errors import UserError
from slowfast.ak.upstream.standins import how_to_install

# How a traceback in the text of another process's error names ours.
_NAMES = tuple(f"{UserError.__module__}.{name}: " for name in ("UserError", "BadClip"))


def begin() -> None:
    """Show errors that end this process so, from now on."""
    sys.excepthook = _Hook(sys.excepthook)


class _Hook:
    def __init__(self, shown_before) -> None:
        self._show = shown_before

    def __call__(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        text = _text_of(error)
        if text is None:
            self._show(kind, error, trace)
            name = error.name if isinstance(error, ModuleNotFoundError) else None
            if name and (words := how_to_install(name)):
                print(f"\n{words}", file=sys.stderr)
            return
        print(f"\nerror: {text}", file=sys.stderr)
        raise SystemExit(2)


def _text_of(error: BaseException) -> str | None:
    """The text of a UserError, of this process or of one that it has started; None: of no such."""
    is_ours = isinstance(error, UserError)
    if is_ours or type(error).__name__ == "ProcessRaisedException":
        for name in _NAMES:  # a loader's worker sends its UserError on, with a traceback in it
            _, is_there, told = str(error).rpartition(name)
            if is_there:
                return told.strip()
    return str(error) if is_ours else None
