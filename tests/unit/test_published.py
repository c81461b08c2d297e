"""Published data sets, from files of exactly the published layout: sampled, without duplicates, in eV and Å."""

import io
import json
import lzma
import os
import zipfile

import numpy as np
import pytest
from ase import units
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from mftl.inputs import InputError
from mftl.sampling import sample
from mftl.structures import read_labelled, read_structures
from mftl.systems import published, qm7x

PBE0_ATOMS = {1: -13.641404161, 8: -2039.734879322}  # eV (Hoja et al. 2021, README of the data)


def test_a_sample_hangs_on_seed_and_id_alone():
    entries = [(f"id-{i}", i) for i in range(500)]
    chosen = sample(entries, 50, 0)
    assert chosen == sample(reversed(entries), 50, 0) == sample(entries, None, 0)[:50]
    assert sample(entries[:400], 500, 0) == [e for e in sample(entries, 500, 0) if e[1] < 400]
    assert chosen != sample(entries, 50, 1) and len(set(chosen)) == 50
    assert 150 < np.mean([i for _, i in chosen]) < 350


# --- QM7-X --------------------------------------------------------------------------------------------------------


@pytest.fixture
def archives(tmp_path, write_qm7x):
    water, methane = molecule("H2O"), molecule("CH4")
    steps = ["opt", *map(str, range(1, 21))]
    return write_qm7x(
        tmp_path / "qm7x",
        {
            "1": {f"Geom-m1-i1-c1-{step}": water for step in steps},
            "2": {f"Geom-m2-i1-{c}-{step}": methane for c in ("c1", "c2") for step in steps},  # c1 is a duplicate
        },
    )


def read(dataset, paths, count, elements, seed=0):
    return list(published.read(dataset, paths, count, seed, elements))


def test_qm7x_without_duplicates(archives):
    structures = read("qm7x", archives, None, ["H", "C", "O"])
    ids = {a.info["id"] for a in structures}
    assert len(structures) == len(ids) == 42
    assert {"1-m1-i1-c1-opt", "1-m1-i1-c1-20", "2-m2-i1-c2-opt"} <= ids
    assert not [one for one in ids if one.startswith("2-m2-i1-c1")]
    by_id = {a.info["id"]: a for a in structures}
    optimised = by_id["1-m1-i1-c1-opt"]
    assert optimised.info["sampling"] == "opt" and optimised.info["molecule"] == "1"
    assert by_id["2-m2-i1-c2-7"].info["conformer"] == "m2-i1-c2"
    # energies and forces are in eV and eV/Å as they are: what is left of the free atoms is the atomisation energy
    atoms = sum(PBE0_ATOMS[z] for z in optimised.numbers)
    assert optimised.info["REF_energy"] - atoms == pytest.approx(-1.0)
    np.testing.assert_allclose(optimised.arrays["REF_forces"], 0.5)
    np.testing.assert_allclose(optimised.positions, molecule("H2O").positions)


def test_qm7x_samples_are_nested_and_read_only_what_they_hold(archives, monkeypatch):
    opened = []
    original = qm7x._configuration
    monkeypatch.setattr(qm7x, "_configuration", lambda *a: opened.append(a) or original(*a))
    small = [a.info["id"] for a in read("qm7x", archives, 10, ["H", "C", "O"])]
    assert len(opened) == 10
    large = [a.info["id"] for a in read("qm7x", archives, 30, ["H", "C", "O"])]
    assert large[:10] == small and len({one[0] for one in small}) == 2
    assert small != [a.info["id"] for a in read("qm7x", archives, 10, ["H", "C", "O"], seed=1)]


def test_qm7x_is_unpacked_once(archives):
    read("qm7x", archives, 3, ["H", "C", "O"])
    unpacked = archives[0].with_suffix(".hdf5")
    before = unpacked.stat().st_mtime_ns
    read("qm7x", archives, 3, ["H", "C", "O"])
    assert unpacked.stat().st_mtime_ns == before
    os.utime(unpacked, (0, 0))  # older than the archive
    read("qm7x", archives, 3, ["H", "C", "O"])
    assert unpacked.stat().st_mtime_ns > before
    assert not list(unpacked.parent.glob(".*"))


def test_qm7x_that_is_not_whole(archives):
    archives[1].write_bytes(archives[1].read_bytes()[:-100])
    with pytest.raises(InputError, match=r"2000\.xz is not a whole \.xz archive"):
        read("qm7x", archives, 3, ["H", "C", "O"])
    assert not list(archives[1].parent.glob("*2000.hdf5*"))


def test_more_than_there_is_and_other_elements(archives):
    with pytest.raises(InputError, match="43 structures wanted, but there are only 42"):
        read("qm7x", archives, 43, ["H", "C", "O"])
    with pytest.raises(InputError, match=r"1-m1-i1-c1-\w+ holds O"):
        read("qm7x", archives, 40, ["H", "C"])


def test_pool_and_labels_are_written_together(archives, tmp_path):
    structures = published.read("qm7x", archives, 30, 0, ["H", "C", "O"])
    assert published.write(structures, tmp_path / "pool.extxyz", tmp_path / "labels.extxyz") == 30
    pool, labels = read_structures(tmp_path / "pool.extxyz"), read_labelled(tmp_path / "labels.extxyz")
    assert [a.info["id"] for a in pool] == [a.info["id"] for a in labels]
    assert "REF_energy" not in pool[0].info and "REF_forces" not in pool[0].arrays
    # or not at all
    broken = published.read("qm7x", archives, 43, 0, ["H", "C", "O"])
    with pytest.raises(InputError):
        published.write(broken, tmp_path / "p.extxyz", tmp_path / "l.extxyz")
    assert not (tmp_path / "p.extxyz").exists() and not (tmp_path / "l.extxyz").exists()


# --- the others ---------------------------------------------------------------------------------------------------


def write_ccsdt(folder, name, energies, train=4, test=2, method="ccsd_t"):
    """A zip as sGDML publishes it: arrays E (n, 1), F, R, z, and texts; and what macOS adds to it."""
    path = folder / f"{name}_{method}.zip"
    atoms = molecule("C6H6")
    with zipfile.ZipFile(path, "w") as archive:
        for part, n in (("train", train), ("test", test)):
            buffer = io.BytesIO()
            np.savez(
                buffer,
                E=np.full((n, 1), energies),
                F=np.full((n, len(atoms), 3), 23.0605),
                R=np.tile(atoms.positions, (n, 1, 1)),
                z=atoms.numbers.astype(np.uint8),
                name=np.array(b"benzene"),
                theory=np.array(b"CCSD(T)"),
            )
            archive.writestr(f"{name}_{method}-{part}.npz", buffer.getvalue())
            archive.writestr(f"__MACOSX/._{name}_{method}-{part}.npz", b"\0\5\x16\7")
    return path


def test_ccsdt_is_converted_from_kcal_per_mol(tmp_path):
    """Benzene at CCSD(T)/cc-pVDZ has -231.58 Hartree; 1 Hartree is 627.5095 kcal/mol, 1 eV 23.0605 kcal/mol."""
    paths = [write_ccsdt(tmp_path, name, -231.58 * 627.5095) for name in ("benzene", "toluene")]
    structures = read("ccsdt-molecules", paths, None, ["H", "C"])
    assert len(structures) == 12
    assert {a.info["molecule"] for a in structures} == {"benzene", "toluene"}
    assert "benzene-train-0003" in {a.info["id"] for a in structures}
    assert {a.info["id"] for a in structures if a.info["set"] == "test"} == {
        f"{name}-test-000{i}" for name in ("benzene", "toluene") for i in (0, 1)
    }
    (aspirin,) = {
        a.info["molecule"]
        for a in read("ccsd-aspirin", [write_ccsdt(tmp_path, "aspirin", -1.0, method="ccsd")], 3, ["H", "C"])
    }
    assert aspirin == "aspirin"
    assert structures[0].info["REF_energy"] / units.Hartree == pytest.approx(-231.58, abs=1e-4)
    np.testing.assert_allclose(structures[0].arrays["REF_forces"], 1.0, atol=1e-5)
    np.testing.assert_allclose(structures[0].positions, molecule("C6H6").positions)
    with zipfile.ZipFile(paths[1], "w") as archive:
        archive.writestr("toluene_ccsd_t-train.npz", b"")
    with pytest.raises(InputError, match=r"toluene_ccsd_t\.zip is not a whole zip archive"):
        read("ccsdt-molecules", paths, 3, ["H", "C"])
    with zipfile.ZipFile(paths[1], "w") as archive:
        buffer = io.BytesIO()
        np.savez(buffer, z=np.ones(3), R=np.zeros((2, 3, 3)), E=np.zeros(1), F=np.zeros((2, 3, 3)))
        archive.writestr("toluene_ccsd_t-train.npz", buffer.getvalue())
    with pytest.raises(InputError, match=r"toluene_ccsd_t\.zip .*have the shapes \(3,\), \(2, 3, 3\), \(1,\)"):
        read("ccsdt-molecules", paths, 3, ["H", "C"])


# the first structures of the published file, and one of several atoms written in its form
W14 = """1
Lattice="3.180500495732849 0.0 0.0 0.0 3.180500495732849 0.0 1.590250242866424 1.590250242866424 1.590250242866424" \
Properties=species:S:1:pos:R:3:force:R:3 config_type=slice_sample energy=-11.194835125297 \
virial="-0.005703978934983333 -0.0 -0.0 -0.0 -0.005703978934983293 -0.0 -0.0 -0.0 -0.005703978934983333" pbc="T T T"
W        0.00000000       0.00000000       0.00000000       0.00000000       0.00000000       0.00000000
2
Lattice="3.17 0.0 0.0 0.0 3.17 0.0 0.0 0.0 3.17" Properties=species:S:1:pos:R:3:force:R:3 config_type=md_bulk \
energy=-22.1 pbc="T T T"
W        0.02630432      -0.01504028       0.02768572      -0.47425815       0.15455256      -0.33990876
W        1.60111357       1.61019452       1.57929517       0.47425815      -0.15455256       0.33990876
"""


def test_tungsten(tmp_path):
    path = tmp_path / "w-14.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w-14.xyz", W14)
    structures = {a.info["id"]: a for a in read("tungsten-gap2014", [path], None, ["W"])}
    assert set(structures) == {"slice_sample-0000", "md_bulk-0001"}
    primitive, pair = structures["slice_sample-0000"], structures["md_bulk-0001"]
    assert primitive.info["REF_energy"] == -11.194835125297
    assert primitive.cell.volume == pytest.approx(3.1805004957**3 / 2)  # body-centred cubic
    assert pair.arrays["REF_forces"][0, 0] == -0.47425815 and pair.pbc.all()
    assert not pair.calc and set(pair.arrays) == {"numbers", "positions", "REF_forces"}
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match=r"w-14\.zip is not a whole zip archive"):
        read("tungsten-gap2014", [path], 1, ["W"])


def test_mlearn(tmp_path):
    entry = {
        "structure": {
            "@class": "Structure",
            "lattice": {"matrix": [[5.47, 0, 0], [0, 5.47, 0], [0, 0, 5.47]]},
            "sites": [
                {"species": [{"element": "Si", "occu": 1}], "abc": [0, 0, 0], "xyz": [0.0, 0.0, 0.0], "label": "Si"},
                {"species": [{"element": "Si", "occu": 1}], "abc": [0, 0, 0], "xyz": [1.4, 1.4, 1.4], "label": "Si"},
            ],
        },
        "group": "Elastic",
        "num_atoms": 2,
        "outputs": {"energy": -10.85, "forces": [[0.1, 0, 0], [-0.1, 0, 0]], "virial_stress": [0] * 6},
    }
    paths = [tmp_path / f"Si_{part}.json" for part in ("training", "test")]
    for path, n in zip(paths, (3, 2), strict=True):
        path.write_text(json.dumps([entry] * n))
    structures = read("mlearn-si", paths, None, ["Si"])
    assert sorted(a.info["id"] for a in structures)[0] == "Si_test-000" and len(structures) == 5
    assert sum(a.info["set"] == "test" for a in structures) == 2
    assert structures[0].info["REF_energy"] == -10.85 and structures[0].pbc.all()
    assert structures[0].get_distance(0, 1) == pytest.approx(1.4 * 3**0.5)
    packed = paths[0].with_name("Si_training.json.xz")
    packed.write_bytes(lzma.compress(paths[0].read_bytes()))
    again = read("mlearn-si", [packed, paths[1]], None, ["Si"])
    assert [a.info for a in again] == [a.info for a in structures]
    paths[1].write_text(json.dumps([entry])[:-40])
    with pytest.raises(InputError, match=r"Si_test\.json is not a whole JSON file"):
        read("mlearn-si", paths, 1, ["Si"])
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"Si_training\.json\.xz is not a whole JSON file"):
        read("mlearn-si", [packed], 1, ["Si"])


def test_groups_of_a_data_set_are_left_out(tmp_path):
    site = {"species": [{"element": "Si"}], "xyz": [0.0, 0.0, 0.0]}
    structure = {"lattice": {"matrix": np.diag([3.0] * 3).tolist()}, "sites": [site]}
    outputs = {"energy": -5.4, "forces": [[0, 0, 0]]}
    groups = ["Elastic", "Surface", "Vacancy"] * 4
    (tmp_path / "Si_training.json").write_text(
        json.dumps([{"structure": structure, "group": group, "outputs": outputs} for group in groups])
    )
    paths = [tmp_path / "Si_training.json"]

    def drawn(count, *left_out):
        without = {"group": list(left_out)}
        return [a.info for a in published.read("mlearn-si", paths, count, 0, ["Si"], without=without)]

    kept = drawn(None, "Surface")
    assert len(kept) == 8 and {one["group"] for one in kept} == {"Elastic", "Vacancy"}
    whole = [a.info for a in read("mlearn-si", paths, None, ["Si"])]
    assert kept == [one for one in whole if one["group"] != "Surface"]
    assert drawn(5, "Surface") == kept[:5]
    with pytest.raises(InputError, match="9 structures wanted, but there are only 8"):
        drawn(9, "Surface")
    with pytest.raises(InputError, match=r"pool\.without: no structure has group=Slab"):
        drawn(None, "Slab")


# --- MPtrj --------------------------------------------------------------------------------------------------------


def test_mp_traj_reads_only_what_is_drawn(tmp_path):
    path, rng = tmp_path / "mp_traj_combined.xyz", np.random.default_rng(0)
    written = []
    for i in range(20):
        atoms = bulk("W", a=3.1 + 0.01 * i, cubic=i % 2 == 0)
        atoms.calc = SinglePointCalculator(atoms, energy=-i - 0.5, forces=rng.normal(size=(len(atoms), 3)))
        written.append(atoms)
    write(path, written)
    drawn = read("mp-traj", [path], 5, ["W"])
    assert [a.info["id"] for a in drawn] == [a.info["id"] for a in read("mp-traj", [path], 20, ["W"])][:5]
    for atoms in drawn:
        i = int(atoms.info["id"].removeprefix("mp-traj-"))
        assert atoms.info["REF_energy"] == -i - 0.5 and atoms.pbc.all()
        assert atoms.arrays["REF_forces"] == pytest.approx(written[i].get_forces(), abs=1e-8)
        assert atoms.cell.volume == pytest.approx(written[i].cell.volume)
    with open(path, "r+") as file:
        file.truncate(os.path.getsize(path) - 60)
    with pytest.raises(InputError, match="ends in the middle of structure 19"):
        read("mp-traj", [path], 20, ["W"])
