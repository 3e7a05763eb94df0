"""What the command lines have in common: parsers, overrides, and the text files that they write."""

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError

MOST_RESAMPLES = 10_000


def tool_parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser that shows the docstring of a tool as it is written."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


# The form of a dotted key, such as TASK or SOLVER.BASE_LR.
_KEY = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Za-z0-9_]+)*")


class OverridesParser(argparse.ArgumentParser):
    """A parser of options and of overrides KEY VALUE, which follow ``--opts`` or stand alone.

    Argparse reads a value such as ``-1e-4`` or ``--`` as an option. So the overrides are taken out
    of the command line first: all words that are neither an option nor belong to one. Each override
    arrives as it is written, white space included. Other words without an option, such as names of
    files, are among them, before the first key.

    Options are written in full. An option with ``nargs="+"`` takes YAML files: the next word, and
    further words that end in .yaml or .yml.
    """

    def __init__(self, **arguments: Any) -> None:
        self._options: dict[str, argparse.Action] = {}
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **arguments
        )

    def add_argument(self, *names: str, **arguments: Any) -> argparse.Action:
        """Adds an option, as argparse does."""
        action = super().add_argument(*names, **arguments)
        self._options.update(dict.fromkeys(action.option_strings, action))
        return action

    def add_configuration_options(self) -> None:
        """Adds ``--opts`` and ``--ignore-unknown-keys``."""
        self.add_argument("--opts", nargs="*", metavar="KEY VALUE", help="overrides")
        self.add_argument(
            "--ignore-unknown-keys",
            action="store_true",
            help="leave out keys that are unknown here, with one warning",
        )

    def parse(self, argv: Sequence[str] | None = None) -> argparse.Namespace:
        """Returns the options, and the overrides as ``opts`` (``[KEY, VALUE, ...]``).

        ``opts`` is ``bare``, the words that stand alone, and ``after_opts``, the words after
        ``--opts``, in the order of the command line. A wrong option ends the program with status 2
        and a message.
        """
        options, words = self._split(list(sys.argv[1:] if argv is None else argv))
        args = self.parse_args(options)
        args.opts = [word for word, _ in words]
        args.bare = [word for word, follows_opts in words if not follows_opts]
        args.after_opts = [word for word, follows_opts in words if follows_opts]
        return args

    def _split(self, words: list[str]) -> tuple[list[str], list[tuple[str, bool]]]:
        """The options with what belongs to them; all other words, and if they follow --opts."""
        options: list[str] = []
        others: list[tuple[str, bool]] = []
        follows_opts = False
        while words:
            word = words.pop(0)
            name, equals, given = word.partition("=")
            if name == "--opts":
                follows_opts = True
                others += [(given, True)] * bool(equals)
            elif name in self._options:
                count = 0 if equals else _words_taken(self._options[name], words)
                options += [word, *words[:count]]
                del words[:count]
                follows_opts = False
            else:
                number = re.match(
                    r"-[\d.]|-inf", word
                )  # no option; where it is no value, a mistake
                before = [other for other, _ in others]
                if number or not word.startswith("-") or _value_follows(before):
                    others.append((word, follows_opts))
                elif word != "--":
                    self.error(f"unknown option {word}; --help shows all of them")
        return options, others


def _value_follows(words: list[str]) -> bool:
    """Whether the next word is the value of a key: keys and values alternate from a key on."""
    first = next((place for place, word in enumerate(words) if _KEY.fullmatch(word)), len(words))
    return (len(words) - first) % 2 == 1


def _words_taken(action: argparse.Action, words: list[str]) -> int:
    """How many of the next words belong to an option."""
    if action.nargs == 0 or not words:
        return 0
    count = 0 if action.nargs in ("?", "+") and words[0].startswith("-") else 1
    if action.nargs == "+" and count:
        while count < len(words) and words[count].lower().endswith((".yaml", ".yml")):
            count += 1
    return count


def check_resamples(resamples: int) -> None:
    """Checks the value of ``--resamples``.

    Raises:
        UserError: so many resamples give no interval, or take memory and time for nothing.
    """
    if not 2 <= resamples <= MOST_RESAMPLES:
        raise UserError(
            f"--resamples {resamples}: expected 2 to {MOST_RESAMPLES}. 1000 are enough; more take "
            "memory and time and hardly change an interval."
        )


def check_file(path: Path) -> None:
    """Checks that a file can be written, before the work whose results it gets.

    Raises:
        UserError: it is a folder, or its folder is missing or cannot be written.
    """
    if path.is_dir():
        raise UserError(f"{path}: is a folder; expected the name of a file to write.")
    if not path.parent.is_dir():
        raise UserError(f"{path}: cannot be written: there is no folder {path.parent}. Make it.")
    _check_writable(path.parent, path)


def check_folder(path: Path) -> None:
    """Checks that files can be written into a folder, which may not exist yet.

    Raises:
        UserError: it is a file, or cannot be made or written.
    """
    place = next(each for each in (path, *path.absolute().parents) if each.exists())
    if path.exists() and not path.is_dir():
        raise UserError(f"{path}: is a file; expected the name of a folder.")
    if not place.is_dir():
        raise UserError(f"{path}: cannot be a folder, because {place} is a file.")
    _check_writable(place, path)


def _check_writable(folder: Path, path: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None


def write_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8. A name with other bytes is written with escapes, as JSON has them.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None
