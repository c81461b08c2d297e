"""Pools of a single molecule: dynamics at a level of theory is as hot as said, scans stretch one bond alone."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms, units
from ase.build import molecule
from ase.io import write

from mftl import pools
from mftl.config.whole import parse
from mftl.dynamics.integrators import kinetic_energies
from mftl.engine_calculator import EngineCalculator
from mftl.inputs import InputError
from mftl.pools.bond_scan import BondScanPool
from mftl.pools.molecule_dynamics import MoleculeDynamicsPool
from mftl.structures import Structures
from mftl.systems import bond_scan, build_pool, minima, molecule_dynamics

GFN2 = {"engine": "tblite", "method": "GFN2-xTB"}
DYNAMICS = {
    "generator": "molecule-md",
    "name": "water",
    "smiles": "O",
    "level": GFN2,
    "temperature": 500,
    "equilibration": 0.05,
    "samples": 20,
    "interval": 0.005,
    "seed": [3],
}
SCAN = {
    "generator": "bond-scan",
    "name": "methanol",
    "smiles": "CO",
    "level": GFN2,
    "bond": "O-H",
    "shortest": 0.8,
    "longest": 1.25,
    "points": 4,
}


def dynamics(**changes) -> MoleculeDynamicsPool:
    return pools.pool(DYNAMICS | changes)


def scan(**changes) -> BondScanPool:
    return pools.pool(SCAN | changes)


def mistakes(pool, tmp_path) -> list[str]:
    return list(pool.mistakes("pool", tmp_path))


@pytest.fixture(scope="module")
def built() -> list[Atoms]:
    return list(build_pool(dynamics(), ["O", "H"]))


# --- dynamics


def test_what_is_known_beforehand_is_so(built):
    known = dynamics().known()
    assert [a.info["id"] for a in built] == known["id"]
    assert sorted(known["id"]) == [f"water-{k:05d}" for k in range(20)]
    assert {a.info["molecule"] for a in built} == {*known["molecule"]} == {"water"}
    for atoms in built:
        assert atoms.info["time"] == pytest.approx(0.005 * (1 + int(atoms.info["id"][-5:])))
        assert (atoms.info["smiles"], atoms.info["temperature"]) == ("O", 500)
        np.testing.assert_allclose(atoms.get_center_of_mass(), 0, atol=1e-12)


def test_the_same_seeds_give_the_same_bits_and_a_longer_run_those_of_a_shorter_one(built):
    known = {a.info["id"]: a.positions for a in built}
    shorter = molecule_dynamics.sample(dynamics(samples=5))
    assert {a.info["id"] for a in shorter} == {f"water-{k:05d}" for k in range(5)}
    assert [one for one in known if one in {a.info["id"] for a in shorter}] == [a.info["id"] for a in shorter]
    for atoms in shorter:
        np.testing.assert_array_equal(atoms.positions, known[atoms.info["id"]])
    (other,) = molecule_dynamics.sample(dynamics(samples=1, seed=[4]))
    assert np.abs(other.get_all_distances() - shorter[0].get_all_distances()).max() > 0.001


def test_every_prefix_samples_the_whole_run():
    ids = dynamics(samples=4100).ids()
    assert len({*ids}) == 4100
    tenths = np.histogram([int(one[-5:]) for one in ids[:400]], 10, (0, 4100))[0]
    assert tenths.min() >= 20 and tenths.max() <= 60  # 40, six standard deviations being 36
    assert dynamics(samples=4100, seed=[4]).ids()[:20] != ids[:20]


def test_a_run_is_as_hot_as_said():
    """Equipartition: half kT of kinetic energy in each of 9 degrees of freedom, of potential energy in 3 vibrations."""
    pool, temperature = dynamics(friction=100.0, temperature=300), 300
    rng = np.random.default_rng(0)
    kinetic, potential = [], []
    with minima.relaxed(pool, rng) as atoms:
        lowest = atoms.get_potential_energy()
        for step, state in molecule_dynamics.trajectory(pool, atoms, 4000, rng):
            if step > 200:
                kinetic.append(kinetic_energies(state, np.array([0]))[0])
                potential.append(state.now.energies[0] - lowest)
    for values, freedoms, largest in ((kinetic, 9, 0.06), (potential, 3, 0.12)):
        ratios = np.mean(np.reshape(values, (20, -1)), axis=1) / (0.5 * freedoms * units.kB * temperature)
        error = ratios.std(ddof=1) / np.sqrt(len(ratios))  # of blocks of 95 fs, many times the friction's 10 fs
        assert error < largest
        assert abs(ratios.mean() - 1) < 4 * error


def test_a_run_begins_without_rotation_and_at_rest():
    pool = dynamics(smiles="C=O", name="formaldehyde")
    rng = np.random.default_rng(1)
    with minima.relaxed(pool, rng) as atoms:
        # a step so short that the thermostat adds nothing
        quick = pool.model_copy(update={"time_step": 1e-9})
        ((_, state),) = molecule_dynamics.trajectory(quick, atoms, 1, rng)
        moving = Atoms(atoms, velocities=state.velocities)
    assert np.abs(state.velocities).max() > 0.01
    np.testing.assert_allclose(moving.get_momenta().sum(0), 0, atol=1e-4)
    np.testing.assert_allclose(moving.get_angular_momentum(), 0, atol=1e-4)
    linear = np.array([[0, 0, -1.0], [0, 0, 0], [0, 0, 1.0]])
    masses, velocities = np.array([[1.0], [2.0], [1.0]]), np.array([[1.0, 0, 0], [0, 0, 0], [-1.0, 0, 0]])
    np.testing.assert_allclose(molecule_dynamics._rotation(linear, velocities, masses), velocities, atol=1e-12)


def test_a_molecule_that_breaks_is_named_with_the_step():
    expected = r"water: at step \d+ of 8100 \(.* ps\) the bond O0-H\d is .* Å long, 0.96 at the minimum; lower"
    with pytest.raises(InputError, match=expected):
        molecule_dynamics.sample(dynamics(temperature=20000, samples=800, friction=50.0))


def test_an_engine_that_fails_is_named_with_the_step():
    """Steps so long that atoms meet."""
    with pytest.raises(InputError, match=r"water: at step \d+ of 30 \(.* ps\) tblite: GFN2-xTB: .*; lower"):
        molecule_dynamics.sample(dynamics(time_step=5.0))


def test_any_engine_and_a_molecule_of_a_file(tmp_path):
    path = tmp_path / "start.xyz"
    write(path, molecule("H2"))
    values = {"smiles": None, "start": str(path), "name": "h2", "samples": 1, "equilibration": 0.0, "interval": 0.0005}
    pool = dynamics(**values, level={"engine": "pyscf-dft", "functional": "pbe", "basis": "sto-3g"})
    assert mistakes(pool, tmp_path) == []
    assert pool.files() == [str(path)]
    (atoms,) = build_pool(pool, ["H"])
    assert atoms.info == {"id": "h2-00000", "molecule": "h2", "temperature": 500, "time": 0.0005}
    with minima.relaxed(pool, np.random.default_rng(0)) as relaxed:
        assert np.abs(relaxed.get_forces()).max() < 1e-3
        assert 0 < abs(relaxed.get_distance(0, 1) - atoms.get_distance(0, 1)) < 0.05


# --- scans


def test_a_scan_moves_one_side_of_the_bond_alone():
    made = list(build_pool(scan(), ["C", "O", "H"]))
    known = scan().known()
    assert [a.info["id"] for a in made] == known["id"] == [f"methanol-O-H-{k:03d}" for k in range(4)]
    assert [str(a.info["distance"]) for a in made] == known["distance"] == ["0.8", "0.95", "1.1", "1.25"]
    (oxygen,) = np.flatnonzero(made[0].numbers == 8)
    lengths = np.linalg.norm(made[0].positions - made[0].positions[oxygen], axis=1)
    (hydrogen,) = np.flatnonzero((made[0].numbers == 1) & (lengths < 0.9))
    for atoms in made:
        assert atoms.get_distance(oxygen, hydrogen) == pytest.approx(atoms.info["distance"], abs=1e-9)
        rest = [i for i in range(len(atoms)) if i != hydrogen]
        np.testing.assert_array_equal(atoms.positions[rest], made[0].positions[rest])
        # along the bond
        assert atoms.get_angle(0, oxygen, hydrogen) == pytest.approx(made[0].get_angle(0, oxygen, hydrogen))


def test_the_lighter_part_of_a_molecule_moves_as_a_whole():
    first, second = bond_scan.sample(scan(bond="0-1", shortest=1.4, longest=1.6, points=2))
    moved = np.abs(first.positions - second.positions).max(1) > 1e-9
    assert sorted(first.symbols[moved]) == ["C", "H", "H", "H"]
    assert (first.info["id"], first.info["distance"]) == ("methanol-0-1-000", 1.4)
    assert second.get_distance(0, 1) == pytest.approx(1.6)
    np.testing.assert_allclose(first[moved].get_all_distances(), second[moved].get_all_distances(), atol=1e-12)


def test_a_scan_has_its_lowest_energy_at_the_bond_length_of_the_minimum():
    made = bond_scan.sample(scan(shortest=0.9, longest=1.06, points=9))
    with minima.relaxed(scan(), np.random.default_rng([0])) as atoms:
        length = atoms.get_distance(*bond_scan.bond_of(scan(), atoms))
        energies = [Atoms(one, calculator=atoms.calc).get_potential_energy() for one in made]
        parabola = np.polyfit(scan(shortest=0.9, longest=1.06, points=9).distances(), energies, 4)
    lowest = min(np.roots(np.polyder(parabola)).real, key=lambda one: abs(one - 0.97))
    assert lowest == pytest.approx(length, abs=0.002)


@pytest.mark.parametrize("system", ["methanol_oh", "methanol_ch"])
def test_the_scans_that_ship_come_out_again(system):
    made = yaml.safe_load(Path("config/reference.yaml").read_text())["systems"][system]
    shipped = Structures(f"resources/{system}/{system}.extxyz.xz")
    for own, atoms in zip(shipped, build_pool(pools.pool(made["pool"]), made["elements"]), strict=True):
        assert own.info == atoms.info
        # machines differ in where a relaxation ends
        np.testing.assert_allclose(own.get_all_distances(), atoms.get_all_distances(), atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"bond": "O-O"}, r"methanol: bond: got O-O; valid: one of 0-1 \(C-O\), 0-2 \(C-H\), .* 1-5 \(O-H\)"),
        ({"bond": "2-3"}, "bond: got 2-3; valid: one of"),
        ({"smiles": "C1CC1", "bond": "C-C"}, "methanol: bond: C-C is in a ring"),
    ],
)
def test_bonds_that_cannot_be_scanned(changes, expected):
    with pytest.raises(InputError, match=expected):
        bond_scan.sample(scan(**changes))


# --- mistakes


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (dynamics(smiles=None), "pool: got {'smiles': None, 'start': None}; valid: either smiles or start"),
        (dynamics(start="water.xyz"), "either smiles or start"),
        (dynamics(smiles=None, start="water.xyz"), "pool.start: got 'water.xyz'; valid: a file that exists"),
        (dynamics(level=GFN2 | {"first": 3}), "pool.level.first: got 3; valid: no such key here"),
        (dynamics(level={"engine": "gpaw"}), "pool.level.engine: got 'gpaw'; valid: an engine for molecules"),
        (dynamics(interval=0.0012), "pool.interval: got 0.0012; valid: a multiple of `time_step`, 0.0005 ps"),
        (dynamics(interval=0.0002), "pool.interval: got 0.0002"),
        (scan(longest=0.7), "pool.longest: got 0.7; valid: more than `shortest`, 0.8"),
    ],
)
def test_mistakes(pool, expected, tmp_path):
    assert expected in "\n".join(mistakes(pool, tmp_path))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"level": {"engine": "gaussian"}}, "systems.m.pool.level: got {'engine': 'gaussian'}; valid:"),
        ({"level": {"engine": "tblite", "method": "PM6"}}, "systems.m.pool.level.method: got 'PM6'; valid:"),
        ({"level": GFN2 | {"mehtod": 1}}, "systems.m.pool.level.mehtod: got 1; valid: no such key; known here: first,"),
        ({"temperature": -1}, "systems.m.pool.temperature: got -1"),
        (SCAN | {"bond": ["O", "H"]}, "systems.m.pool.bond: got ['O', 'H']; valid: Input should be a valid string"),
    ],
)
def test_values_that_are_refused(changes, expected):
    with pytest.raises(InputError) as caught:
        parse(
            {
                "systems": {
                    "m": {
                        "elements": ["H"],
                        "pool": (changes if "bond" in changes else DYNAMICS | changes),
                        "levels": {},
                    }
                }
            }
        )
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [("C1CC", "water: 'C1CC' is not a SMILES"), ("[NH4+]", r"water: the SMILES '\[NH4\+\]' has a charge of \+1")],
)
def test_molecules_that_cannot_be_made(smiles, expected):
    with pytest.raises(InputError, match=expected):
        molecule_dynamics.sample(dynamics(smiles=smiles))


def test_an_engine_that_cannot_treat_the_molecule():
    with pytest.raises(InputError, match=r"argon: the engine dftb\+.*"):
        molecule_dynamics.sample(dynamics(smiles="[Ar]", name="argon", level={"engine": "dftb+"}))


def test_an_engine_as_a_calculator():
    water = molecule("H2O")
    water.calc = EngineCalculator(dynamics().level)
    energy, step = [], 1e-3
    forces = water.get_forces()
    for sign in (1, -1):
        moved = Atoms(water, calculator=water.calc)
        moved.positions[0, 2] += sign * step
        energy.append(moved.get_potential_energy())
    assert forces[0, 2] == pytest.approx(-(energy[0] - energy[1]) / (2 * step), abs=1e-3)
    water.calc.close()


# --- displacements


def test_each_coordinate_is_displaced_to_both_sides_of_the_minimum():
    pool = pools.pool(
        {"generator": "displacements", "name": "water", "smiles": "O", "level": GFN2, "displacement": 0.02}
    )
    found = list(build_pool(pool, ["O", "H"]))
    assert len(found) == 18 and len({a.info["id"] for a in found}) == 18 and found[0].info["id"] == "water-0x+"
    middle = np.mean([a.positions for a in found], axis=0)
    for atoms in found:
        moved = np.zeros((3, 3))
        moved[atoms.info["atom"], atoms.info["axis"]] = atoms.info["displacement"]
        np.testing.assert_allclose(atoms.positions - middle, moved, atol=1e-12)
        assert abs(atoms.info["displacement"]) == 0.02 and atoms.info["molecule"] == "water"
    assert pool.ids() is None and pool.size() is None
    atoms = Atoms(found[0].numbers, middle)
    atoms.calc = EngineCalculator(pool.level)
    try:
        assert np.abs(atoms.get_forces()).max() < 2e-3
    finally:
        atoms.calc.close()
