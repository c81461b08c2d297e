"""Figures about what breaks: dimers, random structures relaxed in batches, and the criteria of holes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ase import Atoms
from ase.build import bulk
from ase.units import GPa

from mftl import checks, holes, models, points, relaxation
from mftl.claims import Claim, compare
from mftl.config.plot import Plot
from mftl.config.studies import complete
from mftl.config.training import Architecture
from mftl.inputs import InputError
from mftl.plotting import dimers as drawn_dimers
from mftl.plotting import structure_search as drawn
from mftl.prediction import predict, predict_with_stress
from mftl.tables import dimers, hole_points, structure_search

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()
SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
LOOK = {"color": "#222222", "marker": "o", "linestyle": "-"}


def build(elements, seed=1, repulsion=False):
    architecture = SMALL.model_copy(update={"pair_repulsion": repulsion})
    return models.build_model(architecture, elements, 5.0, 2.0, seed, models.DTYPES["float64"])


# --- random structures and holes


def test_random_structures_are_apart_and_the_same_whatever_their_number():
    found = holes.random_structures("C2H6O", 4, 8.0, False, 0)
    assert [str(one.symbols) for one in found] == ["C2H6O"] * 4
    assert min(holes.closest(one) for one in found) >= holes.SEPARATION
    assert np.array_equal(found[1].positions, holes.random_structures("C2H6O", 2, 8.0, False, 0)[1].positions)
    assert not np.allclose(found[0].positions, found[1].positions)
    assert not np.allclose(found[0].positions, holes.random_structures("C2H6O", 1, 8.0, False, 1)[0].positions)
    cells = holes.random_structures("W4", 3, 1.5, True, 0)
    sphere = 4 / 3 * np.pi * 1.62**3
    assert [one.get_volume() for one in cells] == pytest.approx([1.5 * 4 * sphere] * 3)
    assert min(holes.closest(one) for one in cells) >= holes.SEPARATION
    with pytest.raises(InputError, match=r"W9: 9 atoms do not fit at random into 0\.3 times"):
        holes.random_structures("W9", 1, 0.3, True, 0)


def test_closest_counts_images():
    assert holes.closest(Atoms("W", cell=[2.0, 4, 4], pbc=True)) == pytest.approx(2.0 / 3.24)
    assert holes.closest(Atoms("CH", [[0, 0, 0], [0, 0, 1.07]])) == pytest.approx(1.0)
    assert holes.closest(Atoms("C2", [[0, 0, 0], [0, 0, 9]])) == 2.0


def test_each_criterion_of_a_hole():
    rows = [{"composition": "W4", "closest": 0.9, "volume_A3": 16.0 + 0.1 * k, "energy_eV": -8.0 + 0.1 * k}
            for k in range(11)]  # fmt: skip
    odd = [{"closest": 0.4}, {"volume_A3": 4.0}, {"energy_eV": -14.0}, {"volume_A3": 7.0, "energy_eV": -8.0},
           {"volume_A3": 7.0, "energy_eV": -6.0}, {"energy_eV": np.inf}, {"energy_eV": -10.0}]  # fmt: skip
    found = holes.judged(pd.DataFrame(rows + [rows[5] | one for one in odd]))
    assert found["hole"].tolist() == [""] * 11 + ["close", "dense", "low", "dense and low", "", "not finite", ""]
    without = pd.DataFrame([one | {"volume_A3": np.nan} for one in rows])
    assert (holes.judged(without)["hole"] == "").all()


# --- relaxation


def test_slopes_are_those_of_the_enthalpy():
    model, pressure, step = build(["W"]), 5.0 * GPa, 1e-4
    atoms = bulk("W", "bcc", a=3.0).repeat((2, 1, 1))
    atoms.rattle(0.1, seed=1)
    one = relaxation.Moving(atoms, pressure)
    rng = np.random.default_rng(0)
    start = one.places + 0.05 * rng.normal(size=one.places.shape)

    def at(places):
        gradient = places[2:] / 2
        moved = Atoms("W2", cell=one.cell @ gradient.T, positions=places[:2] @ gradient.T, pbc=True)
        return moved, predict(model, [moved])[0][0] + pressure * moved.get_volume()

    one.places = start
    one.atoms = at(start)[0]
    _, (forces,), stresses = predict_with_stress(model, [one.atoms])
    slopes = one.slopes(forces, stresses[0])
    for row, axis in ((0, 0), (1, 2), (2, 0), (3, 1), (4, 0)):
        ends = [start.copy(), start.copy()]
        ends[0][row, axis] -= step
        ends[1][row, axis] += step
        low, high = (at(end)[1] for end in ends)
        assert slopes[row, axis] == pytest.approx(-(high - low) / (2 * step), rel=1e-4, abs=1e-5)


def test_relaxing_goes_downhill_to_small_forces_alike_in_a_batch_and_alone():
    model, starts = build(["H", "O"], repulsion=True), holes.random_structures("H4O2", 3, 6.0, False, 0)
    before, _ = predict(model, starts)
    found = relaxation.relax(model, starts, 300, 0.05)
    after, forces = predict(model, [one.atoms for one in found])
    assert (after < before).all() and [one.energy for one in found] == pytest.approx(after.tolist())
    done = [k for k, one in enumerate(found) if one.state == relaxation.RELAXED]
    assert done and all(np.linalg.norm(forces[k], axis=1).max() < 0.05 for k in done)
    (alone,) = relaxation.relax(model, starts[:1], 300, 0.05)
    assert alone.atoms.positions == pytest.approx(found[0].atoms.positions, abs=1e-6)
    assert not np.allclose(starts[0].positions, alone.atoms.positions)


def test_a_structure_ends_where_it_is_lost():
    close = Atoms("H2", [[0, 0, 0], [0, 0, 0.2]])
    (one,) = relaxation.relax(build(["H"]), [close], 10, 0.01)
    assert (one.state, one.steps) == (relaxation.CLOSE_ATOMS, 0) and one.state in relaxation.LOST
    (few,) = relaxation.relax(build(["H"]), [Atoms("H2", [[0, 0, 0], [0, 0, 0.8]])], 2, 1e-9)
    assert (few.state, few.steps) == (relaxation.UNFINISHED, 2)
    cell = bulk("W", "bcc", a=3.2)
    (squeezed,) = relaxation.relax(build(["W"]), [cell], 200, 1e-3, pressure=3000.0)
    assert squeezed.state in (relaxation.COLLAPSED, relaxation.CLOSE_ATOMS)
    assert squeezed.atoms.get_volume() < cell.get_volume()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for seed in (1, 2):
        models.save_model(build(["H", "O"], seed, repulsion=True), folder / f"{seed}.pt")
    return [str(folder / f"{seed}.pt") for seed in (1, 2)]


RUNS = [{"curve": "mftl", "value": 25, "seed": seed, "head": None} for seed in (1, 2)]


def test_table_and_figure_of_a_search(saved, tmp_path):
    starts = {"compositions": ["H2O", "HO"], "structures": 2, "periodic": False, "volume": 6.0, "seed": 0}
    how = {"pressure": 0.0, "rounds": 2, "rattle": 0.05, "steps": 20, "max_force": 0.1}
    settings = {"runs": RUNS, "starts": starts, "how": how, "device": "cpu"}
    found = structure_search.table({"models": saved}, settings)
    assert len(found) == 8 and found["volume_A3"].isna().all() and set(found["seed"]) == {1, 2}
    assert found["id"].tolist()[:4] == ["H2O-000", "H2O-001", "HO-000", "HO-001"]
    found.to_csv(tmp_path / "found.csv", index=False)
    params = {"labels": {"mftl": "MFTL"}, "looks": {"mftl": LOOK}, "text": "two", "title": ""}
    table, figure = drawn.draw({"structure_search": tmp_path / "found.csv"}, params, STYLE)
    assert table["structures"].tolist() == [4] and table["seeds"].tolist() == [2]
    assert figure.axes[0].get_ylabel() == "Share of holes"


def test_claims_read_shares_of_holes_with_draws(tmp_path):
    """Draws take the same structures of all curves, and say how far shares of few structures and seeds can be told."""
    counts = {("a", 25): (1, 2, 3), ("a", 50): (11, 12, 13), ("parent", 0): (0,)}  # holes of twenty, by seed
    rows = [
        {"curve": curve, "value": value, "seed": seed, "id": f"H-{k}", "hole": "low" if k < number else ""}
        for (curve, value), numbers in counts.items()
        for seed, number in enumerate(numbers)
        for k in range(20)
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "relaxed.csv", index=False)
    hole_points.table({"relaxed": tmp_path / "relaxed.csv"}, {}).to_csv(tmp_path / "points.csv", index=False)
    table = points.read(tmp_path / "points.csv").set_index(["curve", "value"])
    assert table["estimate"].tolist() == pytest.approx([10, 60, 0]) and table["seeds"].tolist() == [3, 3, 1]
    assert table.loc[("parent", 0), "high"] == 0 and (table["structures"] == 20).all() and set(table["unit"]) == {"%"}
    assert 0 <= table.loc[("a", 25), "low"] < 5 and 15 < table.loc[("a", 25), "high"] < 40
    share = {"curve": "a", "quantity": "holes", "read": "share"}
    few, many = share | {"value": 25}, share | {"value": 50}
    wanted = {points.HOLDS: [few, many], points.FAILS: [many, few], points.OPEN: [few, 9]}
    claims = [Claim(id=str(less), figure="f", where="", claim="", less=less) for less in wanted.values()]
    assert compare(claims, {"f": table.reset_index()}, "test")["verdict"].tolist() == [*wanted]


def test_shares_have_the_interval_of_one_models_structures():
    rows = [{"curve": curve, "value": value, "seed": seed, "state": "relaxed", "hole": "low" if k < seed else ""}
            for curve, value in (("raw", 0), ("a", 25)) for seed in (1, 2, 3) for k in range(10)]  # fmt: skip
    table = drawn.summarise(pd.DataFrame(rows), {"a": "A", "raw": "as it is"})
    assert table["share"].tolist() == pytest.approx([0.2, 0.2]) and table["of_seeds"][0] == "0.1 0.2 0.3"
    assert (table["low"][0], table["high"][0]) == (pytest.approx(0.057, abs=1e-3), pytest.approx(0.510, abs=1e-3))
    axis = drawn.plot(table, {"a": LOOK, "raw": LOOK}, STYLE, "text").axes[0]
    assert axis.get_legend_handles_labels()[1] == ["as it is", "A"]
    drawn_at = [list(line.get_ydata()) for line in axis.lines]
    assert pytest.approx([0.2, 0.2]) in drawn_at and [0.1, 0.2, 0.3] in drawn_at


# --- dimers


def test_dimers_of_models_and_a_level(saved, tmp_path):
    pairs, distances = [["H", "H"], ["H", "O"]], {"shortest": 0.4, "longest": 6.0, "points": 12}
    level = {"engine": "tblite", "method": "GFN2-xTB"}
    settings = {"runs": RUNS, "level": level, "pairs": pairs, "distances": distances, "device": "cpu"}
    found = dimers.table({"models": saved}, settings)
    assert len(found) == 2 * 12 * 3
    zeros = found[found["distance_A"] == found["zero_A"]]
    assert len(zeros) == 6 and (zeros["energy_eV"] == 0).all()
    far = zeros.set_index(["pair", "curve", "seed"])["zero_A"]
    assert far.drop(("H-O", dimers.LEVEL, 0)).to_numpy() == pytest.approx(6.0)
    # hydroxyl has an odd number of electrons: far apart GFN2-xTB does not converge
    assert 1.5 < far["H-O", dimers.LEVEL, 0] < 6 and found["energy_eV"].isna().any()
    bond = found[(found["curve"] == dimers.LEVEL) & (found["pair"] == "H-H")]
    assert bond["energy_eV"].min() < -3 and 0.6 < bond["lowest_A"].iloc[0] < 1.0 and not bond["hole"].any()
    own = found[(found["curve"] == "mftl") & (found["seed"] == 2) & (found["pair"] == "H-O")]
    energies, _ = predict(models.load_model(saved[1]), dimers.scan("H", "O", **distances))
    assert own["energy_eV"].to_numpy() == pytest.approx(energies - energies[-1])
    found.to_csv(tmp_path / "dimers.csv", index=False)
    params = {"models": [{"curve": "mftl", "value": 25, "label": "MFTL", "color": "#222222"}], "level": "GFN2-xTB"}
    table, figure = drawn_dimers.draw({"dimers": tmp_path / "dimers.csv"}, params | {"limit": 12, "title": ""}, STYLE)
    assert len(table) == len(found)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["H–H", "H–O"]
    assert figure.axes[0].get_legend_handles_labels()[1] == ["GFN2-xTB", "MFTL"]
    assert "MFTL" in figure.get_supxlabel() and "of 4" in figure.get_supxlabel()


def test_a_lowest_point_within_half_the_radii_is_a_hole():
    structures = dimers.scan("O", "O", 0.3, 6.0, 30)
    distances = np.array([atoms.get_distance(0, 1) for atoms in structures])
    assert distances[0] == pytest.approx(0.3 * 1.32)
    deep = dimers._along({}, ("O", "O"), structures, np.where(distances < 0.6, -50.0, 0.0))
    flat = dimers._along({}, ("O", "O"), structures, (distances - 1.2) ** 2)
    assert deep["hole"].all() and not flat["hole"].any()


# --- sections

FIGURES = {
    "dimers": {"kind": "dimers", "lines": [{"curve": "mftl", "value": 25, "label": "MFTL"}], "elements": ["H", "O"],
               "level": "molecules.gfn2-xtb"},
    "search": {"kind": "structure-search", "curves": ["mftl"], "values": [25], "compositions": ["H2O", "CH4"],
               "periodic": False},
}  # fmt: skip


@pytest.fixture(scope="module")
def values():
    return complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)


def load(known, name, **changes):
    return checks.load(known | {"figures": {name: FIGURES[name] | changes}}, ROOT)


def test_sections(values):
    config = load(values, "dimers")
    assert not checks.of_figure(config, "dimers", ROOT)
    (table,) = config.figures["dimers"].tables(config, "dimers")
    assert table.settings["pairs"] == [["H", "H"], ["H", "O"], ["O", "O"]] and len(table.inputs["models"]) == 3
    assert table.settings["level"]["method"] == "GFN2-xTB"
    assert config.figures["dimers"].shown(config) == {"mftl": [25]} and "6 Å" in config.figures["dimers"].text(config)
    config = load(values, "search")
    assert not checks.of_figure(config, "search", ROOT)
    table, shares = config.figures["search"].tables(config, "search")
    relaxed = "results/structure-search/search.csv"
    assert (shares.folder, shares.inputs) == ("points", {"relaxed": relaxed})
    assert config.figures["search"].inputs(config, "search") == {"structure_search": relaxed}  # drawn from that alone
    assert len(table.inputs["models"]) == 3 and table.settings["starts"]["compositions"] == ["H2O", "CH4"]
    assert "without cells" in config.figures["search"].text(config)


@pytest.mark.parametrize(
    "name, changes, said",
    [
        ("dimers", {"elements": ["H", "W"]}, "dimers.elements: got 'W'; valid: elements of molecules"),
        ("dimers", {"level": "molecules.pbe0-d3"}, "dimers.level: got 'molecules.pbe0-d3'; valid: <system>.<level>"),
        ("dimers", {"lines": [{"curve": "delta", "value": 25, "label": "x"}]}, "not of a difference"),
        ("search", {"compositions": ["W2"]}, "search.compositions.0: got 'W2'; valid: elements of molecules"),
        ("search", {"values": [7]}, "search.values: got 7"),
        ("search", {"curves": ["delta"]}, "not of a difference"),
        ("search", {"curves": ["epochs-small"], "values": []}, "a curve whose size is open"),
        ("search", {"curves": ["none"]}, "search.curves.0: got 'none'"),
    ],
)
def test_mistakes(values, name, changes, said):
    assert said in "\n".join(checks.of_figure(load(values, name, **changes), name, ROOT))


def test_a_composition_is_a_formula(values):
    with pytest.raises(InputError, match=r"figures\.search.*compositions"):
        load(values, "search", compositions=["water"])
