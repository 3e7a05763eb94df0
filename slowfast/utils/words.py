"""Words for people."""


def count(number: int, what: str, plural: str = "s") -> str:
    """A number of things: "1 epoch", "3 epochs"."""
    return f"{number} {what}{plural if number != 1 else ''}"
