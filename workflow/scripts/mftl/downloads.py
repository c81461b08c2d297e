"""Downloads of the files in the ``catalogue``: resumed, checked, or placed by hand."""

import hashlib
import json
import logging
import lzma
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any

from mftl.catalogue import FILES, SOURCES, File
from mftl.inputs import FULL, InputError

BLOCK = 1 << 20  # bytes
RETRIES = 5  # without any progress
PAUSE = 2.0  # seconds before another try
TIMEOUT = 60.0  # seconds without an answer
ARCHIVE = ".bz2"  # how the name of an archive ends


def fetch(
    name: str,
    folder: str | Path,
    checksum: str | None = None,
    progress: Callable | None = None,
    files: dict[str, File] = FILES,
) -> dict[str, str | int]:
    """See that a file of the table lies in ``folder``, whole: the one that is there, or a download.

    A download that broke off goes on where it was (``<file>.part``) if the server allows it. ``checksum`` replaces the
    table's. Without either, the SHA-256 of the first download is recorded in ``<file>.sha256``. A file that is there
    is checked, never replaced. ``progress`` makes a bar, as tqdm does. Returns the file's receipt: path, bytes,
    checksum, URL, licence and citation.
    Raises InputError, with the URL and where to place the file by hand, if it cannot be had or its checksum is wrong.
    """
    file = files[name]
    path = placed(Path(folder) / file.path)
    recorded = path.with_name(path.name + ".sha256")
    expected = checksum or (file.checksum if path.suffix != ARCHIVE else file.archive)
    if expected is None and recorded.exists():
        expected = "sha256:" + recorded.read_text().split()[0]
    if path.is_file():
        logging.info("%s is there", path)
    else:
        _announce(file, path)
        _download(file.url, path, expected, file.bytes, progress)
    found = checksum_of(path, expected.split(":")[0] if expected else "sha256")
    if expected and found != expected.lower():
        raise InputError(
            f"{path} has the checksum {found}, but {expected} is expected; it is damaged, or the file behind "
            f"{file.url} changed. Remove it and call again to download it anew; if you trust it, set "
            f"downloads.checksums: {{{name}: {found}}}"
        )
    if expected is None:
        try:
            recorded.write_text(f"{found.split(':')[1]}  {path.name}\n")
        except OSError as error:  # a folder of others
            logging.warning("the checksum is not recorded: %s", error)
    about = SOURCES[file.source]
    return {
        "path": str(path),
        "bytes": path.stat().st_size,
        "checksum": found,
        "url": file.url,
        "licence": about.licence,
        "citation": about.citation,
    }


def placed(path: Path) -> Path:
    """The file itself, or what lies in its place.

    Beside a text file (.json) one compressed by xz may lie, beside arrays (.npz) the archive that holds them and
    others, by the name of the folder: ``rmd17/rmd17.tar.bz2``.
    """
    others = {".json": path.name + ".xz", ".npz": f"{path.parent.name}.tar{ARCHIVE}"}
    other = path.with_name(others.get(path.suffix, path.name))
    return other if not path.is_file() and other.is_file() else path


def checksum_of(path: str | Path, algorithm: str = "sha256") -> str:
    """``<algorithm>:<hexadecimal digits>`` of a file, of what is in it if it was ``placed`` compressed."""
    with lzma.open(path) if str(path).endswith(".json.xz") else open(path, "rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def write_receipt(path: str | Path, about: dict) -> None:
    """Write a receipt."""
    Path(path).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _announce(file: File, path: Path) -> None:
    """Say, in the log and on the terminal, what is downloaded, under which licence, and what to cite."""
    about = SOURCES[file.source]
    size = f" ({file.bytes / 1e6:.1f} MB)" if file.bytes else ""
    text = f"Download {file.url}{size} to {path}\n  {about.title}\n  Licence: {about.licence}\n  Cite: {about.citation}"
    logging.info("%s", text)
    print(text, file=sys.__stderr__, flush=True)


def _download(url: str, path: Path, expected: str | None, size: int | None, progress: Callable | None) -> None:
    """Download with pooch, which checks the sum before the file gets its name; pooch alone would not resume."""
    import pooch

    def resume(_url: str, output: str, _pooch: object) -> None:
        part = path.with_name(path.name + ".part")
        _resume(url, part, size, progress)
        shutil.move(part, output)

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(url, expected, fname=path.name, path=path.parent, downloader=resume)
    except ValueError as error:  # pooch's for a wrong checksum
        raise InputError(f"{url}: {' '.join(str(error).split())}; nothing was kept") from None
    except (OSError, HTTPException) as error:
        if _is_full_disk(error):
            raise
        raise InputError(
            f"{url} cannot be fetched: {error}\n"
            f"Without a network here, get it elsewhere, place it as\n  {path}\nand call again. "
            "downloads.folder names another folder."
        ) from None


def _resume(url: str, part: Path, size: int | None, progress: Callable | None) -> None:
    """Fetch what ``part`` lacks; a connection that breaks is opened again as long as bytes come.

    Raises OSError if nothing more comes.
    """
    bar = progress(total=size, unit="B", unit_scale=True) if progress else None
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            if _fetch_rest(url, part, before, bar):
                return
            error: Exception = OSError("the connection ends before the file does")
        except urllib.error.HTTPError as refused:
            if refused.code < 500:
                raise
            error = refused
        except (OSError, HTTPException) as broken:
            if _is_full_disk(broken):
                raise
            error = broken
        failures = 0 if part.exists() and part.stat().st_size > before else failures + 1
        if failures >= RETRIES:
            raise error
        logging.warning("%s: %s; trying again", url, error)
        time.sleep(PAUSE)


def _fetch_rest(url: str, part: Path, start: int, bar: Any) -> bool:
    """Append to ``part`` what follows byte ``start``; whether the file is complete then."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing follows
            raise
        if error.headers.get("Content-Range", "").endswith(f"/{start}"):
            return True
        part.unlink()  # it is longer than the file
        return False
    with answer:
        # such as 202: it may come later, and there is nothing in the answer
        if answer.status not in (200, 206) or answer.headers.get("Content-Length") == "0":
            raise urllib.error.HTTPError(url, answer.status, answer.reason + ", and no file", answer.headers, None)
        if start and answer.status != 206:  # the server sends all of it
            start = 0
        length = answer.headers.get("Content-Length")
        if bar is not None:
            bar.total = start + int(length) if length else None
            bar.n = start
            bar.refresh()
        with part.open("ab" if start else "wb") as file:
            while block := answer.read(BLOCK):
                file.write(block)
                if bar is not None:
                    bar.update(len(block))
    return length is None or part.stat().st_size == start + int(length)


def _is_full_disk(error: Exception) -> bool:
    return getattr(error, "errno", None) in FULL
