"""Checkpoints: their names, files and folder; writing, loading, resuming; weight conversions.

Importing this package registers the checks of settings that depend on checkpoints.
"""

from slowfast.checkpoints import checks  # noqa: F401
