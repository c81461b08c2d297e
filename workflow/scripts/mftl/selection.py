"""The best model of a figure, and a plain answer to whether its other curves did better than the first."""

import json
from pathlib import Path

import numpy as np
import pandas as pd


def best_model(cards: list[str | Path]) -> tuple[int, dict]:
    """Position and card of the model with the lowest validation score. The test set has no say in the choice."""
    read = [json.loads(Path(path).read_text(encoding="utf-8")) for path in cards]
    best = min(range(len(read)), key=lambda i: read[i]["validation"]["validation_score"])
    return best, read[best]


def chosen_card(cards: list[str | Path], epochs: list[int], recipe: str) -> tuple[int, dict]:
    """Position and card of the best of the models that were fine-tuned from snapshots after these epochs.

    Besides all that the best model's own card says, with ``recipe`` the one that chooses: ``chosen``, the recipe it was
    trained by, ``chosen_epochs``, and ``scores``, the validation score for each number of epochs.
    """
    position, card = best_model(cards)
    scores = [json.loads(Path(path).read_text(encoding="utf-8"))["validation"]["validation_score"] for path in cards]
    return position, card | {
        "recipe": recipe,
        "chosen": card["recipe"],
        "chosen_epochs": epochs[position],
        "scores": dict(zip(map(str, epochs), scores, strict=True)),
    }


def compare(errors: pd.DataFrame, baseline: str, error: str = "rmse") -> pd.DataFrame:
    """Each curve against the baseline at every value both have: mean errors, their ratio, and a verdict.

    ``errors``: the tidy table. A curve "helped" or "hurt" where the means differ by more than twice the standard error
    of their difference over seeds (Welch); otherwise there is "no clear difference". With one seed there is no
    standard error, and the verdict says so.
    """
    groups = errors.groupby(["curve", "value", "quantity", "unit"], sort=False)[error].agg(["mean", "var", "count"])
    rows = []
    for (curve, value, quantity, unit), own in groups.iterrows():
        if curve == baseline or (baseline, value, quantity, unit) not in groups.index:
            continue
        base = groups.loc[(baseline, value, quantity, unit)]
        rows.append(
            {"curve": curve, "value": value, "quantity": quantity, "unit": unit, "baseline": base["mean"],
             "error": own["mean"], "ratio": own["mean"] / base["mean"], "verdict": _verdict(own, base)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def _verdict(own: pd.Series, base: pd.Series) -> str:
    if min(own["count"], base["count"]) < 2:
        return "one seed: no error bar"
    deviation = np.sqrt(own["var"] / own["count"] + base["var"] / base["count"])
    difference = own["mean"] - base["mean"]
    if abs(difference) <= 2 * deviation:
        return "no clear difference"
    return "helped" if difference < 0 else "hurt"


def report(card: dict, table: pd.DataFrame, labels: dict[str, str], baseline: str) -> str:
    """The answer as Markdown: the recipe of the best model, and a table of what each curve gained."""
    energy, force = card["validation"]["energy_rmse_mev_per_atom"], card["validation"]["force_rmse_mev_per_A"]
    lines = [
        "# Did it help?",
        "",
        f"Best model by its validation error: `{card['recipe']}`, seed {card['seed']} "
        f"({energy:.1f} meV/atom, {force:.0f} meV/Å in validation).",
        "",
        f"Errors on the test set against *{labels[baseline]}*; a ratio below 1 is better.",
        "",
        "| curve | structures or epochs | quantity | " + labels[baseline] + " | curve's error | ratio | |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in table.itertuples():
        lines.append(
            f"| {labels[row.curve]} | {row.value} | {row.quantity} | {row.baseline:.1f} {row.unit} | {row.error:.1f} "
            f"| {row.ratio:.2f} | {row.verdict} |"
        )
    return "\n".join(lines) + "\n"
