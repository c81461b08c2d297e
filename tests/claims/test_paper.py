"""What the paper says of orders and shapes, asked of the finished tables: `make figures`, then `make test-claims`.

A claim that does not hold here fails with the numbers; one whose figure is not in the configuration is skipped.
"""

from pathlib import Path

import pandas as pd
import pytest

from mftl.claims import UNKNOWN, read_claims

ROOT = Path(__file__).parents[2]
CLAIMS = [one for one in read_claims(ROOT / "resources" / "claims.yaml") if one.judged]


@pytest.fixture(scope="module")
def paper():
    path = ROOT / "results" / "paper.csv"
    assert path.exists(), "results/paper.csv is not there: run `make figures` first"
    tables = [path, *path.parent.glob("*/paper.csv")]
    return pd.concat([pd.read_csv(one, keep_default_na=False) for one in tables]).set_index("id")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_claim(paper, claim):
    if claim.id not in paper.index:
        pytest.skip(f"results/{claim.figure.partition('/')[0]}/paper.csv was not made")
    row = paper.loc[claim.id]
    if row["verdict"] == UNKNOWN:
        pytest.skip(f"{claim.claim}: {row['numbers']}")
    assert row["verdict"] == "holds", f"{claim.figure}, scale {row['scale']}: {claim.claim}\n{row['numbers']}"
