"""Labels: the energy and the forces of structures at a level of theory, and what became of those that failed.

A label file is extended XYZ with the info keys ``id`` and ``REF_energy`` (eV) and the array ``REF_forces`` (eV/Å).
Beside it lies a state table, CSV: ``id``, ``state`` (done or failed), ``reason``, ``seconds``, a row for each
structure that the level asks for. A failure is data: it is written down and counted.
"""

import hashlib
import json
import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from mftl import engines
from mftl.config import FileLevel, Labels, Level
from mftl.inputs import InputError
from mftl.structures import Progress, read_structures, write_structures

ENERGY, FORCES = "REF_energy", "REF_forces"
COLUMNS = ["id", "state", "reason", "seconds"]
MAX_NET_FORCE = 0.1  # eV/Å, of a molecule: more than integration grids explain
MIN_DISTANCE = 0.3  # Å: of atoms in one place, some engines return numbers without complaint
MAX_SHIFT = 1e-4  # Å, by which a label's geometry may differ from the pool's
KEY_LENGTH = 32  # hexadecimal digits


# --- files -------------------------------------------------------------------------------------------------------


def read_labelled(path: str | Path, energy_key: str = ENERGY, forces_key: str = FORCES) -> list[Atoms]:
    """Labelled structures: ``info["id"]``, ``info["REF_energy"]`` in eV, ``arrays["REF_forces"]`` (N, 3) in eV/Å.

    The keys say how the file calls them. Raises InputError, naming the file and the structure, if the file cannot be
    read (see ``structures.read_structures``), or an energy or forces are missing or not finite.
    """
    structures = read_structures(path)
    for atoms in structures:
        # ASE moves the keys it knows, such as energy and forces, into a calculator
        results = atoms.calc.results if atoms.calc else {}
        energy = atoms.info.pop(energy_key, results.get(energy_key))
        forces = atoms.arrays.pop(forces_key, results.get(forces_key))
        where = f"{path}: structure {atoms.info['id']}"
        if energy is None:
            raise InputError(
                f"{where} has no energy: expected the info key {energy_key} (set energy_key if it differs)"
            )
        if forces is None:
            raise InputError(f"{where} has no forces: expected the array {forces_key} (set forces_key if it differs)")
        try:
            energy, forces = float(energy), np.asarray(forces, float)
        except (TypeError, ValueError):
            raise InputError(f"{where}: energy {energy!r} or its forces are not numbers") from None
        if forces.shape != (len(atoms), 3):
            raise InputError(f"{where}: forces of shape {forces.shape}, expected ({len(atoms)}, 3)")
        if not np.isfinite(energy) or not np.isfinite(forces).all():
            raise InputError(f"{where}: its energy or forces are NaN or infinite; remove the structure from the file")
        atoms.calc = None
        atoms.info[ENERGY], atoms.arrays[FORCES] = energy, forces
    return structures


def write_labelled(path: str | Path, structures: Iterable[Atoms]) -> None:
    """Write labelled structures with all else that their info holds; the file appears only when whole.

    Energies keep all their digits, forces 8 decimals.
    """
    write_structures(path, structures)


def read_states(path: str | Path) -> pd.DataFrame:
    """A state table. Raises InputError if columns are missing, an id appears twice, or a state is unknown."""
    table = pd.read_csv(path, dtype={"id": str, "state": str, "reason": str}, keep_default_na=False)
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; a state table has {', '.join(COLUMNS)}")
    if table["id"].duplicated().any():
        raise InputError(f"{path}: the id {table['id'][table['id'].duplicated()].iloc[0]} appears twice")
    if not table["state"].isin(["done", "failed"]).all():
        raise InputError(f"{path}: a state is neither done nor failed")
    return table[COLUMNS].assign(seconds=pd.to_numeric(table["seconds"]))


def write_states(path: str | Path, states: pd.DataFrame) -> None:
    """Write a state table; the file appears under its name only when whole."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    states[COLUMNS].to_csv(temporary, index=False)
    temporary.replace(path)


# --- computing ---------------------------------------------------------------------------------------------------


def wanted(pool: list[Atoms], level: Level) -> list[Atoms]:
    """The structures that a level asks for, in the pool's order: those that ``only`` allows, of them the ``first``.

    Raises InputError if no structure is left.
    """
    chosen = [a for a in pool if all(str(a.info.get(key)) in values for key, values in level.only.items())]
    if not chosen:
        raise InputError(f"no structure of the pool has {level.only}; check the key and the values of `only`")
    return chosen[: level.first]


def label_chunk(
    structures: list[Atoms], settings: Any, limits: Labels, journal: str | Path, progress: Progress = iter
) -> tuple[list[Atoms], pd.DataFrame]:
    """Label structures one after the other with the engine of ``settings``: the labelled ones and the state of all.

    Each result is appended to ``journal`` (``*.jsonl``) at once. Any journal of the same folder that holds a result
    with the same key (id, geometry, settings, the engine's code and files) saves computing it: a run that was killed
    goes on where it was, and another division into chunks computes nothing again. A structure for which the engine
    fails is written down with the reason. Failures that the method is not to blame for, such as a full disk, are
    tried again by the next run.
    Raises InputError if the engine is not installed or cannot label such structures at all.
    """
    engine = engines.engine(settings.engine)
    if missing := engine.installed(settings):
        raise InputError(f"the engine {settings.engine} is not installed: {missing}")
    elements = sorted({symbol for atoms in structures for symbol in atoms.get_chemical_symbols()})
    code = engines.content_hash([*engines.source_files(settings.engine), *engine.files(settings, elements)])
    options = json.dumps(settings.model_dump(exclude={"first", "only"}), sort_keys=True)
    keys = {atoms.info["id"]: _key(atoms, options, code) for atoms in structures}
    journal = Path(journal)
    _mend_journal(journal)
    done = _read_journals(journal.parent, set(keys.values()))
    labelled, rows = [], []
    with journal.open("a", encoding="utf-8") as file:
        for atoms in progress(structures):
            key = keys[atoms.info["id"]]
            entry = done.get(key)
            if entry is None:
                entry, final = _label(atoms, engine, settings)
                if final:
                    file.write(json.dumps({"key": key, **entry}) + "\n")
                    file.flush()
            reason = entry.get("reason") or _implausible(atoms, entry, limits)
            if reason:
                logging.warning("%s failed: %s", atoms.info["id"], reason)
            else:
                labelled.append(_labelled(atoms, entry["energy"], entry["forces"], entry["extra"]))
            rows.append((atoms.info["id"], "failed" if reason else "done", reason, entry["seconds"]))
    return labelled, pd.DataFrame(rows, columns=COLUMNS)


def _label(atoms: Atoms, engine: Any, settings: Any) -> tuple[dict[str, Any], bool]:
    """A journal entry, and whether it is final: whether computing again would give the same."""
    start = time.perf_counter()
    entry, final = {"id": atoms.info["id"]}, True
    try:
        if len(atoms) > 1 and (distance := _closest(atoms)) < MIN_DISTANCE:
            raise engines.Failure(f"two atoms are {distance:.2f} Å apart, less than {MIN_DISTANCE}")
        label = engine.label(atoms, settings)
        entry |= {"energy": float(label.energy), "forces": np.asarray(label.forces).tolist(), "extra": label.extra}
    except engines.Failure as error:
        entry["reason"] = _one_line(error)
    except InputError:
        raise
    except Exception as error:  # whatever it is, the other structures are still worth labelling
        logging.exception("%s", atoms.info["id"])
        entry["reason"], final = f"{type(error).__name__}: {_one_line(error)}", False
    entry["seconds"] = round(time.perf_counter() - start, 3)
    return entry, final


def _closest(atoms: Atoms) -> float:
    """Smallest distance of two atoms, Å."""
    distances = atoms.get_all_distances(mic=bool(atoms.pbc.any()))
    return distances[np.triu_indices(len(atoms), k=1)].min()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _implausible(atoms: Atoms, entry: dict[str, Any], limits: Labels) -> str:
    """Why a result is no label; empty if it is one."""
    forces = np.array(entry["forces"])
    if not np.isfinite(entry["energy"]) or not np.isfinite(forces).all():
        return "energy or forces are not finite"
    largest = np.linalg.norm(forces, axis=1).max()
    if largest > limits.max_force:
        return f"largest force {largest:.1f} eV/Å, more than {limits.max_force:g}"
    net = np.linalg.norm(forces.sum(axis=0))
    if not atoms.pbc.any() and net > MAX_NET_FORCE:
        return f"net force {net:.2f} eV/Å, more than {MAX_NET_FORCE}"
    return ""


def _labelled(atoms: Atoms, energy: float, forces: Any, extra: dict[str, Any]) -> Atoms:
    """A pool's structure with its label."""
    new = atoms.copy()
    new.info |= {ENERGY: float(energy), **extra}
    new.arrays[FORCES] = np.array(forces, float)
    return new


def _key(atoms: Atoms, options: str, code: str) -> str:
    digest = hashlib.sha256(f"{atoms.info['id']}\n{options}\n{code}\n".encode())
    for array in (atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:KEY_LENGTH]


def _mend_journal(path: Path) -> None:
    """Remove a last line that a kill cut short; its structure is computed again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    with path.open("r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)


def _read_journals(folder: Path, keys: set[str]) -> dict[str, dict[str, Any]]:
    """Finished results with one of these keys, from all journals of a folder, which others may be writing to."""
    entries = {}
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.partition('"key": "')[2][:KEY_LENGTH] not in keys:
                    continue
                try:
                    entry = json.loads(line)
                except ValueError:  # still being written
                    continue
                entries[entry["key"]] = entry
    return entries


# --- collecting --------------------------------------------------------------------------------------------------


def collect_chunks(
    pool: list[Atoms], level: Level, chunks: list[tuple[str | Path, str | Path]]
) -> tuple[list[Atoms], pd.DataFrame]:
    """Labels and states of a level from its chunks, each a label file and a state table; in the pool's order.

    Raises InputError if a chunk does not fit the pool, or a structure that the level asks for is in no chunk.
    """
    labels, states = {}, []
    for labels_file, states_file in chunks:
        table = read_states(states_file)
        states.append(table)
        if (table["state"] == "done").any():
            labels |= _matched(pool, labels_file, read_labelled(labels_file))
    states = pd.concat(states).set_index("id")
    ids = [a.info["id"] for a in wanted(pool, level)]
    lost = [one for one in ids if one not in states.index]
    if lost:
        raise InputError(f"{chunks[0][1]}: {len(lost)} structures are in no chunk, the first is {lost[0]}")
    states = states.loc[ids].reset_index()
    done = set(states["id"][states["state"] == "done"])
    if missing := done - labels.keys():
        raise InputError(f"{chunks[0][0]}: no label of {min(missing)}, which its state table calls done")
    return [labels[one] for one in ids if one in done], states


def collect_file(pool: list[Atoms], level: FileLevel) -> tuple[list[Atoms], pd.DataFrame]:
    """Labels and states of a level whose labels come with the data; in the pool's order.

    A structure without a label failed for the reason that the table ``failures`` gives, or because the file has none.
    Raises InputError, naming the file and the id, if a label is not usable (see ``read_labelled``), is of no structure
    of the pool or of another geometry, or is recorded as a failure too.
    """
    labels = _matched(pool, level.file, read_labelled(level.file, level.energy_key, level.forces_key))
    reasons = _read_failures(level.failures) if level.failures else {}
    known = {a.info["id"] for a in pool}
    for one in reasons:
        if one not in known:
            raise InputError(f"{level.failures}: {one} is not in the pool")
        if one in labels:
            raise InputError(f"{level.failures}: {one} is recorded as failed, but {level.file} holds its label")
    ids = [a.info["id"] for a in wanted(pool, level)]
    rows = []
    for one in ids:
        if one in labels:
            rows.append((one, "done", "", labels[one].info.get("cpu_seconds", np.nan)))
        else:
            rows.append((one, "failed", reasons.get(one, f"no label in {level.file}"), np.nan))
    return [labels[one] for one in ids if one in labels], pd.DataFrame(rows, columns=COLUMNS)


def check_failures(states: pd.DataFrame, limits: Labels, level: str) -> None:
    """Raise InputError, with counts and the most frequent reasons, if too many structures have no label."""
    failed = states[states["state"] == "failed"]
    logging.info("%s: %d structures, %d failed", level, len(states), len(failed))
    if len(failed) > limits.max_failed_fraction * len(states) or len(failed) == len(states):
        reasons = failed["reason"].value_counts().head(5)
        lines = [f"  {count} × {reason} (first: {failed['id'][failed['reason'] == reason].iloc[0]})"
                 for reason, count in reasons.items()]  # fmt: skip
        raise InputError(
            f"{level}: {len(failed)} of {len(states)} structures have no label, "
            f"more than labels.max_failed_fraction = {limits.max_failed_fraction:g} allows:\n" + "\n".join(lines)
        )


def _matched(pool: list[Atoms], path: str | Path, structures: list[Atoms]) -> dict[str, Atoms]:
    """Labels by id, on the pool's geometries. Raises InputError if one does not belong to the pool."""
    known = {a.info["id"]: a for a in pool}
    labels = {}
    for atoms in structures:
        one = atoms.info["id"]
        if one not in known:
            raise InputError(f"{path}: {one} is not in the pool")
        own = known[one]
        if len(own) != len(atoms) or (own.numbers != atoms.numbers).any():
            raise InputError(f"{path}: {one} has other elements, or another order of them, than the pool's")
        shift = np.abs(own.positions - atoms.positions).max()
        if (own.pbc != atoms.pbc).any() or (own.pbc.any() and np.abs(own.cell - atoms.cell).max() > MAX_SHIFT):
            raise InputError(f"{path}: {one} has another cell than the pool's")
        if shift > MAX_SHIFT:
            raise InputError(f"{path}: {one} has another geometry than the pool's, atoms moved by up to {shift:.3g} Å")
        extra = {key: value for key, value in atoms.info.items() if key != ENERGY}
        labels[one] = _labelled(own, atoms.info[ENERGY], atoms.arrays[FORCES], extra)
    return labels


def _read_failures(path: str | Path) -> dict[str, str]:
    """Reasons by id, from a table with tabs: id, reason, perhaps in several columns."""
    reasons = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or (number == 1 and line.split("\t")[0] == "id"):
            continue
        one, *reason = line.split("\t")
        if not reason:
            raise InputError(f"{path}, line {number}: expected an id, a tab and a reason, found {line[:60]!r}")
        if one in reasons:
            raise InputError(f"{path}, line {number}: {one} appears twice")
        reasons[one] = ": ".join(reason)
    return reasons
