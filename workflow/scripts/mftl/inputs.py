"""What a user, not the program, has to mend: the error for it, and how the system says that a disk is full."""

import errno

FULL = (errno.ENOSPC, errno.EDQUOT)


class InputError(ValueError):
    """What was given cannot be used; the message says what, where, and what would be valid.

    Scripts show it without a traceback.
    """
