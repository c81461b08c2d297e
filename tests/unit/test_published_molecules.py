"""rMD17, ANI-1x and COMP6, from files of exactly the published layout: units, signs, labels that some lack, damage."""

import os
import tarfile
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from ase import units
from ase.build import molecule

from mftl.config.levels import DatasetLevel, FileLevel
from mftl.inputs import InputError
from mftl.labels import collect_file, write_labelled
from mftl.structures import Structures, read_structures
from mftl.systems import ani1x, published

KCAL = 23.0605  # in an eV; a Hartree has 627.5095 kcal/mol and 27.2114 eV
# a folder with real files: rmd17/rmd17_benzene_train_01.npz, comp6/s66x8/s66x8_wb97x6-31gd.h5
REAL = Path(os.environ.get("MFTL_REAL_DATA", "not given"))
DFT, CC = ("REF_energy_wb97x_dz", "REF_forces_wb97x_dz"), "REF_energy_ccsdt_cbs"


def read(dataset, paths, count, elements=("H", "C", "N", "O"), seed=0):
    return list(published.read(dataset, paths, count, seed, list(elements)))


# --- rMD17 --------------------------------------------------------------------------------------------------------


def write_rmd17(path, atoms, energy, count=30):
    """Frames whose last one has an energy 1 kcal/mol higher, a force of 23.0605 kcal/mol/Å along x everywhere."""
    forces = np.zeros((count, len(atoms), 3))
    forces[..., 0] = KCAL
    np.savez(
        path,
        nuclear_charges=atoms.numbers.astype(np.uint8),
        coords=np.tile(atoms.positions, (count, 1, 1)) + np.linspace(0, 1, count)[:, None, None],
        energies=np.append(np.full(count - 1, energy), energy + 1),
        forces=forces,
        old_indices=np.arange(count) * 7,
        old_energies=np.zeros(count),
        old_forces=np.zeros((count, len(atoms), 3)),
    )
    return path


@pytest.fixture
def ethanol(tmp_path):
    """At PBE/def2-SVP ethanol has about -154.7 Hartree."""
    (tmp_path / "rmd17").mkdir()
    return write_rmd17(tmp_path / "rmd17/rmd17_ethanol.npz", molecule("CH3CH2OH"), -154.7 * 627.5095)


def test_rmd17_is_converted_from_kcal_per_mol(ethanol):
    frames = {a.info["id"]: a for a in read("rmd17-ethanol", [ethanol], None, ["H", "C", "O"])}
    assert len(frames) == 30 and {a.info["molecule"] for a in frames.values()} == {"ethanol"}
    first, last = frames["ethanol-000000"], frames["ethanol-000029"]
    assert first.info["REF_energy"] / units.Hartree == pytest.approx(-154.7, abs=1e-4)
    assert last.info["REF_energy"] - first.info["REF_energy"] == pytest.approx(1 / KCAL, abs=1e-6)
    assert last.info["old_index"] == 29 * 7
    np.testing.assert_allclose(last.arrays["REF_forces"], [[1, 0, 0]] * 9, atol=1e-5)
    np.testing.assert_allclose(last.positions, molecule("CH3CH2OH").positions + 1)
    drawn = [a.info["id"] for a in read("rmd17-ethanol", [ethanol], 10, ["H", "C", "O"])]
    assert drawn == [a.info["id"] for a in read("rmd17-ethanol", [ethanol], 20, ["H", "C", "O"])][:10]
    with pytest.raises(InputError, match="31 structures wanted, but there are only 30"):
        read("rmd17-ethanol", [ethanol], 31, ["H", "C", "O"])


def test_rmd17_in_its_archive(ethanol):
    archive = ethanol.with_name("rmd17.tar.bz2")
    other = write_rmd17(ethanol.with_name("rmd17_benzene.npz"), molecule("C6H6"), -231.0 * 627.5095)
    with tarfile.open(archive, "w:bz2") as file:
        for path in (other, ethanol):
            file.add(path, f"rmd17/npz_data/{path.name}")
    alone, packed = (read("rmd17-ethanol", [path], 5, ["H", "C", "O"]) for path in (ethanol, archive))
    assert [a.info for a in alone] == [a.info for a in packed]
    np.testing.assert_array_equal(alone[0].arrays["REF_forces"], packed[0].arrays["REF_forces"])
    with pytest.raises(InputError, match=r"rmd17\.tar\.bz2 does not hold toluene whole \('no rmd17_toluene\.npz'\)"):
        read("rmd17-toluene", [archive], 5)
    archive.write_bytes(archive.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"rmd17\.tar\.bz2 does not hold toluene whole"):
        read("rmd17-toluene", [archive], 5)


def test_rmd17_that_is_damaged(ethanol):
    whole = ethanol.read_bytes()
    for damaged in (whole[:-100], b"<html>", whole[:3000] + bytes(8) + whole[3008:]):
        ethanol.write_bytes(damaged)
        with pytest.raises(InputError, match=r"rmd17_ethanol\.npz does not hold ethanol whole"):
            read("rmd17-ethanol", [ethanol], 5)
    atoms = molecule("CH3CH2OH")
    frames = {"coords": np.zeros((4, 9, 3)), "forces": np.zeros((4, 8, 3))}
    np.savez(ethanol, nuclear_charges=atoms.numbers, energies=np.zeros(4), old_indices=np.arange(4), **frames)
    with pytest.raises(InputError, match="as published: arrays of other shapes"):
        read("rmd17-ethanol", [ethanol], 4)


@pytest.mark.skipif(not (REAL / "rmd17").is_dir(), reason="no folder MFTL_REAL_DATA with rmd17")
def test_real_frames_of_rmd17():
    """Benzene at PBE/def2-SVP is near -231.7 Hartree, a frame at 500 K within an eV or so of the others."""
    frames = read("rmd17-benzene", [REAL / "rmd17/rmd17_benzene_train_01.npz"], None, ["H", "C"])
    energies = np.array([a.info["REF_energy"] for a in frames])
    forces = np.array([a.arrays["REF_forces"] for a in frames])
    assert len(frames) == 1000 and energies.mean() / units.Hartree == pytest.approx(-231.76, abs=0.05)
    assert 0.05 < energies.std() < 0.3 and 0.5 < forces.std() < 2 and abs(forces.sum(axis=1)).max() < 0.01
    assert all(a.get_all_distances()[np.triu_indices(12, 1)].min() > 0.9 for a in frames[:50])


# --- ANI-1x -------------------------------------------------------------------------------------------------------

WATER = -76.38  # Hartree, at ωB97X/6-31G(d)


@pytest.fixture
def release(tmp_path):
    """Each third structure has an energy at CCSD(T), none of methane does; dipoles and others are not read."""
    path = tmp_path / "ani1x-release.h5"
    with h5py.File(path, "w") as file:
        for formula, name, count in (("H2O", "H2O", 40), ("CH4", "CH4", 20)):
            atoms, group = molecule(name), file.create_group(formula)
            group["atomic_numbers"] = atoms.numbers.astype(np.uint8)
            moved = np.arange(count)[:, None, None] * 0.01
            group["coordinates"] = np.float32(atoms.positions + moved)
            group["wb97x_dz.energy"] = WATER + np.arange(count) * 0.001
            group["wb97x_dz.forces"] = np.full((count, len(atoms), 3), 0.1, np.float32)  # Hartree/Å
            group["wb97x_dz.dipole"] = np.full((count, 3), np.nan, np.float32)
            coupled = np.full(count, np.nan)
            if formula == "H2O":
                coupled[::3] = -76.35
            group["ccsd(t)_cbs.energy"] = coupled
    return path


def test_ani1x_in_hartree_and_angstrom(release):
    structures = {a.info["id"]: a for a in read("ani1x", [release], None)}
    assert len(structures) == 60 and {"H2O-000039", "CH4-000000"} <= structures.keys()
    third, fourth = structures["H2O-000003"], structures["H2O-000004"]
    assert third.info[DFT[0]] == pytest.approx((WATER + 0.003) * 27.211386, abs=1e-4)
    assert third.info[CC] == pytest.approx(-76.35 * 27.211386, abs=1e-4)
    assert CC not in fourth.info and fourth.info["formula"] == "H2O"
    np.testing.assert_allclose(fourth.arrays[DFT[1]], 2.7211386, rtol=1e-6)  # per Å, not per Bohr
    np.testing.assert_allclose(fourth.positions, molecule("H2O").positions + 0.04, atol=1e-6)
    assert sum(CC in a.info for a in structures.values()) == 14


def test_ani1x_samples_are_nested_and_only_they_are_read(release, monkeypatch):
    opened = []
    original = ani1x._structure
    monkeypatch.setattr(ani1x, "_structure", lambda *a: opened.append(a[1]) or original(*a))
    small = [a.info["id"] for a in read("ani1x", [release], 10)]
    assert opened == small
    assert [a.info["id"] for a in read("ani1x", [release], 30)][:10] == small
    coupled = read("ani1ccx", [release], None)
    assert len(coupled) == 14 and all(CC in a.info for a in coupled)
    # by one hash of ids: of what is in both, the order is the same
    whole = [a.info["id"] for a in read("ani1x", [release], None)]
    assert [one for one in whole if one in {a.info["id"] for a in coupled}] == [a.info["id"] for a in coupled]


def test_two_labels_of_one_pool(release, tmp_path):
    """Structures without the label are not labelled at that level: neither there nor failed."""
    pool, labels = tmp_path / "pool.extxyz", tmp_path / "labels.extxyz"
    assert published.write(published.read("ani1x", [release], 50, 0, ["H", "C", "O"]), pool, labels) == 50
    assert not any("REF" in key for a in read_structures(pool) for key in (*a.info, *a.arrays))
    high = {a.info["id"] for a in Structures(labels) if CC in a.info}
    found, states = collect_file(
        Structures(pool), FileLevel(file=str(labels), energy_key=CC, forces_key=None), True, True
    )
    write_labelled(tmp_path / "ccsdt-cbs.extxyz", found)
    assert {*states["id"]} == high and (states["state"] == "done").all() and 5 < len(high) < 15
    coupled = Structures.labelled(tmp_path / "ccsdt-cbs.extxyz")
    assert not coupled.has_forces and {*coupled.ids} == high
    assert coupled.at(0).info["REF_energy"] == pytest.approx(-76.35 * units.Hartree) and CC not in coupled.at(0).info
    level = FileLevel(file=str(labels), energy_key=DFT[0], forces_key=DFT[1])
    found, states = collect_file(Structures(pool), level, True, True)
    write_labelled(tmp_path / "wb97x-dz.extxyz", found)
    dft = Structures.labelled(tmp_path / "wb97x-dz.extxyz")
    assert len(states) == len(dft) == 50 and dft.has_forces
    assert {*dft.at(0).arrays} == {"numbers", "positions", "REF_forces"} and CC not in dft.at(0).info
    only = FileLevel(file=str(labels), energy_key=CC, forces_key=None, only={"formula": ["CH4"]})
    with pytest.raises(InputError, match="no structure that is asked for has REF_energy_ccsdt_cbs"):
        collect_file(Structures(pool), only, True, True)


def test_ani1x_that_is_damaged(release):
    with h5py.File(release, "a") as file:
        del file["H2O/wb97x_dz.forces"]
    with pytest.raises(InputError, match=r"ani1x-release\.h5 is not ANI-1x, whole .*wb97x_dz\.forces"):
        read("ani1x", [release], None)
    release.write_bytes(release.read_bytes()[:-2000])
    with pytest.raises(InputError, match=r"ani1x-release\.h5 is no HDF5 file, whole: .*truncated"):
        read("ani1x", [release], 5)
    release.write_bytes(b"")
    with pytest.raises(InputError, match=r"ani1x-release\.h5 is no HDF5 file"):
        read("ani1x", [release], 5)


def test_labels_of_a_sample_are_bounded():
    """Of 1,000,000 of 4,956,005 structures, 98,783 are expected to have one of 489,571 labels."""
    level = DatasetLevel(dataset="ani1x", labels="ccsdt-cbs")
    assert not level.has_forces and DatasetLevel(dataset="ani1x", labels="wb97x-dz").has_forces
    assert 98783 < level.most(1000000) < 98783 + 2000
    assert level.most(4956005) == 489571 and level.most(1) <= 1
    assert DatasetLevel(dataset="qm7x").most(50) == 50 and DatasetLevel(dataset="qm7x").has_forces


# --- COMP6 --------------------------------------------------------------------------------------------------------


def write_comp6(path, names, count=8):
    """As published: a bond of N2 that is pulled, whose energy (Hartree) is 0.5·(r − 1.1 Å)² by gradients alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name in names:
            group, distances = file.create_group(f"{path.stem}/{name}"), np.linspace(1.0, 1.4, count)
            group["species"] = np.array([b"N", b"N"])
            group["coordinates"] = np.float32([[[0, 0, 0], [0, 0, r]] for r in distances])
            group["energies"] = -109.0 + 0.5 * (distances - 1.1) ** 2
            group["forces"] = np.float32([[[0, 0, 1.1 - r], [0, 0, r - 1.1]] for r in distances])
            group["lot"] = np.array([b"wb97x/6-31g*"])
    return path


@pytest.fixture
def sets(tmp_path):
    return [
        write_comp6(tmp_path / "comp6/s66x8/s66x8_wb97x6-31gd.h5", ["mol00", "mol01"]),
        write_comp6(tmp_path / "comp6/GDB07to09/gdb11_07_test500.h5", ["gdb11_07-0"]),
    ]


def test_comp6_holds_gradients(sets):
    structures = read("comp6", sets, None)
    assert len({a.info["id"] for a in structures}) == len(structures) == 24
    assert sum(a.info["set"] == "s66x8" for a in structures) == 16
    assert {a.info["set"] for a in structures} == {"s66x8", "GDB07to09"}
    one = sorted((a for a in structures if a.info["molecule"] == "s66x8_wb97x6-31gd-mol00"), key=lambda a: a.info["id"])
    assert [a.info["id"] for a in one[:2]] == ["s66x8_wb97x6-31gd-mol00-0000", "s66x8_wb97x6-31gd-mol00-0001"]
    assert_forces_lower_the_energy(one, 2e-5)
    assert one[-1].info["REF_energy"] == pytest.approx((-109 + 0.045) * 27.211386, abs=1e-3)
    assert one[-1].arrays["REF_forces"][1, 2] == pytest.approx(-0.3 * 27.211386, rel=1e-5)


def assert_forces_lower_the_energy(structures, error):
    """By the work that they do from one structure to the next."""
    for left, right in pairwise(structures):
        work = (left.arrays["REF_forces"] + right.arrays["REF_forces"]) / 2 * (right.positions - left.positions)
        assert right.info["REF_energy"] - left.info["REF_energy"] == pytest.approx(-work.sum(), abs=error)


@pytest.mark.skipif(not (REAL / "comp6/s66x8").is_dir(), reason="no folder MFTL_REAL_DATA with comp6/s66x8")
def test_real_dimers_of_comp6():
    """Two waters are pulled apart, over more than 0.3 eV; their energies are those of two molecules at ωB97X."""
    structures = read("comp6", [REAL / "comp6/s66x8/s66x8_wb97x6-31gd.h5"], None)
    waters = sorted((a for a in structures if "-mol00-" in a.info["id"]), key=lambda a: a.info["id"])
    assert len(structures) == 66 * 8 and {a.info["set"] for a in structures} == {"s66x8"} and len(waters) == 8
    assert waters[1].get_chemical_formula() == "H4O2"
    assert waters[1].info["REF_energy"] / units.Hartree == pytest.approx(2 * WATER, abs=0.1)
    assert waters[-1].info["REF_energy"] - waters[1].info["REF_energy"] > 0.2
    assert_forces_lower_the_energy(waters, 0.01)


def test_comp6_that_is_damaged(sets):
    with h5py.File(sets[1], "a") as file:
        del file["gdb11_07_test500/gdb11_07-0/energies"]
    with pytest.raises(InputError, match=r"gdb11_07_test500\.h5: gdb11_07_test500-gdb11_07-0-000\d is not whole"):
        read("comp6", sets, None)
    with h5py.File(sets[1], "w") as file:
        file["energies"] = np.zeros(3)
    with pytest.raises(InputError, match=r"gdb11_07_test500\.h5 is not of COMP6"):
        read("comp6", sets, None)
    sets[0].write_bytes(sets[0].read_bytes()[:-500])
    with pytest.raises(InputError, match=r"s66x8_wb97x6-31gd\.h5 is no HDF5 file"):
        read("comp6", sets, None)
