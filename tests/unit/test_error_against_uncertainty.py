"""Figures of errors against uncertainties: committees, last layers, coverage with intervals, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mftl import calibration, checks, citations, models, points
from mftl.committees import FLOOR
from mftl.config.plot import Plot
from mftl.config.studies import complete, overlaid
from mftl.config.training import Architecture, Training
from mftl.datasets import choose
from mftl.errors import KCAL
from mftl.extxyz import read_ids
from mftl.figures.error_against_uncertainty import TESTED
from mftl.inputs import InputError
from mftl.plotting import error_against_uncertainty as drawn
from mftl.prediction import predict
from mftl.structures import FORCES, Structures, write_structures
from mftl.tables import calibration as judged
from mftl.tables import last_layer, spreads
from mftl.uncertainty import learn, sigmas

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()
LOOK = {"color": "#222222", "marker": "o", "linestyle": "-"}
LABELS = ROOT / "resources" / "molecules" / "molecules.pbe0-d3.extxyz.xz"


def predictions(path: Path, members: int = 4, structures: int = 400, tails: float = 1.0, forces: bool = True) -> Path:
    """Members at 10 and 20 about a centre that is off by twice their spread, which differs; a tenth ``tails`` times."""
    rng = np.random.default_rng(0)
    sizes, values = rng.integers(2, 6, structures), [10] * members + [20] * members
    atoms, own = int(sizes.sum()), rng.lognormal(sigma=0.6, size=structures)
    far = np.where(rng.random(structures) < 0.1, tails, 1.0)

    def about(spread, shape):
        centre = 2 * spread * rng.standard_normal(shape)
        return np.array([centre * (value / 10) + spread * rng.standard_normal(shape) for value in values])

    data = {"energies": about(0.01 * sizes * own * far, structures), "reference_energies": np.zeros(structures)}
    data["forces"] = about(0.1 * np.repeat(own * far, sizes)[:, None], (atoms, 3))
    data |= {"reference_forces": np.zeros((atoms, 3))} if forces else {}
    np.savez_compressed(
        path, **data, sizes=sizes, numbers=np.ones(atoms, int), ids=[f"s{i}" for i in range(structures)], value=values,
        recipe=[f"m.high.n{value}" for value in values], seed=[*range(1, members + 1)] * 2, epochs=[0] * len(values),
        relative=False,
    )  # fmt: skip
    return path


def committee(folder: Path, units: str = "meV/atom", **settings) -> pd.DataFrame:
    inputs = {"predictions": [predictions(folder / "own.npz", **settings)]}
    return spreads.table(inputs, {"figure": "f", "curves": ["own"], "values": [10], "units": units})


# --- committees


def test_a_committee_is_off_by_its_mean_and_uncertain_by_its_spread(tmp_path):
    found = committee(tmp_path)
    with np.load(tmp_path / "own.npz") as stored:
        data = {key: value[:4] if key in ("energies", "forces") else value for key, value in stored.items()}
    assert set(found["estimate"]) == {"committee"} and set(found["models"]) == {4} and set(found["value"]) == {10}
    energies, forces = (found[found["quantity"] == one] for one in ("energy", "forces"))
    assert list(energies["id"]) == list(data["ids"]) and set(energies["unit"]) == {"meV/atom"}
    np.testing.assert_allclose(energies["error"], 1e3 * data["energies"].mean(0) / data["sizes"], rtol=1e-5)
    spread = 1e3 * data["energies"].std(axis=0, ddof=1) / data["sizes"]
    np.testing.assert_allclose(energies["sigma"], np.maximum(spread, np.quantile(spread, FLOOR)), rtol=1e-5)
    assert set(forces["unit"]) == {"meV/Å"} and len(forces) == 3 * data["sizes"].sum()
    np.testing.assert_allclose(forces["error"], 1e3 * data["forces"].mean(0).ravel(), rtol=1e-5)
    spread = 1e3 * np.sqrt(data["forces"].var(axis=0, ddof=1).mean(-1))
    floored = np.repeat(np.maximum(spread, np.quantile(spread, FLOOR)), 3)
    np.testing.assert_allclose(forces["sigma"], floored, rtol=1e-5)
    assert list(forces["id"]) == list(np.repeat(data["ids"], 3 * data["sizes"]))


def test_in_kcal_per_mol_energies_are_of_whole_structures(tmp_path):
    per_atom, whole = committee(tmp_path), committee(tmp_path, "kcal/mol")
    with np.load(tmp_path / "own.npz") as stored:
        sizes = stored["sizes"]
    one, other = (found[found["quantity"] == "energy"] for found in (per_atom, whole))
    for key in ("error", "sigma"):
        np.testing.assert_allclose(other[key], one[key] * sizes * KCAL / 1e3, rtol=1e-5)
    assert set(whole["unit"]) == {"kcal/mol", "kcal/mol/Å"}


def test_labels_without_forces_have_energies_alone(tmp_path):
    assert set(committee(tmp_path, forces=False)["quantity"]) == {"energy"}


# --- coverage and bins


def test_coverage_is_that_of_a_normal_distribution_where_errors_are():
    rng = np.random.default_rng(2)
    own = rng.lognormal(sigma=0.5, size=3000)
    errors, owners = 3 * own * rng.standard_normal(3000), [f"s{i}" for i in range(3000)]
    found = calibration.coverage(errors, own, owners)
    for level, drawn_ in found.items():
        low, high = points.interval(drawn_)
        assert low < level < high and high - low < 0.05
    judgement = calibration.judge(errors, own, owners)
    assert found[0.68][0] == pytest.approx(judgement["covered_68"].mean())
    scaled = calibration.scaled(errors, own, owners)
    np.testing.assert_allclose(scaled / own, 3, rtol=0.05)
    np.testing.assert_allclose(sorted(set(np.round(scaled / own, 9))), sorted(judgement["scale"].round(9)))


def test_intervals_are_of_structures_not_of_values():
    """Fifty values of a structure that are wrong together say no more than one."""
    rng = np.random.default_rng(3)
    errors = rng.standard_normal(100)
    owners = [f"s{i}" for i in range(100)]
    alone = points.interval(calibration.coverage(errors, np.ones(100), owners)[0.68])
    many = calibration.coverage(np.repeat(errors, 50), np.ones(5000), list(np.repeat(owners, 50)))[0.68]
    assert points.interval(many) == pytest.approx(alone)
    bins = calibration.binned(errors, np.arange(1.0, 101.0), 4, owners)
    assert (bins["low"] < bins["rmse"]).all() and (bins["rmse"] < bins["high"]).all()
    np.testing.assert_allclose(bins["median"], [np.median(np.abs(part)) for part in np.split(errors, 4)])


def test_the_table_has_bins_and_what_all_values_say(tmp_path):
    committee(tmp_path).to_csv(tmp_path / "values.csv", index=False)
    found = judged.table({"values": [tmp_path / "values.csv"]}, {"bins": 5})
    assert list(found["bin"]) == [1, 2, 3, 4, 5] * 2 and list(dict.fromkeys(found["quantity"])) == ["energy", "forces"]
    energy, forces = (found[found["quantity"] == one] for one in ("energy", "forces"))
    assert energy["count"].sum() == 400 and set(energy["structures"]) == {400}
    assert energy["sigma"].is_monotonic_increasing
    # twice its spread: 4 members' mean is off by √(4 + 1/4), and a spread of few is smaller at times
    assert energy["scale_1"].iloc[0] == pytest.approx(2.4, rel=0.3)
    for level in ("68", "95"):
        low, high = found[f"covered_{level}_low"], found[f"covered_{level}_high"]
        assert (low < found[f"covered_{level}"]).all() and (found[f"covered_{level}"] < high).all()
    np.testing.assert_allclose(forces["rmse"] / forces["sigma"], 1, rtol=0.3)
    (tmp_path / "tails").mkdir()
    committee(tmp_path / "tails", members=3, tails=5.0).to_csv(tmp_path / "tails.csv", index=False)
    tails = judged.table({"values": [tmp_path / "tails.csv"]}, {"bins": 5})
    assert (tails["covered_95"] < 0.95).all() and (abs(tails["conformal_95"] - 0.95) < 0.03).all()


# --- last layers


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model of random weights, with what its training would leave: a card, a split, labels and predictions."""
    folder = tmp_path_factory.mktemp("trained")
    ids = read_ids(LABELS)[:110]
    model = models.build_model(
        Architecture(channels=4, radial_mlp=[8], readout_channels=4), ["H", "C", "N", "O", "S", "Cl"], 8.0, 1.0, 1,
        models.DTYPES["float32"],
    )  # fmt: skip
    models.save_model(model, folder / "model.pt")
    settings = Training(energy_weight=3.0, dtype="float32")
    card = {"training_ids": ids[:30], "training": settings.model_dump(exclude={"epochs", "min_steps"})}
    (folder / "model.json").write_text(json.dumps(card))
    (folder / "split.json").write_text(json.dumps({"training": [], "validation": ids[30:60], "test": ids[60:]}))
    sets = choose([LABELS], [(ids[:30], None), (ids[30:60], None), (ids[60:], None)])
    energies, forces = predict(model, sets[2].structures)
    np.savez(
        folder / "own.npz", recipe=["m.high.n10"], value=[10], seed=[2], epochs=[0], ids=ids[60:], relative=False,
        sizes=[len(atoms) for atoms in sets[2].structures], energies=[energies], forces=[np.concatenate(forces)],
        numbers=np.concatenate([atoms.numbers for atoms in sets[2].structures]),
        reference_energies=sets[2].energies, reference_forces=np.concatenate(sets[2].forces),
    )  # fmt: skip
    return folder, model, settings, sets


def of_last_layer(folder: Path, labels: Path = LABELS) -> pd.DataFrame:
    inputs = {"predictions": [folder / "own.npz"], "models": [folder / "model.pt"], "cards": [folder / "model.json"]}
    inputs |= {"labels_0": [labels], "split_0": folder / "split.json", "test": [LABELS]}
    settings = {"figure": "f", "curves": ["own"], "seed": 2, "units": "meV/atom", "device": "cpu"}
    return last_layer.table(inputs, settings | {"runs": [{"curve": "own", "value": 10, "recipe": "m.high.n10"}]})


def test_last_layers_are_as_sure_as_training_and_validation_set_say(trained):
    folder, model, settings, (training, validation, test) = trained
    found = of_last_layer(folder)
    energies, forces = (found[found["quantity"] == one] for one in ("energy", "forces"))
    expected, components = sigmas(model, learn(model, training, validation, settings), test)
    sizes = np.array([len(atoms) for atoms in test.structures])
    np.testing.assert_allclose(energies["sigma"], 1e3 * expected / sizes, rtol=1e-4)
    np.testing.assert_allclose(forces["sigma"], 1e3 * np.repeat(components, 3), rtol=1e-4)
    predicted, _ = predict(model, test.structures)
    np.testing.assert_allclose(energies["error"], 1e3 * (predicted - test.energies) / sizes, rtol=1e-4)
    assert set(found["estimate"]) == {"last-layer"} and set(found["models"]) == {1}


def test_what_was_trained_on_energies_alone_knows_no_forces(trained, tmp_path):
    folder, *_ = trained
    few = [atoms.copy() for atoms in map(Structures(LABELS).__getitem__, read_ids(LABELS)[:60])]
    for atoms in few:
        del atoms.arrays[FORCES]
    write_structures(tmp_path / "energies.extxyz", few)
    assert set(of_last_layer(folder, tmp_path / "energies.extxyz")["quantity"]) == {"energy"}


def test_last_layers_are_cited_and_committees_need_not_be():
    assert "bigi2024" in citations.of_job({"module": "mftl.tables.last_layer"}, {}, [])
    assert citations.of_job({"module": "mftl.tables.spreads"}, {}, []) == set(citations.ALWAYS)


# --- the figure


def test_panels_for_estimates_and_quantities(tmp_path, trained):
    committee(tmp_path).to_csv(tmp_path / "spreads.csv", index=False)
    of_last_layer(trained[0]).to_csv(tmp_path / "last_layer.csv", index=False)
    files = {key: tmp_path / f"{key}.csv" for key in ("spreads", "last_layer")}
    table = judged.table({"values": [*files.values()]}, {"bins": 5})
    table.to_csv(tmp_path / "calibration.csv", index=False)
    series = [{"curve": "own", "value": 10, "label": "Own, ten"} | LOOK]
    params = {"series": series, "test": "m at high", "seed": 2, "title": "t"}
    found, figure = drawn.draw(files | {"calibration": tmp_path / "calibration.csv"}, params, STYLE)
    assert len(found) == len(table) == 20 and set(found["label"]) == {"Own, ten"}
    assert [axis.get_title("left") for axis in figure.axes] == [
        "(a) Committee", "(b) Committee", "(c) Last layer", "(d) Last layer",
    ]  # fmt: skip
    assert {(axis.get_xscale(), axis.get_yscale()) for axis in figure.axes} == {("log", "log")}
    row = table[(table["estimate"] == "last-layer") & (table["quantity"] == "forces")].iloc[0]
    text = figure.axes[3].get_legend().get_texts()[0].get_text()
    assert text.startswith(f"{100 * row['covered_68']:.0f} % (") and f"; {100 * row['covered_95']:.0f} % (" in text
    below = figure.get_supxlabel().replace("\n", " ")
    assert "m at high, 50 to 400 structures; committee: 4 seeds; last layer: seed 2" in below
    assert "scaled on one half" in below


def test_points_of_a_curve_get_darker():
    series = [{"curve": one, "color": "#204060"} for one in ("a", "a", "b", "a")]
    shades = [sum(drawn._shade(series, k)) for k in range(4)]
    assert shades[0] > shades[1] > shades[3] == shades[2] == pytest.approx(sum((0x20, 0x40, 0x60)) / 255)


@pytest.fixture(scope="module")
def values():
    return complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)


def load(base, changes=None, **figure):
    own = {"kind": "error-against-uncertainty", "curves": ["mftl"], "values": [100]} | figure
    known = overlaid(base, changes or {})
    return checks.load(known | {"figures": {"sure": own}, "dynamics": {}}, ROOT)


def test_what_it_is_made_of(values):
    config = load(values, curves=["mftl", "delta"], values=[25, 100], seed=2)
    assert not checks.of_figure(config, "sure", ROOT)
    figure = config.figures["sure"]
    of_spread, of_layer, both = figure.tables(config, "sure")
    assert (of_spread.folder, of_layer.folder, both.folder) == ("spreads", "last-layer", "calibration")
    assert of_spread.folder in figure.FOLDERS and of_layer.folder in figure.MEASURED
    assert both.inputs == {"values": ["results/spreads/sure.csv", "results/last-layer/sure.csv"]}
    base = "results/models/tiny/molecules.dftb-ptbp.n5000.e8/molecules.pbe0-d3"
    assert of_layer.inputs["models"][:2] == [f"{base}.n{size}/seed-2/model.pt" for size in (25, 100)]
    assert of_layer.inputs["cards"][:2] == [f"{base}.n{size}/seed-2/model.json" for size in (25, 100)]
    low = config.recipes_of("delta")[0].last.levels[1]
    assert of_layer.inputs["labels_2"] == [f"results/labels/molecules/{one}.extxyz" for one in ("pbe0-d3", low)]
    assert of_layer.inputs["test"] == ["results/labels/molecules/pbe0-d3.extxyz"]
    alone = load(values, estimates=["committee"]).figures["sure"].tables(config, "sure")
    assert [one.folder for one in alone] == ["spreads", "calibration"]


def test_a_snapshot_was_trained_as_its_run_says(values):
    changes = {"curves": {"snap": {"label": "s", "recipe": "molecules.dftb-ptbp.n3000.e*", "values": [16, 32]}}}
    config = load(values, changes, curves=["snap"], values=[16])
    _, of_layer, _ = config.figures["sure"].tables(config, "sure")
    assert of_layer.inputs["models"] == ["results/models/tiny/molecules.dftb-ptbp.n3000.e16/seed-1/model.pt"]
    assert of_layer.inputs["cards"] == ["results/models/tiny/molecules.dftb-ptbp.n3000/seed-1/model.json"]


@pytest.mark.parametrize(
    ("changes", "figure", "expected"),
    [
        ({"seeds": 2}, {}, "curves.0: got 'mftl'; valid: a curve of at least 3 seeds, or estimates: [last-layer]"),
        ({}, {"seed": 4}, "seed: got 4; valid: a seed of mftl: 1 to 3"),
        ({}, {"values": [7]}, "values: got 7; valid: values of mftl"),
        ({}, {"curves": ["raw"]}, "curves.0: got 'raw'; valid: a curve of models that are trained"),
        ({"prediction": {"test_structures": 30}}, {}, f"a curve tested on at least {TESTED} structures (not 30)"),
    ],
)
def test_what_cannot_be_judged_is_refused(values, changes, figure, expected):
    raw = {"foundation_models": {"file": "config.yaml"}}
    raw |= {"curves": {"raw": {"label": "raw", "recipe": "file", "test": "molecules.pbe0-d3"}}}
    config = load(overlaid(values, raw), changes, **figure)
    assert expected in "\n".join(checks.of_figure(config, "sure", ROOT))


def test_two_seeds_will_do_for_last_layers(values):
    config = load(values, {"seeds": 2}, estimates=["last-layer"])
    assert not checks.of_figure(config, "sure", ROOT)


def test_fewer_test_structures_have_no_quantile():
    """Whatever the figure does not refuse can be judged."""
    rng = np.random.default_rng(0)
    errors, owners = rng.standard_normal(TESTED), [f"s{i}" for i in range(TESTED)]
    assert len(calibration.judge(errors, 1 + rng.random(TESTED), owners)) == 2
    with pytest.raises(InputError, match="at least 19"):
        calibration.judge(errors[:-1], 1 + rng.random(TESTED - 1), owners[:-1])
