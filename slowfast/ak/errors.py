"""Exceptions for errors that a user can fix: in the configuration, the data or the weights."""


class UserError(ValueError):
    """A foreseeable error. Its text says what was found, what was expected, and what to do.

    The programs in ``tools/`` print the text without a traceback and exit with status 2.
    """


class BadClip(UserError):
    """The frames of a clip cannot be read: a file is missing or broken, or a server is silent."""
