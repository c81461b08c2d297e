"""Replicas of molecular dynamics in one batch: when each is given up, what is written, and how a killed run goes on.

Two criteria of stability are recorded, each with the time at which it is first violated, looked at in every step
(overlaps, if wanted, in frames of the trajectory alone):

- overlap: two atoms closer than ``closest`` (Röcken and Zavadlav ask for a radial distribution function of zero below
  2.0 Å in liquid germanium, and that the simulation reaches its end);
- bonds: a bond's length differs by more than ``bond_deviation`` from its reference (Fu et al., "Forces are not
  enough", Trans. Mach. Learn. Res. 2023: 0.5 Å).

A replica stops when neither has anything left to say: both violated, a number that is not finite, or a kinetic
temperature beyond ``max_temperature``. It is then taken out of the batch and costs nothing more.

Where the members of a committee differ in the force on an atom by more than ``max_force_deviation``, a replica is
uncertain: its structure is kept as a candidate for a label, and it stops or goes on as ``when_uncertain`` says.
"""

import hashlib
import logging
import os
import pickle
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from ase import Atoms, units
from tqdm import tqdm

from mftl.config.dynamics import Protocol
from mftl.dynamics.candidates import candidate, largest_spreads, mean_spreads
from mftl.dynamics.integrators import (
    Evaluation,
    State,
    baoab,
    cell_rescaling,
    kinetic_energies,
    maxwell_boltzmann,
    velocity_verlet,
)
from mftl.dynamics.records import BOND, NOT_FINITE, OVERLAP, TOO_HOT, UNCERTAIN, Record
from mftl.dynamics.starts import Bonds
from mftl.structures import frame

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Simulation:
    """Replicas of ``structures`` (in turn, if there are more replicas) under the settings of a protocol.

    ``forces``: an object like ``ModelForces`` for these replicas. ``bonds``: of each structure, or None if none must
    hold. Replica k draws its velocities and its noise from a generator seeded with (``settings.seed``, ``seed``, k).
    ``folder`` takes the state and the growing trajectory; ``identity`` is a hash of all that decides the result: a run
    that finds the state of an identical one continues it, and ends with the same bits on a CPU.
    """

    structures: Sequence[Atoms]
    bonds: Sequence[Bonds] | None
    forces: Any
    settings: Protocol
    folder: Path
    seed: int = 1
    identity: str = ""
    checkpoint_seconds: float = 30.0
    records: list[Record] = field(default_factory=list)

    def __post_init__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        settings, count = self.settings, self.settings.replicas
        self.step, self.steps = 0, max(1, round(1000 * settings.length / settings.timestep))
        self.every = max(1, round(1000 * settings.frame_every / settings.timestep))
        self.live = np.arange(count)
        self.replicas = replicas(self.structures, count)
        self.candidates: list[str] = []  # as text
        self.randoms = [np.random.default_rng([settings.seed, self.seed, k]) for k in range(count)]
        self.records = [Record() for _ in range(count)]
        self.saved_at = time.monotonic()
        self._layout()
        masses = np.concatenate([atoms.get_masses() for atoms in self.replicas])[:, None]
        parts = np.split(masses, self.starts[1:])
        velocities = [
            maxwell_boltzmann(own, settings.temperature, random)
            for own, random in zip(parts, self.randoms, strict=True)
        ]
        positions = np.concatenate([atoms.positions for atoms in self.replicas])
        nothing = Evaluation(np.zeros(count), np.zeros_like(positions), np.full(count, np.inf))
        self.state = State(positions, np.concatenate(velocities), masses, nothing)
        self.is_committee = settings.committee
        self.cells = np.array([atoms.cell.array for atoms in self.replicas])  # of those that are live
        self.scales = np.ones(count)  # how much longer than at the start they are

    @property
    def checkpoint(self) -> Path:
        """Where the state of a run lies until it is finished."""
        return self.folder / "state.pkl"

    @property
    def trajectory(self) -> Path:
        """Where the trajectory grows: extended XYZ, frames of all replicas in the order of their times."""
        return self.folder / "trajectory.part.extxyz"

    def run(self, until: int | None = None) -> pd.DataFrame:
        """Run to the end (or to step ``until``, and save) and return the table of what became of the replicas."""
        size = self._resume()
        target = self.steps if until is None else min(until, self.steps)
        with self.trajectory.open("r+b" if size else "wb") as file, np.errstate(all="ignore"):
            file.seek(size)
            file.truncate()
            if self.step == 0:
                self.state.now = self.forces(self.state.positions)
                self._judge(file)
                self._write(file, self.live)
            bar = tqdm(total=self.steps, initial=self.step, unit="step", mininterval=5.0)
            while self.step < target and len(self.live):
                self._advance()
                self._judge(file)
                if self.step % self.every == 0:
                    self._write(file, self.live)
                if time.monotonic() - self.saved_at > self.checkpoint_seconds:
                    self._save(file)
                bar.update()
                bar.set_postfix_str(f"{len(self.live)} of {len(self.replicas)} replicas", refresh=False)
            bar.close()
            if target < self.steps:
                self._save(file)
        return self.table()

    def finish(self, trajectory: str | Path, candidates: str | Path | None = None) -> None:
        """Put the finished trajectory in its place, write candidates for labels, and remove the state."""
        if candidates is not None:
            Path(candidates).write_text("".join(self.candidates), encoding="utf-8")
        os.replace(self.trajectory, trajectory)
        self.checkpoint.unlink(missing_ok=True)

    def table(self) -> pd.DataFrame:
        """A row for each replica: what it started from, how far it came, and what happened first; times in ps.

        ``overlap_ps`` and ``bond_ps`` are empty where a criterion was never violated, ``bond_ps`` also where no bond
        must hold. Whoever stopped early violates both from then on. ``force_deviation_eV_A``: how far a committee's
        members are apart, the mean over steps, and ``max_force_deviation_eV_A`` the largest at an atom;
        ``uncertain_ps`` is when that first exceeded the limit.
        """
        rows = []
        for k, one in enumerate(self.records):
            last = self.step if one.stopped is None else one.stopped
            ends = [step for step in (one.overlap, one.bond, one.stopped) if step is not None]
            broken = None if self.bonds is None else _first(one.bond, one.stopped)
            rows.append(
                {
                    "replica": k,
                    "start": self.replicas[k].info.get("id", ""),
                    "length_ps": self._ps(self.steps),
                    "simulated_ps": self._ps(last),
                    "reason": one.reason,
                    "failed_ps": self._ps(min(ends, default=None)),
                    "overlap_ps": self._ps(_first(one.overlap, one.stopped)),
                    "bond_ps": self._ps(broken),
                    "closest_A": round(one.closest, 4),
                    "bond_deviation_A": np.nan if self.bonds is None else round(one.deviation, 4),
                    "mean_temperature_K": round(one.temperatures / (last + 1), 2),
                    "mean_volume_A3": round(one.volumes / (last + 1), 4) if one.volumes else np.nan,
                    "force_deviation_eV_A": round(one.spread / (last + 1), 6) if self.is_committee else np.nan,
                    "max_force_deviation_eV_A": round(one.largest, 6) if self.is_committee else np.nan,
                    "uncertain_ps": self._ps(one.uncertain),
                }
            )
        return pd.DataFrame(rows)

    def temperatures(self) -> np.ndarray:
        """Kinetic temperature of each live replica, K.

        Under Langevin dynamics all 3N degrees of freedom count, since the thermostat moves the centre of mass too; at
        constant energy 3N - 3, since it stays at rest.
        """
        atoms = np.diff([*self.starts, len(self.state.positions)])
        freedom = np.maximum(3 * atoms - 3, 1) if self.settings.ensemble == "nve" else 3 * atoms
        return 2 * kinetic_energies(self.state, self.starts) / (freedom * units.kB)

    def _advance(self) -> None:
        """One step of all live replicas."""
        settings, dt = self.settings, self.settings.timestep * units.fs
        if settings.ensemble == "nve":
            velocity_verlet(self.state, self.forces, dt)
        else:
            noise = np.empty_like(self.state.positions)
            for k, start, count in zip(self.live, self.starts, self.atoms, strict=True):
                self.randoms[k].standard_normal(out=noise[start : start + count])
            friction = settings.friction / (1000 * units.fs)
            if settings.ensemble == "npt":
                self._rescale(dt)
            baoab(self.state, self.forces, dt, friction, settings.temperature, noise)
        self.step += 1

    def _rescale(self, dt: float) -> None:
        """The barostat's part of a step, from the pressures before it."""
        settings, state = self.settings, self.state
        volumes, kinetic = self.volumes(), kinetic_energies(state, self.starts)
        assert state.now.stresses is not None  # the forces were made for it
        pressures = 2 * kinetic / (3 * volumes) - np.trace(state.now.stresses, axis1=1, axis2=2) / 3
        noise = np.array([self.randoms[k].standard_normal() for k in self.live])
        time, compressibility = settings.barostat_time * 1000 * units.fs, settings.compressibility / units.bar
        factors = cell_rescaling(
            volumes, pressures, settings.pressure * units.bar, compressibility, time, dt, settings.temperature, noise
        )
        atoms = np.repeat(factors, self.atoms)[:, None]
        state.positions *= atoms
        state.velocities /= atoms
        self.cells, self.scales = self.cells * factors[:, None, None], self.scales * factors
        self.forces.rescale(factors)

    def volumes(self) -> np.ndarray:
        """Volume of the cell of each live replica, Å³."""
        return np.abs(np.linalg.det(self.cells))

    def _judge(self, file: BinaryIO) -> None:
        """Look at both criteria, and take out the replicas that need not go on, with a last frame of each."""
        now, temperatures = self.state.now, self.temperatures()
        finite = np.isfinite(np.add.reduceat(now.forces.sum(1), self.starts) + now.energies + temperatures)
        hot = temperatures > self.settings.max_temperature
        deviations, volumes = self._deviations(), self.volumes()
        spreads, largest = mean_spreads(now, self.starts, self.atoms), largest_spreads(now, self.starts)
        looked = self.settings.overlaps == "steps" or self.step % self.every == 0
        done = []
        for i in range(len(self.live)):
            one = self.records[self.live[i]]
            reasons = [] if finite[i] else [NOT_FINITE]
            if finite[i]:
                one.temperatures += float(temperatures[i])
                one.spread += float(spreads[i])
                one.largest = max(one.largest, float(largest[i]))
                one.volumes += float(volumes[i])
                one.closest = min(one.closest, float(now.closest[i]))
                one.deviation = max(one.deviation, float(deviations[i]))
            if hot[i]:
                reasons.append(TOO_HOT)
            if looked and now.closest[i] < self.settings.closest and one.overlap is None:
                one.overlap = self.step
                reasons.append(OVERLAP)
            if self.bonds is not None and deviations[i] > self.settings.bond_deviation and one.bond is None:
                one.bond = self.step
                reasons.append(BOND)
            uncertain = self._is_uncertain(finite[i], largest[i])
            if uncertain and one.uncertain is None:
                one.uncertain = self.step
                reasons.append(UNCERTAIN)
            if uncertain:
                self._collect(i, float(largest[i]))
            if reasons:
                one.reason = one.reason or reasons[0]
                log.info("replica %d at %g ps: %s", self.live[i], self._ps(self.step), ", ".join(reasons))
            both = one.overlap is not None and (self.bonds is None or one.bond is not None)
            if hot[i] or not finite[i] or both or (uncertain and self.settings.when_uncertain == "stop"):
                one.stopped = self.step
                done.append(i)
        if done:
            self._write(file, self.live[done])
            self._keep(~np.isin(np.arange(len(self.live)), done))

    def _keep(self, kept: np.ndarray) -> None:
        """Go on with some of the live replicas alone."""
        atoms = np.repeat(kept, self.atoms)
        self.live, state, now = self.live[kept], self.state, self.state.now
        deviations = None if now.deviations is None else now.deviations[atoms]
        stresses = None if now.stresses is None else now.stresses[kept]
        now = Evaluation(now.energies[kept], now.forces[atoms], now.closest[kept], stresses, deviations)
        self.cells, self.scales = self.cells[kept], self.scales[kept]
        self.state = State(state.positions[atoms], state.velocities[atoms], state.masses[atoms], now)
        if len(self.live):
            self.forces.keep(kept)
        self._layout()

    def _layout(self) -> None:
        """Where in the arrays of all atoms the live replicas and their bonds are."""
        self.atoms = np.array([len(self.replicas[k]) for k in self.live], int)
        self.starts = np.cumsum([0, *self.atoms])[:-1]
        if self.bonds is not None:
            own = [self.bonds[int(k) % len(self.bonds)] for k in self.live]
            counts = [len(one.lengths) for one in own]
            offsets = np.repeat(self.starts, counts)[:, None]
            pairs = np.concatenate([np.zeros((0, 2), int), *(one.pairs for one in own)]) + offsets
            shifts = np.concatenate([np.zeros((0, 3)), *(one.shifts for one in own)])
            lengths = np.concatenate([np.zeros(0), *(one.lengths for one in own)])
            self.bonded = pairs, shifts, lengths, np.cumsum([0, *counts])

    def _deviations(self) -> np.ndarray:
        """Largest deviation of a bond from its reference length in each live replica, Å."""
        deviations = np.zeros(len(self.live))
        if self.bonds is not None:
            pairs, shifts, lengths, bounds = self.bonded
            shifts = shifts * np.repeat(self.scales, np.diff(bounds))[:, None]
            vectors = self.state.positions[pairs[:, 1]] - self.state.positions[pairs[:, 0]] + shifts
            some = bounds[1:] > bounds[:-1]
            if some.any():
                off = np.abs(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)) - lengths)
                deviations[some] = np.maximum.reduceat(off, bounds[:-1][some])
        return deviations

    def _is_uncertain(self, finite: bool, largest: float) -> bool:
        limit = self.settings.max_force_deviation
        return limit is not None and bool(finite) and bool(largest > limit)

    def _collect(self, i: int, largest: float) -> None:
        """Keep the structure of a live replica as a candidate, unless its atoms are too close or one is kept."""
        one, k = self.records[self.live[i]], int(self.live[i])
        early = one.collected is not None and self.step - one.collected < self.every
        if early or self.state.now.closest[i] < self.settings.closest:
            return
        atoms, own = self.replicas[k], slice(self.starts[i], self.starts[i] + self.atoms[i])
        found = Atoms(atoms.numbers, self.state.positions[own], cell=self.cells[i], pbc=atoms.pbc)
        name = f"{atoms.info.get('id', 'start')}-{self.seed}-{k}-{self.step}"
        self.candidates.append(candidate(found, name, k, self._ps(self.step), largest))
        one.collected = self.step

    def _write(self, file: BinaryIO, chosen: np.ndarray) -> None:
        """Write frames of some live replicas."""
        temperatures = self.temperatures()
        for i in np.flatnonzero(np.isin(self.live, chosen)):
            atoms, own = self.replicas[self.live[i]], slice(self.starts[i], self.starts[i] + self.atoms[i])
            one = Atoms(atoms.numbers, self.state.positions[own], cell=self.cells[i], pbc=atoms.pbc)
            if self.settings.velocities:
                one.set_array("momenta", self.state.masses[own] * self.state.velocities[own])
            if self.state.now.deviations is not None:
                one.set_array("forces_deviation", self.state.now.deviations[own])
            one.info["replica"], one.info["time_ps"] = int(self.live[i]), self._ps(self.step)
            one.info["potential_energy"] = float(self.state.now.energies[i])
            one.info["temperature_K"] = float(temperatures[i])
            file.write(frame(one).encode())

    def _save(self, file: BinaryIO) -> None:
        """Write the state of the run, whole or not at all."""
        file.flush()
        os.fsync(file.fileno())
        state = {
            "identity": self.identity,
            "step": self.step,
            "live": self.live,
            "state": self.state,
            "cells": self.cells,
            "scales": self.scales,
            "records": self.records,
            "candidates": self.candidates,
            "randoms": [one.bit_generator.state for one in self.randoms],
            "forces": self.forces.state() if len(self.live) else None,
            "size": file.tell(),
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        temporary.write_bytes(pickle.dumps(state))
        os.replace(temporary, self.checkpoint)
        self.saved_at = time.monotonic()

    def _resume(self) -> int:
        """Take up the state of an identical run, if there is one; return how much of its trajectory counts."""
        try:
            saved = pickle.loads(self.checkpoint.read_bytes())
            size = self.trajectory.stat().st_size
        except (OSError, pickle.UnpicklingError, EOFError, AttributeError):
            return 0
        if saved["identity"] != self.identity or size < saved["size"]:
            return 0
        kept = np.isin(np.arange(len(self.replicas)), saved["live"])
        self.step, self.live, self.state, self.records = (saved[k] for k in ("step", "live", "state", "records"))
        self.cells, self.scales, self.candidates = saved["cells"], saved["scales"], saved["candidates"]
        for random, state in zip(self.randoms, saved["randoms"], strict=True):
            random.bit_generator.state = state
        if len(self.live):
            self.forces.keep(kept)
            self.forces.restore(saved["forces"])
        self._layout()
        log.info("continuing at %g ps", self._ps(self.step))
        return saved["size"]

    def _ps(self, step: int | None) -> float:
        return np.nan if step is None else round(step * self.settings.timestep / 1000, 9)


def replicas(structures: Sequence[Atoms], count: int) -> list[Atoms]:
    """So many replicas, of the structures in turn."""
    return [structures[k % len(structures)] for k in range(count)]


def identify(*parts: bytes | str) -> str:
    """A hash of all that decides a result."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode() if isinstance(part, str) else part).digest())
    return digest.hexdigest()


def _first(*steps: int | None) -> int | None:
    """The earliest of some steps; None if there is none."""
    return min((step for step in steps if step is not None), default=None)
