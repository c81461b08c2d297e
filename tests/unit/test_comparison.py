"""A model and a level against another level: zeros of energy, contacts, softening, the worst structures."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from mftl.comparison import Compared, compared, shortest_contact, summary, table, worst


@pytest.fixture(scope="module")
def data(dft, dftb):
    """40 built-in molecules: a "model" that is the reference softened by a fifth, and DFTB(PTBP)."""
    low = {atoms.info["id"]: i for i, atoms in enumerate(dftb.structures)}
    chosen = [i for i, atoms in enumerate(dft.structures) if atoms.info["id"] in low][:40]
    structures = [dft.structures[i] for i in chosen]
    soft = 0.8 * dft.energies[chosen] - 13.6 * np.array([len(atoms) for atoms in structures])  # another zero
    places = [low[atoms.info["id"]] for atoms in structures]
    forces = [dft.forces[i] for i in chosen]
    return compared(
        structures,
        [dft.energies[chosen], soft, dftb.energies[places]],
        [forces, [0.8 * force for force in forces], [dftb.forces[i] for i in places]],
    )


def test_softening_is_a_slope_below_one(data):
    rows = summary("fig2", data).set_index(["curve", "quantity"])
    assert rows.loc[("model", "energy"), "slope"] == pytest.approx(0.8)
    assert rows.loc[("model", "forces"), "slope"] == pytest.approx(0.8)
    # with the zeros of energy taken out, what is left is a fifth of the relative energies themselves
    spread = np.sqrt(np.mean((data.energies[0] / data.sizes) ** 2))
    assert rows.loc[("model", "energy"), "rmse"] == pytest.approx(1000 * 0.2 * spread)
    near = np.abs(0.2 * data.forces[0])
    assert rows.loc[("model", "forces"), "share_near_1"] == pytest.approx(np.mean((near > 0.3) & (near < 3)))


def test_levels_are_compared_as_elsewhere(data, dft, dftb, tmp_path):
    """The same numbers as ``errors.compare_levels`` has from the files of labels."""
    from mftl.errors import compare_levels
    from mftl.structures import write_structures

    files = []
    for name, labelled in (("high", dft), ("low", dftb)):
        kept = [i for i, atoms in enumerate(labelled.structures) if atoms.info["id"] in set(data.ids)]
        for i in kept:
            labelled.structures[i].info["REF_energy"] = labelled.energies[i]
        files.append(tmp_path / f"{name}.extxyz")
        write_structures(files[-1], [labelled.structures[i] for i in kept])
    expected = compare_levels(*files, "dftb-ptbp")
    rows = summary("fig2", data).set_index(["curve", "quantity"])
    for one in expected:
        assert rows.loc[("level", one["quantity"]), "rmse"] == pytest.approx(one["rmse"], rel=1e-5)


def test_the_worst_structures_come_first(data):
    rows = table(data)
    error = (rows["model_eV_atom"] - rows["reference_eV_atom"]).abs()
    assert list(error[worst(rows, 3)]) == sorted(error, reverse=True)[:3]
    assert list(rows["id"]) == list(data.ids)


def test_saved_and_read_again(data, tmp_path):
    data.save(tmp_path / "c.npz")
    again = Compared.load(tmp_path / "c.npz")
    assert table(again).equals(table(data))
    assert again.atoms(3).get_chemical_formula() == data.atoms(3).get_chemical_formula()


def test_the_shortest_contact_is_the_one_closest_for_its_elements():
    water = Atoms("OH2N", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0], [0, 0, -1.0]])  # N–O 1.0 Å: 0.73 of the radii
    pair, distance, ratio, vector = shortest_contact(water)
    assert {water.symbols[i] for i in pair} == {"N", "O"}
    assert distance == pytest.approx(1.0)
    assert ratio == pytest.approx(1.0 / (0.66 + 0.71), abs=0.01)
    assert np.linalg.norm(vector) == pytest.approx(distance)


def test_contacts_cross_periodic_boundaries():
    tungsten = bulk("W", "bcc", a=3.165, cubic=True)
    pair, distance, _, vector = shortest_contact(tungsten)
    assert distance == pytest.approx(3.165 * np.sqrt(3) / 2)
    assert np.linalg.norm(vector) == pytest.approx(distance)
    assert pair[0] != pair[1]


def test_atoms_far_apart_have_no_contact():
    assert shortest_contact(Atoms("He2", [[0, 0, 0], [0, 0, 9.0]]))[0] is None
