"""Systems: pools of structures, read from a file or generated."""

from collections.abc import Iterator

from ase import Atoms

from mftl.inputs import InputError
from mftl.pools.base import Pool
from mftl.structures import Progress


def build_pool(pool: Pool, elements: list[str], progress: Progress = iter) -> Iterator[Atoms]:
    """The structures of a system, each with a unique ``info["id"]``, without energies or forces.

    Those of a file are read as they are taken, so that many take no memory.
    Raises InputError, naming the file and the id, if the file cannot be read (see ``structures.Structures``) or a
    structure holds an element that is not in ``elements``.
    """
    source = getattr(pool, "file", "generated pool")
    for atoms in pool.build(progress):
        unknown = sorted(set(atoms.get_chemical_symbols()) - set(elements))
        if unknown:
            raise InputError(
                f"{source}: structure {atoms.info['id']} holds {', '.join(unknown)}, "
                f"but the system's elements are {', '.join(elements)}"
            )
        atoms.calc = None  # ASE keeps there energies that came with the file; labels have their own files
        yield atoms
