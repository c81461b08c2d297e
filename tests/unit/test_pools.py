"""Pools: every structure has one id of its own, and a file that cannot be used says where."""

import lzma

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write

from mftl import extxyz
from mftl.config.levels import FileLevel
from mftl.inputs import InputError
from mftl.labels import collect_file
from mftl.pools.file import FilePool
from mftl.structures import Structures, read_structures, write_structures
from mftl.systems import build_pool

POOL = "resources/molecules/molecules.extxyz.xz"


@pytest.fixture
def lines():
    """The text of three structures: 5, 4 and 3 atoms."""
    with lzma.open(POOL, "rt") as file:
        return [next(file) for _ in range(7 + 6 + 5)]


def refused(path, elements=("H", "C", "N", "O")) -> str:
    with pytest.raises(InputError) as caught:
        list(build_pool(FilePool(file=str(path)), list(elements)))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_pool_is_read_with_its_ids(tmp_path, lines):
    path = tmp_path / "pool.extxyz"
    path.write_text("".join(lines))
    structures = list(build_pool(FilePool(file=str(path)), ["H", "C", "N", "O"]))
    assert [a.info["id"] for a in structures] == ["methane-0000", "ammonia-0000", "water-0000"]
    assert structures[2].info["smiles"] == "O"


@pytest.mark.parametrize("name", ["pool.extxyz", "pool.traj", "pool.xyz"])
def test_structures_without_ids_are_numbered(tmp_path, name):
    path = tmp_path / name
    write(path, [molecule("H2O"), molecule("CH4")])
    pool = build_pool(FilePool(file=str(path)), ["H", "C", "O"])
    assert [a.info["id"] for a in pool] == ["pool-000000", "pool-000001"]


def test_ids_are_known_before_the_pool_is_built(tmp_path):
    """The Snakefile counts structures and draws splits with them."""
    for name, infos in (("numbers", [{}, {}]), ("names", [{"id": "007"}, {"id": "T"}])):
        path = tmp_path / f"{name}.extxyz"
        write(path, [Atoms("H", info=info) for info in infos])
        pool = FilePool(file=str(path))
        expected = pool.ids()
        assert [a.info["id"] for a in build_pool(pool, ["H"])] == expected


def test_a_compressed_file_is_read_like_any_other(tmp_path, lines):
    path = tmp_path / "pool.xyz.xz"
    content = lzma.compress("".join(lines).replace("id=water-0000", "").encode())
    path.write_bytes(content)
    pool = FilePool(file=str(path))
    ids = ["methane-0000", "ammonia-0000", "pool-000002"]
    assert [a.info["id"] for a in build_pool(pool, ["H", "C", "N", "O"])] == ids
    assert pool.ids() == ids
    path.write_bytes(content[:-30])
    with pytest.raises(InputError, match=r"pool.xyz.xz.*truncated"):
        list(build_pool(pool, ["H", "C", "N", "O"]))


def test_some_of_a_file_are_drawn_at_random():
    pool = FilePool(file=POOL, count=50)
    drawn = [a.info["id"] for a in build_pool(pool, ["H", "C", "N", "O", "S", "Cl"])]
    assert len(set(drawn)) == 50 and drawn != extxyz.read_ids(POOL)[:50]
    assert pool.ids() == drawn
    smaller = pool.model_copy(update={"count": 20})
    assert [a.info["id"] for a in build_pool(smaller, ["H", "C", "N", "O", "S", "Cl"])] == drawn[:20]


def test_labels_of_structures_that_were_not_drawn_are_no_mistake(tmp_path):
    path = tmp_path / "pool.extxyz"
    write_structures(path, build_pool(FilePool(file=POOL, count=20), ["H", "C", "N", "O", "S", "Cl"]))
    pool = Structures(path)
    level = FileLevel(file="resources/molecules/molecules.ccsdt.extxyz.xz")
    labelled, states = collect_file(pool, level, drawn=True)
    assert list(states["id"]) == pool.ids
    assert {a.info["id"] for a in labelled} == {*extxyz.read_ids(level.file)} & {*states["id"]}
    with pytest.raises(InputError, match="is not in the pool"):
        collect_file(pool, level)


def test_energies_that_come_with_a_pool_are_dropped(tmp_path):
    atoms = molecule("H2O")
    atoms.calc = SinglePointCalculator(atoms, energy=-1.0)
    write(tmp_path / "pool.extxyz", atoms)
    (atoms,) = build_pool(FilePool(file=str(tmp_path / "pool.extxyz")), ["H", "O"])
    assert atoms.calc is None


def test_two_structures_with_one_id(tmp_path, lines):
    path = tmp_path / "pool.extxyz"
    path.write_text("".join([*lines, *lines[7:13]]))
    assert "ammonia-0000" in refused(path)


def test_an_element_that_the_system_has_not(tmp_path, lines):
    path = tmp_path / "pool.extxyz"
    path.write_text("".join(lines))
    message = refused(path, ["H", "C", "O"])
    assert "ammonia-0000 holds N" in message


@pytest.mark.parametrize(("lost", "named"), [(1, "water-0000"), (3, "water-0000"), (4, "structure")])
def test_a_file_that_ends_early(tmp_path, lines, lost, named):
    path = tmp_path / "pool.extxyz"
    path.write_text("".join(lines[:-lost]))
    assert named in refused(path)


def test_a_file_that_ends_within_its_last_number(tmp_path, lines):
    path = tmp_path / "pool.extxyz"
    path.write_text("".join(lines)[:-4])
    assert "water-0000" in refused(path)


def test_a_position_that_is_no_number(tmp_path, lines):
    path = tmp_path / "pool.extxyz"
    path.write_text("".join([*lines[:9], "N  0.0  what  0.0\n", *lines[10:]]))
    assert "ammonia-0000" in refused(path)
    path.write_text("".join([*lines[:9], "N  0.0  nan  0.0\n", *lines[10:]]))
    assert "ammonia-0000" in refused(path)


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\xff\xfe\x00\x01"])
def test_a_file_that_is_none(tmp_path, content):
    path = tmp_path / "pool.extxyz"
    path.write_bytes(content)
    refused(path)


def test_a_file_that_is_not_there(tmp_path):
    refused(tmp_path / "nowhere.extxyz")


def test_writing_and_reading_are_inverse(tmp_path):
    crystal = bulk("W", cubic=True)
    crystal.rattle(0.1, seed=1)
    crystal.info = {"id": "crystal", "note": "two words, C=O"}
    write_structures(tmp_path / "out" / "pool.extxyz", [crystal])
    (back,) = read_structures(tmp_path / "out" / "pool.extxyz")
    assert back.info == crystal.info
    assert back.pbc.all()
    np.testing.assert_allclose(back.positions, crystal.positions, atol=1e-8)
    np.testing.assert_allclose(back.cell, crystal.cell, atol=1e-12)


def test_a_file_that_cannot_be_finished_is_not_there(tmp_path):
    with pytest.raises(AttributeError):
        write_structures(tmp_path / "pool.extxyz", [molecule("CH4"), None])
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_leaves_the_old_file(tmp_path):
    path = tmp_path / "pool.extxyz"
    write_structures(path, [Atoms("H", info={"id": "old"})])
    with pytest.raises(AttributeError):
        write_structures(path, [molecule("CH4"), None])
    assert read(path).info["id"] == "old"


@pytest.mark.parametrize(
    ("comment", "periodic"),
    [
        ('Properties=species:S:1:pos:R:3 pbc="F F F"', False),
        ("Properties=species:S:1:pos:R:3", False),
        ('Lattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3', True),
        ('Lattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3 pbc="F F F"', False),
        ('Lattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3 pbc="T T F"', True),
    ],
)
def test_periodic_structures_are_seen_without_ase(tmp_path, comment, periodic):
    from ase.io import read

    path = tmp_path / "pool.extxyz"
    path.write_text(f"1\nid=first Properties=species:S:1:pos:R:3\nW 0 0 0\n1\nid=second {comment}\nW 0 0 0\n")
    assert extxyz.first_periodic(path) == ("second" if periodic else None)
    assert extxyz.first_periodic(path, periodic=False) == "first"
    assert read(path, 1).pbc.any() == periodic


@pytest.mark.parametrize("kind", ["molecule", "crystal with stress, tags and momenta", "one atom"])
def test_files_are_those_that_ase_writes(tmp_path, kind):
    rng = np.random.default_rng(1)
    atoms = {"m": molecule("CH3CH2OH"), "c": bulk("W", "bcc", a=3.17, cubic=True), "o": Atoms("H")}[kind[0]]
    atoms.positions += rng.normal(scale=0.3, size=atoms.positions.shape)
    atoms.info |= {"id": "one", "kind": "a b", "REF_energy": -1234.56789012345678, "closest": 0.7, "n": 3, "flag": True}
    atoms.arrays["REF_forces"] = rng.normal(scale=30, size=(len(atoms), 3))
    if kind.startswith("crystal"):
        atoms.info["REF_stress"] = rng.normal(size=(3, 3))
        atoms.set_tags([1, 2])
        atoms.set_momenta(rng.normal(size=(2, 3)))
    write_structures(tmp_path / "ours.extxyz", [atoms, atoms])
    write(tmp_path / "ase.extxyz", [atoms, atoms])
    assert (tmp_path / "ours.extxyz").read_bytes() == (tmp_path / "ase.extxyz").read_bytes()


def test_info_is_read_without_ase(tmp_path):
    path = tmp_path / "pool.extxyz"
    infos = [{"kind": "slab", "name": "two words"}, {"other_kind": "x"}, {"kind": 7, "x": "kind=no"}]
    write(path, [Atoms("WW", [[0, 0, 0], [0, 0, 2]], info=info) for info in infos])
    assert extxyz.read_info(path, "kind") == ["slab", None, "7"]
    assert extxyz.read_info(path, "name") == ["two words", None, None]
