"""Peptides as helices: RDKit builds the chain, its torsions are set, a force field removes what clashes, and an engine
relaxes it."""

from typing import TYPE_CHECKING, Any

from ase import Atoms
from ase.calculators.calculator import CalculationFailed
from ase.optimize import BFGS

from mftl.inputs import InputError
from mftl.systems.minima import computed
from mftl.systems.molecules import MAX_STEPS

if TYPE_CHECKING:
    from mftl.pools.peptide import PeptidePool

STIFFNESS = 100.0  # of the torsions while the rest of the chain gives way, kcal/mol/rad²

Torsion = tuple[int, int, int, int]


def relaxed(pool: "PeptidePool") -> Atoms:
    """The helix of a pool, moved towards the nearest minimum of its level until no force is above ``tolerance``.

    ``info``: ``id`` and ``molecule``, the pool's name, and ``sequence``.
    Raises InputError, naming the pool, if 500 steps do not do, or if the level's engine cannot treat it.
    """
    atoms = helix(pool)
    with computed(atoms, pool.name, pool.level):
        try:
            done = BFGS(atoms, logfile=None).run(fmax=pool.tolerance, steps=MAX_STEPS)
        except CalculationFailed as error:
            raise InputError(f"{pool.name}: relaxing it failed: {error}; give another `level`") from None
    if not done:
        raise InputError(f"{pool.name}: forces above {pool.tolerance} eV/Å after {MAX_STEPS} steps of relaxation")
    return Atoms(atoms.numbers, atoms.positions, info=atoms.info)


def helix(pool: "PeptidePool") -> Atoms:
    """The peptide H-…-NH2 with the torsions of a pool, bond lengths and angles by MMFF94; ``info`` as of ``relaxed``.

    The seed gives the side chains; the same one gives the same structure.
    Raises InputError if RDKit finds no geometry.
    """
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers, rdMolTransforms

    mol = _chain(pool.sequence)
    if rdDistGeom.EmbedMolecule(mol, randomSeed=pool.seed) != 0:
        raise InputError(f"{pool.name}: RDKit finds no geometry for the sequence {pool.sequence}; try another seed")
    torsions = backbone(mol)
    wanted = [(atoms, getattr(pool, name)) for name, atoms in torsions]
    for atoms, angle in wanted:
        rdMolTransforms.SetDihedralDeg(mol.GetConformer(), *atoms, angle)
    field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, rdForceFieldHelpers.MMFFGetMoleculeProperties(mol))
    for atoms, angle in wanted:
        field.MMFFAddTorsionConstraint(*atoms, False, angle - 1, angle + 1, STIFFNESS)
    field.Initialize()
    field.Minimize(maxIts=2000)
    info = {"id": pool.name, "molecule": pool.name, "sequence": pool.sequence}
    return Atoms([a.GetSymbol() for a in mol.GetAtoms()], mol.GetConformer().GetPositions(), info=info)


def backbone(mol: Any) -> list[tuple[str, Torsion]]:
    """Name (phi, psi, omega) and atoms of all torsions of the backbone of ``_chain``, from the amino end."""
    places = named(mol)
    last = max(number for number, _ in places)
    found = []
    for k in range(1, last + 1):
        n, alpha, carbon = (places[k, name] for name in ("N", "CA", "C"))
        following = places[(k + 1, "N") if k < last else (last, "OXT")]
        if k > 1:
            found.append(("phi", (places[k - 1, "C"], n, alpha, carbon)))
        found.append(("psi", (n, alpha, carbon, following)))
        if k < last:
            found.append(("omega", (alpha, carbon, following, places[k + 1, "CA"])))
    return found


def named(mol: Any) -> dict[tuple[int, str], int]:
    """Atoms but hydrogen by number of the residue, from 1, and name; OXT is the nitrogen of the amide at the end."""
    heavy = [atom for atom in mol.GetAtoms() if atom.GetAtomicNum() != 1]
    known = [(atom.GetPDBResidueInfo(), atom.GetIdx()) for atom in heavy]
    return {(info.GetResidueNumber(), info.GetName().strip()): place for info, place in known}


def _chain(sequence: str) -> Any:
    """The molecule with hydrogens. RDKit makes an acid of L-amino acids, all neutral; its OH becomes NH2."""
    from rdkit import Chem

    mol = Chem.MolFromSequence(sequence)
    for atom in mol.GetAtoms():
        if atom.GetPDBResidueInfo().GetName().strip() == "OXT":
            atom.SetAtomicNum(7)
    Chem.SanitizeMol(mol)
    return Chem.AddHs(mol)
