"""Pins agree wherever they are written."""

from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


def test_conda_environment_agrees_with_requirements():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pinned = {line for line in lines if line and not line.startswith("#")}
    environment = yaml.safe_load((ROOT / "envs" / "mftl.yaml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    assert set(pip) == pinned
    assert all("==" in line for line in pinned)


def test_every_rule_names_an_environment_that_exists():
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        text = path.read_text()
        rules = text.count("\nrule ")
        assert text.count("../../envs/") == rules, path.name
        for line in text.splitlines():
            if "../../envs/" in line:
                assert (path.parent / line.strip().strip('"')).resolve().is_file()
