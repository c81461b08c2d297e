"""Snapshots of molecular dynamics with a Stillinger-Weber potential; built by ``mftl.systems.molecular_dynamics``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Element, Name
from mftl.engines.stillinger_weber import CITE, STILLINGER_WEBER, StillingerWeberParameters
from mftl.pools.base import Generator

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress


class DynamicsPool(Generator):
    """Snapshots of molecular dynamics of an element in the diamond structure, or molten, at several temperatures.

    Each temperature: from the crystal at constant pressure, then at the mean volume of the second half, from which the
    snapshots are.
    """

    PERIODIC: ClassVar[bool] = True
    CITE: ClassVar[tuple[str, ...]] = (*CITE, "rocken2025")

    generator: Literal["stillinger-weber-md"] = Field(description="the name of the generator")
    name: Name = Field(description="what the ids begin with")
    element: Element = Field(description="chemical symbol, one of `parameters`")
    lattice_constant: PositiveFloat = Field(description="of diamond, Å; where each simulation starts")
    repeat: PositiveInt = Field(2, description="cubic cells of eight atoms along each axis")
    temperatures: list[PositiveInt] = Field(min_length=1, description="K, one simulation for each")
    equilibration: PositiveFloat = Field(description="ps at constant pressure (zero) and temperature, not sampled")
    discard: float = Field(0.0, ge=0, description="ps at constant volume and temperature, not sampled either")
    samples: PositiveInt = Field(description="snapshots of each temperature")
    interval: PositiveFloat = Field(1.0, description="ps between two snapshots")
    time_step: PositiveFloat = Field(1.0, description="fs")
    parameters: dict[Element, StillingerWeberParameters] = Field(
        STILLINGER_WEBER, description="of the potential, as of the level; other values replace all of them"
    )
    seed: list[int] = Field([0], description="seeds of the velocities; the temperature is appended")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        pairs = [(k, temperature) for k in range(self.samples) for temperature in self.temperatures]
        return {
            "id": [self.id_of(temperature, k) for k, temperature in pairs],
            "temperature": [str(temperature) for _, temperature in pairs],
        }

    def id_of(self, temperature: int, k: int) -> str:
        """Id of the k-th snapshot at a temperature."""
        return f"{self.name}-{temperature}K-{k:04d}"

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import molecular_dynamics

        return iter(molecular_dynamics.sample(self, progress))

    def example(self, count: int) -> "list[Atoms]":
        """The crystal that simulations start from."""
        from ase.build import bulk

        return [bulk(self.element, "diamond", a=self.lattice_constant, cubic=True).repeat(self.repeat)]

    def seconds(self) -> float:
        """A microsecond for each atom and step."""
        length = self.equilibration + self.discard + self.samples * self.interval  # ps
        return 1e-6 * len(self.temperatures) * 8 * self.repeat**3 * 1000 * length / self.time_step
