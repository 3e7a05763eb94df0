"""The exceptions for what a user can mend: bad configuration, bad data, bad weights."""


class UserError(ValueError):
    """Something foreseeable is wrong, and its text says what was found, expected, and to be done.

    Programs below ``tools/`` print the text without a traceback and exit with status 2.
    """


class BadClip(UserError):
    """The frames of a clip cannot be had: a file that is missing, broken, or does not answer."""
