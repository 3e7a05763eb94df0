"""What changes from epoch to epoch of a run: clips, batches, learning rate, evaluations."""

from slowfast.schedules import checks  # noqa: F401
