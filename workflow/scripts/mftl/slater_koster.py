"""Published Slater-Koster tables, fetched on request."""

import hashlib
import logging
import shutil
import tempfile
import zipfile
from pathlib import Path

from mftl.inputs import InputError

# Cui, Reuter, Margraf, J. Chem. Theory Comput. 2024, doi 10.1021/acs.jctc.4c00228
PTBP = "10.5281/zenodo.10677796"
RETRIES = 3


def download(folder: str | Path, by_hand: str | Path, doi: str = PTBP) -> list[Path]:
    """Fetch the Slater-Koster tables of a record into ``folder``; they appear there all or not at all.

    Files in the folder ``by_hand`` are used instead of the network. What is fetched is checked against the checksums
    that the record states; checksums of all tables are written to ``SHA256SUMS`` beside them.
    Raises InputError, saying what to place where by hand, if the record cannot be reached or a checksum is wrong, and
    if no table is found.
    """
    folder, by_hand = Path(folder), Path(by_hand)
    placed = sorted(path for path in by_hand.glob("*") if path.suffix in (".skf", ".zip")) if by_hand.is_dir() else []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary:
        whole = Path(temporary) / folder.name
        whole.mkdir()
        for path in placed or _fetched(Path(temporary) / "record", by_hand, doi):
            _unpack(path, whole)
        tables = sorted(whole.glob("*.skf"))
        if not tables:
            raise InputError(f"no Slater-Koster table (A-B.skf) is in {', '.join(map(str, placed)) or doi}")
        sums = (f"{hashlib.sha256(table.read_bytes()).hexdigest()}  {table.name}\n" for table in tables)
        (whole / "SHA256SUMS").write_text("".join(sums))
        shutil.rmtree(folder, ignore_errors=True)
        whole.replace(folder)
    logging.info("%d tables in %s", len(tables), folder)
    return [folder / table.name for table in tables]


def _fetched(cache: Path, by_hand: Path, doi: str) -> list[Path]:
    """The record's tables and archives."""
    import pooch

    record = pooch.create(path=cache, base_url=f"doi:{doi}", retry_if_failed=RETRIES)
    try:
        record.load_registry_from_doi()
        names = [name for name in record.registry if name.endswith((".skf", ".zip"))]
        return [Path(record.fetch(name)) for name in names]
    except Exception as error:  # whatever the network does
        raise InputError(
            f"https://doi.org/{doi} cannot be fetched: {' '.join(str(error).split())[:200]}\n"
            f"Without a network, get its archive or its tables (A-B.skf) elsewhere and place them in {by_hand}/, "
            "then call again."
        ) from None


def _unpack(path: Path, folder: Path) -> None:
    """Put a table, or all tables of an archive, into a folder."""
    if path.suffix == ".skf":
        shutil.copy(path, folder)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith(".skf"):
                    (folder / Path(member).name).write_bytes(archive.read(member))
    except zipfile.BadZipFile:
        raise InputError(f"{path} is not a whole zip archive; get it again") from None
