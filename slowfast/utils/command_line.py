"""What the command-line tools have in common: their parser, and the text files that they write."""

import argparse
from pathlib import Path

from slowfast.ak.errors import UserError


def tool_parser(description: str | None) -> argparse.ArgumentParser:
    """Returns a parser that shows the docstring of a tool as it is written."""
    return argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def write_text(path: Path, text: str) -> None:
    """Writes a file in UTF-8. A name with other bytes is written with escapes, as JSON has them.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}).") from None
