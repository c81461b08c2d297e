"""Snapshots of molecular dynamics of a molecule at a level of theory; built by ``mftl.systems.molecule_dynamics``."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from mftl.config.base import mistake
from mftl.pools.molecule import MoleculePool
from mftl.sampling import sample

if TYPE_CHECKING:
    from ase import Atoms

    from mftl.structures import Progress

PS = 1000.0  # fs in a ps


class MoleculeDynamicsPool(MoleculePool):
    """Snapshots of Langevin dynamics of a molecule at a level of theory and one temperature.

    Ids count the snapshots in time: a longer run has all those of a shorter one, with the same geometries. The pool's
    order is that of a hash of seed and id, so that every prefix samples the whole run; in that of a longer run those of
    a shorter one keep their order, with others between them.
    """

    CITE: ClassVar[tuple[str, ...]] = ("leimkuhler2013",)

    generator: Literal["molecule-md"] = Field(description="the name of the generator")
    temperature: PositiveInt = Field(description="of the thermostat and of the first velocities, K")
    friction: PositiveFloat = Field(10.0, description="of the thermostat, 1/ps")
    time_step: PositiveFloat = Field(0.5, description="fs")
    equilibration: NonNegativeFloat = Field(5.0, description="ps, not sampled")
    samples: PositiveInt = Field(description="snapshots")
    interval: PositiveFloat = Field(0.05, description="ps between two snapshots, a multiple of `time_step`")

    def known(self) -> dict[str, list[str]]:
        """What is known of the structures before they are built, by info key, in the pool's order."""
        ids = sample(((self.id_of(k),) for k in range(self.samples)), None, self.seed)
        return {"id": [one for (one,) in ids], "molecule": [self.name] * self.samples}

    def id_of(self, k: int) -> str:
        """Id of the k-th snapshot in time."""
        return f"{self.name}-{k:05d}"

    def steps(self, time: float) -> int:
        """Steps of a time in ps."""
        return round(time * PS / self.time_step)

    def mistakes(self, path: str, root: Path) -> Iterator[str]:
        """What is wrong with the molecule or its level, and a line for snapshots between two steps."""
        yield from super().mistakes(path, root)
        if abs(self.interval * PS / self.time_step - max(1, self.steps(self.interval))) > 1e-6:
            yield mistake(f"{path}.interval", self.interval, f"a multiple of `time_step`, {self.time_step / PS:g} ps")

    def build(self, progress: "Progress") -> "Iterator[Atoms]":
        """Yield the structures in the pool's order."""
        from mftl.systems import molecule_dynamics

        return iter(molecule_dynamics.sample(self, progress))

    def seconds(self) -> float:
        """What GFN2-xTB takes for a small molecule, 1.5 ms for each step."""
        return 1.5e-3 * (self.steps(self.equilibration) + self.samples * self.steps(self.interval))
