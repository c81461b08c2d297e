"""Short-range repulsion of an architecture: what it adds, that it stays, and in what it is computed."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from ase.calculators.calculator import all_changes
from mace.calculators import MACECalculator

from mftl import models
from mftl.calculator import ModelCalculator
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled
from mftl.inputs import InputError
from mftl.lean import find_forward
from mftl.prediction import predict, predict_with_stress
from mftl.training.run import Run

PLAIN = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
SMALL = PLAIN.model_copy(update={"pair_repulsion": True})
ELEMENTS = ["H", "C", "O"]
SCALE = 1.7


def build(architecture=SMALL, dtype="float64"):
    return models.build_model(architecture, ELEMENTS, 5.0, SCALE, 1, models.DTYPES[dtype])


def zbl(r: float, first: int, second: int, end: float, p: int = 5) -> float:
    """The potential in eV at a distance in Å: Ziegler, Biersack, Littmark (1985), with MACE's envelope."""
    a = 0.4543 * 0.529 / (first**0.3 + second**0.3)
    terms = ((0.1818, 3.2), (0.5099, 0.9423), (0.2802, 0.4028), (0.02817, 0.2016))
    x = r / end
    envelope = 1 - (p + 1) * (p + 2) / 2 * x**p + p * (p + 2) * x ** (p + 1) - p * (p + 1) / 2 * x ** (p + 2)
    return 14.3996 * first * second / r * sum(c * np.exp(-b * r / a) for c, b in terms) * envelope * (x < 1)


@pytest.mark.parametrize("distance", [0.3, 0.7, 1.0, 1.2])
def test_what_it_adds_is_the_potential_times_the_scale(distance):
    pair = Atoms("CH", [[0, 0, 0], [0, 0, distance]])
    found = [predict(build(one), [pair])[0][0] for one in (SMALL, PLAIN)]
    assert found[0] - found[1] == pytest.approx(SCALE * zbl(distance, 6, 1, 0.76 + 0.31), rel=1e-6, abs=1e-9)


def test_forces_are_slopes_and_stress_is_there():
    atoms = molecule("CH3OH")
    atoms.rattle(0.15, seed=3)
    model, step = build(), 1e-4
    _, (forces,) = predict(model, [atoms])
    for atom, axis in ((0, 0), (1, 2), (4, 1)):
        ends = [atoms.copy(), atoms.copy()]
        for one, sign in zip(ends, (-1, 1), strict=True):
            one.positions[atom, axis] += sign * step
        low, high = predict(model, ends)[0]
        assert forces[atom, axis] == pytest.approx(-(high - low) / (2 * step), abs=1e-5)
    crystal = Atoms("C2", [[0, 0, 0], [1.2, 0.1, 0]], cell=[2.5, 2.5, 2.5], pbc=True)
    ends = [crystal.copy(), crystal.copy()]
    for one, sign in zip(ends, (-1, 1), strict=True):
        one.set_cell(crystal.cell * (1 + sign * step), scale_atoms=True)
    energies, _, stresses = predict_with_stress(model, [crystal, *ends])
    slope = (energies[2] - energies[1]) / (2 * step) / crystal.get_volume()
    assert np.trace(stresses[0]) == pytest.approx(slope, rel=1e-5)


def test_it_is_computed_by_maces_modules():
    forward, why = find_forward(build())
    assert "pair_repulsion_fn" in why and isinstance(forward, torch.nn.Module)
    assert "lean" in find_forward(build(PLAIN))[1]


def labelled(count: int) -> Labelled:
    structures, rng = [], np.random.default_rng(0)
    for _ in range(count):
        atoms = molecule("CH3OH")
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
        structures.append(atoms)
    return Labelled(structures, rng.normal(size=count), [rng.normal(size=(6, 3)) for _ in range(count)])


@pytest.mark.parametrize("ways", [{}, {"lora": {"rank": 2, "alpha": 1.0}}])
def test_a_trained_model_keeps_it_and_loads_in_maces_calculator(tmp_path, ways):
    settings = Training(epochs=1, batch_size=4, dtype="float64")
    data = labelled(8)
    first = Run(data[:5], data[5:], settings, tmp_path / "first", architecture=SMALL, elements=ELEMENTS).train()
    models.save_model(first, tmp_path / "first.pt")
    run = Run(data[:5], data[5:], settings, tmp_path / "second", parent=tmp_path / "first.pt", ways=ways)
    models.save_model(run.train(), tmp_path / "second.pt")
    assert models.load_model(tmp_path / "second.pt").pair_repulsion
    close = Atoms("CH", [[0, 0, 0], [0, 0, 0.4]])
    found = []
    for one in (MACECalculator(str(tmp_path / "second.pt"), device="cpu"), ModelCalculator(tmp_path / "second.pt")):
        one.calculate(close, ["energy", "forces"], all_changes)
        found.append((one.results["energy"], one.results["forces"]))
    assert found[0][0] == pytest.approx(found[1][0]) and found[0][1] == pytest.approx(found[1][1])


def test_elements_cannot_be_renamed():
    with pytest.raises(InputError, match="cannot be renamed in a model whose pair repulsion"):
        models.rename_elements(build(), {"Si": "C"})
