"""Published data sets: the structures of one, with their labels, from the files as they are downloaded.

A loader of a data set is a module with ``read(paths, count, seed, progress)``, which yields labelled structures as
``structures.read_labelled`` gives them: ``info["id"]``, ``info["REF_energy"]`` in eV, ``arrays["REF_forces"]`` in eV/Å;
under the keys of ``catalogue.Labelling`` where there are several labels, of which a structure may lack some.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType

from ase import Atoms

from mftl.catalogue import DATASETS
from mftl.inputs import InputError
from mftl.structures import ENERGY, FORCES, Progress, writing
from mftl.systems import ani1x, comp6, mlearn, mp_traj, qm7x, rmd17, sgdml, tungsten_gap2014

LOADERS: dict[str, Callable[..., Iterator[Atoms]]] = {
    "qm7x": qm7x.read,
    "tungsten-gap2014": tungsten_gap2014.read,
    **{name: sgdml.read for name in DATASETS if name.startswith("ccsd")},
    **{name: partial(rmd17.read, name.removeprefix("rmd17-")) for name in DATASETS if name.startswith("rmd17-")},
    "ani1x": ani1x.read,
    "ani1ccx": partial(ani1x.read, coupled=True),
    "comp6": comp6.read,
    "mlearn-si": mlearn.read,
    "mlearn-ge": mlearn.read,
    "mp-traj": mp_traj.read,
}


def read(
    dataset: str,
    paths: list[Path],
    count: int | None,
    seed: int,
    elements: list[str],
    progress: Progress = iter,
    without: Mapping[str, list[str]] = MappingProxyType({}),
) -> Iterator[Atoms]:
    """Yield ``count`` labelled structures of a data set, all of it if None, in an order that ``seed`` shuffles.

    The order is that of a hash of seed and id: every prefix is a random sample, and one of 100 is in one of 1000.
    ``without``: values of info keys whose structures are left out, such as ``{"group": ["Surface"]}``.
    Raises InputError, naming file and structure, if a file is not what it should be, holds fewer structures, or one of
    another element.
    """
    found, left_out = 0, dict.fromkeys(((key, value) for key, values in without.items() for value in values), 0)
    for atoms in LOADERS[dataset](paths, None if without else count, seed, progress):
        if found == count:
            break
        if excluded := [one for one in left_out if str(atoms.info.get(one[0])) == one[1]]:
            left_out[excluded[0]] += 1
            continue
        if unknown := sorted(set(atoms.get_chemical_symbols()) - set(elements)):
            raise InputError(
                f"{dataset}: structure {atoms.info['id']} holds {', '.join(unknown)}, "
                f"but the system's elements are {', '.join(elements)}"
            )
        found += 1
        yield atoms
    if found < (count or 1):
        raise InputError(
            f"{dataset}: {count or 'some'} structures wanted, but there are only {found}; lower pool.count"
        )
    if count is None and (unused := [one for one, hits in left_out.items() if not hits]):
        raise InputError(f"{dataset}: pool.without: no structure has {unused[0][0]}={unused[0][1]}")
    known = DATASETS[dataset].structures - sum(left_out.values())
    if count is None and found != known:
        logging.warning("%s: %d structures, %d were expected", dataset, found, known)


def write(structures: Iterator[Atoms], pool: str | Path, labels: str | Path) -> int:
    """Write structures, one after the other, without labels to ``pool`` and with them to ``labels``; how many."""
    count = 0
    with ExitStack() as files:
        add_structure, add_labelled = (files.enter_context(writing(path)) for path in (pool, labels))
        for atoms in structures:
            add_labelled(atoms)
            bare = atoms.copy()
            for own, key in ((bare.info, ENERGY), (bare.arrays, FORCES)):
                for name in [name for name in own if name.startswith(key)]:
                    del own[name]
            add_structure(bare)
            count += 1
    return count
