"""Labels: the energy and the forces of structures at a level of theory, and what became of those that failed.

A label file is extended XYZ with the info keys ``id`` and ``REF_energy`` (eV) and the array ``REF_forces`` (eV/Å); for
crystals perhaps ``REF_stress`` (3, 3) in eV/Å³ with ASE's sign. Of a level with energies alone no structure has forces.
Beside it lies a state table (``mftl.states``). A failure is data: it is written down and counted.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from mftl import engines, journals, workers
from mftl.config.labels import Labels
from mftl.config.levels import FileLevel, Level
from mftl.inputs import InputError
from mftl.states import COLUMNS, read_states
from mftl.structures import ENERGY, FORCES, STRESS, Structures, write_structures

MAX_NET_FORCE = 0.1  # eV/Å, of a molecule: more than integration grids explain
MIN_DISTANCE = 0.3  # Å: of atoms in one place, some engines return numbers without complaint
MAX_SHIFT = 1e-4  # Å, by which a label's geometry may differ from the pool's


# --- files -------------------------------------------------------------------------------------------------------


def write_labelled(path: str | Path, structures: Iterable[Atoms]) -> None:
    """Write labelled structures with all else that their info holds; the file appears only when whole.

    Energies keep all their digits, forces 8 decimals.
    """
    write_structures(path, structures)


# --- computing ---------------------------------------------------------------------------------------------------


def wanted(pool: Structures, level: Level) -> list[str]:
    """Ids of the structures that a level asks for, in the pool's order.

    These are those that ``only`` allows, of them the ``first``, and those of ``also``. Raises InputError if none is.
    """
    first = set(islice(pool.having(level.only), level.first))
    also = set(pool.having(level.also)) if level.also else set()
    chosen = [one for one in pool.ids if one in first or one in also]
    if not chosen:
        raise InputError(f"no structure of the pool has {level.only}; check the key and the values of `only`")
    return chosen


def read_chunk(path: str | Path, level: Level, first: int, last: int | None) -> list[Atoms]:
    """The structures that a level asks for among those of a pool's file from place ``first`` up to before ``last``."""
    pool = Structures(path)
    chosen = set(wanted(pool, level))
    return [pool[one] for one in pool.ids[first:last] if one in chosen]


def _silent(iterable: Iterable, total: int) -> Iterable:
    return iterable


def label_chunk(
    structures: list[Atoms],
    settings: Any,
    limits: Labels,
    journal: str | Path,
    progress: Callable[..., Iterable] = _silent,
) -> tuple[list[Atoms], pd.DataFrame]:
    """Label structures with the engine of ``settings`` in worker processes: the labelled ones and the state of all.

    Each result is appended to ``journal`` (``*.jsonl``) at once. Any journal of the same folder that holds a result
    with the same key (id, geometry, settings, the engine's code and files) saves computing it: a run that was killed
    goes on where it was, and another division into chunks computes nothing again. A structure for which the engine
    fails, dies or takes too long is written down with the reason, and computed again only if ``limits.retry_failed``
    is larger than it was. ``progress`` wraps the results, as tqdm does. Labels come in the structures' order and do
    not hang on the number of workers.
    Raises InputError if the engine is not installed or cannot label such structures at all, if the disk is full, or if
    workers were killed again and again from outside; what is in the journal then stays.
    """
    level = engines.check(structures, settings)
    keys = [journals.key_of(atoms, level) for atoms in structures]
    journal = Path(journal)
    with journals.full_disk_is_the_users(journal):
        journals.mend(journal)
        entries = journals.read_all(journal.parent, set(keys))
        for key, atoms in zip(keys, structures, strict=True):
            if entry := _too_close(atoms):
                entries[key] = entry
        todo = [i for i, key in enumerate(keys) if _unfinished(entries.get(key), limits.retry_failed)]
        logging.info("%d structures, %d of them finished", len(structures), len(structures) - len(todo))
        with journals.Journal(journal) as file:
            for place, answer in _computed([structures[i] for i in todo], settings, limits, progress):
                key = keys[todo[place]]
                about = {"key": key, "round": limits.retry_failed}
                answer.setdefault("id", structures[todo[place]].info["id"])
                entries[key] = about | answer
                file.append(about, answer)
    labelled, rows = [], []
    for atoms, key in zip(structures, keys, strict=True):
        entry = entries[key]
        if "failed" in entry:
            reason = _one_line(entry["failed"])
        else:
            forces = np.array(entry["forces"], float) if "forces" in entry else None
            reason = _implausible(atoms, entry, forces, limits)
        if not reason:
            stress = {STRESS: np.array(entry["stress"])} if "stress" in entry else {}
            labelled.append(_labelled(atoms, entry["energy"], forces, stress | entry["extra"]))
        exit_code = "" if entry.get("exit_code") is None else str(entry["exit_code"])
        message = _one_line(entry.get("message", "").strip().split("\n")[-1])
        state = "failed" if reason else "done"
        rows.append((atoms.info["id"], state, reason, exit_code, message, level, entry["seconds"]))
    return labelled, pd.DataFrame(rows, columns=COLUMNS)


def _computed(
    structures: list[Atoms], settings: Any, limits: Labels, progress: Callable[..., Iterable]
) -> Iterator[tuple[int, workers.Answer]]:
    """Places and answers, labels or failures, of structures that workers label, as they are ready.

    Raises InputError once nothing more can be done, if there is something that only the user can mend.
    """
    engine = engines.engine(settings.engine)
    results = workers.run(
        [engines.Structure.of(atoms) for atoms in structures],
        workers.command(engine.__name__, settings.model_dump()),
        limits.workers,
        limits.timeout,
        getattr(engine, "group", None),
    )
    killed = []
    try:
        for place, answer in progress(results, total=len(structures)):
            name = structures[place].info["id"]
            if "unusable" in answer:
                raise InputError(f"{name}: {answer['unusable']}")
            if "killed" in answer:
                killed.append(name)
                if limits.killed == "stop":
                    continue
                reason = f"workers were killed at it again and again (signal {answer['killed']}); out of memory?"
                answer = workers.Answer({"failed": reason, "exit_code": -answer["killed"], "message": ""} | answer)
            if "failed" in answer:
                logging.warning("%s failed: %s", name, answer["failed"])
                if "\n" in answer["message"]:
                    logging.info("%s", answer["message"])
            yield place, answer
    except workers.WorkersDie as error:
        raise InputError(f"the engine {settings.engine} cannot be started: {error}") from None
    finally:
        results.close()
    if killed and limits.killed == "stop":
        raise InputError(
            f"{len(killed)} structures have no label since their workers were killed {workers.MAX_KILLS} times each, "
            f"the first is {killed[0]}; all others are done. Out of memory? Give the job more, or fewer labels.workers,"
            " and call again; or set labels.killed: fail to count them as failed"
        )


def _unfinished(entry: dict[str, Any] | None, retry: int) -> bool:
    """Whether a structure has to be computed: it never was, or it failed and is to be tried again."""
    return entry is None or ("failed" in entry and entry["round"] < retry)


def _too_close(atoms: Atoms) -> dict[str, Any] | None:
    """An entry for a structure that no engine needs to see."""
    if len(atoms) < 2:
        return None
    if atoms.pbc.any():
        distance = atoms.get_all_distances(mic=True)[np.triu_indices(len(atoms), k=1)].min()
    else:
        apart = atoms.positions[:, None] - atoms.positions
        squares = (apart**2).sum(axis=2)
        np.fill_diagonal(squares, np.inf)
        distance = np.sqrt(squares.min())
    if distance >= MIN_DISTANCE:
        return None
    reason = f"two atoms are {distance:.2f} Å apart, less than {MIN_DISTANCE}"
    # of no round: it would fail again
    return {"failed": reason, "seconds": 0.0, "round": np.inf}


def _one_line(text: str) -> str:
    return " ".join(text.split())[: workers.MESSAGE]


def _implausible(atoms: Atoms, entry: dict[str, Any], forces: np.ndarray | None, limits: Labels) -> str:
    """Why a result is no label; empty if it is one."""
    if not isfinite(entry["energy"]) or (forces is not None and not np.isfinite(forces).all()):
        return "energy or forces are not finite"
    if "stress" in entry and not np.isfinite(entry["stress"]).all():
        return "the stress is not finite"
    if forces is None:
        return ""
    largest = np.sqrt((forces**2).sum(axis=1).max())
    if largest > limits.max_force:
        return f"largest force {largest:.1f} eV/Å, more than {limits.max_force:g}"
    net = np.sqrt((forces.sum(axis=0) ** 2).sum())
    if not atoms.pbc.any() and net > MAX_NET_FORCE:
        return f"net force {net:.2f} eV/Å, more than {MAX_NET_FORCE}"
    return ""


def _labelled(atoms: Atoms, energy: float, forces: np.ndarray | None, extra: dict[str, Any]) -> Atoms:
    """A pool's structure with its label."""
    new = atoms.copy()
    new.info |= {ENERGY: float(energy), **extra}
    if forces is not None:
        new.arrays[FORCES] = forces
    return new


# --- collecting --------------------------------------------------------------------------------------------------


def collect_chunks(
    pool: Structures, level: Level, chunks: list[tuple[str | Path, str | Path]]
) -> tuple[Iterator[Atoms], pd.DataFrame]:
    """Labels and states of a level from its chunks, each a label file and a state table; in the pool's order.

    Raises InputError if a chunk does not fit the pool, or a structure that the level asks for is in no chunk; the
    labels do so when they are taken, one at a time, so that many take no memory.
    """
    states = [read_states(path) for _, path in chunks]
    files = [
        Structures(path, (ENERGY, FORCES if level.has_forces else None))
        for (path, _), table in zip(chunks, states, strict=True)
        if (table["state"] == "done").any()
    ]
    for file in files:
        _check_ids(pool, file)
    states = pd.concat(states).set_index("id")
    ids = wanted(pool, level)
    lost = [one for one in ids if one not in states.index]
    if lost:
        raise InputError(f"{chunks[0][1]}: {len(lost)} structures are in no chunk, the first is {lost[0]}")
    states = states.loc[ids].reset_index()
    done = states["id"][states["state"] == "done"].tolist()
    holding = {one: file for file in files for one in file.ids}
    if missing := set(done) - holding.keys():
        raise InputError(f"{chunks[0][0]}: no label of {min(missing)}, which its state table calls done")
    return (matched(pool[one], holding[one][one], holding[one].path) for one in done), states


def collect_file(
    pool: Structures, level: FileLevel, drawn: bool = False, partial: bool = False
) -> tuple[Iterator[Atoms], pd.DataFrame]:
    """Labels and states of a level whose labels come with the data; in the pool's order.

    ``drawn``: the pool is a sample of its file, so that labels of other structures are no mistake. ``partial``: the
    file holds several labels, and structures without the level's are not asked for. Any other structure without a
    label failed for the reason that the table ``failures`` gives, or because the file has none.
    Raises InputError, naming the file and the id, if a label is of no structure of the pool, or is recorded as a
    failure too; the labels do so when they are taken, one at a time, so that many take no memory: if one is not usable
    (see ``structures.Structures``) or of another geometry than the pool's.
    """
    labels = Structures(level.file, (level.energy_key, level.forces_key))
    if not drawn:
        _check_ids(pool, labels)
    reasons = _read_failures(level.failures) if level.failures else {}
    for one in reasons:
        if one not in pool:
            raise InputError(f"{level.failures}: {one} is not in the pool")
        if one in labels:
            raise InputError(f"{level.failures}: {one} is recorded as failed, but {level.file} holds its label")
    seconds = dict(zip(labels.ids, labels.info("cpu_seconds"), strict=True))
    ids, rows = wanted(pool, level), []
    if partial:
        given = {
            one for one, energy in zip(labels.ids, labels.info(level.energy_key), strict=True) if energy is not None
        }
        ids = [one for one in ids if one in given]
        if not ids:
            raise InputError(f"{level.file}: no structure that is asked for has {level.energy_key}")
    for one in ids:
        if one in labels:
            rows.append((one, "done", "", "", "", "", float(seconds[one] or "nan")))
        else:
            rows.append((one, "failed", reasons.get(one, f"no label in {level.file}"), "", "", "", np.nan))
    found = (matched(pool[one], labels[one], labels.path) for one in ids if one in labels)
    return found, pd.DataFrame(rows, columns=COLUMNS)


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


def _check_ids(pool: Structures, labels: Structures) -> None:
    for one in labels.ids:
        if one not in pool:
            raise InputError(f"{labels.path}: {one} is not in the pool")


def matched(own: Atoms, atoms: Atoms, path: str | Path) -> Atoms:
    """A pool's structure with its label, read from a file. Raises InputError if that is of another geometry."""
    one = own.info["id"]
    if len(own) != len(atoms) or (own.numbers != atoms.numbers).any():
        raise InputError(f"{path}: {one} has other elements, or another order of them, than the pool's")
    shift = np.abs(own.positions - atoms.positions).max()
    if (own.pbc != atoms.pbc).any() or (own.pbc.any() and np.abs(own.cell - atoms.cell).max() > MAX_SHIFT):
        raise InputError(f"{path}: {one} has another cell than the pool's")
    if shift > MAX_SHIFT:
        raise InputError(f"{path}: {one} has another geometry than the pool's, atoms moved by up to {shift:.3g} Å")
    extra = {key: value for key, value in atoms.info.items() if not key.startswith(ENERGY)}  # no other label's energy
    return _labelled(own, atoms.info[ENERGY], atoms.arrays.get(FORCES), extra)


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
