"""What processes that compute need of the operating system."""

import ctypes
import resource
import signal

_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends, however that ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def allow_large_stack() -> None:
    """Raise the limit of this process's stack, and of those it starts, as far as it goes.

    DFTB+ keeps arrays there: with the usual 8 MiB a metal cell ends in a segmentation fault.
    """
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    resource.setrlimit(resource.RLIMIT_STACK, (hard, hard))
