"""Slater-Koster tables: which are needed, and whether they are whole."""

from collections.abc import Iterable
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from mftl.inputs import InputError

if TYPE_CHECKING:
    from mftl.engines.dftbplus.section import DftbLevel

FETCHED = "results/slater-koster/ptbp"  # what the rule download_slater_koster makes
HIGHEST_SHELL = {"H": "s", "C": "p", "N": "p", "O": "p", "S": "d", "Cl": "d", "Si": "d", "Ge": "d", "W": "d"}


def shells(element: str, settings: "DftbLevel") -> str:
    """The highest shell of an element's basis. Raises InputError if neither the settings nor this file know it."""
    shell = settings.max_angular_momentum.get(element) or HIGHEST_SHELL.get(element)
    if shell is None:
        raise InputError(
            f"dftb+: the shells of {element} are not known; name its highest one in max_angular_momentum, "
            f"for instance max_angular_momentum: {{{element}: d}}"
        )
    return shell


def tables_of(folder: str | Path, elements: Iterable[str]) -> list[Path]:
    """The tables of all ordered pairs of elements, which are whole.

    Raises InputError, naming the pair, if one is missing or cut short.
    """
    folder, found = Path(folder), []
    pairs = list(product(sorted(elements), repeat=2))
    missing = [f"{a}-{b}" for a, b in pairs if not (folder / f"{a}-{b}.skf").is_file()]
    if missing:
        what = "the pair" if len(missing) == 1 else "the pairs"
        raise InputError(
            f"no Slater-Koster table for {what} {', '.join(missing)} in {folder}: {folder / missing[0]}.skf does not "
            "exist. Set slater_koster to a folder that holds it; `snakemake download_slater_koster` gets the published "
            "set of PTBP"
        )
    for first, second in pairs:
        table = folder / f"{first}-{second}.skf"
        _check_table(table, table.stat().st_mtime_ns, first == second)
        found.append(table)
    return found


@lru_cache(maxsize=4096)
def _check_table(path: Path, _modified: int, homonuclear: bool) -> None:
    """Raise InputError if a table ends early: DFTB+ may read what is left without complaint.

    The format is that of dftb.org (slakoformat): grid, on-site values if homonuclear, mass and repulsive polynomial,
    the grid's rows, and mostly a spline of the repulsion.
    """
    lines = path.read_text().splitlines()
    try:
        first = 1 if lines[0].startswith("@") else 0
        points = int(lines[first].replace(",", " ").split()[1])
        body = first + (3 if homonuclear else 2)
        end = next((i for i, line in enumerate(lines) if line.strip().lower() == "spline"), None)
        complete = (len(lines) if end is None else end) >= body + points - 1
        if end is not None:
            intervals = int(lines[end + 1].split()[0])
            # the last interval has two coefficients more than the others
            complete &= len(lines[end + 2 + intervals].split()) == 8
        else:
            complete &= any(float(c) for c in lines[body - 1].replace(",", " ").split()[1:9])
    except (IndexError, ValueError):
        complete = False
    if not complete:
        raise InputError(
            f"the Slater-Koster table of the pair {path.stem} is cut short or not one: {path}; get it again"
        )
