"""An exported model as an ASE calculator that says how far it may be off, by what its last layers saw in training."""

from pathlib import Path
from typing import ClassVar

import numpy as np
from ase.calculators.calculator import all_changes

from mftl.calculator import ModelCalculator
from mftl.features import LastLayer, graphs_of
from mftl.inputs import InputError
from mftl.uncertainty import FILE, Uncertainty


class LastLayerCalculator(ModelCalculator):
    """Energy (eV), forces (eV/Å) and stress (eV/Å³) of an exported model, and how far they may be off.

    ``folder``: results/export/<curve>, with last-layer.npz. ``energy_uncertainty`` (eV) is in ``results``;
    ``forces_uncertainty`` (N,) (eV/Å), of a component of the force on each atom, comes when asked for, by
    ``get_property``: it takes a backward pass for each weight of the last layers. Both are standard deviations, scaled
    on validation structures. Raises InputError if the file is not there or of another model.
    """

    implemented_properties: ClassVar = ["energy", "forces", "stress", "energy_uncertainty", "forces_uncertainty"]

    def __init__(self, folder: str | Path, device: str = "cpu"):
        super().__init__(Path(folder) / "model.pt", device=device)
        self.uncertainty, weights = Uncertainty.read(Path(folder) / FILE)
        self.last_layer = LastLayer(self.model)
        own = self.last_layer.weights
        if own.shape != weights.shape or not np.allclose(own, weights, rtol=1e-6):
            raise InputError(f"{Path(folder) / FILE} is of another model than model.pt beside it; make both again")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Fill ``results``."""
        super().calculate(atoms, properties, system_changes)
        rows = "forces_uncertainty" in properties
        (seen,) = self.last_layer.of(graphs_of(self.model, [self.atoms]), rows)
        self.results["energy_uncertainty"] = self.uncertainty.energy(seen)
        if rows:
            self.results["forces_uncertainty"] = self.uncertainty.forces(seen)
