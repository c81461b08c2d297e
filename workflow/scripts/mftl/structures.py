"""Files of structures: reading with checks, writing whole or not at all."""

import io
import lzma
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import iread
from ase.io.extxyz import output_column_format

from mftl.extxyz import is_compressed, is_extxyz, read_ids, stem
from mftl.inputs import InputError

ENERGY, FORCES = "REF_energy", "REF_forces"  # the keys of labels in the project's own files
Progress = Callable[[Iterable], Iterable]  # e.g. tqdm.tqdm; iter for silence


def read_structures(path: str | Path, places: slice = slice(None)) -> list[Atoms]:
    """Structures of a file in any format that ASE reads, each with a unique ``info["id"]``.

    ``places``: only those from one place up to before another, counted from 0.

    Where the file gives no id, it is the file's stem and the structure's place in it: ``<stem>-000000``.
    Raises InputError, naming the file and the structure, if the file is missing, cut short or not readable, if two
    structures have the same id, or if a position is not a finite number.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    # ASE turns an id that looks like a number into one (007 into 7), so the ids are taken from the text
    texts = _checked_ids(path) if is_extxyz(path) else None
    structures = []
    try:
        # ASE goes back and forth in a file, which takes for ever in a compressed one
        source = io.StringIO(lzma.decompress(path.read_bytes()).decode()) if is_compressed(path) else path
        for atoms in iread(source, places, format="extxyz" if texts else None):
            structures.append(atoms)
    except Exception as error:  # ASE's readers raise whatever their parsing runs into
        place = (places.start or 0) + len(structures)
        name = texts[place] if texts and place < len(texts) else f"number {place}"
        raise InputError(f"{path}: structure {name} cannot be read: {error or type(error).__name__}") from error
    if not structures and places == slice(None):
        raise InputError(f"{path}: holds no structures")
    seen = {}
    for i, atoms in enumerate(structures, places.start or 0):
        given = texts[i] if texts else atoms.info.get("id")
        one = str(given) if "id" in atoms.info else f"{stem(path)}-{i:06d}"
        if one in seen:
            raise InputError(f"{path}: structures number {seen[one]} and {i} (from 0) have the same id {one}")
        seen[one] = i
        if not np.isfinite(atoms.positions).all():
            raise InputError(f"{path}: structure {one} has a position that is not a finite number")
        atoms.info = {"id": one, **{key: value for key, value in atoms.info.items() if key != "id"}}
    return structures


def read_labelled(path: str | Path, energy_key: str = ENERGY, forces_key: str = FORCES) -> list[Atoms]:
    """Labelled structures: ``info["id"]``, ``info["REF_energy"]`` in eV, ``arrays["REF_forces"]`` (N, 3) in eV/Å.

    The keys say how the file calls them. Raises InputError, naming the file and the structure, if the file cannot be
    read (see ``read_structures``), or an energy or forces are missing or not finite.
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


def write_structures(path: str | Path, structures: Iterable[Atoms]) -> None:
    """Write extended XYZ; the file appears under its name only when whole.

    Positions and arrays have 8 decimals, info values all their digits: the bytes are those of ASE's own writer, which
    copies structures and packs their rows and so takes three times as long, much of what a cheap label costs.
    """
    with writing(path) as add:
        for atoms in structures:
            add(atoms)


@contextmanager
def writing(path: str | Path) -> Iterator[Callable[[Atoms], object]]:
    """Write extended XYZ structure by structure, as ``write_structures`` does; gives the function that adds one."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield lambda atoms: file.write(frame(atoms))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def frame(atoms: Atoms) -> str:
    """A structure as extended XYZ: what its info and arrays hold, no constraints and no calculator."""
    own = {"symbols": np.array(atoms.get_chemical_symbols()), "positions": atoms.positions}
    arrays = own | {key: value for key, value in atoms.arrays.items() if key not in ("numbers", "positions")}
    comment, _, _, row = output_column_format(atoms, list(arrays), arrays)
    columns = [column for array in arrays.values() for column in array.reshape(len(atoms), -1).T.tolist()]
    return f"{len(atoms)}\n{comment}\n" + "".join(row % values for values in zip(*columns, strict=True))


def _checked_ids(path: Path) -> list[str]:
    """Ids as the text of an extended XYZ file gives them."""
    try:
        ids = read_ids(path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text: {error}") from error
    if is_compressed(path):  # one that is cut short cannot be unpacked
        return ids
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            # a last number that lost its last digits is still a number: only the missing end of line tells
            if file.read(1) != b"\n":
                raise InputError(
                    f"{path}: the file does not end with a complete line, in structure {ids[-1]}; is it truncated? "
                    "If it is complete, add the end of line"
                )
    return ids
