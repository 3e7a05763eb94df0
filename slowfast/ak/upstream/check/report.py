"""Runs the steps of a check and prints a line for each."""

from __future__ import annotations

import contextlib
import io
import logging
import traceback
import warnings
from collections.abc import Callable, Iterator

from slowfast.ak.errors import UserError

_WIDTH = 30


class Failed(Exception):
    """A step failed; the text says why, and what to do."""


class Unserved(Exception):
    """This branch of upstream lacks what a step needs; the text says what. It is no failure."""


class Report:
    """Runs steps, prints a line for each, and remembers whether one failed."""

    def __init__(self) -> None:
        self.has_failed = False

    def step(self, name: str, do: Callable[[], str]) -> None:
        """Prints the name, then `ok` and what the step returns, or `FAILED` and what it raises.

        After `Unserved` it prints a remark.
        """
        print(f"{name:<{_WIDTH}}", end="", flush=True)
        state = "ok"
        try:
            with quiet():
                words = do()
        except Failed as error:
            state, words = "FAILED", str(error)
        except Unserved as error:
            state, words = "-", str(error)
        except (Exception, SystemExit) as error:
            state, words = "FAILED", _words(error)
        self._print(state, words)
        self.has_failed |= state == "FAILED"

    def remark(self, name: str, words: str) -> None:
        """Prints a remark, which neither passes nor fails."""
        print(f"{name:<{_WIDTH}}", end="")
        self._print("-", words)

    def _print(self, state: str, words: str) -> None:
        first, *more = words.splitlines() or [""]
        print(f"{state:<8}{first}".rstrip(), flush=True)
        for line in more:
            print(" " * (_WIDTH + 8) + line, flush=True)


def _words(error: BaseException) -> str:
    if isinstance(error, UserError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error}\n{place.filename}, line {place.lineno}"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hides what the checkout prints, logs and warns of, which would break the lines."""
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
