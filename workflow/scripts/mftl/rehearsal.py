"""Files of the published layouts with a handful of structures in each, and a folder to rehearse a campaign in.

    PYTHONPATH=workflow/scripts python -m mftl.rehearsal FOLDER

makes FOLDER a copy of the project with such files in place of the downloads. They hold structures and labels that ship
with the project; of silicon and germanium displaced crystals at Stillinger-Weber. Foundation models have the published
architectures and elements, and random weights: what comes out says that all jobs run, and nothing else.
"""

import io
import json
import lzma
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
import yaml
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from mftl import catalogue, downloads, engines, models
from mftl.config.labels import Labels
from mftl.config.training import Architecture
from mftl.inputs import InputError
from mftl.labels import label_chunk
from mftl.structures import ENERGY, FORCES, read_labelled

ROOT = Path(__file__).parents[3]
FILES = "downloads"  # in the folder
COUNT = 60  # structures of a data set, about
CRYSTALS = 18  # of silicon and germanium, for each of the two files: the campaign starts simulations from the 18th
KCAL = units.kcal / units.mol
OFF = ["H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I"]  # elements of MACE-OFF23
COPIED = ("workflow", "config", "studies", "profiles", "envs", "benchmarks", "slurm")


def prepare(folder: Path, root: Path = ROOT) -> Path:
    """Make a folder a copy of the project, its data linked, with the files; return the configuration that names them.

    Raises InputError if the folder is there and holds anything.
    """
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; a rehearsal needs a folder of its own")
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "config.yaml"):
        shutil.copy(root / name, folder)
    (folder / "resources").symlink_to((root / "resources").resolve())
    sums = write_files(folder / FILES, root / "resources")
    shutil.copytree(root / "resources/ptbp", folder / "results/slater-koster/by-hand", symlinks=True)
    file = folder / "config/rehearsal-files.yaml"
    file.write_text(yaml.safe_dump({"downloads": {"folder": FILES, "checksums": sums}}), encoding="utf-8")
    return file


def write_files(folder: Path, resources: Path) -> dict[str, str]:
    """Write the files of all data sets of ``mftl.catalogue`` and two models; their checksums by name."""
    molecules = read_labelled(resources / "molecules/molecules.pbe0-d3.extxyz")[: 2 * COUNT]
    coupled = read_labelled(resources / "molecules/molecules.ccsdt.extxyz")
    metal = read_labelled(resources / "tungsten/tungsten.pbe.extxyz")[:COUNT]
    simple = read_labelled(resources / "simple_crystals/simple_crystals.pbe.extxyz")
    names = sorted({name for one in catalogue.DATASETS.values() for name in one.files})
    names += ["mace-off23-small", "mace-mp-0-medium"]
    for name in names:
        (folder / catalogue.FILES[name].path).parent.mkdir(parents=True, exist_ok=True)
    qm7x = [folder / catalogue.FILES[name].path for name in catalogue.DATASETS["qm7x"].files]
    write_qm7x(qm7x, molecules)
    fitting = [one for one in of_each_molecule(coupled) if set(one[0].symbols) <= {"H", "C", "O"}]
    for molecule, own in zip(("benzene", "malonaldehyde", "toluene", "ethanol", "aspirin"), fitting, strict=False):
        method = "ccsd" if molecule == "aspirin" else "ccsdt"
        write_sgdml(folder / catalogue.FILES[f"{method}-{molecule}"].path, own)
        write_rmd17(folder / catalogue.FILES[f"rmd17-{molecule}"].path, own)
    organic = [one for one in molecules if set(one.symbols) <= {"H", "C", "N", "O"}]
    write_ani1x(folder / catalogue.FILES["ani1x"].path, organic, {one.info["id"]: one.info[ENERGY] for one in coupled})
    write_comp6([folder / catalogue.FILES[name].path for name in catalogue.DATASETS["comp6"].files], organic)
    write_tungsten(folder / catalogue.FILES["tungsten-gap2014"].path, metal)
    write_mp_traj(folder / catalogue.FILES["mp-traj"].path, simple)
    for element in ("Si", "Ge"):
        crystals = displaced(element, 2 * CRYSTALS)
        for part, own in (("training", crystals[:CRYSTALS]), ("test", crystals[CRYSTALS:])):
            write_mlearn(folder / catalogue.FILES[f"mlearn-{element.lower()}-{part}"].path, element, own)
    paper = yaml.safe_load((ROOT / "config/paper/mftl.yaml").read_text(encoding="utf-8"))
    every = paper["systems"]["mp-traj"]["elements"]
    for name, architecture, elements in (
        ("mace-off23-small", "mace-off23-small", OFF),
        ("mace-mp-0-medium", "metal", every),
    ):
        described = Architecture(**paper["architectures"][architecture])
        model = models.build_model(described, elements, 20.0, 1.0, 0, torch.float64)
        torch.save(model, folder / catalogue.FILES[name].path)
    return {name: downloads.checksum_of(folder / catalogue.FILES[name].path) for name in names}


def write_qm7x(paths: list[Path], structures: list[Atoms]) -> None:
    """Archives of QM7-X, the molecules spread over them, and the list of duplicates, of which there is none."""
    *archives, duplicates = paths
    parts = of_each_molecule(structures)
    for place, path in enumerate(archives):
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for number in range(place, len(parts), len(archives)):
                for k, atoms in enumerate(parts[number]):
                    group = file.create_group(f"{number + 1}/Geom-m{number + 1}-i1-c1-{k or 'opt'}")
                    group["atXYZ"], group["atNUM"] = atoms.positions, atoms.numbers
                    group["ePBE0+MBD"], group["totFOR"] = np.array([atoms.info[ENERGY]]), atoms.arrays[FORCES]
        path.write_bytes(lzma.compress(buffer.getvalue(), preset=0))
    duplicates.write_text("", encoding="utf-8")


def write_sgdml(path: Path, structures: list[Atoms]) -> None:
    """The archive of a molecule of sGDML, two thirds of it to train on."""
    cut = 2 * len(structures) // 3
    with zipfile.ZipFile(path, "w") as archive:
        for part, own in (("train", structures[:cut]), ("test", structures[cut:])):
            buffer = io.BytesIO()
            arrays: dict[str, Any] = {
                "E": np.array([[one.info[ENERGY] / KCAL] for one in own]),
                "F": np.array([one.arrays[FORCES] / KCAL for one in own]),
                "R": np.array([one.positions for one in own]),
                "z": own[0].numbers.astype(np.uint8),
            }
            np.savez(buffer, **arrays)
            archive.writestr(f"{path.stem}-{part}.npz", buffer.getvalue())


def write_rmd17(path: Path, structures: list[Atoms]) -> None:
    """The arrays of a molecule of rMD17."""
    np.savez(
        path,
        nuclear_charges=structures[0].numbers.astype(np.uint8),
        coords=np.array([one.positions for one in structures]),
        energies=np.array([one.info[ENERGY] / KCAL for one in structures]),
        forces=np.array([one.arrays[FORCES] / KCAL for one in structures]),
        old_indices=np.arange(len(structures)),
    )


def write_ani1x(path: Path, structures: list[Atoms], coupled: dict[str, float]) -> None:
    """The file of ANI-1x, a molecule for each formula; ``coupled``: energies by id (eV), of those that have one."""
    with h5py.File(path, "w") as file:
        for own in of_each_molecule(structures):
            if (formula := own[0].get_chemical_formula()) in file:
                continue
            group = file.create_group(formula)
            group["atomic_numbers"] = own[0].numbers.astype(np.uint8)
            group["coordinates"] = np.array([one.positions for one in own])
            group["wb97x_dz.energy"] = np.array([one.info[ENERGY] for one in own]) / units.Hartree
            group["wb97x_dz.forces"] = np.array([one.arrays[FORCES] for one in own]) / units.Hartree
            energies = np.array([coupled.get(one.info["id"], np.nan) for one in own])
            group["ccsd(t)_cbs.energy"] = energies / units.Hartree


def write_comp6(paths: list[Path], structures: list[Atoms]) -> None:
    """The files of COMP6, the molecules spread over them."""
    parts = of_each_molecule(structures)
    for place, path in enumerate(paths):
        with h5py.File(path, "w") as file:
            for number in range(place, len(parts), len(paths)):
                own, group = parts[number], file.create_group(f"{path.stem}/mol{number:02d}")
                group["species"] = np.array([symbol.encode() for symbol in own[0].get_chemical_symbols()])
                group["coordinates"] = np.array([one.positions for one in own])
                group["energies"] = np.array([one.info[ENERGY] for one in own]) / units.Hartree
                group["forces"] = -np.array([one.arrays[FORCES] for one in own]) / units.Hartree


def write_tungsten(path: Path, structures: list[Atoms]) -> None:
    """The archive of the tungsten set of 2014."""
    text = io.StringIO()
    for atoms in structures:
        new = bare(atoms)
        new.info = {"config_type": atoms.info["kind"], "energy": atoms.info[ENERGY]}
        new.arrays["force"] = atoms.arrays[FORCES]
        write(text, new, format="extxyz")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w-14.xyz", text.getvalue())


def write_mp_traj(path: Path, structures: list[Atoms]) -> None:
    """The extended XYZ that goes with MACE-MP-0."""
    written = []
    for atoms in structures:
        new = bare(atoms)
        new.calc = SinglePointCalculator(new, energy=atoms.info[ENERGY], forces=atoms.arrays[FORCES])
        written.append(new)
    write(path, written, format="extxyz")


def write_mlearn(path: Path, element: str, structures: list[Atoms]) -> None:
    """A file of mlearn."""
    entries = [
        {
            "structure": {
                "lattice": {"matrix": atoms.cell.tolist()},
                "sites": [
                    {"species": [{"element": element, "occu": 1}], "xyz": one.tolist()} for one in atoms.positions
                ],
            },
            "group": atoms.info["group"],
            "outputs": {"energy": atoms.info[ENERGY], "forces": atoms.arrays[FORCES].tolist()},
        }
        for atoms in structures
    ]
    path.write_text(json.dumps(entries), encoding="utf-8")


def displaced(element: str, count: int) -> list[Atoms]:
    """Displaced crystals of 64 atoms, each sixth a slab, with energies and forces at Stillinger-Weber."""
    rng, crystals = np.random.default_rng(0), []
    for k in range(count):
        atoms = bulk(element, "diamond", a={"Si": 5.431, "Ge": 5.654}[element], cubic=True).repeat(2)
        atoms.positions += rng.normal(scale=0.05 + 0.005 * k, size=atoms.positions.shape)
        if slab := k % 6 == 0:
            atoms.center(vacuum=5.0, axis=2)
        atoms.info |= {"id": f"{element}-{k}", "group": "Surface" if slab else "AIMD-NVT"}
        crystals.append(atoms)
    level = engines.level({"engine": "stillinger-weber"})
    with tempfile.TemporaryDirectory() as folder:
        labelled, _ = label_chunk(crystals, level, Labels(workers=1), f"{folder}/labels.jsonl")
    return labelled


def of_each_molecule(structures: Iterable[Atoms]) -> list[list[Atoms]]:
    """The structures of each molecule."""
    found: dict[str, list[Atoms]] = {}
    for atoms in structures:
        found.setdefault(atoms.info["molecule"], []).append(atoms)
    return list(found.values())


def bare(atoms: Atoms) -> Atoms:
    """Without anything but atoms and cell."""
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)


if __name__ == "__main__":
    try:
        prepare(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(str(error))
    call = "snakemake --configfile config/paper.yaml config/rehearsal.yaml config/rehearsal-files.yaml"
    print(f"Go there, and call with the profile that the campaign will have:\n  cd {sys.argv[1]}\n  {call}")
