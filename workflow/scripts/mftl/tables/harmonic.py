"""Harmonic frequencies of a level, and where a simulation has them."""

from typing import Any

import pandas as pd

from mftl.observables.spectra import harmonic, shifted
from mftl.structures import read_labelled

VIBRATION = 50.0  # cm⁻¹: below are translations and rotations, by the noise of differences


def table(inputs: dict[str, Any], settings: dict[str, Any]) -> pd.DataFrame:
    """A row for each vibration: its harmonic wavenumber, and that shifted by the simulations' time step, cm⁻¹."""
    found = harmonic(read_labelled(inputs["labels"]))
    found = found[abs(found) > VIBRATION]
    return pd.DataFrame({"wavenumber": found, "in_simulation": shifted(found, settings["timestep"])})
