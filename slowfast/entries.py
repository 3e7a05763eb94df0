"""Registers what a configuration can name, in one call."""


def register_entries() -> None:
    """Imports all networks, losses, data sets, metrics and tasks of this tree.

    It takes seconds, because it imports torch. A second call costs nothing.
    """
    import slowfast.checkpoints
    import slowfast.datasets
    import slowfast.tasks  # noqa: F401
