"""DFTB+ as a library, libdftbplus, through its C API (api/mm/dftbplus.h of DFTB+ 25.1).

What the API is like decides what this module does:

- Starting an instance costs twenty times an energy with forces, nearly all of it for reading the Slater-Koster tables.
  So an instance is kept for all molecules of one formula.
- Each calculation starts from the charges of the one before. Labels would then depend, in their last digits, on what
  was computed before them. So the charges are set back to neutral atoms (``neutral``). Once in each process that is
  put to the test: numbers must come again bit by bit. Where it fails, the instance itself is never used and each
  structure is computed in a fork of the process, which finds it as it was started; that takes four times as long.
- An error ends the process that meets it (ERROR STOP), and so does a missed convergence of the charges: no unconverged
  number is ever seen. The worker's owner writes down why it died and starts another.
- Unless it is built to be instance-safe, a process holds one instance at a time.

The process must be small and have one thread, as worker processes are: forking is then cheap and safe.
"""

import array
import ctypes
import ctypes.util
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.engines import BOHR, HARTREE, Failure, Label, Structure
from mftl.engines.dftbplus.hsd import dftb_input
from mftl.engines.dftbplus.neutral import Neutral
from mftl.engines.dftbplus.program import check_disk, last_message, which
from mftl.inputs import InputError
from mftl.processes import die_with_parent

if TYPE_CHECKING:
    from mftl.engines.dftbplus.section import DftbLevel

NAME = "libdftbplus.so"
SPACING = 2.0  # Å, of the atoms in the structure that an instance of a molecule is started with


def find(settings: "DftbLevel") -> str | None:
    """The library: as configured, beside the program, in the active environment, or where the system finds it."""
    if settings.library:
        return settings.library if Path(settings.library).is_file() else None
    candidates = [Path(prefix) / "lib" / NAME for prefix in _prefixes(settings)]
    candidates += [Path(folder) / NAME for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    found = next((str(path) for path in candidates if path.is_file()), None)
    return found or ctypes.util.find_library("dftbplus")


def _prefixes(settings: "DftbLevel") -> Iterator[Path]:
    program = which(settings.command)
    if program:
        yield Path(program).resolve().parents[1]
    if os.environ.get("CONDA_PREFIX"):
        yield Path(os.environ["CONDA_PREFIX"])
    yield Path(sys.prefix)


class _Handle(ctypes.Structure):
    _fields_ = (("pointer", ctypes.c_void_p),)


@lru_cache(maxsize=1)
def _load(path: str) -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise InputError(f"{path} cannot be loaded: {error}") from None
    return library


class Instance:
    """A started instance of the library, for molecules of one formula or for one crystal."""

    def __init__(self, path: str, structure: Structure, settings: "DftbLevel"):
        self.library, self.handle = _load(path), _Handle()
        self.periodic = structure.periodic
        file = Path(os.environ.get("TMPDIR", "/tmp")) / f"dftb_in-{os.getpid()}.hsd"
        file.write_text(dftb_input(structure, settings, in_process=True))
        tree = _Handle()
        # None: what DFTB+ prints, last words included, goes to standard output
        self.library.dftbp_init(ctypes.byref(self.handle), None)
        self.library.dftbp_get_input_from_file(ctypes.byref(self.handle), os.fsencode(file), ctypes.byref(tree))
        self.library.dftbp_process_input(ctypes.byref(self.handle), ctypes.byref(tree))
        self.library.dftbp_input_final(ctypes.byref(tree))
        file.unlink()
        self.neutral = Neutral(self.library, self.handle.pointer, structure.symbols)

    def compute(self, structure: Structure) -> array.array:
        """Mermin energy, gradients and, for a crystal, stress in a row, in Hartree and Bohr.

        Ends this process if it fails.
        """
        coordinates, cell = _in_bohr(structure.positions), _in_bohr(structure.cell)
        count = 1 + len(coordinates)
        results = array.array("d", bytes(8 * (count + (9 if self.periodic else 0))))
        energy, handle = results.buffer_info()[0], ctypes.byref(self.handle)
        if self.periodic:
            # the library crashes at a crystal whose cell was only in its input
            self.library.dftbp_set_coords_and_lattice_vecs(handle, _pointer(coordinates), _pointer(cell))
        else:
            self.library.dftbp_set_coords(handle, _pointer(coordinates))
        self.library.dftbp_get_energy(handle, ctypes.c_void_p(energy))
        self.library.dftbp_get_gradients(handle, ctypes.c_void_p(energy + 8))
        if self.periodic:
            self.library.dftbp_get_stress_tensor(handle, ctypes.c_void_p(energy + 8 * count))
        return results

    def can_be_set_back(self, structure: Structure) -> bool | None:
        """Whether setting back works: the numbers of a structure come again after those of another one.

        Tried in a fork, which may crash. None if the structure itself fails.
        """
        if not self.neutral.available:
            return False
        moved = replace(structure, positions=[[1.05 * x for x in position] for position in structure.positions])

        def attempt() -> Iterator[bytes]:
            first = self.compute(structure)
            self.compute(moved)
            yield b"x"
            self.neutral.restore()
            yield b"y" if self.compute(structure) == first else b"n"

        answer, _ = _in_a_fork(attempt)
        return None if not answer else answer == b"xy"

    def close(self) -> None:
        """End the instance; the process can then start another."""
        self.library.dftbp_final(ctypes.byref(self.handle))


class Living:
    """The instance that a process keeps: one at a time, replaced when another formula or crystal comes."""

    def __init__(self):
        self.key: tuple | None = None
        self.instance: Instance | None = None
        self.setting_back: bool | None = None
        self.fresh = False

    def label(self, structure: Structure, settings: "DftbLevel", key: tuple) -> Label:
        """A label from the instance for ``key``; ``structure`` has its atoms sorted by element.

        If the library fails it ends this process or, where structures are computed in forks, Failure is raised with
        exit code and last message.
        """
        if self.instance is None or self.key != key:
            if self.instance:
                self.instance.close()
            self.key, self.instance = None, None
            start = structure if structure.periodic else _on_a_line(structure)
            self.instance = Instance(_path(settings), start, settings)
            self.key, self.fresh = key, True
        if self.setting_back is None:
            self.setting_back = self.instance.can_be_set_back(structure)
        if self.setting_back:
            if not self.fresh:
                self.instance.neutral.restore()
            self.fresh = False
            numbers = self.instance.compute(structure)
        else:
            numbers = _computed_in_a_fork(self.instance, structure)
        count = 1 + 3 * len(structure.symbols)
        # the stress is in Hartree/Bohr³, whatever the header says of Pascal, and with the opposite of ASE's sign
        stress = _rows(-x * (HARTREE / BOHR**3) for x in numbers[count:])
        return Label(numbers[0] * HARTREE, _rows(-x * (HARTREE / BOHR) for x in numbers[1:count]), stress or None)


def _path(settings: "DftbLevel") -> str:
    path = find(settings)
    if path is None:
        raise InputError(f"{NAME} is not found")
    return path


def _on_a_line(structure: Structure) -> Structure:
    """A geometry that depends on the formula alone, for starting an instance: its state must not depend on others'."""
    positions = [[SPACING * i, 0.0, 0.0] for i in range(len(structure.symbols))]
    return Structure("start", structure.symbols, structure.numbers, positions, structure.cell, structure.pbc)


def _rows(numbers: Iterable[float]) -> list[list[float]]:
    numbers = list(numbers)
    return [numbers[i : i + 3] for i in range(0, len(numbers), 3)]


def _in_bohr(vectors: list[list[float]]) -> array.array:
    return array.array("d", [x / BOHR for vector in vectors for x in vector])


def _pointer(numbers: array.array) -> ctypes.c_void_p:
    return ctypes.c_void_p(numbers.buffer_info()[0])


def _computed_in_a_fork(instance: Instance, structure: Structure) -> array.array:
    """The instance's numbers for a structure, computed in a fork. Raises Failure if that ends."""
    data, code = _in_a_fork(lambda: iter([instance.compute(structure).tobytes()]))
    if code:
        if -code in (signal.SIGKILL, signal.SIGTERM):
            # from outside, not the structure's fault; let this process look killed as well
            os.kill(os.getpid(), -code)
        message = last_message(Path("/proc/self/fd/1").read_text(errors="replace"))
        check_disk(message)
        raise Failure(f"the engine ended, exit code {code}: {message}", code, message)
    return array.array("d", data)


def _in_a_fork(function: Callable[[], Iterable[bytes]]) -> tuple[bytes, int]:
    """What ``function`` yields, called in a fork of this process, up to where that ends; and its exit code."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            die_with_parent()
            for data in function():
                os.write(writing, data)
            os._exit(0)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(70)
    os.close(writing)
    chunks = []
    while chunk := os.read(reading, 1 << 16):
        chunks.append(chunk)
    os.close(reading)
    return b"".join(chunks), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
