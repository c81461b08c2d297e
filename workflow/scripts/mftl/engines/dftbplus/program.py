"""DFTB+ as a program, dftb+, in a folder of its own for each structure."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.engines import BOHR, HARTREE, Failure, Label, Structure
from mftl.engines.dftbplus.hsd import dftb_input
from mftl.inputs import InputError
from mftl.processes import die_with_parent

if TYPE_CHECKING:
    from mftl.engines.dftbplus.section import DftbLevel


def label(structure: Structure, settings: "DftbLevel") -> Label:
    """Mermin energy, forces and, for a crystal, stress; ``structure`` has its atoms sorted by element.

    Raises Failure with exit code and last message if the program fails, InputError if the disk is full.
    """
    # imported here only: the less a worker that uses the library imports, the cheaper are its forks
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory(prefix="dftb-") as directory:
        (Path(directory) / "dftb_in.hsd").write_text(dftb_input(structure, settings, in_process=False))
        process = subprocess.Popen(
            [which(settings.command) or settings.command],
            cwd=directory,
            # its threads cost more than they save on molecules
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=die_with_parent,
        )
        output, _ = process.communicate()
        message, code = last_message(output), process.returncode
        if code:
            check_disk(output)
            if -code in (9, 15):  # from outside, not the structure's fault; let this process look killed as well
                os.kill(os.getpid(), -code)
            raise Failure(message if "NOT converged" in message else f"dftb+ ended: {message}", code, message)
        results = read_results(Path(directory) / "results.tag")
    names = ["mermin_energy", "forces", *(["stress"] if structure.periodic else [])]
    if missing := [name for name in names if name not in results]:
        raise Failure(f"dftb+ wrote no {missing[0]}", code, message)
    forces = [x * (HARTREE / BOHR) for x in results["forces"]]
    # with the opposite of ASE's sign
    stress = [-x * (HARTREE / BOHR**3) for x in results["stress"]] if structure.periodic else None
    if len(forces) != 3 * len(structure.symbols):
        raise Failure(f"dftb+ wrote {len(forces)} force components for {len(structure.symbols)} atoms", code, message)
    return Label(results["mermin_energy"][0] * HARTREE, _rows(forces), _rows(stress) if stress else None)


def which(command: str) -> str | None:
    """The path of a program, by its name on PATH or its path; None if there is none."""
    folders = [""] if os.sep in command else os.environ.get("PATH", "").split(os.pathsep)
    paths = (os.path.abspath(os.path.join(folder, command)) for folder in folders)
    return next((path for path in paths if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def read_results(path: Path) -> dict[str, list[float]]:
    """The real numbers in results.tag, by name; in the order of the file, atomic units. Empty if there is no file."""
    results: dict[str, list[float]] = {}
    name = None
    for line in path.read_text().splitlines() if path.exists() else []:
        if ":" in line:
            tag, kind, *_ = line.split(":")
            name = tag.strip() if kind == "real" else None
            if name:
                results[name] = []
        elif name:
            results[name] += [float(x) for x in line.split()]
    return results


def last_message(output: str) -> str:
    """What DFTB+ says after its last ERROR!, or its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("#", "ERROR STOP", "Error termination"))]
    errors = [i for i, line in enumerate(lines) if line.startswith("ERROR!")]
    said = [line[2:].strip() for line in lines[errors[-1] :] if line.startswith("->")] if errors else []
    return ", ".join(said) or (lines[-1] if lines else "no output")


def check_disk(output: str) -> None:
    """Raise InputError if a program ended because the disk is full."""
    if "No space left on device" in output:
        raise InputError(f"no space left on the disk of {os.environ.get('TMPDIR', '/tmp')}; make room, then call again")


def _rows(numbers: list[float]) -> list[list[float]]:
    return [numbers[i : i + 3] for i in range(0, len(numbers), 3)]
