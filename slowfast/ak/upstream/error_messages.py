"""Ends a run in which a UserError was raised with the text of the error and exit status 2.

All other errors are shown as Python does. If a package is not installed, the command that installs
it follows.
"""

from __future__ import annotations

import sys
from types import TracebackType

from slowfast.ak.errors import UserError
from slowfast.ak.upstream.standins.finder import how_to_install

# The name of UserError in the traceback that another process's error contains.
_NAMES = tuple(f"{UserError.__module__}.{name}: " for name in ("UserError", "BadClip"))


def install() -> None:
    """Shows errors that end this process in this form, from now on."""
    sys.excepthook = _Hook(sys.excepthook)


class _Hook:
    def __init__(self, previous_hook) -> None:
        self._previous_hook = previous_hook

    def __call__(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        text = _text_of_user_error(error)
        if text is None:
            self._previous_hook(kind, error, trace)
            name = error.name if isinstance(error, ModuleNotFoundError) else None
            if name and (words := how_to_install(name)):
                print(f"\n{words}", file=sys.stderr)
            return
        print(f"\nerror: {text}", file=sys.stderr)
        raise SystemExit(2)


def _text_of_user_error(error: BaseException) -> str | None:
    """Returns the text of a UserError of this process or of a started one; None for others."""
    is_user_error = isinstance(error, UserError)
    if is_user_error or type(error).__name__ == "ProcessRaisedException":
        for name in _NAMES:  # the UserError of a loader's worker arrives with a traceback in it
            _, found, text = str(error).rpartition(name)
            if found:
                return text.strip()
    return str(error) if is_user_error else None
