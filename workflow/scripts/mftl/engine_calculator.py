"""Any engine as a calculator of ASE, in a worker process as for labels: it may end its process or never come back."""

from typing import Any, ClassVar

import numpy as np
from ase.calculators.calculator import CalculationFailed, Calculator, all_changes

from mftl import engines, workers
from mftl.engines import Structure
from mftl.inputs import InputError


class EngineCalculator(Calculator):
    """Energy (eV), forces (eV/Å) and, of a crystal, stress (eV/Å³, ASE's sign) of a level with an engine.

    ``level``: its section of the configuration; ``timeout`` in seconds for each structure. The worker process is kept.
    Raises InputError if the engine is not installed or a file that it reads is missing; while calculating, ASE's
    CalculationFailed where the engine fails, ends or takes too long, and InputError for a structure it cannot treat.
    """

    implemented_properties: ClassVar = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, level: Any, timeout: float = 3600.0):
        super().__init__()
        self.level, self.timeout = level, timeout
        self._engine = engines.engine(level.engine)
        self._worker: workers.Worker | None = None
        if missing := self._engine.installed(level):
            raise InputError(f"the engine {level.engine} is not installed: {missing}")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Fill ``results``; see the class for what may be raised."""
        super().calculate(atoms, properties, system_changes)
        answer = self.ask(Structure.of(self.atoms))
        self.results = {
            "energy": answer["energy"],
            "free_energy": answer["energy"],
            "forces": np.array(answer["forces"]),
        }
        if "stress" in answer:
            stress = np.array(answer["stress"])
            self.results["stress"] = stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]  # ASE's order: xx yy zz yz xz xy

    def ask(self, structure: Structure) -> workers.Answer:
        """What the engine says of a structure: energy, forces, perhaps stress; raises as said of the class."""
        self._engine.files(self.level, sorted(set(structure.symbols)))
        if self._worker is None:
            self._worker = workers.Worker(workers.command(self._engine.__name__, self.level.model_dump()))
        answer = self._worker.ask(structure, self.timeout)
        if answer is None:
            worker, self._worker = self._worker, None
            code, message = worker.end()
            how = f"took longer than {self.timeout:g} s" if code is None else f"ended with exit code {code}"
            raise CalculationFailed(f"{self.level.engine} {how}: {message}")
        if "unusable" in answer:
            raise InputError(answer["unusable"])
        if "failed" in answer:
            raise CalculationFailed(f"{self.level.engine}: {answer['failed']}")
        return answer

    def close(self) -> None:
        """End the process that the engine runs in; the next calculation starts another."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.end()

    def __del__(self):
        if getattr(self, "_worker", None) is not None:
            self.close()
