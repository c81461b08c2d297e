"""An exported committee: its mean, its spread, and how much of the errors on test structures lies within."""

import json

import numpy as np
import pytest
from ase.build import molecule

from mftl import models
from mftl.calculator import CommitteeCalculator, ModelCalculator
from mftl.committees import Committee, calibrated
from mftl.config.training import Architecture
from mftl.export import write_committee
from mftl.inputs import InputError

RECIPE = "own.high.n10"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three models of one recipe and one of another, exported."""
    base = tmp_path_factory.mktemp("committee")
    files, cards = [], []
    for seed in (1, 2, 3, 4):
        one = models.build_model(
            Architecture(channels=4, radial_mlp=[8], readout_channels=4), ["H", "C", "O"], 8.0, 1.0, seed,
            models.DTYPES["float32"],
        )  # fmt: skip
        models.set_reference_energies(one, np.array([-14.0, -1028.0, -2042.0]))
        files.append(base / f"{seed}.pt")
        models.save_model(one, files[-1])
        cards.append(base / f"{seed}.json")
        cards[-1].write_text(json.dumps({"recipe": RECIPE if seed < 4 else "own.high.n20", "seed": seed}))
    members = write_committee(files, cards, RECIPE, base / "committee")
    assert members == ("seed-1.pt", "seed-2.pt", "seed-3.pt")
    Committee(members, 1.5, 2.5).write(base / "committee")
    return base / "committee"


def ethanol():
    atoms = molecule("CH3CH2OH")
    atoms.positions += 0.1 * np.random.default_rng(0).standard_normal(atoms.positions.shape)
    return atoms


def test_mean_and_uncertainty_under_ase(folder):
    atoms, alone = ethanol(), []
    atoms.calc = CommitteeCalculator(folder)
    for name in ("seed-1.pt", "seed-2.pt", "seed-3.pt"):
        other = ethanol()
        other.calc = ModelCalculator(folder / name)
        alone.append((other.get_potential_energy(), other.get_forces()))
    energies, forces = np.array([one[0] for one in alone]), np.array([one[1] for one in alone])
    assert atoms.get_potential_energy() == pytest.approx(energies.mean(), abs=1e-9)
    np.testing.assert_allclose(atoms.get_forces(), forces.mean(0), atol=1e-9)
    assert atoms.calc.get_property("energy_uncertainty", atoms) == pytest.approx(1.5 * energies.std(ddof=1))
    expected = 2.5 * np.sqrt(((forces - forces.mean(0)) ** 2).sum(0).sum(-1) / 2 / 3)
    np.testing.assert_allclose(atoms.calc.get_property("forces_uncertainty", atoms), expected)
    turned = atoms.copy()
    turned.rotate(40, (1, 2, 3))
    turned.calc = atoms.calc
    turned.get_forces()
    np.testing.assert_allclose(turned.calc.results["forces_uncertainty"], expected, rtol=1e-6)


def predictions(path, members: int = 3, structures: int = 400, forces: bool = True):
    """Predictions of models whose errors are 2 (energies) and 3 (forces) times what their spread would say."""
    random = np.random.default_rng(1)
    sizes = random.integers(3, 9, structures)
    atoms = int(sizes.sum())
    scale = random.uniform(0.5, 2.0, atoms)[:, None]
    data = {
        "recipe": np.array([RECIPE] * members + ["own.high.n20"]),
        "sizes": sizes,
        "energies": sizes * 0.01 * random.standard_normal((members + 1, structures)),
        "reference_energies": sizes * 0.02 * random.standard_normal(structures),
        "forces": 0.1 * scale * random.standard_normal((members + 1, atoms, 3)),
    }
    if forces:
        data["reference_forces"] = 0.3 * scale * random.standard_normal((atoms, 3))
    np.savez(path, **data)
    return path, data


@pytest.mark.parametrize("members", [3, 6])
def test_as_many_errors_lie_within_as_is_said(tmp_path, members):
    path, data = predictions(tmp_path / "a.npz", members)
    found = calibrated(("a", "b", "c"), path, RECIPE)
    ends = np.cumsum(data["sizes"])
    inside = []
    for i in range(len(ends)):
        own = slice(ends[i] - data["sizes"][i], ends[i])
        energy, off = found.energy(data["energies"][:members, i], data["sizes"][i])
        mean, pulls = found.forces(data["forces"][:members, own])
        inside.append((abs(energy - data["reference_energies"][i]) <= off,
                       (np.abs(mean - data["reference_forces"][own]) <= pulls[:, None]).mean()))  # fmt: skip
    assert np.mean([one[0] for one in inside]) == pytest.approx(0.68, abs=0.01)
    assert np.mean([one[1] for one in inside]) == pytest.approx(0.68, abs=0.02)
    assert found.structures == 400 and found.forces_factor > 2 and found.energy_factor > 1.5


def test_members_that_agree_by_chance_are_not_certain(tmp_path):
    path, _ = predictions(tmp_path / "a.npz")
    found = calibrated(("a", "b", "c"), path, RECIPE)
    same = np.ones((3, 5, 3))
    assert (found.forces(same)[1] > 0).all() and found.energy(np.ones(3), 5)[1] > 0


def test_energies_alone_and_sets_that_are_too_small(tmp_path):
    path, _ = predictions(tmp_path / "a.npz", forces=False)
    assert calibrated(("a", "b", "c"), path, RECIPE).forces_factor == 1.0
    path, _ = predictions(tmp_path / "b.npz", structures=1)
    assert calibrated(("a", "b", "c"), path, RECIPE) == Committee(("a", "b", "c"))


def test_what_is_no_committee_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"committee\.json is not there; `snakemake export` writes"):
        CommitteeCalculator(tmp_path)
    Committee(("seed-1.pt",)).write(tmp_path)
    with pytest.raises(InputError, match="one model has no spread; valid: a curve of at least two seeds"):
        CommitteeCalculator(tmp_path)
