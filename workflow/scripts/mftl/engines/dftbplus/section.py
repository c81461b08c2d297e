"""What a level with the engine dftb+ is described by; apart, so that worker processes start without pydantic."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Element, FileName
from mftl.config.levels import EngineLevel


class DftbLevel(EngineLevel):
    """DFTB labels with DFTB+: Mermin energy, its forces and, for crystals, stress; molecules and crystals."""

    engine: Literal["dftb+"] = Field(description="the name of the engine")
    interface: Literal["auto", "library", "program"] = Field(
        "auto", description="libdftbplus in worker processes, a process dftb+ for each structure, or what is found"
    )
    command: str = Field("dftb+", description="the program: a name on PATH or a path")
    library: str | None = Field(
        None, description="path of libdftbplus.so, if it is neither beside the program nor in the active environment"
    )
    slater_koster: FileName = Field(
        "resources/ptbp", validate_default=True, description="folder of the Slater-Koster tables, A-B.skf"
    )
    max_angular_momentum: dict[Element, Literal["s", "p", "d", "f"]] = Field(
        {}, description="highest shell of elements, e.g. {Fe: d}; known: H s, C N O p, S Cl Si Ge W d"
    )
    temperature: PositiveFloat = Field(300.0, description="electronic temperature of the Fermi filling, K")
    k_point_spacing: PositiveFloat = Field(
        0.03, description="of crystals: largest distance of k-points, 1/Å without 2π; one k-point across vacuum"
    )
    k_point_spacing_supercells: PositiveFloat | None = Field(
        None, description="the same of cells with more than two atoms (null: as of others); there k-points are dear"
    )
    scc_tolerance: PositiveFloat = Field(1e-6, description="convergence of the charges, e")
    max_scc_iterations: PositiveInt = Field(300, description="more than these count as a failure")
    shell_resolved_scc: bool = Field(True, description="one charge for each shell; PTBP energies depend on it")
