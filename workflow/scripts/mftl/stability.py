"""How many simulations are stable, by two criteria, and how long they last, from a table of what became of each."""

import numpy as np
import pandas as pd

KEYS = ["panel", "protocol", "curve", "value"]
CRITERIA = {"overlap": "overlap_ps", "bonds": "bond_ps"}


def wilson(successes: float, trials: int, z: float = 1.0) -> tuple[float, float]:
    """Wilson's interval of a fraction; ``z`` standard errors wide to each side (1: 68 %, 1.96: 95 %).

    E. B. Wilson, J. Am. Stat. Assoc. 22, 209 (1927). Simulations with one model are not independent of each other, so
    where there are few models it is too narrow.
    """
    fraction, share = successes / trials, z**2 / trials
    middle = (fraction + share / 2) / (1 + share)
    half = z / (1 + share) * np.sqrt(fraction * (1 - fraction) / trials + share / (4 * trials))
    return middle - half, middle + half


def summarise(simulations: pd.DataFrame, labels: dict[str, str]) -> pd.DataFrame:
    """A row for each panel, curve and training size; ``simulations`` has one for each simulation.

    ``<criterion>_stable`` of ``simulations`` never violated it up to the end, a fraction with the Wilson interval from
    ``_low`` to ``_high``; empty where no bond has to hold. ``median_ps``: half of the simulations violated neither
    criterion for longer; empty where more than half never did.
    """
    rows = []
    for (panel, protocol, curve, value), group in simulations.groupby(KEYS, sort=False):
        row = {"panel": panel, "protocol": protocol, "curve": curve, "label": labels[curve], "value": value}
        row |= {"models": group["seed"].nunique(), "simulations": len(group), "length_ps": group["length_ps"].iloc[0]}
        for name, column in CRITERIA.items():
            if name == "bonds" and group["bond_deviation_A"].isna().all():
                row |= {f"{name}_{what}": np.nan for what in ("stable", "fraction", "low", "high")}
                continue
            stable = int(group[column].isna().sum())
            low, high = wilson(stable, len(group))
            row |= {f"{name}_stable": stable, f"{name}_fraction": stable / len(group)}
            row |= {f"{name}_low": low, f"{name}_high": high}
        median = np.median(group["failed_ps"].fillna(np.inf))
        row["median_ps"] = median if np.isfinite(median) else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def collect(runs: list[dict], tables: list[pd.DataFrame]) -> pd.DataFrame:
    """All tables of ``Simulation.table`` as one, with what is known of each run in front."""
    known = [pd.DataFrame([run] * len(table), index=table.index) for run, table in zip(runs, tables, strict=True)]
    parts = [pd.concat([front, table], axis=1) for front, table in zip(known, tables, strict=True)]
    return pd.concat(parts, ignore_index=True)
