"""Dynamics with Δ models: in each step an engine computes the low level that the model's energies and forces add to.

The engine runs in worker processes, as for labels: it may end its process or never come back.
"""

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
from ase import Atoms

from mftl.dynamics.forces import ModelForces
from mftl.dynamics.integrators import Evaluation
from mftl.engines import Structure, check, engine
from mftl.inputs import InputError
from mftl.workers import Answer, Worker, command

log = logging.getLogger(__name__)


class DeltaForces:
    """Energies and forces of a Δ model on replicas with those of its low level, a function of all positions.

    ``level``: the low level's section of the configuration. A replica at which the engine fails, dies or takes longer
    than ``timeout`` seconds gets numbers that are not finite.
    Raises InputError if the engine is not installed or cannot treat these structures.
    """

    def __init__(self, forces: ModelForces, level: Any, workers: int = 1, timeout: float = 600.0):
        self.identity = check(forces.replicas, level)
        self.forces, self.timeout = forces, timeout
        self._start = command(engine(level.engine).__name__, level.model_dump() | {"forces": True})
        self._workers: list[Worker | None] = [None] * workers

    def __call__(self, positions: np.ndarray) -> Evaluation:
        """Energies, forces and smallest distances at positions (N, 3)."""
        now, ends = self.forces(positions), np.cumsum([len(atoms) for atoms in self.forces.replicas])
        parts = zip(self.forces.replicas, np.split(positions, ends[:-1]), strict=True)
        structures = [_moved(atoms, own) for atoms, own in parts]
        forces = np.split(now.forces, ends[:-1])  # views
        for k, answer in enumerate(self._answers(structures)):
            if "energy" in answer:
                now.energies[k] += answer["energy"]
                forces[k] += answer["forces"]
            else:
                log.warning("no low level at a replica of %s: %s", structures[k].id, answer["failed"])
                now.energies[k] = forces[k][:] = np.nan
        return now

    def keep(self, kept: np.ndarray) -> None:
        """Go on with some of the replicas alone; ``kept`` (R,) says which."""
        self.forces.keep(kept)

    def state(self) -> dict:
        """What ``restore`` needs; the low level has no memory."""
        return self.forces.state()

    def restore(self, state: dict) -> None:
        """Take up the state of another object with the same replicas."""
        self.forces.restore(state)

    def close(self) -> None:
        """End the workers."""
        while self._workers:
            if one := self._workers.pop():
                one.end()

    def _answers(self, structures: list[Structure]) -> list[Answer]:
        """An answer for each structure; each worker takes every so many-th. A new one takes a dead one's place."""
        answers: list[Answer | None] = [None] * len(structures)

        def work(number: int, places: list[int]) -> None:
            for k in places:
                answers[k] = self._ask(number, structures[k])
                if self._workers[number] is None:
                    return

        while missing := [k for k, answer in enumerate(answers) if answer is None]:
            # not in the threads below: a worker ends with the thread that started it
            self._workers = [one or Worker(self._start) for one in self._workers]
            with ThreadPoolExecutor(len(self._workers)) as threads:
                shares = [missing[n :: len(self._workers)] for n in range(len(self._workers))]
                list(threads.map(work, range(len(self._workers)), shares))
        return [answer for answer in answers if answer is not None]

    def _ask(self, number: int, structure: Structure) -> Answer:
        """What a worker says of a structure; it is put away if it died or does not answer."""
        if not np.isfinite(structure.positions).all():
            return Answer(failed="positions are not finite")
        worker = self._workers[number]
        assert worker is not None  # a dead one is replaced before the next structure
        answer = worker.ask(structure, self.timeout)
        if answer is None:
            code, message = worker.end()
            self._workers[number] = None
            return Answer(
                failed=message or (f"no answer in {self.timeout:g} s" if code is None else f"exit code {code}")
            )
        if "unusable" in answer:
            raise InputError(answer["unusable"])
        return answer

    def __del__(self):
        with suppress(Exception):
            self.close()


def _moved(atoms: Atoms, positions: np.ndarray) -> Structure:
    moved = atoms.copy()
    moved.positions = positions
    return Structure.of(moved)
