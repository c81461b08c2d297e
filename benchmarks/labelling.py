"""Labelling against what one would do without it, in one run; for DFTB its program and library are needed.

    python benchmarks/labelling.py [TABLE.csv]

Structures per CPU second (of this process and all it starts), on distorted molecules of H, C, N, O, S, Cl with at most
seven heavy atoms and 130 formulas: ASE's calculator, a process dftb+ for each structure, and the labelling of a chunk.
Then two workers against one in elapsed time, tblite against its bare interface, and what the labelling adds to the
engine. Methods take turns; ratios are those of the medians. But for two workers, all run on one core: cores that share
caches or are threads of one count more CPU seconds for the same work when both are busy.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import product
from pathlib import Path
from types import SimpleNamespace

from table import ROOT, Table, cpu, run

import numpy as np
from ase import Atoms

from mftl import workers
from mftl.config.systems import Labels
from mftl.engines.dftbplus.section import DftbLevel
from mftl.engines.tblite.section import TbliteLevel
from mftl.engines import BOHR, Structure, dftbplus, engine
from mftl.engines.dftbplus import hsd, program
from mftl.engines.dftbplus.tables import HIGHEST_SHELL
from mftl.labels import label_chunk, write_labelled, write_states

FORMULAS, WITH_S_OR_CL, ROUNDS, DISTORTION = 130, 30, 5, 0.06  # the last in Å
TABLES = str(ROOT / "resources" / "ptbp")
DFTB, GFN2 = DftbLevel(engine="dftb+", slater_koster=TABLES), TbliteLevel(engine="tblite", method="GFN2-xTB")
ENDS = ["C", "O", "N", "C=O", "C#N", "C(=O)O", "C(N)=O", "C=C", "C#C", "OC", "NC", "N=O", "NN", "OO"]
OTHER_ENDS = ["S", "Cl", "SC", "C=S"]


def molecules() -> list[Atoms]:
    """One molecule of each formula: force-field geometries of carbon chains with all pairs of end groups.

    As in QM7-X, most are of H, C, N and O.
    """
    common = _of_different_formulas(ENDS, ENDS, FORMULAS - WITH_S_OR_CL)
    return common + _of_different_formulas(ENDS, OTHER_ENDS, WITH_S_OR_CL)


def _of_different_formulas(first_ends: list[str], last_ends: list[str], count: int) -> list[Atoms]:
    from rdkit import Chem, RDLogger
    from rdkit.Chem import AllChem
    from rdkit.Chem.rdMolDescriptors import CalcMolFormula

    RDLogger.DisableLog("rdApp.*")
    found = {}
    for length, first, last in product(range(1, 6), first_ends, last_ends):
        molecule = Chem.MolFromSmiles("C" * length + f"({first}){last}")
        if molecule is None or molecule.GetNumHeavyAtoms() > 7:
            continue
        formula, molecule = CalcMolFormula(molecule), Chem.AddHs(molecule)
        if formula in found or AllChem.EmbedMolecule(molecule, randomSeed=1):
            continue
        AllChem.UFFOptimizeMolecule(molecule)
        found[formula] = Atoms([a.GetSymbol() for a in molecule.GetAtoms()], molecule.GetConformer().GetPositions())
        if len(found) == count:
            return list(found.values())
    raise RuntimeError(f"only {len(found)} formulas")


def distorted(count: int, seed: int) -> list[Atoms]:
    """Molecules of all formulas in turn, their atoms displaced at random."""
    rng, made = np.random.default_rng(seed), []
    originals = molecules()
    for i in range(count):
        atoms = originals[i % len(originals)].copy()
        atoms.positions += rng.normal(scale=DISTORTION, size=atoms.positions.shape)
        atoms.info["id"] = f"m-{i:05d}"
        made.append(atoms)
    return made


def with_ase(structures: list[Atoms]) -> None:
    """ASE's calculator, one folder used again, with all that changes energies set as we set it."""
    from ase.calculators.dftb import Dftb

    with tempfile.TemporaryDirectory() as folder:
        for atoms in structures:
            shells = {f"Hamiltonian_MaxAngularMomentum_{e}": f'"{HIGHEST_SHELL[e]}"' for e in set(atoms.symbols)}
            atoms = atoms.copy()
            atoms.calc = Dftb(
                label="dftb", directory=folder, command="dftb+ > output", slako_dir=f"{TABLES}/",
                Hamiltonian_SCC="Yes", Hamiltonian_SCCTolerance=1e-6, Hamiltonian_MaxSCCIterations=300,
                Hamiltonian_ShellResolvedSCC="Yes", Hamiltonian_MaxAngularMomentum_="",
                Hamiltonian_Filling="Fermi {", Hamiltonian_Filling_empty="Temperature [Kelvin] = 300", **shells,
            )  # fmt: skip
            atoms.get_potential_energy(), atoms.get_forces()


def with_processes(structures: list[Atoms]) -> None:
    """A process dftb+ for each structure in one folder, and the numbers it writes."""
    with tempfile.TemporaryDirectory() as folder:
        for atoms in structures:
            (Path(folder) / "dftb_in.hsd").write_text(hsd.dftb_input(Structure.of(atoms), DFTB, in_process=False))
            subprocess.run(["dftb+"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
            program.read_results(Path(folder) / "results.tag")["forces"]


def with_chunk(structures: list[Atoms], level, workers_: int = 1) -> None:
    """What the labelling rule calls, journal and output included."""
    with tempfile.TemporaryDirectory() as folder:
        labelled, states = label_chunk(structures, level, Labels(workers=workers_), Path(folder) / "chunk.jsonl")
        write_labelled(Path(folder) / "chunk.extxyz", labelled)
        write_states(Path(folder) / "chunk.csv", states)
    if len(labelled) < 0.98 * len(structures):
        raise RuntimeError(states["reason"].value_counts().to_string())


def with_pool(structures: list[Atoms], level, workers_: int = 1) -> None:
    """The worker processes alone."""
    given, module = [Structure.of(atoms) for atoms in structures], engine(level.engine)
    start = workers.command(module.__name__, level.model_dump())
    for _ in workers.run(given, start, workers_, group=getattr(module, "group", None)):
        pass


def with_bare_tblite(structures: list[Atoms]) -> None:
    """tblite's own interface in a loop."""
    from tblite.interface import Calculator

    for atoms in structures:
        calculator = Calculator(GFN2.method, atoms.numbers, atoms.positions / BOHR)
        calculator.set("verbosity", 0)
        result = calculator.singlepoint()
        result["energy"], result["gradient"]


ENGINE = """
import json, resource, sys
from importlib import import_module
from types import SimpleNamespace
from mftl.engines import Structure
engine = import_module(sys.argv[1])
settings = SimpleNamespace(**json.loads(sys.stdin.readline()))
structures = [Structure(**json.loads(line)) for line in sys.stdin]
if hasattr(engine, "group"):
    structures.sort(key=engine.group)
def cpu():
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)
start = cpu()
for one in structures:
    try:
        engine.label(one, settings)
    except Exception:
        pass
print("CPU seconds:", cpu() - start)
"""


def engine_alone(structures: list[Atoms], level) -> float:
    """CPU seconds of an engine in a loop: no workers, journal or checks."""
    lines = [level.model_dump_json(), *(json.dumps(asdict(Structure.of(atoms))) for atoms in structures)]
    done = subprocess.run(
        [sys.executable, "-c", ENGINE, engine(level.engine).__name__], input="\n".join(lines), capture_output=True,
        text=True, check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
    )  # fmt: skip
    return float(done.stdout.rpartition("CPU seconds:")[2])


def overheads(table: Table, structures: list[Atoms], level) -> None:
    """What workers add to the engine, and what journal, checks and files add to the workers."""
    seconds = {"engine in a loop": [], "in a worker": [], "chunk": []}
    for _ in range(ROUNDS):
        seconds["engine in a loop"].append(engine_alone(structures, level))
        for name, function in (("in a worker", with_pool), ("chunk", with_chunk)):
            start = cpu()
            function(structures, level)
            seconds[name].append(cpu() - start)
    subject = f"{level.engine}, {len(structures)} structures"
    _, worker, chunk = (
        table.add(subject, name, 1000 * np.array(values) / len(structures), "CPU ms for each")
        for name, values in seconds.items()
    )
    table.add(subject, "chunk over worker", 100 * (chunk / worker - 1), "%")


def rates(table: Table, subject: str, methods: dict, structures: list[Atoms], rounds: int = ROUNDS) -> list[float]:
    """Structures per CPU second of each method, taking turns; ``methods``: function and how many structures it gets."""
    measured = {name: [] for name in methods}
    for _ in range(rounds):
        for name, (function, count) in methods.items():
            start = cpu()
            function(structures[:count])
            measured[name].append(count / (cpu() - start))
    return [table.add(subject, name, values, "structures per CPU second") for name, values in measured.items()]


def measure_dftb(table: Table, structures: list[Atoms], cores: list[int]) -> None:
    """DFTB against ASE and plain processes on one core, and two workers against one."""
    some, subject = structures[:1000], "DFTB(PTBP), 1000 structures"
    methods = {
        "ASE's calculator": (with_ase, 2 * FORMULAS),
        "processes dftb+": (with_processes, 2 * FORMULAS),
        "chunk, one worker": (lambda s: with_chunk(s, DFTB), 1000),
    }
    ase, raw, chunk = rates(table, subject, methods, some)
    table.add(subject, "chunk to ASE", chunk / ase, "times as fast")
    table.add(subject, "chunk to processes", chunk / raw, "times as fast")
    start = cpu()
    with_chunk(structures, DFTB)
    subject = f"DFTB(PTBP), {len(structures)} structures"
    rate = table.add(subject, "chunk, one worker", len(structures) / (cpu() - start), "structures per CPU second")
    table.add(subject, "chunk to ASE", rate / ase, "times as fast")
    os.sched_setaffinity(0, cores)
    for name, function in (("pool of workers", with_pool), ("chunk", with_chunk)):
        elapsed = {1: [], 2: []}
        for _, workers_ in product(range(3), elapsed):
            start = time.perf_counter()
            function(structures[:5000], DFTB, workers_)
            elapsed[workers_].append(time.perf_counter() - start)
        ratio = np.median(elapsed[1]) / np.median(elapsed[2])
        table.add("DFTB(PTBP), 5000 structures", f"{name}, two workers to one", ratio, "times as fast")
    os.sched_setaffinity(0, cores[:1])
    overheads(table, some, DFTB)


def measure(table: Table) -> None:
    """Measure DFTB if DFTB+ is there, and tblite."""
    logging.disable()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:1])
    structures = distorted(10000, seed=1)
    table.add("molecules to label", "atoms on average", np.mean([len(a) for a in structures]), "")
    settings = SimpleNamespace(**DFTB.model_dump())
    if dftbplus.interface(settings) == "library" and program.which("dftb+"):
        measure_dftb(table, structures, cores)
    else:
        table.note("DFTB(PTBP)", f"not measured: program and library are needed. {dftbplus.installed(settings) or ''}")
    overheads(table, structures[:1000], GFN2)
    with_bare_tblite(structures[:10])
    for count, rounds in ((1000, ROUNDS), (5000, 3)):
        subject = f"GFN2-xTB, {count} structures"
        methods = {"tblite's interface": (with_bare_tblite, count), "chunk": (lambda s: with_chunk(s, GFN2), count)}
        bare, chunk = rates(table, subject, methods, structures, rounds)
        table.add(subject, "chunk over interface", 100 * (bare / chunk - 1), "%")


if __name__ == "__main__":
    run(measure)
