"""Published tables: fetched whole or not at all, placed by hand where there is no network."""

import hashlib
import shutil
import zipfile
from pathlib import Path

import pytest

from mftl import slater_koster
from mftl.inputs import InputError

TABLES = [Path("resources/ptbp/H-H.skf"), Path("resources/ptbp/W-W.skf")]


@pytest.fixture
def record(tmp_path, monkeypatch):
    """A record on a disk in place of the network: an archive of two tables, a table and a text."""
    folder = tmp_path / "server"
    folder.mkdir()
    with zipfile.ZipFile(folder / "ptbp.zip", "w") as archive:
        for table in TABLES:
            archive.write(table, f"ptbp/{table.name}")
    shutil.copy("resources/ptbp/Si-Si.skf", folder)
    (folder / "README.txt").write_text("no table")
    fetched, asked = [], {}

    class Record:
        def __init__(self, path, base_url, retry_if_failed):
            asked.update(base_url=base_url, retries=retry_if_failed)
            self.path = path

        def load_registry_from_doi(self):
            self.registry = {path.name: f"md5:{path.name}" for path in folder.iterdir()}

        def fetch(self, name):
            fetched.append(name)
            self.path.mkdir(exist_ok=True)
            return shutil.copy(folder / name, self.path)

    monkeypatch.setattr("pooch.create", Record)
    Record.folder, Record.fetched, Record.asked = folder, fetched, asked
    return Record


def test_tables_of_a_record_are_fetched(tmp_path, record):
    made = slater_koster.download(tmp_path / "ptbp", tmp_path / "by-hand")
    assert [path.name for path in made] == ["H-H.skf", "Si-Si.skf", "W-W.skf"]
    assert record.asked == {"base_url": "doi:10.5281/zenodo.10677796", "retries": 3}
    assert sorted(record.fetched) == ["Si-Si.skf", "ptbp.zip"]
    assert (tmp_path / "ptbp/W-W.skf").read_bytes() == TABLES[1].read_bytes()
    for line in (tmp_path / "ptbp/SHA256SUMS").read_text().splitlines():
        checksum, name = line.split()
        assert checksum == hashlib.sha256((tmp_path / "ptbp" / name).read_bytes()).hexdigest()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ptbp", "server"]


def test_without_a_network_it_says_what_to_place_where(tmp_path, record, monkeypatch):
    def fail(self):
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(record, "load_registry_from_doi", fail)
    with pytest.raises(InputError, match=r"doi.org/10.5281/zenodo.10677796 cannot be fetched: Name or") as caught:
        slater_koster.download(tmp_path / "ptbp", tmp_path / "by-hand")
    assert f"place them in {tmp_path}/by-hand/" in str(caught.value) and "A-B.skf" in str(caught.value)
    assert not (tmp_path / "ptbp").exists()
    # and what is placed there is used
    (tmp_path / "by-hand").mkdir()
    shutil.copy(record.folder / "ptbp.zip", tmp_path / "by-hand")
    made = slater_koster.download(tmp_path / "ptbp", tmp_path / "by-hand")
    assert [path.name for path in made] == ["H-H.skf", "W-W.skf"]
    assert not record.fetched


@pytest.mark.parametrize(("content", "words"), [(b"PK but cut short", "not a whole zip"), (None, "no Slater-Koster")])
def test_archives_that_hold_no_tables_are_named(tmp_path, content, words):
    (tmp_path / "by-hand").mkdir()
    archive = tmp_path / "by-hand" / "ptbp.zip"
    if content is None:
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("README", "nothing")
    else:
        archive.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        slater_koster.download(tmp_path / "ptbp", tmp_path / "by-hand")
    assert str(archive) in str(caught.value)
    assert not (tmp_path / "ptbp").exists()
