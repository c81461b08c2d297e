"""Trained models and levels of theory as ASE calculators. A Δ model is used as their sum:

    from ase.calculators.mixing import SumCalculator
    from mftl.calculator import LevelCalculator, ModelCalculator
    from mftl.engines.tblite.section import TbliteLevel

    low = LevelCalculator(TbliteLevel(engine="tblite", method="GFN1-xTB"))
    atoms.calc = SumCalculator([ModelCalculator("results/models/.../model.pt"), low])

The level must have the settings that the low labels were made with. For DFTB+ use
``mftl.dftb_calculator.DFTBPlus``.
"""

from pathlib import Path
from typing import ClassVar

import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator, PropertyNotImplementedError, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from mftl import engines
from mftl.committees import Committee
from mftl.config.levels import EngineLevel
from mftl.lean import find_forward
from mftl.models import find_device, load_model
from mftl.prediction import predict_with_stress


class ModelCalculator(Calculator):
    """Energy (eV), forces (eV/Å) and, of a crystal if asked for, stress (eV/Å³) of a model file.

    Unlike mace-torch's own calculator, it adds the reference energies in float64: a float32 total energy of 10⁴ eV has
    no digits left for meV. ``head`` is needed for a model with several.
    Raises InputError if a structure holds an element that the model does not know.
    """

    implemented_properties: ClassVar = ["energy", "forces", "stress"]

    def __init__(self, model: str | Path, head: str | None = None, device: str = "cpu"):
        super().__init__()
        self.model, self.device = load_model(model, find_device(device), head), device
        self.forward, _ = find_forward(self.model, stress=True)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Fill ``results``."""
        super().calculate(atoms, properties, system_changes)
        if "stress" in properties and not self.atoms.pbc.all():
            raise PropertyNotImplementedError("a stress needs a cell that is periodic along all axes")
        found = predict_with_stress(
            self.model, [self.atoms], device=self.device, forward=self.forward, use_stress="stress" in properties
        )
        (energy,), (forces,), stresses = found
        self.results = {"energy": float(energy), "forces": forces}
        if stresses is not None:
            self.results["stress"] = full_3x3_to_voigt_6_stress(stresses[0])


class CommitteeCalculator(Calculator):
    """Mean energy (eV), forces (eV/Å) and stress (eV/Å³) of an exported committee, and how far they may be off.

    ``folder``: results/export/<curve>/committee. ``energy_uncertainty`` (eV) and, for a component of the force on each
    atom, ``forces_uncertainty`` (N,) (eV/Å) are in ``results`` and given by ``get_property``; 68 % of the errors on
    test structures lay within. Raises InputError if there is no committee, or for an element that it does not know.
    """

    implemented_properties: ClassVar = ["energy", "forces", "stress", "energy_uncertainty", "forces_uncertainty"]

    def __init__(self, folder: str | Path, device: str = "cpu"):
        super().__init__()
        self.committee = Committee.read(folder)
        self.members = [ModelCalculator(Path(folder) / one, device=device) for one in self.committee.members]

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Fill ``results``."""
        super().calculate(atoms, properties, system_changes)
        for one in self.members:
            one.calculate(self.atoms, properties, system_changes)
        energies, forces = (np.array([one.results[key] for one in self.members]) for key in ("energy", "forces"))
        energy, off = self.committee.energy(energies, len(self.atoms))
        mean, pulls = self.committee.forces(forces)
        self.results = {"energy": energy, "forces": mean, "energy_uncertainty": off, "forces_uncertainty": pulls}
        if "stress" in properties:
            self.results["stress"] = np.array([one.results["stress"] for one in self.members]).mean(0)


class LevelCalculator(Calculator):
    """Energy (eV) and forces (eV/Å) of a level with an engine, which runs in this process.

    Raises ASE's CalculationFailed where the engine fails, InputError for a structure it cannot treat.
    """

    implemented_properties: ClassVar = ["energy", "forces"]

    def __init__(self, level: EngineLevel):
        super().__init__()
        self.level = level.model_copy(update={"forces": True})

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Fill ``results``."""
        super().calculate(atoms, properties, system_changes)
        try:
            engine = engines.engine(self.level.engine)  # type: ignore[attr-defined] # of each kind of level
            label = engine.label(engines.Structure.of(self.atoms), self.level)
        except engines.Failure as error:
            raise CalculationFailed(str(error)) from error
        self.results = {"energy": label.energy, "forces": np.array(label.forces)}
