"""Levels of theory: what all have, wherever their labels come from, and those whose labels are read."""

from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveInt

from mftl import catalogue
from mftl.config.base import FileName, Section

if TYPE_CHECKING:
    DatasetName = str
else:
    DatasetName = Literal[*catalogue.DATASETS]


class Level(Section):
    """What every level has, wherever its labels come from."""

    first: PositiveInt | None = Field(None, description="label only the first so many structures (after `only`)")
    only: dict[str, list[str]] = Field(
        {}, description="label only structures whose info key has one of these values, e.g. {molecule: [water]}"
    )
    also: dict[str, list[str]] = Field(
        {}, description="label these too, whatever `first` and `only` leave out, e.g. {kind: [vacancy]}"
    )

    @property
    def has_forces(self) -> bool:
        """Whether its labels hold forces."""
        return True


class FileLevel(Level):
    """Labels that come with the data."""

    file: FileName = Field(description="extended XYZ with the pool's ids, energies and forces")
    failures: FileName | None = Field(None, description="table of the ids without a label and why: id, reason")
    energy_key: str = Field("REF_energy", description="info key of the energy in eV")
    forces_key: str | None = Field(
        "REF_forces", description="array key of the forces in eV/Å (null: energies alone are used)"
    )

    @property
    def has_forces(self) -> bool:
        """Whether its labels hold forces."""
        return self.forces_key is not None


class ReturnedLevel(Level):
    """Labels that come back from your own calculations, in one file or many, in any format that ASE reads."""

    outputs: list[str] = Field(
        min_length=1,
        description="files, or patterns such as orca/*/orca.out; a structure is known by its `id`, else by the name of "
        "its folder or file",
    )
    asked: FileName | None = Field(
        None, description="the structures that were asked for, as they were handed out: those without a label are named"
    )
    energy_key: str = Field("energy", description="info key, or ASE's name, of the energy in eV")
    forces_key: str | None = Field("forces", description="array key, or ASE's name, of the forces in eV/Å (null: none)")

    @property
    def has_forces(self) -> bool:
        """Whether its labels hold forces."""
        return self.forces_key is not None

    def files(self, root: Path = Path(".")) -> list[str]:
        """The files that there are, and those named without a pattern, sorted."""
        found: set[str] = set()
        for one in self.outputs:
            found |= set(glob(one, root_dir=root, recursive=True)) if has_magic(one) else {one}
        return sorted(found)


class DatasetLevel(Level):
    """Labels that come with the published data set from which the pool is."""

    dataset: DatasetName = Field(description="the same as the pool's")
    labels: str | None = Field(
        None, description="which of its labels, if it comes with several, e.g. ccsdt-cbs; docs/datasets.md names them"
    )

    @property
    def given(self) -> catalogue.Labelling | None:
        """The labels that are named; None if the data set has only one kind, or none of that name."""
        return catalogue.DATASETS[self.dataset].labels.get(self.labels or "")

    @property
    def has_forces(self) -> bool:
        """Whether its labels hold forces."""
        return self.given is None or self.given.forces

    def most(self, size: int) -> int:
        """How many of a random sample have a label, at most: six standard deviations above the mean."""
        if self.given is None:
            return size
        mean = size * self.given.structures / catalogue.DATASETS[self.dataset].structures
        return min(size, self.given.structures, int(mean + 6 * mean**0.5))


class EngineLevel(Level):
    """What every level has whose labels are computed."""

    chunk_size: PositiveInt | None = Field(None, description="structures of one job, if not labels.chunk_size")
    forces: bool = Field(
        True, description="false: energies alone, which costs half or less where forces are computed after the energy"
    )

    @property
    def has_forces(self) -> bool:
        """Whether its labels hold forces."""
        return self.forces
