"""The best model of a figure, and a plain answer to whether its other curves did better than the first."""

import json
from pathlib import Path

import pandas as pd

from mftl import points


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


def compare(table: pd.DataFrame, baseline: str, error: str = "rmse") -> pd.DataFrame:
    """Each curve against the baseline at every value both have: errors, their ratio, and whether it is better.

    ``table``: points of ``errors.point_table``. The ratio's interval and ``better`` (a verdict of ``mftl.points``) are
    of paired draws.
    """
    chosen = table[table["read"] == error]
    values = dict(
        zip(zip(chosen["curve"], chosen["value"], chosen["quantity"], strict=True), points.draws(chosen), strict=True)
    )
    units = dict(zip(chosen["quantity"], chosen["unit"], strict=True))
    rows = []
    for (curve, value, quantity), own in values.items():
        if curve == baseline or (base := values.get((baseline, value, quantity))) is None:
            continue
        ratio = points.row("ratio", own / base)
        rows.append(
            {"curve": curve, "value": value, "quantity": quantity, "unit": units[quantity], "baseline": base[0],
             "error": own[0], "ratio": ratio["estimate"], "ratio_low": ratio["low"], "ratio_high": ratio["high"],
             "better": points.verdict(own < base)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def report(card: dict, compared: pd.DataFrame, table: pd.DataFrame, labels: dict[str, str], baseline: str) -> str:
    """The answer as Markdown: the recipe of the best model, what each curve gained, and structures that dominate.

    ``compared`` of ``compare``, ``table`` the points.
    """
    energy, force = card["validation"]["energy_rmse_mev_per_atom"], card["validation"]["force_rmse_mev_per_A"]
    both = f"{energy:.1f} meV/atom" + ("" if force is None else f", {force:.0f} meV/Å")
    lines = [
        "# Did it help?",
        "",
        f"Best model by its validation error: `{card['recipe']}`, seed {card['seed']} ({both} in validation).",
        "",
        f"RMSE on the test set against *{labels[baseline]}*; a ratio below 1 is better. Ratios with 95 % intervals "
        f"over {_spread(table)}; *better* is judged at 95 % from the same draws of both curves.",
        "",
        "| curve | structures or epochs | quantity | " + labels[baseline] + " | curve's error | ratio | better? |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in compared.itertuples():
        lines.append(
            f"| {labels[row.curve]} | {row.value} | {row.quantity} | {row.baseline:.1f} {row.unit} | {row.error:.1f} "
            f"| {row.ratio:.2f} ({row.ratio_low:.2f} to {row.ratio_high:.2f}) | {row.better} |"
        )
    lines += ["", "## Test structures that decide", ""]
    decided = points.decided_by_one(table)
    if decided.empty:
        lines.append("No structure carries more than a fifth of the squared error of any point.")
    else:
        lines += [
            "Of these points one structure carries more than a fifth of the squared error: look at it (a broken "
            "geometry, a wrong label?) before you trust the RMSE.",
            "",
            "| curve | structures or epochs | quantity | RMSE, MAE | worst | its share | share of the worst five |",
            "|---|---|---|---|---|---|---|",
        ]
        mae = table[table["read"] == "mae"].set_index(["curve", "value", "quantity"])["estimate"]
        for row in decided.itertuples():
            lines.append(
                f"| {labels[row.curve]} | {row.value} | {row.quantity} | {row.estimate:.1f}, "
                f"{mae[row.curve, row.value, row.quantity]:.1f} {row.unit} | {row.worst.split()[0]} "
                f"| {row.worst_share:.2f} | {row.worst_five_share:.2f} |"
            )
    return "\n".join(lines) + "\n"


def _spread(table: pd.DataFrame) -> str:
    seeds = int(table["seeds"].max())
    return f"{seeds} seeds and the test structures" if seeds > 1 else "the test structures (one seed: none over seeds)"
