"""Numbers with a noun in singular or plural."""


def count(number: int, noun: str, plural: str = "s") -> str:
    """Returns a number with its noun, for example "1 epoch" or "3 epochs"."""
    return f"{number} {noun}{plural if number != 1 else ''}"
