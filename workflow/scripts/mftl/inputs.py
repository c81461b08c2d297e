"""The error for everything that a user, not the program, has to mend."""


class InputError(ValueError):
    """What was given cannot be used; the message says what, where, and what would be valid.

    Scripts show it without a traceback.
    """
