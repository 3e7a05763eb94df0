"""One error for all mistakes that were found in a file."""

from collections.abc import Sequence

from slowfast.ak.errors import UserError

MOST_MISTAKES = 20  # one error lists at most this many


def raise_mistakes(mistakes: Sequence[object]) -> None:
    """Raises a UserError that lists the mistakes, if there are any."""
    if mistakes:
        raise UserError("\n".join(first_mistakes(mistakes)))


def first_mistakes(mistakes: Sequence[object]) -> list[str]:
    """The first mistakes as lines, and a line with the number of the others."""
    more = len(mistakes) - MOST_MISTAKES
    shown = [str(mistake) for mistake in mistakes[:MOST_MISTAKES]]
    return shown + ([f"... and {more} more"] if more > 0 else [])
