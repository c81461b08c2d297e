"""Exactly what depends on a change runs again: each value of the configuration and each file of code, one at a time.

``reruns.yaml`` is the table of what runs after which change. After a change that is meant, write it anew with

    make reruns

and read what differs: every line of it says what users will have to wait for.
"""

import copy
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from calls import ROOT, copy_project

from mftl.config.base import Section
from mftl.config.whole import parse

HERE = Path(__file__).parent
TABLE, BASE = HERE / "reruns.yaml", HERE / "reruns_config.yaml"
STATEMENT = "\nADDED = 1\n"
LABELLING = {"build_pool", "load_dataset", "label_chunk", "collect_labels", "split", "download"}
# are changed to what has labels that nothing asked for before
OTHER_LABELS = {"modes.multihead.replay.level", "figures.spectrum.harmonic.system", "figures.spectrum.harmonic.level"}
DRAWING = {"plot", "figures", "cite", "draw_advice", "advice", "draw_robustness", "robustness"}


def leaves(values: Any, path: tuple[str, ...] = ()) -> dict[str, Any]:
    """All values of a configuration by their path; a list is one value, and so is an empty section."""
    if not isinstance(values, dict) or not values:
        return {".".join(path): values}
    found = {}
    for key, value in values.items():
        found |= leaves(value, (*path, key))
    return found


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value * 1.5
    if isinstance(value, str):
        return "#123456" if value.startswith("#") else f"{value} x"
    if isinstance(value, list) and isinstance(value[-1], (int, float)):
        return [*value[:-1], changed(value[-1])]
    raise TypeError(f"{TABLE.name} has to say, under `values`, what to change {value!r} to")


def with_change(values: dict, path: str, value: Any) -> dict:
    """A configuration with one value changed."""
    values = copy.deepcopy(values)
    place, keys = values, path.split(".")
    while len(keys) > 1:
        place = place[keys.pop(0)]
    place[keys[0]] = value
    return values


def code() -> list[str]:
    """Scripts and library modules."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "workflow" / "scripts").rglob("*.py"))


def ask(folder: Path, requests: list[dict]) -> list[dict[str, int]]:
    """The planner's answers."""
    done = subprocess.run(
        [sys.executable, str(HERE / "planner.py"), str(BASE)],
        cwd=folder,
        input="".join(json.dumps(one) + "\n" for one in requests),
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def all_answers(folder: Path, values: dict[str, Any]) -> dict[str, dict]:
    """What runs after each change, and after none; ``values`` are those to change to where the type does not say.

    ``folder`` takes copies of the project.
    """
    base = yaml.safe_load(BASE.read_text())
    known = leaves(base)
    assert values.keys() <= known.keys()
    requests = {path: values[path] if path in values else changed(value) for path, value in known.items()}
    requests = {path: {"config": with_change(base, path, value)} for path, value in requests.items()}
    requests |= {path: {"append": path, "text": STATEMENT} for path in code()}
    (folder / "elsewhere").mkdir()
    requests |= {
        "nothing": {"config": base},
        "an old clock": {"times": 1e8},
        "a clock ahead": {"times": 3e9},
        "another folder": {"copy": str(folder / "elsewhere")},
        "a comment in mftl.training.run": {
            "append": "workflow/scripts/mftl/training/run.py",
            "text": "\n# a comment\n",
        },
    }
    names, half = list(requests), len(requests) // 2
    # one for each of two cores
    folders = [copy_project(folder / name) for name in ("first", "second")]
    parts = [[requests[name] for name in own] for own in (names[:half], names[half:])]
    with ThreadPoolExecutor(2) as threads:
        answered = [answer for part in threads.map(ask, folders, parts) for answer in part]
    answers = dict(zip(names, answered, strict=True))
    return {name: {"refused": 1} if "refused" in answer else answer for name, answer in answers.items()}


def read_table() -> tuple[dict[str, Any], dict[str, dict]]:
    """Values to change to, and what runs after each change."""
    table = yaml.safe_load(TABLE.read_text())
    return table["values"], {name: group["runs"] for group in table["changes"] or () for name in group["after"]}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    return all_answers(tmp_path_factory.mktemp("reruns"), read_table()[0])


def test_every_key_of_the_configuration_is_tried():
    def sections(one: type) -> set[type]:
        below = [sections(child) for child in one.__subclasses__()]
        # claims are no part of the configuration, and other tests define sections of their own
        file = getattr(sys.modules.get(one.__module__), "__file__", None)
        ships = file is not None and (ROOT / "workflow") in Path(file).parents
        own = ships and one.__module__ != "mftl.claims"
        return set().union(*below) if below else {one} if own else set()

    def given(value: Any) -> set[tuple[type, str]]:
        if isinstance(value, Section):
            own = {(type(value), name) for name in value.model_fields_set}
            return own.union(*(given(getattr(value, name)) for name in value.model_fields_set))
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return set().union(*map(given, inner)) if inner else set()

    values = yaml.safe_load(BASE.read_text())
    tried = given(parse(values))
    for section in sections(Section):
        missing = section.model_fields.keys() - {name for one, name in tried if one is section}
        assert not missing, f"{BASE.name} lacks {missing} of {section.__name__}"


def test_exactly_what_the_table_says_runs_again(answers):
    expected = read_table()[1]
    assert answers.keys() == expected.keys(), f"differ: {answers.keys() ^ expected.keys()}; see `make reruns`"
    different = {name: (answers[name], runs) for name, runs in expected.items() if answers[name] != runs}
    assert not different, f"(runs, in the table): {different}"


@pytest.mark.parametrize(
    "what", ["nothing", "an old clock", "a clock ahead", "another folder", "a comment in mftl.training.run"]
)
def test_nothing_runs_again_without_a_change(answers, what):
    assert answers[what] == {}


def test_what_the_table_may_not_say(answers):
    """Promises that writing the table anew must not break."""
    rules = {path: {rule for rule in runs if rule != "refused"} for path, runs in answers.items()}
    for path, run in rules.items():
        section = path.split(".")[0]
        if section == "plot":
            assert run <= DRAWING, path
        if section in ("prediction", "verification"):
            assert not run & (LABELLING | {"train"}), path
        training = ("training", "finetuning", "modes", "architectures", "curves", "figures", "snapshots", "seeds")
        if section in training and path not in OTHER_LABELS:
            assert not run & LABELLING, path
        if section == "dynamics":
            assert not run & (LABELLING | {"train", "predict"}), path
        if path.endswith((".label", ".title", ".note", ".category", ".role", ".level_label", ".model_label")):
            assert run <= DRAWING | {"select_best"}, path
    assert rules["labels.workers"] == set()
    assert {"label_chunk", "train", "predict"} <= rules["systems.tungsten.levels.dftb.temperature"]
    trainer = rules["workflow/scripts/mftl/training/run.py"]
    assert not trainer & LABELLING and "train" in trainer
    assert answers["curves.single-fidelity.values"]["train"] == answers["curves.single-fidelity.values"]["predict"] == 1


def write_table(folder: Path) -> None:
    """Write the table anew: changes after which the same runs stand together."""
    values = read_table()[0]
    groups: dict[str, list[str]] = {}
    for name, runs in all_answers(folder, values).items():
        groups.setdefault(json.dumps(runs, sort_keys=True), []).append(name)
    lines = TABLE.read_text().split("\nchanges:\n")[0] + "\nchanges:\n"
    for runs, names in sorted(groups.items(), key=lambda item: (len(item[0]), item[0])):
        lines += "  - after:\n" + "".join(f"      - {name}\n" for name in names)
        lines += f"    runs: {runs.replace(chr(34), '')}\n"
    TABLE.write_text(lines)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        write_table(Path(temporary))
