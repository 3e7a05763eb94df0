"""Checkpoints: their names, files and folder; writing, loading, resuming; weight conversions."""
