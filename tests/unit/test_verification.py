"""Verification: labels that differ are seen, and what could not be compared is said."""

import pytest

from mftl import verification
from mftl.config.labels import Labels, Verification
from mftl.config.whole import parse
from mftl.engines import tblite
from mftl.inputs import InputError
from mftl.labels import label_chunk, write_labelled
from mftl.structures import read_structures


@pytest.fixture
def configurations(tmp_path):
    """GFN1 labels of 20 molecules in a file, and the level that made them."""
    pool = read_structures("resources/molecules/molecules.extxyz.xz", slice(0, 20))
    level = {"engine": "tblite", "method": "GFN1-xTB"}

    def configuration(levels):
        system = {"elements": ["H"], "pool": {"file": "pool.extxyz"}, "levels": levels}
        return parse({"systems": {"molecules": system}})

    made = configuration({"gfn1": level, "none": level | {"method": "GFN2-xTB"}})
    labels, _ = label_chunk(pool, made.systems["molecules"].levels["gfn1"], Labels(), tmp_path / "j.jsonl")
    write_labelled(tmp_path / "labels.extxyz", labels)
    shipped = configuration({"gfn1": {"file": str(tmp_path / "labels.extxyz")}})
    return shipped, made, labels


def verify(shipped, made, folder, count=20):
    table = verification.verify(shipped, made, Labels(), Verification(structures=count), folder)
    (row,) = table.to_dict("records")
    return table, row


def test_the_same_labels_agree(tmp_path, configurations):
    shipped, made, _ = configurations
    table, row = verify(shipped, made, tmp_path / "a", count=5)
    assert row["level"] == "molecules.gfn1" and row["structures"] == 5
    assert row["verdict"] == "agrees" and row["energy_ueV_atom"] <= 1e-3 and row["forces_meV_A"] <= 1e-4
    verification.check(table)
    # another call computes nothing again
    journal = tmp_path / "a/molecules/gfn1/verify.jsonl"
    before = journal.read_text()
    verify(shipped, made, tmp_path / "a", count=5)
    assert journal.read_text() == before and before.count("\n") == 5


@pytest.mark.parametrize("what", ["energy", "forces"])
def test_other_labels_differ(tmp_path, configurations, what):
    shipped, made, labels = configurations
    atoms = labels[7]
    if what == "energy":
        atoms.info["REF_energy"] += 1.5e-6 * len(atoms)
    else:
        atoms.arrays["REF_forces"][1, 2] += 1.5e-4
    write_labelled(tmp_path / "labels.extxyz", labels)
    table, row = verify(shipped, made, tmp_path / "a")
    assert row["verdict"] == "differs"
    assert row["energy_ueV_atom"] == pytest.approx(1.5 if what == "energy" else 0.0, abs=1e-3)
    assert row["forces_meV_A"] == pytest.approx(0.15 if what == "forces" else 0.0, abs=1e-4)
    with pytest.raises(InputError, match=r"molecules\.gfn1"):
        verification.check(table)
    # with another version of the engine a table is all
    verification.check(table.assign(version="0.9"))


def test_an_engine_that_is_missing_is_skipped(tmp_path, configurations, monkeypatch):
    monkeypatch.setattr(tblite, "find_spec", lambda name: None)
    table, row = verify(*configurations[:2], tmp_path / "a")
    assert row["verdict"].startswith("skipped: tblite is not installed (pip install tblite")
    verification.check(table)


def test_failures_are_told(tmp_path, configurations):
    shipped, made, labels = configurations
    labels[3].positions[1] = labels[3].positions[0]
    write_labelled(tmp_path / "labels.extxyz", labels)
    table, row = verify(shipped, made, tmp_path / "a")
    assert row["structures"] == 19
    assert row["verdict"].startswith(f"agrees; 1 failed, {labels[3].info['id']}: two atoms are 0.00 Å apart")
    verification.check(table)
    write_labelled(tmp_path / "labels.extxyz", labels[3:4])
    table, row = verify(shipped, made, tmp_path / "a")
    assert row["verdict"].startswith("differs: all failed")
    with pytest.raises(InputError):
        verification.check(table)
