"""What became of one replica of a simulation."""

from dataclasses import dataclass

import numpy as np

NOT_FINITE, TOO_HOT, OVERLAP, BOND = "not finite", "too hot", "atoms too close", "bond broken"
UNCERTAIN = "too uncertain"


@dataclass
class Record:
    """What became of one replica; times in steps, None if it did not happen."""

    stopped: int | None = None
    reason: str = ""
    overlap: int | None = None
    bond: int | None = None
    closest: float = np.inf  # Å, the smallest distance seen
    deviation: float = 0.0  # Å, the largest of a bond
    temperatures: float = 0.0  # K, summed over steps
    volumes: float = 0.0  # Å³, summed over steps
    spread: float = 0.0  # eV/Å, root mean square of a committee's deviations, summed over steps
    largest: float = 0.0  # eV/Å, the largest deviation of the force on an atom
    uncertain: int | None = None  # when that first exceeded the limit
    collected: int | None = None  # the last time its structure became a candidate
