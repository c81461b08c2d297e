"""The loop as a user goes it: cheap labels, a pilot, the next structures, their labels, training on both."""

import json

import pandas as pd
from calls import MIXED, ROOT, TINY, copy_project, planned, succeed

from mftl.extxyz import read_ids
from mftl.structures import Structures, write_structures

ENGINE = {"engine": "tblite", "method": "GFN2-xTB"}
MODEL = "results/models/tiny/mixed.low.n40.e1/mixed.high.n20.chosen/seed-1/model.json"
CONFIGURATION = TINY | {
    "labels": {"workers": 1},
    "systems": {
        "mixed": MIXED
        | {
            "levels": {
                "low": {"engine": "tblite", "method": "GFN1-xTB"},
                "pilot": ENGINE | {"first": 24},
                "high": {
                    "outputs": ["results/labels/mixed/pilot.extxyz", "results/labels/asked/high.extxyz"],
                    "energy_key": "REF_energy",
                    "forces_key": "REF_forces",
                },
            },
            "split": {"level": "pilot", "test": 6, "validation": 4},
        },
        "asked": {
            "elements": ["H", "C", "N", "O", "S", "Cl"],
            "pool": {"file": "results/selections/next/seed-1/asked.extxyz"},
            "levels": {"high": ENGINE},
        },
    },
    "selections": {
        "next": {"system": "mixed", "level": "pilot", "model": "mixed.low.n40.e1", "structures": 6, "pilot": 5}
    },
    "modes": {"default": {}, "chosen": {"order": "next"}},
    "curves": {"chosen": {"label": "a", "recipe": "mixed.low.n40.e1/mixed.high.n*.chosen", "values": [20]}},
    "figures": {"own": {"kind": "learning-curves", "curves": ["chosen"]}},
}


def test_the_loop_from_a_pilot_to_a_model(tmp_path):
    folder = copy_project(tmp_path / "project", CONFIGURATION)
    every = Structures(ROOT / "resources/molecules/molecules.extxyz.xz")
    some = [every.at(i) for i in range(0, len(every), 60)]
    write_structures(folder / "mixed.extxyz", sorted(some, key=lambda atoms: atoms.info["id"][::-1]))
    table = "results/selections/next/seed-1/orca.csv"
    succeed(folder, "-c1", table, MODEL)
    order = pd.read_csv(folder / "results/selections/next/seed-1/order.csv", dtype=str, keep_default_na=False)
    sets = json.loads((folder / "results/splits/mixed.json").read_text())
    labelled = [one for one in sets["training"] if one in set(read_ids(folder / "mixed.extxyz")[:24])]
    assert order["id"].tolist()[:14] == labelled and (order["state"][:14] == "labelled").all()
    new = order["id"].tolist()[14:]
    assert len(new) == 6 and not set(new) & set(labelled + sets["test"] + sets["validation"])
    assert read_ids(folder / "results/selections/next/seed-1/asked.extxyz") == new
    inputs = pd.read_csv(folder / table)
    assert inputs["id"].tolist() == new and all((folder / one / "orca.inp").is_file() for one in inputs["folder"])
    assert read_ids(folder / "results/labels/mixed/high.extxyz") == [
        one for one in read_ids(folder / "mixed.extxyz") if one in {*labelled, *new, *sets["test"], *sets["validation"]}
    ]
    assert json.loads((folder / MODEL).read_text())["training_ids"] == labelled + new
    assert planned(folder, table, MODEL) == {}
    # what was computed beside the inputs stays when they are written anew
    output = folder / inputs["folder"][0] / "orca.out"
    output.write_text("an hour's work")
    changed = json.loads(json.dumps(CONFIGURATION))
    changed["selections"]["next"]["inputs"] = {"orca": {"charge": 1}}
    (folder / "config.yaml").write_text(json.dumps(changed))
    assert planned(folder, table, MODEL) == {"write_inputs": 1}
    succeed(folder, "-c1", table)
    assert output.read_text() == "an hour's work"
    assert "*xyz 1 1" in (output.parent / "orca.inp").read_text()
