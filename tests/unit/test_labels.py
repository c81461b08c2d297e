"""Labels: what is computed is kept, what fails is written down, and what cannot be used is named."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from mftl import labels as labelling
from mftl.config import FileLevel, Labels, Level, TbliteLevel
from mftl.engines import Failure, Label, tblite
from mftl.inputs import InputError
from mftl.labels import (
    check_failures,
    collect_chunks,
    collect_file,
    label_chunk,
    read_labelled,
    read_states,
    wanted,
    write_labelled,
    write_states,
)
from mftl.structures import read_structures

POOL = "resources/molecules/molecules.extxyz"
LABELS = "resources/molecules/molecules.pbe0-d3.extxyz"
GFN1 = TbliteLevel(engine="tblite", method="GFN1-xTB")


@pytest.fixture(scope="module")
def pool():
    return read_structures(POOL)[:80]  # two configurations of each molecule


@pytest.fixture
def labelled():
    return read_labelled(LABELS)[:6]


@pytest.fixture
def calls(monkeypatch):
    """Ids of the structures that the engine computes from now on."""
    seen, label = [], tblite.label
    monkeypatch.setattr(
        tblite, "label", lambda atoms, settings: seen.append(atoms.info["id"]) or label(atoms, settings)
    )
    return seen


def refused(call, *words) -> str:
    with pytest.raises(InputError) as caught:
        call()
    for word in words:
        assert str(word) in str(caught.value)
    return str(caught.value)


# --- files -------------------------------------------------------------------------------------------------------


def test_writing_and_reading_are_inverse(tmp_path, labelled):
    labelled[0].info["REF_energy"] = -1234567.123456789
    write_labelled(tmp_path / "labels.extxyz", labelled)
    back = read_labelled(tmp_path / "labels.extxyz")
    for old, new in zip(labelled, back, strict=True):
        assert new.info == old.info
        assert new.info["REF_energy"] == pytest.approx(old.info["REF_energy"], abs=1e-9, rel=0)
        np.testing.assert_allclose(new.arrays["REF_forces"], old.arrays["REF_forces"], atol=1e-8)


@pytest.mark.parametrize("keys", [("energy", "forces"), ("dft_energy", "dft_forces")])
def test_other_keys_are_read(tmp_path, labelled, keys):
    path = tmp_path / "labels.extxyz"
    for atoms in labelled:
        if keys[0] == "energy":
            atoms.calc = SinglePointCalculator(
                atoms, energy=atoms.info.pop("REF_energy"), forces=atoms.arrays.pop("REF_forces")
            )
        else:
            atoms.info[keys[0]], atoms.arrays[keys[1]] = atoms.info.pop("REF_energy"), atoms.arrays.pop("REF_forces")
    write(path, labelled)
    for new, old in zip(read_labelled(path, *keys), read_labelled(LABELS), strict=False):
        assert new.calc is None
        assert new.info["REF_energy"] == pytest.approx(old.info["REF_energy"], abs=1e-9)
        np.testing.assert_allclose(new.arrays["REF_forces"], old.arrays["REF_forces"], atol=1e-8)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["energy", "forces"])
def test_labels_that_are_no_numbers(tmp_path, labelled, where, value):
    path = tmp_path / "labels.extxyz"
    if where == "energy":
        labelled[2].info["REF_energy"] = value
    else:
        labelled[2].arrays["REF_forces"][0, 1] = value
    write_labelled(path, labelled)
    refused(lambda: read_labelled(path), path, "water-0000")


@pytest.mark.parametrize("key", ["REF_energy", "REF_forces"])
def test_labels_that_are_missing(tmp_path, labelled, key):
    path = tmp_path / "labels.extxyz"
    (labelled[2].info if key == "REF_energy" else labelled[2].arrays).pop(key)
    write_labelled(path, labelled)
    refused(lambda: read_labelled(path), path, "water-0000", key)


def test_labels_cut_short(tmp_path):
    path = tmp_path / "labels.extxyz"
    with open(LABELS) as file:
        text = "".join(next(file) for _ in range(18))  # three structures
    for lost in (1, 5, 80):
        path.write_text(text[:-lost])
        refused(lambda: read_labelled(path), path, "water-0000")


def test_two_labels_with_one_id(tmp_path, labelled):
    path = tmp_path / "labels.extxyz"
    write_labelled(path, [*labelled, labelled[1]])
    refused(lambda: read_labelled(path), path, "ammonia-0000")


def test_state_tables_keep_ids_and_reasons(tmp_path):
    import pandas as pd

    rows = [("007", "done", "", 1.5), ("NA", "failed", 'no, "really" not', np.nan), ("nan", "failed", "", 0.0)]
    table = pd.DataFrame(rows, columns=labelling.COLUMNS)
    write_states(tmp_path / "states.csv", table)
    pd.testing.assert_frame_equal(read_states(tmp_path / "states.csv"), table)


@pytest.mark.parametrize("rows", ["", "a,done,,1\na,done,,1\n", "a,lost,,1\n"])
def test_a_state_table_that_is_none(tmp_path, rows):
    path = tmp_path / "states.csv"
    path.write_text(f"id,state,reason,seconds\n{rows}" if rows else "id,state\n")
    refused(lambda: read_states(path), path)


# --- computing ---------------------------------------------------------------------------------------------------


def test_a_chunk_is_labelled(tmp_path, pool):
    labels, states = label_chunk(pool[:5], GFN1, Labels(), tmp_path / "journal.jsonl")
    assert [a.info["id"] for a in labels] == list(states["id"]) == [a.info["id"] for a in pool[:5]]
    assert set(states["state"]) == {"done"}
    direct = tblite.label(pool[2], GFN1)
    assert labels[2].info["REF_energy"] == direct.energy
    np.testing.assert_array_equal(labels[2].arrays["REF_forces"], direct.forces)
    assert "REF_energy" not in pool[2].info


def test_each_result_is_in_the_journal_before_the_next_is_computed(tmp_path, pool, monkeypatch):
    journal, lengths, label = tmp_path / "journal.jsonl", [], tblite.label

    def counted(atoms, settings):
        lengths.append(journal.read_text().count("\n"))
        return label(atoms, settings)

    monkeypatch.setattr(tblite, "label", counted)
    label_chunk(pool[:4], GFN1, Labels(), journal)
    assert lengths == [0, 1, 2, 3]


def test_a_chunk_that_was_killed_goes_on(tmp_path, pool, calls):
    """SIGKILL in the middle: nothing finished is computed again, and the result is that of a run that went through."""
    journal, output = tmp_path / "killed" / "chunk.jsonl", tmp_path / "killed" / "chunk.extxyz"
    script = (
        "import sys, time\n"
        "from mftl.config import Labels, TbliteLevel\n"
        "from mftl.labels import label_chunk, write_labelled\n"
        "from mftl.structures import read_structures\n"
        "from mftl.engines import tblite\n"
        "label = tblite.label\n"
        "tblite.label = lambda atoms, settings: time.sleep(0.1) or label(atoms, settings)\n"
        "level = TbliteLevel(engine='tblite', method='GFN1-xTB')\n"
        f"labels, _ = label_chunk(read_structures({POOL!r})[:20], level, Labels(), {str(journal)!r})\n"
        f"write_labelled({str(output)!r}, labels)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": "workflow/scripts", "OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not journal.exists() or journal.read_bytes().count(b"\n") < 4):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not output.exists()
    whole = [line for line in journal.read_text().splitlines(keepends=True) if line.endswith("\n")]
    finished = [json.loads(line)["id"] for line in whole]
    assert 4 <= len(finished) < 20
    journal.write_text("".join(whole) + whole[-1][:50])  # and the last line is torn

    labels, states = label_chunk(pool[:20], GFN1, Labels(), journal)
    write_labelled(output, labels)
    assert calls == [a.info["id"] for a in pool[len(finished) : 20]]
    assert len(states) == 20

    through, _ = label_chunk(pool[:20], GFN1, Labels(), tmp_path / "through" / "chunk.jsonl")
    write_labelled(tmp_path / "through.extxyz", through)
    assert output.read_bytes() == (tmp_path / "through.extxyz").read_bytes()
    assert all(json.loads(line) for line in journal.read_text().splitlines())

    calls.clear()
    _, same = label_chunk(pool[:20], GFN1, Labels(), journal)
    assert not calls
    assert same.equals(states)


def test_another_division_into_chunks_computes_nothing_again(tmp_path, pool, calls):
    label_chunk(pool[:6], GFN1, Labels(), tmp_path / "chunk-0-of-2.jsonl")
    label_chunk(pool[6:9], GFN1, Labels(), tmp_path / "chunk-1-of-2.jsonl")
    calls.clear()
    label_chunk(pool[:10], GFN1, Labels(), tmp_path / "chunk-0-of-1.jsonl")
    assert calls == [pool[9].info["id"]]


def test_other_settings_or_geometries_are_computed(tmp_path, pool, calls):
    journal = tmp_path / "chunk.jsonl"
    first, _ = label_chunk(pool[:2], GFN1, Labels(), journal)
    calls.clear()
    gfn2, _ = label_chunk(pool[:2], GFN1.model_copy(update={"method": "GFN2-xTB"}), Labels(), journal)
    assert len(calls) == 2
    assert gfn2[0].info["REF_energy"] != first[0].info["REF_energy"]
    calls.clear()
    moved = pool[0].copy()
    moved.positions[0, 0] += 1e-3
    label_chunk([moved, pool[1]], GFN1.model_copy(update={"first": 3}), Labels(), journal)
    assert calls == [moved.info["id"]]


def test_failures_do_not_stop_a_chunk(tmp_path, pool, monkeypatch):
    """Neither those of the method, which are final, nor others, which the next run tries again."""
    tried = []

    def label(atoms, settings):
        tried.append(atoms.info["id"])
        outcomes = {
            "ammonia-0000": Failure("SCC is NOT\n converged"),
            "water-0000": OSError("disk full"),
            "ethane-0000": Label(np.nan, np.zeros((8, 3))),
            "ethylene-0000": Label(-1.0, np.array([[101.0, 0, 0], [-101.0, 0, 0], *[[0, 0, 0]] * 4])),
            "acetylene-0000": Label(-1.0, np.full((4, 3), 0.1)),
        }
        outcome = outcomes.get(atoms.info["id"], Label(-1.0, np.zeros((len(atoms), 3))))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(tblite, "label", label)
    together = Atoms("H2", [[0, 0, 0], [0, 0, 0.1]], info={"id": "together"})
    structures = [*pool[:8], together]
    labels, states = label_chunk(structures, GFN1, Labels(max_force=100.0), tmp_path / "chunk.jsonl")
    assert [a.info["id"] for a in labels] == ["methane-0000", "hydrogen_sulfide-0000", "methanol-0000"]
    reasons = dict(zip(states["id"], states["reason"], strict=True))
    assert reasons["ammonia-0000"] == "SCC is NOT converged"
    assert reasons["water-0000"] == "OSError: disk full"
    assert "not finite" in reasons["ethane-0000"]
    assert "largest force 101.0" in reasons["ethylene-0000"]
    assert "net force" in reasons["acetylene-0000"]
    assert "0.10 Å apart" in reasons["together"]
    assert list(states["state"] == "failed") == [bool(r) for r in states["reason"]]
    tried.clear()
    label_chunk(structures, GFN1, Labels(max_force=200.0), tmp_path / "chunk.jsonl")
    assert tried == ["water-0000"]  # another limit is no reason to compute again


def test_what_no_structure_can_mend_stops_a_chunk(tmp_path, pool, monkeypatch):
    periodic = pool[0].copy()
    periodic.pbc = True
    refused(lambda: label_chunk([periodic], GFN1, Labels(), tmp_path / "a.jsonl"), "methane-0000", "periodic")
    monkeypatch.setattr(tblite, "find_spec", lambda name: None)
    refused(lambda: label_chunk(pool[:1], GFN1, Labels(), tmp_path / "b.jsonl"), "tblite", "pip install")


# --- collecting --------------------------------------------------------------------------------------------------


def test_levels_ask_for_some_of_the_pool(pool):
    level = Level(only={"molecule": ["water", "methane"]}, first=3)
    assert [a.info["id"] for a in wanted(pool, level)] == ["methane-0000", "water-0000", "methane-0001"]
    assert len(wanted(pool, Level())) == len(pool)
    refused(lambda: wanted(pool, Level(only={"molecules": ["water"]})), "molecules")


@pytest.fixture
def chunks(tmp_path, pool, monkeypatch):
    """Two chunks of three structures each, one of which failed."""
    out = []
    failing = pool[1].info["id"]
    label = tblite.label

    def fail(atoms, settings):
        if atoms.info["id"] == failing:
            raise Failure("as it happens")
        return label(atoms, settings)

    monkeypatch.setattr(tblite, "label", fail)
    for i in range(2):
        structures, states = label_chunk(pool[3 * i : 3 * i + 3], GFN1, Labels(), tmp_path / f"{i}.jsonl")
        out.append((tmp_path / f"{i}.extxyz", tmp_path / f"{i}.csv"))
        write_labelled(out[-1][0], structures)
        write_states(out[-1][1], states)
    return out


def test_chunks_are_merged_in_the_pools_order(pool, chunks):
    labels, states = collect_chunks(pool, Level(first=6), chunks[::-1])
    assert list(states["id"]) == [a.info["id"] for a in pool[:6]]
    assert list(states["state"]) == ["done", "failed", *["done"] * 4]
    assert states["reason"][1] == "as it happens"
    assert [a.info["id"] for a in labels] == [a.info["id"] for a in pool[:6] if a.info["id"] != "ammonia-0000"]


def test_an_empty_chunk_is_merged(tmp_path, pool, chunks):
    structures, states = label_chunk([], GFN1, Labels(), tmp_path / "2.jsonl")
    write_labelled(tmp_path / "2.extxyz", structures)
    write_states(tmp_path / "2.csv", states)
    _, states = collect_chunks(pool, Level(first=6), [*chunks, (tmp_path / "2.extxyz", tmp_path / "2.csv")])
    assert len(states) == 6


def test_a_structure_in_no_chunk(pool, chunks):
    refused(lambda: collect_chunks(pool, Level(first=7), chunks), pool[6].info["id"])


def test_a_chunk_that_lost_a_label(pool, chunks):
    path = chunks[1][0]
    write_labelled(path, read_labelled(path)[1:])
    refused(lambda: collect_chunks(pool, Level(first=6), chunks), pool[3].info["id"])


def test_labels_that_come_with_the_data(pool):
    failures = "resources/molecules/molecules.dftb-ptbp.failures.tsv"
    level = FileLevel(file="resources/molecules/molecules.dftb-ptbp.extxyz", failures=failures)
    labels, states = collect_file(read_structures(POOL), level)
    assert (len(labels), len(states)) == (3995, 4000)
    failed = states[states["state"] == "failed"]
    assert set(failed["id"]) == {f"methyl_formate-00{k}" for k in (10, 17, 44, 47, 57)}
    assert set(failed["reason"]) == {"SCC is NOT converged, maximal SCC iterations exceeded"}


def test_a_structure_without_label_or_reason_failed(tmp_path, pool, labelled):
    path = tmp_path / "labels.extxyz"
    write_labelled(path, [labelled[i] for i in (5, 0, 2)])
    labels, states = collect_file(pool, FileLevel(file=str(path), first=4))
    assert [a.info["id"] for a in labels] == ["methane-0000", "water-0000"]
    assert list(states["reason"]) == ["", f"no label in {path}", "", f"no label in {path}"]
    message = refused(lambda: check_failures(states, Labels(max_failed_fraction=0.49), "systems.a.levels.b"))
    assert "2 of 4" in message and "ammonia-0000" in message and "max_failed_fraction = 0.49" in message
    check_failures(states, Labels(max_failed_fraction=0.5), "systems.a.levels.b")


def test_a_label_of_no_structure(tmp_path, pool, labelled):
    path = tmp_path / "labels.extxyz"
    labelled[2].info["id"] = "waterr-0000"
    write_labelled(path, labelled)
    refused(lambda: collect_file(pool, FileLevel(file=str(path))), path, "waterr-0000")


def test_a_label_of_another_geometry(tmp_path, pool, labelled):
    path = tmp_path / "labels.extxyz"
    labelled[2].positions[1, 0] += 5e-5
    write_labelled(path, labelled)
    labels, _ = collect_file(pool, FileLevel(file=str(path), first=6))
    np.testing.assert_array_equal(labels[2].positions, pool[2].positions)
    labelled[2].positions[1, 0] += 1e-3
    write_labelled(path, labelled)
    refused(lambda: collect_file(pool, FileLevel(file=str(path))), path, "water-0000", "0.00105 Å")
    labelled[2] = labelled[2][[1, 0, 2]]
    write_labelled(path, labelled)
    refused(lambda: collect_file(pool, FileLevel(file=str(path))), path, "water-0000", "elements")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("water-0000\tbecause\n", ["water-0000", "holds its label"]),
        ("nobody-0000\tbecause\n", ["nobody-0000", "not in the pool"]),
        ("chloromethane-0000 because\n", ["line 1", "a tab"]),
        ("chloromethane-0000\tbecause\nchloromethane-0000\tbecause\n", ["chloromethane-0000", "twice"]),
    ],
)
def test_a_table_of_failures_that_contradicts(tmp_path, pool, labelled, table, words):
    write_labelled(tmp_path / "labels.extxyz", labelled)
    path = tmp_path / "failures.tsv"
    path.write_text(table)
    level = FileLevel(file=str(tmp_path / "labels.extxyz"), failures=str(path))
    refused(lambda: collect_file(pool, level), path, *words)
