"""What a level with the engine tblite is described by; apart, so that worker processes start without pydantic."""

from typing import Literal

from pydantic import Field

from mftl.config.levels import EngineLevel


class TbliteLevel(EngineLevel):
    """GFN1-xTB or GFN2-xTB labels with tblite; molecules only."""

    engine: Literal["tblite"] = Field(description="the name of the engine")
    method: Literal["GFN1-xTB", "GFN2-xTB"] = Field("GFN2-xTB", description="the Hamiltonian")
