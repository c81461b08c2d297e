"""DFTB+ as a calculator of ASE."""

from typing import Any

from mftl.engine_calculator import EngineCalculator
from mftl.engines.dftbplus.section import DftbLevel


class DFTBPlus(EngineCalculator):
    """Mermin energy, forces and stress with DFTB+, the library if it is found, else the program.

    ``settings`` are the keys of a level with the engine ``dftb+``, such as ``slater_koster``, ``temperature``,
    ``k_point_spacing`` or ``interface`` (all in config/defaults.yaml); ``timeout`` is in seconds.

        atoms.calc = DFTBPlus(slater_koster="resources/ptbp")
        atoms.get_potential_energy()  # eV; forces in eV/Å, stress in eV/Å³ with ASE's sign

    DFTB+ runs in a process of its own, which is kept: a molecule whose atoms move does not read its tables again.
    Raises pydantic's ValidationError for a wrong setting; what else may be raised: ``EngineCalculator``.
    """

    def __init__(self, timeout: float = 3600.0, **settings: Any):
        super().__init__(DftbLevel(engine="dftb+", **settings), timeout)
