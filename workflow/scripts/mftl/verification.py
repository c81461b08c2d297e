"""The labels that ship, computed again: a random sample of each level, with whatever engines are installed."""

import logging
import random
from pathlib import Path

import numpy as np
import pandas as pd

from mftl import engines
from mftl.config.labels import Labels, Verification
from mftl.config.levels import FileLevel
from mftl.config.whole import Config
from mftl.inputs import InputError
from mftl.labels import label_chunk
from mftl.structures import ENERGY, FORCES, read_labelled

# what the data that ships was computed with
VERSIONS = {"dftb+": "25.1", "pyscf-dft": "2.14.0", "pyscf-ccsd(t)": "2.14.0", "tblite": "0.8.0", "gpaw": "26.7.0"}
MAX_ENERGY, MAX_FORCE = 1e-6, 1e-4  # eV/atom, eV/Å
COLUMNS = ["level", "engine", "version", "shipped_version", "structures", "energy_ueV_atom", "forces_meV_A", "verdict"]


def verify(shipped: Config, made: Config, limits: Labels, sample: Verification, folder: Path) -> pd.DataFrame:
    """Compare the labels of ``shipped``, which come with files, with those that the engines of ``made`` compute.

    One row for each level that both have: the largest differences of an energy (µeV/atom) and of a force component
    (meV/Å), and the verdict: ``agrees`` or ``differs``, with those that failed, or why it was skipped. Journals go
    into ``folder``.
    """
    rows = []
    for system, settings in made.systems.items():
        for name, level in settings.levels.items():
            file = shipped.systems[system].levels.get(name) if system in shipped.systems else None
            if isinstance(file, FileLevel) and not isinstance(level, FileLevel):
                journal = folder / system / name / "verify.jsonl"
                rows.append(_row(f"{system}.{name}", file, level, limits, sample, journal))
                logging.info("%s", rows[-1])
    return pd.DataFrame(rows, columns=COLUMNS)


def check(table: pd.DataFrame) -> None:
    """Raise InputError if a level differs although its engine has the version that the data was computed with."""
    same = table["version"] == table["shipped_version"]
    if len(wrong := table[same & table["verdict"].str.startswith("differs")]):
        raise InputError("Labels computed again differ from those that ship:\n" + wrong.to_string(index=False))


def _row(name: str, file: FileLevel, level, limits: Labels, sample: Verification, journal: Path) -> tuple:
    engine = engines.engine(level.engine)
    versions = (level.engine, "", VERSIONS[level.engine])
    if missing := engine.installed(level):
        return (name, *versions, 0, np.nan, np.nan, f"skipped: {level.engine} is not installed ({missing})")
    versions = (level.engine, engine.version(level), VERSIONS[level.engine])
    reference = read_labelled(file.file, file.energy_key, file.forces_key)
    chosen = random.Random(f"{sample.seed} {name}").sample(reference, min(sample.structures, len(reference)))
    bare = [_bare(atoms) for atoms in chosen]
    labelled, states = label_chunk(bare, level, limits, journal)
    known = {atoms.info["id"]: atoms for atoms in chosen}
    failed = states[states["state"] == "failed"]
    if not labelled:
        return (name, *versions, len(chosen), np.nan, np.nan, f"differs: all failed, {failed['reason'].iloc[0]}")
    energy = max(abs(a.info[ENERGY] - known[a.info["id"]].info[ENERGY]) / len(a) for a in labelled)
    forces = 0.0
    if file.has_forces and level.has_forces:
        forces = max(np.abs(a.arrays[FORCES] - known[a.info["id"]].arrays[FORCES]).max() for a in labelled)
    verdict = "agrees" if energy <= MAX_ENERGY and forces <= MAX_FORCE else "differs"
    if len(failed):
        # charges at the edge of convergence converge on one machine and not on another
        verdict += f"; {len(failed)} failed, {failed['id'].iloc[0]}: {failed['reason'].iloc[0]}"
    return (name, *versions, len(labelled), round(energy * 1e6, 4), round(forces * 1e3, 5), verdict)


def _bare(atoms):
    """The geometry alone."""
    copy = atoms.copy()
    copy.info, copy.arrays = {"id": atoms.info["id"]}, {key: atoms.arrays[key] for key in ("numbers", "positions")}
    return copy
