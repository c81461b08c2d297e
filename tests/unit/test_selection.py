"""The best model is chosen by validation; the verdict needs a difference larger than its error bar."""

import json

import pandas as pd
import pytest

from mftl.selection import best_model, chosen_card, compare, report


def errors(values: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {"curve": curve, "value": 50, "quantity": "forces", "unit": "meV/Å", "seed": seed, "rmse": value}
        for curve, seeds in values.items()
        for seed, value in enumerate(seeds, 1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("seeds", "verdict"),
    [
        ([50.0, 52.0, 51.0], "helped"),
        ([150.0, 152.0, 151.0], "hurt"),
        ([98.0, 105.0, 94.0], "no clear difference"),
        ([50.0], "one seed: no error bar"),
    ],
)
def test_verdict(seeds, verdict):
    table = compare(errors({"single": [99.0, 101.0, 100.0], "mftl": seeds}), "single")
    assert list(table["verdict"]) == [verdict]
    assert table["ratio"].iloc[0] == pytest.approx(sum(seeds) / len(seeds) / 100.0)


def test_lowest_validation_score_wins(tmp_path):
    cards = []
    for i, score in enumerate([0.5, 0.2, 0.9]):
        path = tmp_path / f"{i}.json"
        validation = {"validation_score": score, "energy_rmse_mev_per_atom": 3.0, "force_rmse_mev_per_A": 40.0}
        path.write_text(json.dumps({"recipe": f"own.high.n{i + 1}", "seed": 1, "validation": validation}))
        cards.append(path)
    position, card = best_model(cards)
    assert (position, card["recipe"]) == (1, "own.high.n2")
    table = compare(errors({"single": [99.0, 101.0], "mftl": [50.0, 51.0]}), "single")
    text = report(card, table, {"single": "Single-fidelity", "mftl": "MFTL"}, "single")
    assert "`own.high.n2`" in text
    assert "helped" in text


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
