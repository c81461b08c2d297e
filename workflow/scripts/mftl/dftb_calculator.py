"""DFTB+ as a calculator of ASE."""

from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from mftl import workers
from mftl.engines import Structure, dftbplus
from mftl.engines.dftbplus.section import DftbLevel
from mftl.inputs import InputError


class DFTBPlus(Calculator):
    """Mermin energy, forces and stress with DFTB+, the library if it is found, else the program.

    ``settings`` are the keys of a level with the engine ``dftb+``, such as ``slater_koster``, ``temperature``,
    ``k_point_spacing`` or ``interface`` (all in config/defaults.yaml); ``timeout`` is in seconds.

        atoms.calc = DFTBPlus(slater_koster="resources/ptbp")
        atoms.get_potential_energy()  # eV; forces in eV/Å, stress in eV/Å³ with ASE's sign

    The label is the Mermin free energy, of which forces and stress are the derivatives. DFTB+ runs in a process of its
    own, which is kept: a molecule whose atoms move does not read its tables again.
    Raises InputError if DFTB+ is not installed, or a setting is wrong; while calculating, ASE's CalculationFailed with
    the last message of DFTB+ if it ends or takes too long, and InputError if a table is missing.
    """

    implemented_properties: ClassVar = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, timeout: float = 3600.0, **settings: Any):
        super().__init__()
        self.settings, self.timeout = DftbLevel(engine="dftb+", **settings), timeout
        self._worker: workers.Worker | None = None
        if missing := dftbplus.installed(self.settings):
            raise InputError(f"DFTB+ is not installed: {missing}")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Fill ``results``; see the class for what may be raised."""
        super().calculate(atoms, properties, system_changes)
        structure = Structure.of(self.atoms)
        dftbplus.files(self.settings, sorted(set(structure.symbols)))
        if self._worker is None:
            self._worker = workers.Worker(workers.command(dftbplus.__name__, self.settings.model_dump()))
        answer = self._worker.ask(structure, self.timeout)
        if answer is None:
            worker, self._worker = self._worker, None
            code, message = worker.end()
            how = f"took longer than {self.timeout:g} s" if code is None else f"ended with exit code {code}"
            raise CalculationFailed(f"DFTB+ {how}: {message}")
        if "unusable" in answer:
            raise InputError(answer["unusable"])
        if "failed" in answer:
            raise CalculationFailed(f"DFTB+: {answer['failed']}")
        self.results = {
            "energy": answer["energy"],
            "free_energy": answer["energy"],
            "forces": np.array(answer["forces"]),
        }
        if "stress" in answer:
            stress = np.array(answer["stress"])
            self.results["stress"] = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]  # ASE's order: xx yy zz yz xz xy

    def close(self) -> None:
        """End the process that DFTB+ runs in; the next calculation starts another."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def __del__(self):
        if getattr(self, "_worker", None) is not None:
            self.close()
