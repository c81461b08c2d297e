"""Claims: what an expression reads from a table, when a statement holds, and when it cannot be tested."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from mftl import claims as module
from mftl import points
from mftl.claims import Claim, compare, read_claims
from mftl.config.studies import complete, overlaid
from mftl.inputs import InputError

SHIPPED = Path(__file__).parents[2] / "resources" / "claims.yaml"


def curve(name: str, values: dict[int, list[float]]) -> list[dict]:
    """Points of a curve from the errors of its seeds, with no uncertainty of the test set."""
    rows = []
    for value, seeds in values.items():
        errors = np.repeat(np.array(seeds)[:, None], 1 + points.DRAWS, axis=1)
        row = points.row("rmse", points.mean_over_seeds(errors, f"{name} {value}"))
        rows.append({"curve": name, "value": value, "quantity": "energy", "unit": "meV/atom"} | row)
    return rows


TABLE = pd.DataFrame(
    curve("single", {25: [99.9, 100.1], 50: [60.0, 60.0], 100: [39.9, 40.1]})
    + curve("mftl", {25: [24.9, 25.1], 50: [30.0, 30.0], 100: [44.9, 45.1]})
    + curve("noisy", {25: [70.0, 130.0], 50: [50.0, 70.0], 100: [30.0, 50.0]})
    + curve("short", {25: [1.0, 1.0]})
)
SINGLE, MFTL = ({"curve": name, "quantity": "energy"} for name in ("single", "mftl"))


def row(**values) -> pd.Series:
    claim = Claim(id="one", figure="fig4", where="text", claim="something", **values)
    return compare([claim], {"fig4": TABLE}, "test").iloc[0]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (SINGLE | {"value": "smallest"}, 100.0),  # means of logarithms
        (SINGLE | {"value": "largest"}, 40.0),
        (SINGLE | {"value": 50}, 60.0),
        (MFTL | {"value": "lowest"}, 25.0),
        ({"ratio": [SINGLE | {"value": "smallest"}, MFTL | {"value": "smallest"}]}, 4.0),
        ({"highest": {"gain": [MFTL, SINGLE]}}, 75.0),
        ({"best": MFTL}, 25.0),
        ({"best": SINGLE}, 100.0),
    ],
)
def test_expressions(expression, expected):
    found = row(ours=expression, paper=2.0)
    assert found["ours"] == pytest.approx(expected, rel=1e-4)
    assert found["ratio"] == pytest.approx(expected / 2.0, rel=1e-4)
    assert found["scale"] == "test"


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ({"less": [MFTL | {"value": "smallest"}, SINGLE | {"value": "smallest"}]}, "holds"),
        ({"less": [MFTL, SINGLE]}, "does not hold"),  # not at 100
        ({"less": [MFTL | {"value": "smallest"}, 30]}, "holds"),
        ({"less": [MFTL | {"curve": "noisy", "value": 25}, SINGLE | {"value": 25}]}, "cannot be told apart"),
        ({"similar": [MFTL | {"curve": "noisy"}, SINGLE]}, "cannot be told apart"),
        ({"rises": MFTL | {"curve": "noisy"}}, "cannot be told apart"),
        ({"similar": [MFTL | {"value": "largest"}, SINGLE | {"value": "largest"}]}, "holds"),
        ({"similar": [MFTL, SINGLE]}, "does not hold"),
        ({"less": [{"ratio": [MFTL, SINGLE]}, 1]}, "does not hold"),
        ({"less": [0.1, {"ratio": [MFTL, SINGLE]}]}, "holds"),  # at every value that both have
        ({"less": [{"ratio": [MFTL | {"curve": "short"}, SINGLE]}, 1]}, "holds"),
        ({"rises": SINGLE}, "does not hold"),  # still falling
        ({"rises": MFTL}, "does not hold"),  # never fell
        ({"less": [MFTL | {"curve": "delta"}, SINGLE]}, "not testable"),
        ({"less": [MFTL | {"curve": "short"}, SINGLE]}, "not testable"),
        ({"ours": SINGLE | {"value": 75}}, "not testable"),
        ({"ours": SINGLE}, "not testable"),  # a curve is no number
        ({"ours": {"best": SINGLE | {"value": 50}}}, "not testable"),  # nor is a number a curve
    ],
)
def test_verdicts(values, verdict):
    assert row(**values)["verdict"] == verdict


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ({1: [90.0, 90.1], 4: [50.0, 50.1], 16: [60.0, 60.1]}, "holds"),
        ({1: [90.0, 90.1], 4: [50.0, 50.1], 16: [49.9, 50.0]}, "holds"),  # stagnates
        ({1: [90.0, 90.1], 4: [50.0, 50.1], 16: [40.0, 40.1]}, "does not hold"),
        ({1: [90.0, 92.0], 4: [50.0, 51.0]}, "not testable"),
    ],
)
def test_a_curve_falls_and_then_stagnates_or_rises(errors, verdict):
    claim = Claim(id="one", figure="f", where="", claim="", rises={"curve": "epochs", "quantity": "energy"})
    table = compare([claim], {"f": pd.DataFrame(curve("epochs", errors))}, "test")
    assert list(table["verdict"]) == [verdict]


def test_a_verdict_comes_with_its_numbers():
    assert row(less=[MFTL, 50])["numbers"].startswith("mftl energy: 25 (")
    assert "30 (30 to 30) at 50" in row(less=[MFTL, 50])["numbers"]


def test_a_figure_that_is_not_configured_is_not_testable():
    claims = read_claims(SHIPPED)
    table = compare(claims, {}, "test")
    assert len(table) == len(claims)
    assert set(table["verdict"]) == {"not testable"}
    assert table["ours"].isna().all()
    assert "fig4 is not in the configuration" in set(table["numbers"])


def test_every_number_of_the_papers_text_is_there():
    numbers = {claim.paper for claim in read_claims(SHIPPED)}
    assert numbers >= {
        107.94,
        101.67,
        6.1,
        92.5,
        11.8,
        195.0,
        7.17,
        127.87,
        251.15,
        5280,
        6,
        4,
        0.49,
        25.59,
        59.75,
        45.09,
    }


def test_claims_read_curves_that_ship():
    """A claim on a figure that config.yaml draws names its curves, so a renamed curve is noticed."""
    built_in = configured("config.yaml", studies=["studies/strategies.yaml"])  # listed or not
    paper = configured("config/paper.yaml", "config/paper-extended.yaml", "config/paper/strategies.yaml")
    beyond = paper["curves"].keys() - built_in["curves"].keys()  # of what is there alone
    for claim in read_claims(SHIPPED):
        figure = built_in["figures"].get(claim.figure)
        if figure is None:
            continue
        rows = figure.get("rows", [figure])
        drawn = {one for row in rows for one in row.get("curves", ["model", "level"])}
        drawn |= {one["curve"] for row in rows for one in row.get("references", [])}
        drawn |= {*figure.get("before", []), *figure.get("kept", []), figure.get("parent")}
        for expression in module._expressions(claim):
            for leaf in module._leaves(expression):
                assert leaf["curve"] in drawn | beyond, claim.id


def configured(*names: str, studies: list[str] | None = None) -> dict:
    """Files given with a call, with studies besides those that they list."""
    values: dict = {}
    for name in names:
        values = overlaid(values, yaml.safe_load((SHIPPED.parents[1] / name).read_text()))
    values["studies"] = list(dict.fromkeys([*values["studies"], *(studies or [])]))
    return complete(values, SHIPPED.parents[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- {id: a, figure: f, where: w, claim: c, papr: 1}", "claim a: papr"),
        ("- {id: a, figure: f, where: w, claim: c, ours: {curve: x}}", "needs curve and quantity"),
        ("- {id: a, figure: f, where: w, claim: c, ours: {ratoi: [1, 2]}}", "unknown ratoi"),
        ("- {id: a, figure: f, where: w, claim: c}\n- {id: a, figure: f, where: w, claim: c}", "same id a"),
    ],
)
def test_mistakes_in_claims_are_named(tmp_path, text, expected):
    path = tmp_path / "claims.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=expected):
        read_claims(path)


def test_groups_of_a_table():
    """Of a table with groups all of it is read, unless one is named; other tables have none."""
    hot = [one | {"group": "hot"} for one in curve("mftl", {25: [50.0, 50.0]})]
    whole = [one | {"group": "all"} for one in curve("mftl", {25: [20.0, 20.0]})]
    claims = [
        Claim(id=name, figure="table1", where="text", claim="something", ours=MFTL | {"value": 25} | own)
        for name, own in (("all", {}), ("hot", {"group": "hot"}), ("cold", {"group": "cold"}))
    ]
    found = compare(claims, {"table1": pd.DataFrame(hot + whole)}, "test").set_index("id")
    assert found.loc["all", "ours"] == pytest.approx(20) and found.loc["hot", "ours"] == pytest.approx(50)
    assert found.loc["cold", "numbers"] == "table1 has no group cold" and "hot energy" in found.loc["hot", "numbers"]
    assert "fig4 has no groups" in row(ours=MFTL | {"group": "hot"})["numbers"]
