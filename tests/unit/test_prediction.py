"""Δ models: what the low level says is added to what the model predicts, in the rule's predictions and under ASE."""

import json
import runpy
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from ase.calculators.calculator import CalculationFailed
from ase.calculators.mixing import SumCalculator

from mftl import checks, jobs, models
from mftl.calculator import LevelCalculator, ModelCalculator
from mftl.config.studies import complete
from mftl.config.training import Architecture
from mftl.engines.tblite.section import TbliteLevel
from mftl.errors import error_table
from mftl.labels import write_labelled
from mftl.plan import prediction as plan
from mftl.states import COLUMNS, mean_seconds, write_states

ROOT = Path(__file__).parents[2]
ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
SHIFTS = np.array([1.5, -20.0, 3.0, 40.0, -5.0, 600.0])  # eV for each atom: all that sets the two levels apart
TEST = 12  # structures
SCRIPTS = jobs.__file__.removesuffix("mftl/jobs.py")


@pytest.fixture
def model():
    return models.build_model(Architecture(channels=4, radial_mlp=[8]), ELEMENTS, 8.0, 1.0, 1, models.DTYPES["float32"])


@pytest.fixture
def prediction(model, dft, tmp_path, monkeypatch):
    """A function that runs the rule's script on a model that is exact for a difference level, or on the low level."""
    for parameter in model.readouts.parameters():
        parameter.data.zero_()
    models.set_reference_energies(model, SHIFTS)
    models.save_model(model, tmp_path / "model.pt")
    structures = dft.structures[:TEST]
    low = [atoms.copy() for atoms in structures]
    shifts = models.composition(structures, models.numbers(ELEMENTS)) @ SHIFTS
    for atoms, shift in zip(low, shifts, strict=True):
        atoms.info["REF_energy"] -= shift
    write_labelled(tmp_path / "high.extxyz", structures)
    write_labelled(tmp_path / "low.extxyz", low)
    ids = [atoms.info["id"] for atoms in structures]
    (tmp_path / "split.json").write_text(json.dumps({"test": ids}))
    monkeypatch.setattr(jobs, "job", lambda snakemake: nullcontext())

    def run(levels, recipe, seconds=0.25, cards=()):
        relative = "." not in recipe  # a foundation model as it is
        states = pd.DataFrame({"id": ids, "state": "done", "seconds": seconds}, columns=COLUMNS).fillna({"reason": ""})
        write_states(tmp_path / "low.csv", states)
        snakemake = SimpleNamespace(
            input=SimpleNamespace(
                split=tmp_path / "split.json", labels=[tmp_path / f"{level}.extxyz" for level in levels],
                states=[tmp_path / "low.csv"], models=[tmp_path / "model.pt"], cards=list(cards),
            ),
            params=SimpleNamespace(
                settings={"test_structures": None, "limit": {"structures": 5, "edges": 10_000}, "relative": relative},
                device="cpu",
                models={"recipes": [recipe], "values": [7], "seeds": [1], "head": None},
            ),
            wildcards=SimpleNamespace(curve="delta"), log=[tmp_path / "log"],
            output=SimpleNamespace(predictions=tmp_path / "delta.npz", costs=tmp_path / "costs.csv"),
        )  # fmt: skip
        runpy.run_path(f"{SCRIPTS}predict.py", init_globals={"snakemake": snakemake})
        errors = error_table("figure", {"delta": tmp_path / "delta.npz"})
        return tmp_path / "delta.npz", errors, pd.read_csv(tmp_path / "costs.csv")

    return run


def test_prediction_of_an_exact_delta_model_is_the_high_level_s_label(prediction, dft):
    path, errors, costs = prediction(["high", "low"], "molecules.high~low.n7")
    with np.load(path) as data:
        assert data["energies"][0] == pytest.approx(dft.energies[:TEST], abs=1e-4)  # float32 references of 10² eV
        assert data["reference_energies"] == pytest.approx(dft.energies[:TEST], abs=1e-9)
        assert data["forces"][0] == pytest.approx(np.concatenate(dft.forces[:TEST]), abs=1e-9)
    assert (errors["rmse"] < 0.02).all()
    assert (costs["low_level_seconds"] == 0.25).all() and (costs["model_seconds"] > 0).all()


def test_a_model_without_low_level_adds_nothing(prediction):
    path, _, costs = prediction(["low"], "molecules.low.n7")
    with np.load(path) as data:
        assert np.abs(data["energies"][0]).max() < 1e4 < np.abs(data["reference_energies"]).max() * 100
        assert (data["forces"] == 0).all()
    assert (costs["low_level_seconds"] == 0).all()


def test_low_level_whose_cost_nobody_knows(prediction, caplog):
    _, _, costs = prediction(["high", "low"], "molecules.high~low.n7", seconds=np.nan)
    assert costs["low_level_seconds"].isna().all()
    assert "what a label costs at this level is not known" in caplog.text


def test_average_cost_is_that_of_the_structures_asked_for(tmp_path):
    table = pd.DataFrame({"id": list("abc"), "state": "done", "seconds": [1.0, 3.0, np.nan]}, columns=COLUMNS)
    write_states(tmp_path / "states.csv", table)
    assert mean_seconds(tmp_path / "states.csv", ["a", "b"]) == 2.0
    assert np.isnan(mean_seconds(tmp_path / "states.csv", ["a", "c"]))


def test_foundation_model_as_it_is_is_compared_by_relative_energies(prediction):
    """Its zero of energy is not the labels'; a shift for each element is no error."""
    errors = prediction(["high"], "some-model")[1].set_index("quantity")
    shifted = prediction(["low"], "some-model")[1].set_index("quantity")
    assert errors.loc["energy", "rmse"] == pytest.approx(shifted.loc["energy", "rmse"], rel=1e-6)
    assert errors.loc["energy", "rmse"] < 5000  # 10⁶ meV/atom without
    assert (errors["size"] == 0).all() and (errors["epochs"] == 0).all()


def test_a_model_tested_at_another_level_is_compared_so_too():
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    other = {"label": "x", "recipe": "molecules.pbe0-d3.n*", "values": [25], "test": "molecules.ccsdt"}
    values["curves"]["other"] = other
    config = checks.load(values, ROOT)
    found = {
        name: plan.settings(config, SimpleNamespace(curve=name))["relative"] for name in ("mftl", "delta", "other")
    }
    assert found == {"mftl": False, "delta": False, "other": True}


def test_errors_name_the_epoch_that_was_chosen(prediction, tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"chosen_epochs": 16}))
    _, errors, _ = prediction(["high"], "a.b.n5.ebest/a.c.n7", cards=[tmp_path / "model.json"])
    assert (errors["epochs"] == 16).all() and (errors["size"] == 7).all()


def test_delta_model_under_ase(model, dft, tmp_path):
    """Model and GFN1-xTB as one calculator: forces are the gradient of the energy, which keeps its digits."""
    models.set_reference_energies(model, SHIFTS)
    models.save_model(model.double(), tmp_path / "model.pt")
    low = LevelCalculator(TbliteLevel(engine="tblite", method="GFN1-xTB"))
    own = ModelCalculator(tmp_path / "model.pt")
    atoms = dft.structures[8].copy()
    atoms.calc = SumCalculator([own, low])
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    assert energy == pytest.approx(own.get_potential_energy(atoms) + low.get_potential_energy(atoms), abs=1e-9)
    assert np.abs(forces - low.get_forces(atoms)).max() > 1e-3
    step = 1e-3
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[1, 2] += sign * step
        moved.calc = atoms.calc
        energies.append(moved.get_potential_energy())
    assert forces[1, 2] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=2e-4)


def test_energy_of_a_float32_model_is_float64_under_ase(model, dft, tmp_path):
    models.set_reference_energies(model, 1000 * SHIFTS)
    models.save_model(model, tmp_path / "model.pt")
    atoms = dft.structures[8].copy()
    atoms.calc = ModelCalculator(tmp_path / "model.pt")
    before = atoms.get_potential_energy()
    atoms.positions[0, 0] += 1e-4
    change = atoms.get_potential_energy() - before  # a float32 of 10⁵ eV has steps of 8 meV
    assert change == pytest.approx(-1e-4 * atoms.get_forces()[0, 0], abs=2e-6)
    assert change != 0


def test_failure_of_the_low_level_is_ase_s(dft):
    atoms = dft.structures[0].copy()
    atoms.numbers[0] = 1  # an odd number of electrons is no reason to fail; two atoms in one place are
    atoms.positions[1] = atoms.positions[0]
    atoms.calc = LevelCalculator(TbliteLevel(engine="tblite"))
    with pytest.raises(CalculationFailed, match="GFN2-xTB"):
        atoms.get_potential_energy()
