"""Stub."""

EXIT_STOPPED = 75


class Stopped(Exception):
    """The run was asked to stop and has saved where it is."""
