"""The best model is chosen by validation; the verdict is one of paired draws."""

import json

import numpy as np
import pandas as pd
import pytest

from mftl import points
from mftl.selection import best_model, chosen_card, compare, report

IDS = [f"one-{i}" for i in range(40)]


def table(values: dict[str, list[float]], worst: float = 0.0) -> pd.DataFrame:
    """Points of curves from the error of each seed, the same in all structures but one that has ``worst`` besides."""
    rows = []
    for curve, seeds in values.items():
        absolutes = np.repeat(np.array(seeds)[:, None], len(IDS), axis=1)
        absolutes[:, 7] += worst
        keys = {"curve": curve, "value": 50, "quantity": "forces", "unit": "meV/Å"}
        rows += [keys | row for row in points.point(absolutes**2, absolutes, np.ones(len(IDS)), IDS, curve)]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("seeds", "verdict"),
    [
        ([50.0, 52.0, 51.0], "holds"),
        ([150.0, 152.0, 151.0], "does not hold"),
        ([98.0, 105.0, 94.0], "cannot be told apart"),
        ([50.0], "holds"),
    ],
)
def test_verdict(seeds, verdict):
    compared = compare(table({"single": [99.0, 101.0, 100.0], "mftl": seeds}), "single")
    assert list(compared["better"]) == [verdict]
    row = compared.iloc[0]
    assert row["ratio"] == pytest.approx(sum(seeds) / len(seeds) / 100.0, rel=1e-2)
    assert row["ratio_low"] <= row["ratio"] <= row["ratio_high"]


def test_the_report_names_structures_that_decide():
    card = {
        "recipe": "own.high.n50",
        "seed": 1,
        "validation": {"energy_rmse_mev_per_atom": 3.0, "force_rmse_mev_per_A": 40.0},
    }
    labels = {"single": "Single", "mftl": "MFTL"}
    clean, bad = (
        table({"single": [99.0, 101.0], "mftl": [50.0, 51.0]}),
        table({"single": [99.0], "mftl": [50.0]}, 900.0),
    )
    text = report(card, compare(clean, "single"), clean, labels, "single")
    assert "No structure carries more than a fifth" in text and "2 seeds and the test structures" in text
    text = report(card, compare(bad, "single"), bad, labels, "single")
    assert "| MFTL | 50 | forces |" in text and "| one-7 | 0.9" in text and "one seed: none over seeds" in text


def test_lowest_validation_score_wins(tmp_path):
    cards = []
    for i, score in enumerate([0.5, 0.2, 0.9]):
        path = tmp_path / f"{i}.json"
        validation = {"validation_score": score, "energy_rmse_mev_per_atom": 3.0, "force_rmse_mev_per_A": 40.0}
        path.write_text(json.dumps({"recipe": f"own.high.n{i + 1}", "seed": 1, "validation": validation}))
        cards.append(path)
    position, card = best_model(cards)
    assert (position, card["recipe"]) == (1, "own.high.n2")
    found = table({"single": [99.0, 101.0], "mftl": [50.0, 51.0]})
    text = report(card, compare(found, "single"), found, {"single": "Single-fidelity", "mftl": "MFTL"}, "single")
    assert "`own.high.n2`" in text and "| holds |" in text


def test_epoch_is_chosen_by_validation_alone(tmp_path):
    """The card of the second best epoch has the lowest error on the test set, which nobody asks."""
    scores, paths = [0.9, 0.3, 0.4], []
    for epochs, score, test in zip([1, 4, 16], scores, [0.5, 0.6, 0.1], strict=True):
        paths.append(tmp_path / f"{epochs}.json")
        card = {
            "recipe": f"a.b.n9.e{epochs}/a.c.n5",
            "seed": 2,
            "validation": {"validation_score": score},
            "test": test,
        }
        paths[-1].write_text(json.dumps(card))
    position, card = chosen_card(paths, [1, 4, 16], "a.b.n9.ebest/a.c.n5")
    assert position == 1
    assert card["recipe"] == "a.b.n9.ebest/a.c.n5" and card["chosen"] == "a.b.n9.e4/a.c.n5"
    assert card["chosen_epochs"] == 4 and card["scores"] == {"1": 0.9, "4": 0.3, "16": 0.4}
    assert card["seed"] == 2 and card["validation"]["validation_score"] == 0.3
