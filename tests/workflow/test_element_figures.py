"""Transfer from silicon to germanium, from the simulations to the figures, at a size that takes half a minute."""

import numpy as np
import pandas as pd
import pytest
from ase.io import read
from calls import copy_project, planned, succeed

from mftl import models
from mftl.config.studies import complete
from mftl.datasets import read_sets
from mftl.extxyz import read_ids, read_info

FIGURES = ("fig3", "fig4", "fig6", "figS1", "table1")
TARGETS = [*(f"results/elements/{name}.pdf" for name in FIGURES), "results/elements/fig4.bib"]


def configuration() -> dict:
    """The built-in study with cells of eight atoms, three temperatures, and models that hardly learn."""
    values = complete({})
    systems = {name: values["systems"][name] for name in ("silicon", "germanium")}
    for system in systems.values():
        system["pool"] |= {"temperatures": [300, 2000, 3600], "equilibration": 0.5, "samples": 8, "interval": 0.1}
        system["pool"] |= {"repeat": 1}
        system["split"] |= {"test": 9, "validation": 3}
    curves = {name: values["curves"][name] for name in ("elements-scratch", "elements-transfer")}
    curves["elements-scratch"] |= {"recipe": "germanium.sw-2000k.n*.forces-few", "test": "germanium.stillinger-weber"}
    curves["elements-transfer"]["recipe"] = "silicon.stillinger-weber.n8.forces/germanium.sw-2000k.n*.from-silicon"
    curves["elements-transfer"]["test"] = "germanium.stillinger-weber"
    for curve, seeds in zip(curves.values(), (2, 1), strict=True):
        curve |= {"values": [1], "seeds": seeds, "test_structures": 6}
    figures = {f"elements/{name}": values["figures"][f"elements/{name}"] for name in FIGURES if name != "fig6"}
    figures["elements/fig3"] |= {"curves": list(curves), "mesh": 4}
    figures["elements/table1"] |= {"curves": list(curves), "values": [1], "published": {"elements-scratch": [35]}}
    reference = {"curve": "elements-scratch", "value": 1, "label": "reference"}
    figures["elements/fig6"] = {
        "kind": "structure",
        "protocol": "hot",
        "curves": list(curves),
        "references": [reference],
    }
    figures["elements/table1"]["protocol"] = "hot"
    short = {"length": 0.02, "replicas": 2, "frame_every": 0.01, "closest": 0.1}
    figures["elements/figS1"]["only"] = {"temperature": ["300"]}
    figures["elements/fig4"] |= {"curves": list(curves), "groups": ["300", "3600"]}
    modes = {name: values["modes"][name] for name in ("default", "forces", "forces-few", "from-silicon")}
    for name in ("forces-few", "from-silicon"):
        modes[name] = modes[name] | {"training": modes[name]["training"] | {"min_steps": 2}}
    small = {"channels": 4, "radial_mlp": [8], "readout_channels": 4, "num_interactions": 1}
    return {
        "scale": "test",
        "systems": systems,
        "architectures": {"tiny-diamond": small},
        "training": {"epochs": 2},
        "modes": modes,
        "curves": curves,
        "dynamics": {"hot": values["dynamics"]["germanium-hot"] | short},
        "figures": figures,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = copy_project(tmp_path_factory.mktemp("elements"), configuration())
    succeed(folder, *TARGETS)
    return folder


def test_figures_lie_in_their_folder(finished):
    for name in FIGURES:
        assert (finished / f"results/elements/{name}.pdf").read_bytes().startswith(b"%PDF")
        assert (finished / f"results/elements/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(finished / f"results/elements/{name}.csv")) > 1
    assert planned(finished, *TARGETS) == {}
    text = (finished / "results/elements/fig4.bib").read_text()
    for key in ("rocken2025", "stillinger1985", "ding1986", "thompson2022", "batatia2022"):
        assert f"{{{key}," in text


def test_mean_absolute_errors_of_some_test_structures_are_drawn(finished):
    drawn = pd.read_csv(finished / "results/elements/figS1.csv").set_index(["curve", "value", "quantity"])
    table = pd.read_csv(finished / "results/errors/elements/figS1.csv")
    means = table.groupby(["curve", "value", "quantity"])["mae"].agg(lambda errors: np.exp(np.log(errors).mean()))
    assert set(drawn["error"]) == {"MAE"}
    assert drawn["estimate"].to_dict() == pytest.approx(means.to_dict())
    assert set(table["structures"]) == {2}  # of the first six test structures, two have 300 K


def test_boxes_hold_the_structures_of_their_temperature(finished):
    table = pd.read_csv(finished / "results/errors/elements/fig4.csv")
    assert set(table["value"]) == {300, 3600} and set(table["seed"]) == {1, 2}
    assert all(f"ge-{row.value}K-" in row.id for row in table.itertuples())
    drawn = pd.read_csv(finished / "results/elements/fig4.csv")
    assert drawn["count"].tolist() == [4, 2, 4, 2]  # two structures of each temperature, two seeds or one


def test_simulations_with_all_models_are_counted_and_measured(finished):
    table = pd.read_csv(finished / "results/elements/table1.csv").set_index("curve")
    assert table["simulations"].to_dict() == {"elements-scratch": 4, "elements-transfer": 2}  # two seeds, one
    assert table["models"].to_dict() == {"elements-scratch": 2, "elements-transfer": 1}
    assert table.loc["elements-scratch", "published"] == 35
    became = pd.read_csv(finished / "results/simulations/elements/table1.csv")
    assert became["start"].str.startswith("ge-3600K-").all() and became["start"].nunique() == 1
    stable = became.groupby("curve")["overlap_ps"].apply(lambda times: times.isna().sum())
    assert table["overlap_stable"].to_dict() == stable.to_dict()
    structure = pd.read_csv(finished / "results/elements/fig6.csv")
    counts = structure.groupby(["curve", "function"])["simulations"].first()
    assert counts["elements-scratch"].to_dict() == {
        "rdf": stable["elements-scratch"],
        "adf": stable["elements-scratch"],
    }
    frames = read(next((finished / "results/dynamics/hot").rglob("seed-1/trajectory.extxyz")), ":")
    assert {(a.info["replica"], a.info["time_ps"]) for a in frames} >= {(0, 0.0), (1, 0.0)} and len(frames[0]) == 8
    assert not list((finished / "results/dynamics").rglob("state.pkl"))


def test_phonons_of_the_reference_potential_stand_beside_those_of_the_models(finished):
    states = pd.read_csv(finished / "results/elements/fig3.csv")
    assert set(states["curve"]) == {"elements-scratch", "elements-transfer", "(level)"}
    level = states[states["curve"] == "(level)"].set_index("frequency_THz")["states_per_THz"]
    assert level.sum() * (level.index[1] - level.index[0]) == pytest.approx(6.0, rel=1e-3)  # of two atoms
    assert 10 < level[level > 0.05].index.max() < 11.5


def test_splits_are_even_and_seeds_have_other_structures(finished):
    pool = finished / "results/pools/germanium.extxyz"
    temperature = dict(zip(read_ids(pool), read_info(pool, "temperature"), strict=True))
    sets = read_sets(finished / "results/splits/germanium.json")
    assert sorted(temperature[one] for one in sets["test"]) == ["2000"] * 3 + ["300"] * 3 + ["3600"] * 3
    assert sorted(temperature[one] for one in sets["validation"]) == ["2000", "300", "3600"]
    models_of = finished / "results/models/tiny-diamond"
    cards = [
        pd.read_json(path, typ="series")
        for path in sorted((models_of / "germanium.sw-2000k.n1.forces-few").glob("seed-*/model.json"))
    ]
    ids = [tuple(card["training_ids"]) for card in cards]
    assert len(ids) == 2 and all(temperature[one] == "2000" for chosen in ids for one in chosen)
    assert all(set(chosen) <= set(sets["training"]) for chosen in ids)
    assert cards[0]["ways"] is None
    path = models_of / "silicon.stillinger-weber.n8.forces/germanium.sw-2000k.n1.from-silicon/seed-1/model.pt"
    assert models.symbols(models.model_elements(models.load_model(path))) == ["Ge"]
