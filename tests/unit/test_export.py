"""Exported models: the same energies and forces under ASE and in the file that LAMMPS runs; a card that says all."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from mftl import export, models
from mftl.config.training import Architecture
from mftl.graphs import collate, make_graph
from mftl.inputs import InputError
from mftl.prediction import predict

ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
TRAINED = {
    "recipe": "molecules.pbe0-d3.n2",
    "seed": 2,
    "training_ids": ["a", "b"],
    "validation": {"energy_rmse_mev_per_atom": 12.0, "force_rmse_mev_per_A": 34.5},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model file with reference energies as large as those of molecules."""
    path = tmp_path_factory.mktemp("trained") / "trained.pt"
    model = models.build_model(Architecture(channels=4, radial_mlp=[8]), ELEMENTS, 8.0, 1.0, 1, torch.float32)
    models.set_reference_energies(model, np.array([-14.0, -1028.0, -1485.0, -2042.0, -10834.0, -12517.0]))
    models.save_model(model, path)
    return path


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    """The folder with its export, and the files for LAMMPS."""
    folder = tmp_path_factory.mktemp("export")
    export.write_for_ase(trained, folder / "model.pt")
    return folder, export.write_for_lammps(folder / "model.pt")


@pytest.fixture
def expected(trained, dft):
    structures = dft.structures[:3]
    return structures, *predict(models.load_model(trained), structures)


def test_ase(exported, expected):
    from mace.calculators import MACECalculator

    structures, energies, forces = expected
    calculator = MACECalculator(model_paths=str(exported[0] / "model.pt"), device="cpu", default_dtype="float64")
    for atoms, energy, force in zip(structures, energies, forces, strict=True):
        atoms = atoms.copy()
        atoms.calc = calculator
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-4)
        np.testing.assert_allclose(atoms.get_forces(), force, atol=1e-4)


def test_lammps(exported, expected):
    """The compiled file gets what LAMMPS gives it: all atoms are local, none is a ghost."""
    folder, files = exported
    model = torch.jit.load(folder / files["libtorch"])
    for atoms, energy, force in zip(*expected, strict=True):
        batch = collate([make_graph(atoms, models.numbers(ELEMENTS), 4.0, torch.float64)], torch.device("cpu"))
        out = model(batch, torch.ones(len(atoms), dtype=torch.float64), False)
        assert float(out["total_energy_local"]) == pytest.approx(energy, abs=1e-4)
        np.testing.assert_allclose(out["forces"].detach().numpy(), force, atol=1e-4)


def test_a_model_that_cannot_be_converted_is_named(tmp_path):
    path = tmp_path / "model.pt"
    path.write_text("no model")
    with pytest.raises(InputError, match=r"model\.pt could not be converted for LAMMPS \(libtorch\): "):
        export.write_for_lammps(path)


def test_card_and_its_readme(exported, tmp_path):
    folder, files = exported
    row = {"unit": "meV/atom", "rmse": 5.0, "mae": 3.0, "structures": 9, "quantity": "energy"}
    errors = pd.DataFrame(
        [
            row | {"recipe": TRAINED["recipe"], "seed": 2},
            row | {"recipe": TRAINED["recipe"], "seed": 1, "rmse": 77.0},  # another model of the curve
        ]
    )
    data = [{"system": "molecules", "level": "pbe0-d3", "origin": "a file", "licence": "CC BY 4.0"}]
    model = models.load_model(folder / "model.pt")
    card = export.card(TRAINED, model, errors, data, files, ["cui2025"])
    assert [one["rmse"] for one in card["test_errors"]] == [5.0]
    assert card["reference_energies"]["Cl"] == pytest.approx(-12517.0)
    export.write_card(tmp_path, card, "dftb-ptbp")
    assert json.loads((tmp_path / "card.json").read_text()) == card
    text = (tmp_path / "README.md").read_text()
    for part in ("CC BY 4.0", "| Cl | -12517.0", "12.00 meV/atom, 34.50 meV/Å", "predicts what dftb-ptbp lacks"):
        assert part in text
    export.write_card(tmp_path, card, None)
    assert "lacks" not in (tmp_path / "README.md").read_text()
