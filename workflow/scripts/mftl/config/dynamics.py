"""Protocols of molecular dynamics."""

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import Element, Name, Section


class Crystal(Section):
    """A perfect crystal."""

    lattice: Literal["diamond", "fcc", "bcc", "sc", "hcp"] = Field(description="its conventional cell is built")
    element: Element = Field(description="chemical symbol")
    lattice_constant: PositiveFloat = Field(description="Å")


class Starts(Section):
    """What simulations start from: structures of a system, or a crystal."""

    system: Name | None = Field(None, description="a key of `systems`; null: a crystal")
    set: Literal["test", "training", "all"] = Field("test", description="which of the system's structures")
    only: dict[str, list[str]] = Field(
        {},
        description="only structures whose info key has one of these values, e.g. {sampling: [T600]}, or {id: [...]}",
    )
    structures: PositiveInt = Field(1, description="the first so many; replicas start from them in turn")
    crystal: Crystal | None = Field(None, description="a perfect crystal instead")
    repeat: list[PositiveInt] = Field(
        [1, 1, 1], min_length=3, max_length=3, description="so many cells along each cell vector"
    )


class Protocol(Section):
    """How simulations are run, and when one counts as failed."""

    starts: Starts = Field(description="what they start from")
    ensemble: Literal["nvt", "nve", "npt"] = Field(
        "nvt", description="Langevin dynamics (BAOAB), constant energy, or Langevin dynamics at constant pressure"
    )
    temperature: PositiveFloat = Field(description="of the thermostat and of the initial velocities, K")
    friction: PositiveFloat = Field(1.0, description="of the thermostat, 1/ps")
    pressure: float = Field(1.0, description="at constant pressure, bar; the cell keeps its shape")
    barostat_time: PositiveFloat = Field(1.0, description="in which the barostat brings the volume back, ps")
    compressibility: PositiveFloat = Field(
        4.6e-5,
        description="a guess, 1/bar (water: 4.6e-5); if it is off, the barostat is faster or slower",
    )
    timestep: PositiveFloat = Field(0.5, description="fs")
    length: PositiveFloat = Field(description="ps")
    replicas: PositiveInt = Field(20, description="simulations with each model, all in one batch")
    committee: bool = Field(
        False,
        description="the models of all seeds of a curve drive the simulations together, by the mean of their forces, "
        "and each frame has the standard deviations",
    )
    max_force_deviation: PositiveFloat | None = Field(
        None,
        description="of a committee: where its members differ by more in the force on an atom (standard deviation, "
        "eV/Å), a simulation is uncertain, and its structure a candidate for a label (null: no limit)",
    )
    when_uncertain: Literal["stop", "flag"] = Field(
        "stop", description="stop an uncertain simulation, or go on and collect a candidate every `frame_every` at most"
    )
    dtype: Literal["float32", "float64"] | None = Field(
        None, description="to which the model is converted (null: as it was trained); positions are float64"
    )
    seed: int = Field(0, description="of velocities and noise, besides the model's seed and the replica's number")
    frame_every: PositiveFloat = Field(0.1, description="ps between two frames of the trajectory")
    velocities: bool = Field(False, description="keep velocities in the trajectory, too (as momenta)")
    closest: PositiveFloat = Field(description="two atoms closer than this (Å) are an overlap")
    overlaps: Literal["steps", "frames"] = Field(
        "steps", description="look for overlaps in every step, or in frames of the trajectory alone, as an RDF does"
    )
    bond_deviation: PositiveFloat | None = Field(
        None, description="a bond is broken if its length is off by more than this (Å); null: no bond must hold"
    )
    max_temperature: PositiveFloat = Field(1e4, description="a simulation that becomes hotter than this (K) is stopped")
