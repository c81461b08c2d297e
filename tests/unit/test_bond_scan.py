"""Scans of bonds by levels and models: parabolas, lengths in the data, the figure."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ase import Atoms
from ase.build import molecule

from mftl import checks, models
from mftl.config.plot import Plot
from mftl.config.studies import complete
from mftl.config.training import Architecture
from mftl.inputs import InputError
from mftl.observables import bonds
from mftl.plotting import bond_scan
from mftl.prediction import predict
from mftl.structures import write_structures
from mftl.tables import bond_lengths, bond_scans

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()


def test_a_harmonic_bond_has_its_wavenumber():
    """O-H with 7.8 mdyn/Å: near 3740 cm⁻¹, the textbook's 1302.79 √(k/µ)."""
    constant, distances = 48.68, np.linspace(0.8, 1.25, 15)  # eV/Å² of 7.8 mdyn/Å
    wavenumber, minimum, lowest = bonds.parabola(distances, constant / 2 * (distances - 0.97) ** 2 - 3.0, "O-H", 0.07)
    reduced = 15.999 * 1.008 / 17.007
    assert wavenumber == pytest.approx(1302.79 * np.sqrt(7.8 / reduced), rel=1e-3)
    assert (minimum, lowest) == (pytest.approx(0.97), pytest.approx(-3.0))
    with pytest.raises(InputError, match=r"1 points within 0\.01 Å of .* scan finer"):
        bonds.parabola(distances, (distances - 0.97) ** 2, "O-H", 0.01)


def test_lengths_are_those_of_bonded_pairs():
    found = bonds.lengths([molecule("CH3OH"), molecule("H2O")], "O-H")
    assert len(found) == 3 and (abs(found - 0.97) < 0.02).all()
    assert len(bonds.lengths([molecule("CH3OH")], "C-H")) == 3
    assert len(bonds.lengths([molecule("C2H6")], "C-C")) == 2  # counted from both ends
    assert len(bonds.lengths([], "O-H")) == 0


@pytest.fixture
def scan(tmp_path):
    """Labels of an O-H scan of methanol by a parabola, in a file out of order, and two models."""
    methanol, atoms = molecule("CH3OH"), []
    hydrogen, oxygen = (methanol.symbols.search(one)[-1 if one == "H" else 0] for one in ("H", "O"))
    bonded = min((i for i in methanol.symbols.search("H")), key=lambda i: methanol.get_distance(i, oxygen))
    axis = methanol.positions[bonded] - methanol.positions[oxygen]
    for k, distance in enumerate(np.linspace(0.8, 1.25, 15)):
        one = Atoms(methanol.numbers, methanol.positions)
        one.positions[bonded] = one.positions[oxygen] + axis * distance / np.linalg.norm(axis)
        one.info |= {"id": f"m-{k}", "distance": distance, "REF_energy": 25.0 * (distance - 0.97) ** 2 - 100.0}
        one.arrays["REF_forces"] = np.zeros((6, 3))
        atoms.append(one)
    assert hydrogen is not None
    write_structures(tmp_path / "labels.extxyz", atoms[::-1])
    for seed in (1, 2):
        small = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
        model = models.build_model(small, ["H", "C", "O"], 5.0, 30.0, seed, models.DTYPES["float64"])
        models.save_model(model, tmp_path / f"{seed}.pt")
    return tmp_path, atoms


def test_table(scan):
    folder, atoms = scan
    runs = [{"panel": 0, "curve": "mftl", "value": 25, "seed": seed, "head": None} for seed in (1, 2)]
    settings = {"runs": runs, "levels": [{"panel": 0, "level": "cc"}], "bonds": ["O-H"], "reach": 0.2, "device": "cpu"}
    inputs = {"labels": [folder / "labels.extxyz"], "models": [folder / "1.pt", folder / "2.pt"]}
    found = bond_scans.table(inputs, settings)
    level = found[found["level"] == "cc"]
    assert level["distance_A"].is_monotonic_increasing and level["energy_eV"].min() == pytest.approx(0, abs=0.01)
    assert level["minimum_A"].iloc[0] == pytest.approx(0.97)
    energies, _ = predict(models.load_model(folder / "2.pt"), atoms)
    own = found[(found["curve"] == "mftl") & (found["seed"] == 2)]["energy_eV"].to_numpy()
    assert np.diff(own) == pytest.approx(np.diff(energies))
    summary = bond_scan.summarise(found)
    of_model = summary[summary["curve"] == "mftl"]
    assert len(of_model) == 15 and (of_model["seeds"] == 2).all() and of_model["wavenumber_std"].notna().all()


def test_histogram(scan):
    folder, _ = scan
    found = bond_lengths.table({"labels": [folder / "labels.extxyz"]}, {"panels": [0], "bonds": ["O-H"]})
    assert found["share"].sum() == pytest.approx(1) and found["distance_A"].min() >= 0.79


PANEL = {
    "label": "O–H",
    "system": "molecules",
    "bond": "O-H",
    "levels": [{"level": "ccsdt", "label": "CCSD(T)"}, {"level": "pbe0-d3", "label": "PBE0-D3"}],
    "models": [
        {"curve": "mftl", "value": 25, "label": "MFTL 25"},
        {"curve": "mftl", "value": 100, "label": "MFTL 100"},
    ],
    "histogram": "molecules.ccsdt",
}


def config(**changes):
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    values["figures"] = {"scan": {"kind": "bond-scan", "scans": [PANEL | changes]}}
    return checks.load(values, ROOT)


def test_section():
    known = config()
    section = known.figures["scan"]
    assert not checks.of_figure(known, "scan", ROOT)
    scans, lengths = section.tables(known, "scan")
    assert len(scans.inputs["models"]) == 6 and len(scans.inputs["labels"]) == 2
    assert lengths.inputs == {"labels": ["results/labels/molecules/ccsdt.extxyz"]}
    assert section.shown(known) == {"mftl": [25, 100]}
    none = config(histogram=None)
    assert len(none.figures["scan"].tables(none, "scan")) == 1


@pytest.mark.parametrize(
    "change, said",
    [
        ({"system": "water"}, "scans.0.system: got 'water'"),
        ({"levels": [{"level": "mp2", "label": "MP2"}]}, "scans.0.levels.0.level: got 'mp2'"),
        ({"models": [{"curve": "mftl", "value": 7, "label": "x"}]}, "scans.0.models.0.value"),
        ({"models": [{"curve": "delta", "value": 25, "label": "x"}]}, "not of a difference"),
        ({"histogram": "molecules.mp2"}, "scans.0.histogram: got 'molecules.mp2'"),
    ],
)
def test_mistakes(change, said):
    assert said in "\n".join(checks.of_figure(config(**change), "scan", ROOT))


def test_figure():
    known, distances = config(), np.linspace(0.8, 1.25, 15)
    rows, models_of = [], [("", "mftl", value, [1, 2]) for value in (25, 100)]
    for level, curve, value, seeds in (("ccsdt", "", 0, [0]), ("pbe0-d3", "", 0, [0]), *models_of):
        for seed in seeds:
            own = {"panel": 0, "level": level, "curve": curve, "value": value, "seed": seed}
            found = {"distance_A": distances, "energy_eV": 25 * (distances - 0.97) ** 2, "wavenumber": 3700.0 + seed}
            rows.append(pd.DataFrame(own | found | {"minimum_A": 0.97}))
    table = bond_scan.summarise(pd.concat(rows))
    lengths = pd.DataFrame({"panel": 0, "distance_A": [0.9, 0.91], "share": [0.4, 0.6]})
    figure = bond_scan.plot(table, lengths, known.figures["scan"].params(known)["panels"], 0.07, STYLE)
    (axis,) = figure.axes
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    assert texts == ["CCSD(T): 3700", "PBE0-D3: 3700", "MFTL 25: 3702 ± 1", "MFTL 100: 3702 ± 1"]
    assert len(axis.patches) == 2 and {line.get_linestyle() for line in axis.lines[2:]} == {"-", "--"}
