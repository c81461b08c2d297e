"""Systems: pools of structures, read from a file or generated."""

from collections.abc import Iterator

from ase import Atoms

from mftl.config import CrystalPool, DynamicsPool, FilePool, NormalModePool, Pool
from mftl.inputs import InputError
from mftl.sampling import drawn
from mftl.structures import Progress, Structures
from mftl.systems import crystals, molecular_dynamics, normal_modes


def build_pool(pool: Pool, elements: list[str], progress: Progress = iter) -> Iterator[Atoms]:
    """The structures of a system, each with a unique ``info["id"]``, without energies or forces.

    Those of a file are read as they are taken, so that many take no memory.
    Raises InputError, naming the file and the id, if the file cannot be read (see ``structures.Structures``) or a
    structure holds an element that is not in ``elements``.
    """
    source = "generated pool"
    if isinstance(pool, FilePool):
        source, structures = pool.file, Structures(pool.file)
        if pool.count is not None:
            structures = map(structures.__getitem__, drawn(structures.ids, pool, pool.file))
    elif isinstance(pool, NormalModePool):
        structures = normal_modes.sample(pool, progress)
    elif isinstance(pool, CrystalPool):
        structures = crystals.sample(pool, progress)
    elif isinstance(pool, DynamicsPool):
        structures = molecular_dynamics.sample(pool, progress)
    else:
        structures = crystals.simple_crystals(pool)
    for atoms in structures:
        unknown = sorted(set(atoms.get_chemical_symbols()) - set(elements))
        if unknown:
            raise InputError(
                f"{source}: structure {atoms.info['id']} holds {', '.join(unknown)}, "
                f"but the system's elements are {', '.join(elements)}"
            )
        atoms.calc = None  # ASE keeps there energies that came with the file; labels have their own files
        yield atoms
