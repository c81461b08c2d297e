"""From what became of simulations to the numbers and figures drawn."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk

from mftl import stability
from mftl.config.plot import ROLES, Plot
from mftl.observables import averages
from mftl.plotting import phonons as phonon_plot
from mftl.plotting import stability as stability_plot
from mftl.plotting import stability_table
from mftl.plotting import structure as structure_plot

STYLE = Plot(font_size=8.0).model_dump()
LOOKS = {role: dict(zip(("color", "marker", "linestyle"), look, strict=True)) for role, look in ROLES.items()}
LABELS = {"single-fidelity": "From scratch", "mftl": "MFTL"}
PANELS = [{"label": "Molecules", "text": "5 simulations"}, {"label": "Tungsten", "text": "2 simulations"}]


def test_wilson_s_interval():
    """The 95 % interval of 0 of 10 reaches from 0 to 0.2775 (Newcombe 1998)."""
    low, high = stability.wilson(0, 10, z=1.959964)
    assert low == pytest.approx(0.0, abs=1e-12) and high == pytest.approx(0.2775, abs=1e-4)
    low, high = stability.wilson(81, 263, z=1.959964)
    assert (low, high) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def rows(panel, curve, value, overlap, bond, seeds=1):
    """A table as `collect` makes it: times of violation in ps or None."""
    one = pd.DataFrame({"overlap_ps": overlap, "bond_ps": bond}, dtype=float)
    one["failed_ps"] = one.min(axis=1)
    one["bond_deviation_A"] = np.nan if panel else 0.1
    one["length_ps"] = 2.0
    known = [
        {"panel": panel, "protocol": "p", "curve": curve, "value": value, "seed": seed} for seed in range(1, seeds + 1)
    ]
    return stability.collect(known, [one] * seeds)


@pytest.fixture
def table():
    return pd.concat(
        [
            rows(0, "single-fidelity", 25, [None, 0.5, None, 1.0, 0.1], [None, 0.4, 0.2, 1.0, 0.1]),
            rows(0, "mftl", 25, [None] * 5, [None, None, None, None, 1.0]),
            rows(1, "single-fidelity", 10, [0.0, 0.0], [0.0, 0.0], seeds=2),
        ],
        ignore_index=True,
    )


def test_both_criteria_are_counted(table):
    summary = stability.summarise(table, LABELS).set_index(["panel", "curve"])
    scratch = summary.loc[(0, "single-fidelity")]
    assert scratch["overlap_stable"] == 2 and scratch["bonds_stable"] == 1 and scratch["simulations"] == 5
    assert scratch["median_ps"] == 0.4
    assert scratch["overlap_low"] < 0.4 < scratch["overlap_high"]
    assert np.isnan(summary.loc[(0, "mftl"), "median_ps"])


def test_models_of_which_no_simulation_is_stable_have_their_row(table):
    summary = stability.summarise(table, LABELS).set_index(["panel", "curve"])
    failed = summary.loc[(1, "single-fidelity")]
    assert failed["overlap_stable"] == 0 and failed["simulations"] == 4 and failed["models"] == 2
    assert failed["median_ps"] == 0
    assert np.isnan(failed["bonds_stable"])  # no bond had to hold


def test_table_beside_a_paper_s(table):
    summary = stability.summarise(table[table["panel"] == 0], LABELS)
    published = {"counts": {"mftl": [87]}, "values": {"mftl": [25]}, "of": 100}
    found = stability_table.beside(summary, published)
    assert found["published"].tolist()[1] == 87 and np.isnan(found["published"].tolist()[0])
    texts = [t.get_text() for t in stability_table.plot(found, PANELS[:1], 100, STYLE).axes[0].texts]
    for expected in ("2 / 5", "1 / 5", "5 / 5", "4 / 5", "87 / 100", "MFTL, published", "From scratch, no bond broken"):
        assert expected in texts


def test_figures_have_labels_and_legible_letters(table):
    frames = [bulk("Ge", "diamond", 5.6, cubic=True)]
    frames[0].info |= {"replica": 0, "time_ps": 1.0}
    settings = {"skip": 0.0, "r_max": 6.0, "r_bins": 30, "shell": 3.0, "angle_bins": 18}
    found = averages.table([({"curve": "mftl", "value": 10}, averages.of_simulations(frames, {0}, settings))], settings)
    found.insert(1, "label", "MFTL")
    states = pd.DataFrame(
        [
            {"curve": curve, "label": label, "seed": seed, "frequency_THz": f, "states_per_THz": f * seed}
            for curve, label in (("mftl", "MFTL"), ("(level)", "Stillinger-Weber"))
            for seed in (1, 2)
            for f in (0.0, 1.0, 2.0)
        ]
    )
    figures = {
        "stability": stability_plot.plot(stability.summarise(table, LABELS), PANELS, LOOKS, STYLE),
        "structure": structure_plot.plot(found, [10, 20], [], LOOKS, STYLE, "Ge"),
        "phonons": phonon_plot.plot(states, ["mftl"], LOOKS, STYLE, "Ge"),
    }
    units = {"stability": "(ps)", "structure": "(Å)", "phonons": "(THz)"}
    for name, figure in figures.items():
        assert any(units[name] in a.get_xlabel() + a.get_ylabel() for a in figure.axes), name
        assert all(axis.has_data() for axis in figure.axes), name
        assert figure.get_size_inches()[0] == STYLE["width"]
        assert all(t.get_fontsize() >= 7 for a in figure.axes for t in [a.xaxis.label, a.yaxis.label, *a.texts])
        assert figure.legends


# --- distribution functions of simulations


def test_stable_simulations_alone_count_and_their_start_does_not():
    settings = {"skip": 0.5, "r_max": 4.0, "r_bins": 40, "shell": 2.7, "angle_bins": 18}
    frames = []
    for replica, constants in enumerate(([5.0, 5.6], [5.0, 5.8], [5.0, 5.2])):
        for time, constant in zip((0.0, 1.0), constants, strict=True):
            frames.append(bulk("Ge", "diamond", constant, cubic=True))
            frames[-1].info |= {"replica": replica, "time_ps": time}
    found = averages.of_simulations(frames, {0, 1}, settings)
    assert len(found["rdf"]) == len(found["adf"]) == 2
    table = averages.table([({"curve": "c", "value": 10}, found)], settings)
    radial = table[table["function"] == "rdf"]
    shells = [c * 3**0.5 / 4 for c in (5.6, 5.8)]
    assert radial.loc[radial["mean"] > 0, "x"].iloc[:2].tolist() == pytest.approx(shells, abs=0.05)
    assert (radial.loc[radial["mean"] > 0, "std"] > 0).all()  # each shell is of one of the two
    angles = table[(table["function"] == "adf") & (table["mean"] > 0)]
    assert angles["x"].tolist() == pytest.approx([109.47], abs=5.0) and angles["std"].max() < 1e-12
    assert (table["simulations"] == 2).all()


def test_no_stable_simulation_gives_no_row():
    settings = {"skip": 0.0, "r_max": 4.0, "r_bins": 10, "shell": 3.0, "angle_bins": 10}
    found = averages.of_simulations([Atoms("Ge", info={"replica": 0, "time_ps": 0.0})], set(), settings)
    table = averages.table([({"curve": "c", "value": 10}, found)], settings)
    assert table.empty and list(table.columns)[:2] == ["curve", "value"]
