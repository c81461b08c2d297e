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
from ase.io.extxyz import output_column_format, read_xyz

from mftl.extxyz import is_compressed, is_extxyz, read_ids, read_info, read_places, stem
from mftl.inputs import InputError

ENERGY, FORCES, STRESS = "REF_energy", "REF_forces", "REF_stress"  # the keys of labels in the project's own files
Progress = Callable[[Iterable], Iterable]  # e.g. tqdm.tqdm; iter for silence


class Structures:
    """Structures of a file in any format that ASE reads, each with a unique ``info["id"]``: in order, or by id.

    Extended XYZ is read structure by structure, when one is asked for, so that a large file costs no memory; other
    formats are read at once. Where the file gives no id, it is the file's stem and the structure's place in it:
    ``<stem>-000000``. With ``keys``, how the file calls energy and forces, each structure has its label as
    ``info["REF_energy"]`` in eV and ``arrays["REF_forces"]`` (N, 3) in eV/Å; None for the forces: energies alone.

    Raises InputError, naming the file and the structure, if the file is missing, cut short or not readable, if two
    structures have the same id, if a position is not a finite number, or a label is wanted and missing or not finite.
    """

    def __init__(self, path: str | Path, keys: tuple[str, str | None] | None = None):
        self.path, self.keys, self._atoms = Path(path), keys, None
        if not self.path.is_file():
            raise InputError(f"{self.path}: no such file")
        if is_extxyz(self.path):
            # ASE turns an id that looks like a number into one (007 into 7), so the ids are taken from the text
            self.ids, self._bounds = _checked_ids(self.path), read_places(self.path)
            packed = is_compressed(self.path)
            self._file = io.BytesIO(lzma.decompress(self.path.read_bytes())) if packed else self.path.open("rb")
        else:
            self._atoms = self._all()
            given = (atoms.info.get("id") for atoms in self._atoms)
            self.ids = [f"{stem(path)}-{i:06d}" if one is None else str(one) for i, one in enumerate(given)]
        if not self.ids:
            raise InputError(f"{self.path}: holds no structures")
        self._places: dict[str, int] = {}
        for i, one in enumerate(self.ids):
            if (other := self._places.setdefault(one, i)) != i:
                raise InputError(f"{self.path}: structures number {other} and {i} (from 0) have the same id {one}")

    @classmethod
    def labelled(cls, path: str | Path) -> "Structures":
        """Structures of a label file in the project's own form, in which all or none have forces."""
        found = cls(path)
        found.keys = (ENERGY, FORCES if FORCES in found.at(0).arrays else None)
        return found

    @property
    def has_forces(self) -> bool:
        """Whether the labels hold forces."""
        return bool(self.keys and self.keys[1])

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Atoms]:
        return map(self.at, range(len(self)))

    def __contains__(self, one: str) -> bool:
        return one in self._places

    def __getitem__(self, one: str) -> Atoms:
        return self.at(self._places[one])

    def at(self, place: int) -> Atoms:
        """The structure at a place, counted from 0."""
        one = self.ids[place]
        atoms = self._atoms[place] if self._atoms else self._parsed(place)
        if not np.isfinite(atoms.positions).all():
            raise InputError(f"{self.path}: structure {one} has a position that is not a finite number")
        atoms.info = {"id": one, **{key: value for key, value in atoms.info.items() if key != "id"}}
        return with_label(atoms, *self.keys, f"{self.path}: structure {one}") if self.keys else atoms

    def info(self, key: str) -> list[str | None]:
        """The text of an info key of each structure, in order; None where it is not there."""
        if self._atoms is None:
            return read_info(self.path, key)
        return [str(atoms.info[key]) if key in atoms.info else None for atoms in self._atoms]

    def having(self, values: dict[str, list[str]]) -> Iterator[str]:
        """Ids of structures, in order, each of whose info keys has one of its values; all ids if there are no keys."""
        columns = [self.info(key) for key in values]
        for one, *own in zip(self.ids, *columns, strict=True):
            if all(value in allowed for value, allowed in zip(own, values.values(), strict=True)):
                yield one

    def _parsed(self, place: int) -> Atoms:
        start, end = self._bounds[place : place + 2]
        self._file.seek(start)
        text = io.StringIO(self._file.read(end - start).decode())
        try:
            return next(read_xyz(text, 0))
        except Exception as error:  # ASE's readers raise whatever their parsing runs into
            raise self._unreadable(self.ids[place], error) from error

    def _all(self) -> list[Atoms]:
        structures = []
        try:
            for atoms in iread(self.path):
                structures.append(atoms)
        except Exception as error:
            raise self._unreadable(f"number {len(structures)}", error) from error
        return structures

    def _unreadable(self, name: str, error: Exception) -> InputError:
        return InputError(f"{self.path}: structure {name} cannot be read: {error or type(error).__name__}")


def read_structures(path: str | Path, places: slice = slice(None)) -> list[Atoms]:
    """Structures of a file, all or those from one place up to before another; see ``Structures``."""
    structures = Structures(path)
    return [structures.at(i) for i in range(len(structures))[places]]


def read_labelled(path: str | Path, energy_key: str = ENERGY, forces_key: str | None = FORCES) -> list[Atoms]:
    """All labelled structures of a file; see ``Structures``."""
    return list(Structures(path, (energy_key, forces_key)))


def with_label(atoms: Atoms, energy_key: str, forces_key: str | None, where: str) -> Atoms:
    """A structure with energy and, if they have a key, forces under the project's own keys."""
    # ASE moves the keys it knows, such as energy and forces, into a calculator
    results = atoms.calc.results if atoms.calc else {}
    energy = atoms.info.pop(energy_key, results.get(energy_key))
    atoms.calc = None
    if energy is None:
        raise InputError(f"{where} has no energy: expected the info key {energy_key} (set energy_key if it differs)")
    try:
        atoms.info[ENERGY] = float(energy)
    except (TypeError, ValueError):
        raise InputError(f"{where}: energy {energy!r} is not a number") from None
    if not np.isfinite(atoms.info[ENERGY]):
        raise InputError(f"{where}: its energy is NaN or infinite; remove the structure from the file")
    if forces_key is None:
        atoms.arrays.pop(FORCES, None)
        return atoms
    forces = atoms.arrays.pop(forces_key, results.get(forces_key))
    if forces is None:
        raise InputError(
            f"{where} has no forces: expected the array {forces_key} (set forces_key if it differs, or to null if the "
            "file has energies alone)"
        )
    try:
        forces = np.asarray(forces, float)
    except (TypeError, ValueError):
        raise InputError(f"{where}: its forces are not numbers") from None
    if forces.shape != (len(atoms), 3):
        raise InputError(f"{where}: forces of shape {forces.shape}, expected ({len(atoms)}, 3)")
    if not np.isfinite(forces).all():
        raise InputError(f"{where}: its forces are NaN or infinite; remove the structure from the file")
    atoms.arrays[FORCES] = forces
    return atoms


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
