"""Systems: pools of structures, read from a file or generated."""

from ase import Atoms

from mftl.config import CrystalPool, DynamicsPool, FilePool, NormalModePool, Pool
from mftl.inputs import InputError
from mftl.sampling import drawn
from mftl.structures import Progress, read_structures
from mftl.systems import crystals, molecular_dynamics, normal_modes


def build_pool(pool: Pool, elements: list[str], progress: Progress = iter) -> list[Atoms]:
    """The structures of a system, each with a unique ``info["id"]``, without energies or forces.

    Raises InputError, naming the file and the id, if the file cannot be read (see ``structures.read_structures``)
    or a structure holds an element that is not in ``elements``.
    """
    source = "generated pool"
    if isinstance(pool, FilePool):
        source, structures = pool.file, read_structures(pool.file)
        if pool.count is not None:
            by_id = {atoms.info["id"]: atoms for atoms in structures}
            structures = [by_id[one] for one in drawn(list(by_id), pool, pool.file)]
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
    return structures
