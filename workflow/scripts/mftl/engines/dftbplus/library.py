"""DFTB+ as a library, libdftbplus, through its C API (api/mm/dftbplus.h of DFTB+ 25.1).

What the API is like decides what this module does:

- Starting an instance costs twenty times an energy with forces, nearly all of it for reading the Slater-Koster tables.
  So an instance is kept for all molecules of one formula.
- Each calculation starts from the charges of the one before, and nothing in the API sets them back. Labels would then
  depend, in their last digits, on what was computed before them. So the instance is never used itself: each structure
  is computed in a fork of the process, which finds it as it was started.
- An error ends the process that meets it (ERROR STOP), so does a missed convergence of the charges, and no unconverged
  number is ever seen. What ends is the fork; the instance lives on.
- Unless it is built to be instance-safe, a process holds one instance at a time.

The process must be small and have one thread, as worker processes are: forking is then cheap and safe.
"""

import array
import ctypes
import ctypes.util
import os
import signal
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.engines import BOHR, HARTREE, Failure, Label, Structure
from mftl.engines.dftbplus.hsd import dftb_input
from mftl.engines.dftbplus.program import check_disk, last_message, which
from mftl.inputs import InputError
from mftl.processes import die_with_parent

if TYPE_CHECKING:
    from mftl.config import DftbLevel

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
        path = Path(os.environ.get("TMPDIR", "/tmp")) / f"dftb_in-{os.getpid()}.hsd"
        path.write_text(dftb_input(structure, settings, in_process=True))
        tree = _Handle()
        # None: what DFTB+ prints, last words included, goes to standard output
        self.library.dftbp_init(ctypes.byref(self.handle), None)
        self.library.dftbp_get_input_from_file(ctypes.byref(self.handle), os.fsencode(path), ctypes.byref(tree))
        self.library.dftbp_process_input(ctypes.byref(self.handle), ctypes.byref(tree))
        self.library.dftbp_input_final(ctypes.byref(tree))
        path.unlink()

    def compute(self, structure: Structure) -> array.array:
        """Mermin energy, forces and, for a crystal, stress in a row, in eV and Å; ends the process if that fails."""
        coordinates = _in_bohr(structure.positions)
        energy, gradients = ctypes.c_double(), array.array("d", bytes(8 * len(coordinates)))
        if self.periodic:
            # the library crashes at a crystal whose cell was only in its input
            cell = _in_bohr(structure.cell)
            self.library.dftbp_set_coords_and_lattice_vecs(
                ctypes.byref(self.handle), _pointer(coordinates), _pointer(cell)
            )
        else:
            self.library.dftbp_set_coords(ctypes.byref(self.handle), _pointer(coordinates))
        self.library.dftbp_get_energy(ctypes.byref(self.handle), ctypes.byref(energy))
        self.library.dftbp_get_gradients(ctypes.byref(self.handle), _pointer(gradients))
        numbers = array.array("d", [energy.value * HARTREE])
        numbers.extend(-x * (HARTREE / BOHR) for x in gradients)
        if self.periodic:
            stress = array.array("d", bytes(72))
            self.library.dftbp_get_stress_tensor(ctypes.byref(self.handle), _pointer(stress))
            # in Hartree/Bohr³, whatever the header says of Pascal, and with the opposite of ASE's sign
            numbers.extend(-x * (HARTREE / BOHR**3) for x in stress)
        return numbers

    def close(self) -> None:
        """End the instance; the process can then start another."""
        self.library.dftbp_final(ctypes.byref(self.handle))


def _in_bohr(vectors: list[list[float]]) -> array.array:
    return array.array("d", [x / BOHR for vector in vectors for x in vector])


def _pointer(numbers: array.array) -> ctypes.c_void_p:
    return ctypes.c_void_p(numbers.buffer_info()[0])


class Living:
    """The instance that a process keeps: one at a time, replaced when another formula or crystal comes."""

    def __init__(self):
        self.key, self.instance = None, None

    def label(self, structure: Structure, settings: "DftbLevel", key: tuple) -> Label:
        """A label from the instance for ``key``; ``structure`` has its atoms sorted by element.

        Raises Failure with exit code and last message if the library ended the computing process, RuntimeError if
        it was ended from outside.
        """
        if self.key != key:
            if self.instance:
                self.instance.close()
            # if starting fails the library ends this process, and the worker's owner writes that down
            self.key, self.instance = None, None
            start = structure if structure.periodic else _on_a_line(structure)
            self.instance = Instance(_path(settings), start, settings)
            self.key = key
        numbers = _in_a_fork(lambda: self.instance.compute(structure))
        energy, forces, stress = numbers[0], numbers[1 : 1 + 3 * len(structure.symbols)], numbers[-9:]
        return Label(energy, _rows(forces), _rows(stress) if structure.periodic else None)


def _path(settings: "DftbLevel") -> str:
    path = find(settings)
    if path is None:
        raise InputError(f"{NAME} is not found")
    return path


def _on_a_line(structure: Structure) -> Structure:
    """A geometry that depends on the formula alone, for starting an instance: its state must not depend on others'."""
    positions = [[SPACING * i, 0.0, 0.0] for i in range(len(structure.symbols))]
    return Structure("start", structure.symbols, structure.numbers, positions, structure.cell, structure.pbc)


def _rows(numbers: list[float]) -> list[list[float]]:
    return [list(numbers[i : i + 3]) for i in range(0, len(numbers), 3)]


def _in_a_fork(compute) -> list[float]:
    """What ``compute`` returns, called in a fork of this process."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            die_with_parent()
            os.write(writing, compute().tobytes())
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
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        if -code in (signal.SIGKILL, signal.SIGTERM):
            # from outside, not the structure's fault; let this process look killed as well
            os.kill(os.getpid(), -code)
        message = last_message(Path("/proc/self/fd/1").read_text(errors="replace"))
        check_disk(message)
        raise Failure(message if "NOT converged" in message else f"libdftbplus ended: {message}", code, message)
    numbers = array.array("d")
    numbers.frombytes(b"".join(chunks))
    return numbers.tolist()
