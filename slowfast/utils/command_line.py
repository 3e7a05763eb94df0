"""What the command lines have in common: parsers, overrides, and the text files that they write."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slowfast.ak.errors import UserError


def tool_parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser that shows the docstring of a tool as it is written."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


class OverridesParser(argparse.ArgumentParser):
    """A parser of options and of overrides KEY VALUE, which follow ``--opts`` or stand alone.

    Argparse reads a value such as ``-1e-4`` or ``--`` as an option. So the overrides are taken out
    of the command line first: all words that are neither an option nor belong to one. Each override
    arrives as it is written, white space included.

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

        A wrong option ends the program with status 2 and a message.
        """
        options, overrides = self._split(list(sys.argv[1:] if argv is None else argv))
        args = self.parse_args(options)
        args.opts = overrides
        return args

    def _split(self, words: list[str]) -> tuple[list[str], list[str]]:
        """The options with what belongs to them, and the overrides."""
        options: list[str] = []
        overrides: list[str] = []
        while words:
            word = words.pop(0)
            name, equals, given = word.partition("=")
            is_value = len(overrides) % 2 == 1
            if name == "--opts":
                overrides += [given] * bool(equals)
            elif name in self._options:
                count = 0 if equals else _words_taken(self._options[name], words)
                options += [word, *words[:count]]
                del words[:count]
            elif word.startswith("-") and not is_value and not re.match(r"-[\d.]|-inf", word):
                if word != "--":
                    self.error(f"unknown option {word}; --help shows all of them")
            else:
                overrides.append(word)
        return options, overrides


def _words_taken(action: argparse.Action, words: list[str]) -> int:
    """How many of the next words belong to an option."""
    if action.nargs == 0 or not words:
        return 0
    count = 0 if action.nargs in ("?", "+") and words[0].startswith("-") else 1
    if action.nargs == "+" and count:
        while count < len(words) and words[count].lower().endswith((".yaml", ".yml")):
            count += 1
    return count


def write_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8. A name with other bytes is written with escapes, as JSON has them.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None
