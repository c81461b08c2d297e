"""Labels: what is computed is kept, what fails is written down, and what cannot be used is named."""

import contextlib
import json
import lzma
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from mftl.config.labels import Labels
from mftl.config.levels import FileLevel, Level
from mftl.engines import Structure, tblite
from mftl.engines.tblite.section import TbliteLevel
from mftl.inputs import InputError
from mftl.labels import (
    check_failures,
    collect_chunks,
    collect_file,
    label_chunk,
    read_chunk,
    wanted,
    write_labelled,
)
from mftl.states import COLUMNS, read_states, write_states
from mftl.structures import Structures, read_labelled, read_structures, write_structures

POOL = "resources/molecules/molecules.extxyz.xz"
LABELS = "resources/molecules/molecules.pbe0-d3.extxyz.xz"
GFN1 = TbliteLevel(engine="tblite", method="GFN1-xTB")


@pytest.fixture(scope="module")
def pool():
    return read_structures(POOL)[:80]  # two configurations of each molecule


@pytest.fixture
def labelled():
    return read_labelled(LABELS)[:6]


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
    with lzma.open(LABELS, "rt") as file:
        text = "".join(next(file) for _ in range(18))  # three structures
    for lost in (1, 5, 80):
        path.write_text(text[:-lost])
        refused(lambda: read_labelled(path), path, "water-0000")


def test_two_labels_with_one_id(tmp_path, labelled):
    path = tmp_path / "labels.extxyz"
    write_labelled(path, [*labelled, labelled[1]])
    refused(lambda: read_labelled(path), path, "ammonia-0000")


def test_state_tables_keep_ids_and_reasons(tmp_path):
    rows = [
        ("007", "done", "", "", "", "0123", 1.5),
        ("NA", "failed", 'no, "really" not', "-11", "last, words", "4567", np.nan),
        ("nan", "failed", "", "1", "", "", 0.0),
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    write_states(tmp_path / "states.csv", table)
    pd.testing.assert_frame_equal(read_states(tmp_path / "states.csv"), table)


@pytest.mark.parametrize("rows", ["", "a,done,,,,,1\na,done,,,,,1\n", "a,lost,,,,,1\n"])
def test_a_state_table_that_is_none(tmp_path, rows):
    path = tmp_path / "states.csv"
    path.write_text(f"{','.join(COLUMNS)}\n{rows}" if rows else "id,state\n")
    refused(lambda: read_states(path), path)


# --- computing ---------------------------------------------------------------------------------------------------


def named(*ids, symbols="H2O"):
    """Molecules of water with these ids, all a bit different."""
    made = []
    for i, one in enumerate(ids):
        atoms = molecule(symbols)
        atoms.positions[0, 0] += 0.01 * i
        atoms.info["id"] = one
        made.append(atoms)
    return made


def computed(level) -> list[str]:
    """Ids of the structures that the stand-in has computed since this was last asked, in order."""
    log = Path(level.log)
    ids = [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []
    log.write_text("")
    return ids


def test_a_chunk_is_labelled(tmp_path, pool):
    labels, states = label_chunk(pool[:5], GFN1, Labels(), tmp_path / "journal.jsonl")
    assert [a.info["id"] for a in labels] == list(states["id"]) == [a.info["id"] for a in pool[:5]]
    assert set(states["state"]) == {"done"} and set(states["reason"]) == {""}
    assert states["settings"].nunique() == 1 and (states["seconds"] > 0).all()
    direct = tblite.label(Structure.of(pool[2]), GFN1)
    assert labels[2].info["REF_energy"] == direct.energy
    np.testing.assert_array_equal(labels[2].arrays["REF_forces"], direct.forces)
    assert "REF_energy" not in pool[2].info


def test_each_result_is_in_the_journal_when_it_is_known(tmp_path, standin):
    journal, lengths = tmp_path / "journal.jsonl", []

    def progress(results, total):
        assert total == 4
        for result in results:
            lengths.append(journal.read_text().count("\n"))
            yield result

    label_chunk(named(*"abcd"), standin, Labels(workers=1), journal, progress)
    assert lengths == [0, 1, 2, 3]


KILLED = """
import sys
from mftl import engines
from mftl.config.labels import Labels
from mftl.labels import label_chunk, write_labelled
from mftl.states import write_states
from mftl.structures import read_structures
level = engines.level({"engine": "standin", "log": sys.argv[1], "delay": 0.01})
labels, states = label_chunk(read_structures(sys.argv[2]), level, Labels(workers=2), sys.argv[3] + "/chunk.jsonl")
write_labelled(sys.argv[3] + "/chunk.extxyz", labels)
write_states(sys.argv[3] + "/chunk.csv", states)
"""


def test_however_often_it_is_killed_the_labels_are_the_same(tmp_path, standin):
    """SIGKILL to the job, a worker or both, at any time: the file is that of a run that went through, bit by bit, and
    nothing that was finished is computed again."""
    rng = random.Random(7)
    structures = named(*(f"s{i:02d}" for i in range(60)), "fails-0", "exits-0")
    rng.shuffle(structures)
    write_labelled(tmp_path / "pool.extxyz", structures)
    environment = {**os.environ, "PYTHONPATH": "workflow/scripts"}  # with the fixture's MFTL_EXTENSIONS

    def start(folder):
        (tmp_path / folder).mkdir(exist_ok=True)
        arguments = [sys.executable, "-c", KILLED, standin.log, str(tmp_path / "pool.extxyz"), str(tmp_path / folder)]
        return subprocess.Popen(arguments, env=environment)

    assert start("through").wait() == 0
    assert len(computed(standin)) == 62
    journal, log, kills = tmp_path / "killed" / "chunk.jsonl", Path(standin.log), []

    def finished():
        return journal.read_text().count("\n") if journal.exists() else 0

    def strike(job, what):
        """Kill the job, or the worker of one of the latest structures, some structures and a moment from now."""
        target = finished() + rng.randrange(0, 8)
        while job.poll() is None and finished() < target:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        if what == "job" and job.poll() is None:
            job.kill()
        elif what == "worker" and log.read_text():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(rng.choice(log.read_text().splitlines()[-2:]).split()[1]), signal.SIGKILL)
        kills.append(what)

    for plan in (["job"], ["worker", "job"], ["worker", "worker", "job"], ["job"], ["worker"] * 3):
        job = start("killed")
        for what in plan:
            strike(job, what)
        job.wait()
    while job.returncode:
        job = start("killed")
        job.wait()
    assert kills.count("job") == 4
    assert (tmp_path / "killed/chunk.extxyz").read_bytes() == (tmp_path / "through/chunk.extxyz").read_bytes()
    columns = [one for one in COLUMNS if one != "seconds"]
    pd.testing.assert_frame_equal(
        read_states(tmp_path / "killed/chunk.csv")[columns], read_states(tmp_path / "through/chunk.csv")[columns]
    )
    entries = [json.loads(line)["id"] for line in journal.read_text().splitlines()]
    assert len(entries) == len(set(entries)) == 62


def test_a_torn_line_is_removed_and_only_its_structure_computed_again(tmp_path, standin):
    journal = tmp_path / "chunk.jsonl"
    structures = named(*"abcdef")
    through, _ = label_chunk(structures, standin, Labels(workers=1), journal)
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:4]) + lines[4][:50])
    computed(standin)
    again, states = label_chunk(structures, standin, Labels(), journal)
    finished = {json.loads(line)["id"] for line in lines[:4]}
    assert set(computed(standin)) == set("abcdef") - finished
    assert len(states) == 6 and len(journal.read_text().splitlines()) == 6
    write_labelled(tmp_path / "a.extxyz", through), write_labelled(tmp_path / "b.extxyz", again)
    assert (tmp_path / "a.extxyz").read_bytes() == (tmp_path / "b.extxyz").read_bytes()


def test_another_division_into_chunks_computes_nothing_again(tmp_path, standin):
    structures = named(*"abcdefghij")
    label_chunk(structures[:6], standin, Labels(), tmp_path / "chunk-0-of-2.jsonl")
    label_chunk(structures[6:9], standin, Labels(), tmp_path / "chunk-1-of-2.jsonl")
    computed(standin)
    settings = standin.model_copy(update={"chunk_size": 10})
    label_chunk(structures, settings, Labels(), tmp_path / "chunk-0-of-1.jsonl")
    assert computed(standin) == ["j"]


def test_other_settings_or_geometries_are_computed(tmp_path, pool):
    journal = tmp_path / "chunk.jsonl"

    def ids():
        return [json.loads(line)["id"] for line in journal.read_text().splitlines()]

    first, one = label_chunk(pool[:2], GFN1, Labels(workers=1), journal)
    gfn2, two = label_chunk(pool[:2], GFN1.model_copy(update={"method": "GFN2-xTB"}), Labels(workers=1), journal)
    assert gfn2[0].info["REF_energy"] != first[0].info["REF_energy"]
    assert one["settings"][0] != two["settings"][0]
    assert len(ids()) == 4
    moved = pool[0].copy()
    moved.positions[0, 0] += 1e-3
    label_chunk([moved, pool[1]], GFN1.model_copy(update={"first": 3}), Labels(), journal)
    assert ids()[4:] == [moved.info["id"]]


def test_where_a_program_lies_does_not_change_a_label(tmp_path, standin):
    label_chunk(named(*"ab"), standin, Labels(), tmp_path / "chunk.jsonl")
    elsewhere = standin.model_copy(update={"log": str(tmp_path / "elsewhere.log")})
    label_chunk(named(*"ab"), elsewhere, Labels(), tmp_path / "chunk.jsonl")
    assert not computed(elsewhere)


BAD = ["fails-0", "raises-0", "exits-0", "segfaults-0", "hangs-0", "nan-0", "strong-0", "drifts-0"]


def test_the_table_of_failures(tmp_path, standin):
    """Each failure is one row with its reason, and the other structures are done."""
    together, close = Atoms("H2"), Atoms("H2", [[0, 0, 0], [0, 0, 0.2]])
    together.info["id"], close.info["id"] = "together", "close"
    structures = [*named(*BAD, "a", "b"), together, close]
    labels, states = label_chunk(structures, standin, Labels(workers=2, timeout=1.0), tmp_path / "chunk.jsonl")
    write_states(tmp_path / "states.csv", states)
    table = read_states(tmp_path / "states.csv").set_index("id")
    assert list(table.index) == [*BAD, "a", "b", "together", "close"]
    assert [a.info["id"] for a in labels] == ["a", "b"] == list(table.index[table["state"] == "done"])
    expected = {
        "fails-0": ("it does not converge", "7", "last words"),
        "raises-0": ("ValueError: no such value", "", "ValueError: no such value"),
        "exits-0": ("the engine ended, exit code 3: out of luck", "3", "out of luck"),
        "segfaults-0": ("the engine was ended by signal 11", "-11", ""),
        "hangs-0": ("took longer than 1 s", "", ""),
        "nan-0": ("energy or forces are not finite", "", ""),
        "strong-0": ("largest force 101.0 eV/Å, more than 100", "", ""),
        "drifts-0": ("net force 0.30 eV/Å, more than 0.1", "", ""),
        "together": ("two atoms are 0.00 Å apart, less than 0.3", "", ""),
        "close": ("two atoms are 0.20 Å apart, less than 0.3", "", ""),
    }
    assert {one: tuple(table.loc[one, ["reason", "exit_code", "message"]]) for one in expected} == expected
    assert table["settings"].nunique() == 1 and len(table["settings"].iloc[0]) == 16
    assert 1.0 <= table.loc["hangs-0", "seconds"] < 3.0 and table.loc["a", "seconds"] >= 0.0
    assert {"together", "close"}.isdisjoint(computed(standin))


def test_failures_are_computed_again_only_when_asked(tmp_path, standin):
    structures, journal = named("a", "fails-0", "mendable-0", "exits-0"), tmp_path / "chunk.jsonl"

    def label(retry, **other):
        _, states = label_chunk(structures, standin, Labels(workers=1, retry_failed=retry, **other), journal)
        return sorted(computed(standin)), dict(zip(states["id"], states["state"], strict=True))

    failing = ["exits-0", "fails-0", "mendable-0"]
    assert label(0)[0] == ["a", *failing]
    assert label(0) == ([], {"a": "done", **dict.fromkeys(failing, "failed")})
    (tmp_path / "mended").touch()
    assert label(0, max_force=200.0)[0] == []
    assert label(1) == (failing, {"a": "done", "exits-0": "failed", "fails-0": "failed", "mendable-0": "done"})
    assert label(1)[0] == []
    assert label(2)[0] == ["exits-0", "fails-0"]
    assert label(0)[1]["mendable-0"] == "done"


def test_kills_from_outside_stop_the_job_or_count_as_failure(tmp_path, standin):
    structures, journal = named("killed-0", "a", "b"), tmp_path / "chunk.jsonl"
    refused(lambda: label_chunk(structures, standin, Labels(workers=1), journal), "killed-0", "labels.killed: fail")
    assert sorted(json.loads(line)["id"] for line in journal.read_text().splitlines()) == ["a", "b"]
    computed(standin)
    labels, states = label_chunk(structures, standin, Labels(workers=1, killed="fail"), journal)
    assert set(computed(standin)) == {"killed-0"}
    assert len(labels) == 2
    assert states["exit_code"][0] == "-9" and "killed" in states["reason"][0]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder]).returncode:
        pytest.skip("a small disk can only be made by root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_stops_a_chunk_and_loses_nothing(small_disk, tmp_path, standin):
    structures, journal = named(*(f"s{i}" for i in range(60))), small_disk / "chunk.jsonl"
    (small_disk / "ballast").write_bytes(bytes(48 * 1024))
    refused(lambda: label_chunk(structures, standin, Labels(workers=1), journal), "no space left")
    kept = [json.loads(line)["id"] for line in journal.read_text().splitlines()]
    assert 5 < len(kept) < 60
    (small_disk / "ballast").unlink()
    computed(standin)
    labels, states = label_chunk(structures, standin, Labels(), journal)
    assert len(labels) == len(states) == 60
    assert set(computed(standin)) == {f"s{i}" for i in range(60)} - set(kept)


JOB = """
import sys
from types import SimpleNamespace
from mftl.jobs import job
from mftl.structures import read_structures, write_structures
disk = sys.argv[1]
with job(SimpleNamespace(log=[disk + "/log"])):
    if sys.argv[2] == "log":
        open(disk + "/ballast", "wb", buffering=0).write(bytes(1 << 20))
        print("x" * 10000, file=sys.stderr)
    write_structures(disk + "/out.extxyz", read_structures("resources/molecules/molecules.extxyz.xz", slice(0, 500)))
"""


@pytest.mark.parametrize("what", ["output", "log"])
def test_a_job_on_a_full_disk_stops_cleanly(small_disk, what):
    environment = {**os.environ, "PYTHONPATH": "workflow/scripts"}
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(small_disk), what], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr and "Make room" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path.name for path in small_disk.iterdir()} <= {"log", "ballast"}


def test_what_no_structure_can_mend_stops_a_chunk(tmp_path, pool, standin, monkeypatch):
    periodic = pool[0].copy()
    periodic.pbc = True
    refused(lambda: label_chunk([periodic], GFN1, Labels(), tmp_path / "a.jsonl"), "methane-0000", "periodic")
    refused(lambda: label_chunk(pool[:1], standin, Labels(), tmp_path / "a.jsonl"), "cannot treat C", "H, O")
    monkeypatch.setattr(tblite, "find_spec", lambda name: None)
    refused(lambda: label_chunk(pool[:1], GFN1, Labels(), tmp_path / "b.jsonl"), "tblite", "pip install")


def test_a_chunk_is_read_without_the_rest_of_the_pool(tmp_path):
    pool = named(*(f"{'even' if i % 2 == 0 else 'odd'}-{i}" for i in range(10)))
    for i, atoms in enumerate(pool):
        atoms.info["kind"] = "even" if i % 2 == 0 else "odd"
    write_labelled(tmp_path / "pool.extxyz", pool)

    def ids(*places, **level):
        return [a.info["id"] for a in read_chunk(tmp_path / "pool.extxyz", Level(**level), *places)]

    assert ids(2, 5) == ["even-2", "odd-3", "even-4"]
    assert ids(8, None) == ["even-8", "odd-9"]
    assert ids(2, 5, first=4) == ["even-2", "odd-3"]
    assert ids(0, 5, only={"kind": ["odd"]}) == ["odd-1", "odd-3"]
    assert ids(0, 5, only={"kind": ["odd"]}, first=4) == ["odd-1", "odd-3"]
    assert ids(5, None, only={"kind": ["odd"]}, first=4) == ["odd-5", "odd-7"]
    assert ids(0, 1, only={"kind": ["odd"]}) == []
    assert ids(0, 5, first=2, also={"kind": ["odd"]}) == ["even-0", "odd-1", "odd-3"]
    assert ids(5, None, first=2, also={"kind": ["odd"]}) == ["odd-5", "odd-7", "odd-9"]


# --- collecting --------------------------------------------------------------------------------------------------


@pytest.fixture
def filed(tmp_path, pool):
    """The pool as collecting takes it: a file."""
    write_structures(tmp_path / "pool.extxyz", pool)
    return Structures(tmp_path / "pool.extxyz")


def test_levels_ask_for_some_of_the_pool(filed):
    level = Level(only={"molecule": ["water", "methane"]}, first=3)
    assert wanted(filed, level) == ["methane-0000", "water-0000", "methane-0001"]
    assert len(wanted(filed, Level())) == len(filed)
    refused(lambda: wanted(filed, Level(only={"molecules": ["water"]})), "molecules")
    # besides the first, whatever they are
    level = level.model_copy(update={"also": {"id": ["water-0001", "water-0000"]}})
    assert wanted(filed, level) == ["methane-0000", "water-0000", "methane-0001", "water-0001"]


@pytest.fixture
def chunks(tmp_path, pool):
    """Two chunks of three structures each, one of which failed."""
    out = []
    for i in range(2):
        structures, states = label_chunk(pool[3 * i : 3 * i + 3], GFN1, Labels(), tmp_path / f"{i}.jsonl")
        if i == 0:
            structures, states.loc[1, ["state", "reason"]] = [structures[0], structures[2]], ("failed", "as it happens")
        out.append((tmp_path / f"{i}.extxyz", tmp_path / f"{i}.csv"))
        write_labelled(out[-1][0], structures)
        write_states(out[-1][1], states)
    return out


def test_chunks_are_merged_in_the_pools_order(pool, filed, chunks):
    labels, states = collect_chunks(filed, Level(first=6), chunks[::-1])
    assert list(states["id"]) == [a.info["id"] for a in pool[:6]]
    assert list(states["state"]) == ["done", "failed", *["done"] * 4]
    assert states["reason"][1] == "as it happens"
    assert [a.info["id"] for a in labels] == [a.info["id"] for a in pool[:6] if a.info["id"] != "ammonia-0000"]


def test_an_empty_chunk_is_merged(tmp_path, pool, filed, chunks):
    structures, states = label_chunk([], GFN1, Labels(), tmp_path / "2.jsonl")
    write_labelled(tmp_path / "2.extxyz", structures)
    write_states(tmp_path / "2.csv", states)
    _, states = collect_chunks(filed, Level(first=6), [*chunks, (tmp_path / "2.extxyz", tmp_path / "2.csv")])
    assert len(states) == 6


def test_a_structure_in_no_chunk(pool, filed, chunks):
    refused(lambda: collect_chunks(filed, Level(first=7), chunks), pool[6].info["id"])


def test_a_chunk_that_lost_a_label(pool, filed, chunks):
    path = chunks[1][0]
    write_labelled(path, read_labelled(path)[1:])
    refused(lambda: collect_chunks(filed, Level(first=6), chunks), pool[3].info["id"])


def test_labels_that_come_with_the_data():
    labels, states = collect_file(Structures(POOL), FileLevel(file="resources/molecules/molecules.dftb-ptbp.extxyz.xz"))
    assert len(list(labels)) == len(states) == 6000 and (states["state"] == "done").all()


def test_reasons_that_come_with_the_data(tmp_path, filed, labelled):
    """A table of the ids without a label."""
    path, failures = tmp_path / "labels.extxyz", tmp_path / "failures.tsv"
    write_labelled(path, [labelled[i] for i in (0, 2, 3, 4, 5)])
    failures.write_text(f"id\treason\n{labelled[1].info['id']}\tSCC is NOT converged\n")
    _, states = collect_file(filed, FileLevel(file=str(path), failures=str(failures), first=6))
    failed = states[states["state"] == "failed"]
    assert list(failed["id"]) == [labelled[1].info["id"]] and list(failed["reason"]) == ["SCC is NOT converged"]


def test_a_structure_without_label_or_reason_failed(tmp_path, filed, labelled):
    path = tmp_path / "labels.extxyz"
    write_labelled(path, [labelled[i] for i in (5, 0, 2)])
    labels, states = collect_file(filed, FileLevel(file=str(path), first=4))
    assert [a.info["id"] for a in labels] == ["methane-0000", "water-0000"]
    assert list(states["reason"]) == ["", f"no label in {path}", "", f"no label in {path}"]
    message = refused(lambda: check_failures(states, Labels(max_failed_fraction=0.49), "systems.a.levels.b"))
    assert "2 of 4" in message and "ammonia-0000" in message and "max_failed_fraction = 0.49" in message
    check_failures(states, Labels(max_failed_fraction=0.5), "systems.a.levels.b")


def test_a_label_of_no_structure(tmp_path, filed, labelled):
    path = tmp_path / "labels.extxyz"
    labelled[2].info["id"] = "waterr-0000"
    write_labelled(path, labelled)
    refused(lambda: collect_file(filed, FileLevel(file=str(path))), path, "waterr-0000")


def test_a_label_of_another_geometry(tmp_path, pool, filed, labelled):
    path = tmp_path / "labels.extxyz"
    labelled[2].positions[1, 0] += 5e-5
    write_labelled(path, labelled)
    labels, _ = collect_file(filed, FileLevel(file=str(path), first=6))
    np.testing.assert_array_equal(list(labels)[2].positions, pool[2].positions)
    labelled[2].positions[1, 0] += 1e-3
    write_labelled(path, labelled)
    refused(lambda: list(collect_file(filed, FileLevel(file=str(path)))[0]), path, "water-0000", "0.00105 Å")
    labelled[2] = labelled[2][[1, 0, 2]]
    write_labelled(path, labelled)
    refused(lambda: list(collect_file(filed, FileLevel(file=str(path)))[0]), path, "water-0000", "elements")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("water-0000\tbecause\n", ["water-0000", "holds its label"]),
        ("nobody-0000\tbecause\n", ["nobody-0000", "not in the pool"]),
        ("chloromethane-0000 because\n", ["line 1", "a tab"]),
        ("chloromethane-0000\tbecause\nchloromethane-0000\tbecause\n", ["chloromethane-0000", "twice"]),
    ],
)
def test_a_table_of_failures_that_contradicts(tmp_path, filed, labelled, table, words):
    write_labelled(tmp_path / "labels.extxyz", labelled)
    path = tmp_path / "failures.tsv"
    path.write_text(table)
    level = FileLevel(file=str(tmp_path / "labels.extxyz"), failures=str(path))
    refused(lambda: collect_file(filed, level), path, *words)
