"""What all benchmarks share: a table of what was measured, printed as it grows."""

import os
import resource
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

import numpy as np
import pandas as pd


class Table:
    """Rows of measurements, each the median of ``values``."""

    def __init__(self):
        self.rows = []

    def add(self, subject: str, what: str, values: float | list[float], unit: str) -> float:
        """Add and print a row; return the median."""
        values = np.atleast_1d(values).astype(float)
        median, low, high = float(np.median(values)), float(values.min()), float(values.max())
        self.rows.append({"subject": subject, "what": what, "median": median, "low": low, "high": high, "unit": unit})
        spread = f" ({low:.4g} to {high:.4g})" if len(values) > 1 else ""
        print(f"{subject}, {what}: {median:.4g}{spread} {unit}", flush=True)
        return median

    def note(self, subject: str, text: str) -> None:
        """Add and print what could not be measured, and why."""
        self.rows.append({"subject": subject, "what": text})
        print(f"{subject}: {text}", flush=True)


def cpu() -> float:
    """CPU seconds of this process and of all it started and saw end."""
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)


def run(measure) -> None:
    """Measure; write the table to the file named on the command line, if any."""
    table = Table()
    measure(table)
    if len(sys.argv) > 1:
        columns = ["subject", "what", "median", "low", "high", "unit"]
        pd.DataFrame(table.rows, columns=columns).to_csv(sys.argv[1], index=False)
