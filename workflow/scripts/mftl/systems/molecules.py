"""Geometries of molecules: from a SMILES, and relaxed."""

from ase import Atoms
from ase.optimize import BFGS

from mftl.inputs import InputError

MAX_STEPS = 500  # of a relaxation


def embedded(smiles: str, seed: int) -> Atoms:
    """A molecule from a random embedding of its SMILES, relaxed with UFF.

    Raises InputError if RDKit cannot read or embed the SMILES, or if it is of an ion: engines treat neutral molecules.
    """
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise InputError(f"{smiles!r} is not a SMILES that RDKit can read")
    if charge := Chem.GetFormalCharge(mol):
        raise InputError(f"the SMILES {smiles!r} has a charge of {charge:+d}; engines treat neutral molecules only")
    mol = Chem.AddHs(mol)
    if rdDistGeom.EmbedMolecule(mol, randomSeed=seed) != 0:
        raise InputError(f"RDKit finds no geometry for the SMILES {smiles!r}")
    rdForceFieldHelpers.UFFOptimizeMolecule(mol)
    return Atoms([a.GetSymbol() for a in mol.GetAtoms()], mol.GetConformer().GetPositions())


def relax(atoms: Atoms) -> bool:
    """Move atoms to the minimum of their calculator's energy nearest to them; whether 500 steps sufficed."""
    return BFGS(atoms, logfile=None).run(fmax=1e-3, steps=MAX_STEPS)  # eV/Å
