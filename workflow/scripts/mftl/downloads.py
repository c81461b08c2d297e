"""Files of others: one table of what can be downloaded, and the download itself.

Imports neither torch nor ASE: the Snakefile plans with the table. Checksums are those that the source publishes (MD5,
Zenodo) or that independent users of a file agree on (SHA-256); where there is none, the SHA-256 of the first download
is written beside the file, and later ones are compared with it.
"""

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
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

from mftl.inputs import FULL, InputError

RECEIPTS = "results/downloads"  # what was fetched, from where and with which checksum: outputs of the rule `download`
BLOCK = 1 << 20  # bytes
RETRIES = 5  # without any progress
PAUSE = 2.0  # seconds before another try
TIMEOUT = 60.0  # seconds without an answer


@dataclass(frozen=True)
class Source:
    """Where files come from: shown before they are downloaded."""

    title: str
    licence: str
    citation: str


@dataclass(frozen=True)
class File:
    """A file of a source: ``path`` in the folder of downloads, ``checksum`` as ``md5:...`` or ``sha256:...``."""

    path: str
    url: str
    source: str
    checksum: str | None = None
    bytes: int | None = None


SOURCES = {
    "qm7x": Source(
        "QM7-X, PBE0+MBD, 4.2 million configurations of 7k molecules",
        "CC BY 4.0",
        "J. Hoja et al., Sci. Data 8, 43 (2021), doi 10.1038/s41597-021-00812-2; data doi 10.5281/zenodo.4288677",
    ),
    "tungsten-gap2014": Source(
        "Tungsten, PBE, 9693 configurations",
        "none stated; cite the paper",
        "W. J. Szlachta, A. P. Bartók, G. Csányi, Phys. Rev. B 90, 104108 (2014), doi 10.1103/PhysRevB.90.104108",
    ),
    "ccsdt-molecules": Source(
        "Benzene, toluene, malonaldehyde, CCSD(T)/cc-pVDZ, 1500 configurations each (sGDML)",
        "none stated; cite the paper",
        "S. Chmiela et al., Nat. Commun. 9, 3887 (2018), doi 10.1038/s41467-018-06169-2",
    ),
    "mlearn": Source(
        "Si and Ge of mlearn, PBE, 239 and 253 configurations",
        "BSD-3-Clause",
        "Y. Zuo et al., J. Phys. Chem. A 124, 731 (2020), doi 10.1021/acs.jpca.9b08723",
    ),
    "mp-traj": Source(
        "MPtrj, relaxations of the Materials Project at PBE, as given out with MACE-MP-0 for replay",
        "CC BY 4.0, as the Materials Project",
        "B. Deng et al., Nat. Mach. Intell. 5, 1031 (2023), doi 10.1038/s42256-023-00716-3",
    ),
    "mace-off23": Source(
        "MACE-OFF23, a foundation model of organic molecules",
        "Academic Software License (ASL): FOR ACADEMIC, NON-COMMERCIAL USE ONLY. By downloading you accept it: "
        "https://github.com/gabor1/ASL",
        "D. P. Kovács et al., J. Am. Chem. Soc. 147, 17598 (2025), doi 10.1021/jacs.4c07099",
    ),
    "mace-mp-0": Source(
        "MACE-MP-0, a foundation model of materials",
        "MIT",
        "I. Batatia et al., arXiv:2401.00096 (2023)",
    ),
}

_ZENODO = "https://zenodo.org/records/4288677/files"
_SGDML = "http://www.quantum-machine.org/gdml/data/npz"
_MLEARN = "https://raw.githubusercontent.com/materialsvirtuallab/mlearn/master/data"
_MACE_OFF = "https://raw.githubusercontent.com/ACEsuit/mace-off/main/mace_off23"
_MACE_MP = "https://github.com/ACEsuit/mace-mp/releases/download/mace_mp_0"
_MACE_REPLAY = "https://github.com/ACEsuit/mace-foundations/releases/download/mace_mp_0b"
_QM7X = {
    "1000": ("b50c6a5d0a4493c274368cf22285503e", 715361604),
    "2000": ("4418a813daf5e0d44aa5a26544249ee6", 1043743376),
    "3000": ("f7b5aac39a745f11436047c12d1eb24e", 2052043036),
    "4000": ("26819601705ef8c14080fa7fc69decd4", 1461283500),
    "5000": ("85ac444596b87812aaa9e48d203d0b70", 1135294700),
    "6000": ("787fc4a9036af0e67c034a30ad854c07", 2016065508),
    "7000": ("5ecce00a188410d06b747cb683d8d347", 1104141872),
    "8000": ("c893ae88b8f5c32541c3f024fc1daa45", 89426884),
}

FILES = {
    **{
        f"qm7x-{name}": File(f"qm7x/{name}.xz", f"{_ZENODO}/{name}.xz", "qm7x", f"md5:{md5}", size)
        for name, (md5, size) in _QM7X.items()
    },
    "qm7x-duplicates": File(
        "qm7x/DupMols.dat", f"{_ZENODO}/DupMols.dat", "qm7x", "md5:5d886ccac38877c8cb26c07704dd1034"
    ),
    # moved from libatoms.org, where it was published
    "tungsten-gap2014": File(
        "tungsten/w-14.zip", "https://qmml.org/Datasets/w-14.zip", "tungsten-gap2014", bytes=9761412
    ),
    **{
        f"ccsdt-{name}": File(f"ccsdt/{name}_ccsd_t.zip", f"{_SGDML}/{name}_ccsd_t.zip", "ccsdt-molecules")
        for name in ("benzene", "toluene", "malonaldehyde")
    },
    **{
        f"mlearn-{element.lower()}-{part}": File(
            f"mlearn/{element}_{part}.json", f"{_MLEARN}/{element}/{part}.json", "mlearn"
        )
        for element in ("Si", "Ge")
        for part in ("training", "test")
    },
    "mp-traj": File("mp-traj/mp_traj_combined.xyz", f"{_MACE_REPLAY}/mp_traj_combined.xyz", "mp-traj"),
    "mace-off23-small": File(
        "mace-off23/MACE-OFF23_small.model",
        f"{_MACE_OFF}/MACE-OFF23_small.model",
        "mace-off23",
        "sha256:165cce4cfec5a34b9c64d4ebf95de15d71106bb584b7291c8470f0749977c46f",
        7347350,
    ),
    "mace-off23-medium": File(
        "mace-off23/MACE-OFF23_medium.model",
        f"{_MACE_OFF}/MACE-OFF23_medium.model",
        "mace-off23",
        "sha256:4842c52ad210d6e1f84d6cf1ffa70fae25a7e0d755ed55cf223f43913f587db7",
    ),
    "mace-off23-large": File(
        "mace-off23/MACE-OFF23_large.model",
        f"{_MACE_OFF}/MACE-OFF23_large.model",
        "mace-off23",
        "sha256:a29e397dbf3e7a24ac50a9b0dfc919bd5a62efa346f5895a6237b0950c1d76f4",
    ),
    "mace-mp-0-small": File(
        "mace-mp-0/2023-12-10-mace-128-L0_energy_epoch-249.model",
        f"{_MACE_MP}/2023-12-10-mace-128-L0_energy_epoch-249.model",
        "mace-mp-0",
        "sha256:2ddb079cee0e131eaaf6912ba581b394551ead283e95c99cfe78c605d10b5736",
        32581838,
    ),
    "mace-mp-0-medium": File(
        "mace-mp-0/2023-12-03-mace-128-L1_epoch-199.model",
        f"{_MACE_MP}/2023-12-03-mace-128-L1_epoch-199.model",
        "mace-mp-0",
        "sha256:01bfe22100139f424713cf921144e5509cbe353d67aa9fa1be9c6e1e0ed35845",
        44422970,
    ),
    "mace-mp-0-large": File(
        "mace-mp-0/2024-01-07-mace-128-L2_epoch-199.model",
        f"{_MACE_MP}/2024-01-07-mace-128-L2_epoch-199.model",
        "mace-mp-0",
        bytes=63509066,
    ),
}
MODELS = [name for name, file in FILES.items() if file.path.endswith(".model")]


@dataclass(frozen=True)
class Dataset:
    """A data set: its ``files`` (keys of ``FILES``), how many structures they hold, and whether these are crystals."""

    files: list[str]
    structures: int
    periodic: bool = False


DATASETS = {
    "qm7x": Dataset([f"qm7x-{name}" for name in _QM7X] + ["qm7x-duplicates"], 4195237),
    "tungsten-gap2014": Dataset(["tungsten-gap2014"], 9693, periodic=True),
    "ccsdt-molecules": Dataset([f"ccsdt-{name}" for name in ("benzene", "toluene", "malonaldehyde")], 4500),
    "mlearn-si": Dataset(["mlearn-si-training", "mlearn-si-test"], 239, periodic=True),
    "mlearn-ge": Dataset(["mlearn-ge-training", "mlearn-ge-test"], 253, periodic=True),
    "mp-traj": Dataset(["mp-traj"], 1580395, periodic=True),  # all of MPtrj: the file may hold fewer
}


def receipt(name: str) -> str:
    """Where the receipt of a download lies."""
    return f"{RECEIPTS}/{name}.json"


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
    expected = checksum or file.checksum
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
    """The file itself, or, of a text file (.json), one compressed by xz beside where it would lie."""
    packed = path.with_name(path.name + ".xz")
    return packed if path.suffix == ".json" and not path.is_file() and packed.is_file() else path


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
