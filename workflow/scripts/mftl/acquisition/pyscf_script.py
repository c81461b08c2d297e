"""Label structures.extxyz with DFT: python label.py [processes]

Needs PySCF (with pyscf-dispersion if a dispersion correction is asked for) and ASE. Writes labelled.extxyz (energy in
eV, forces in eV/Å) structure by structure, and goes on where it was stopped; failed.csv names what has no label. Only
closed shells of neutral molecules: an odd number of electrons fails.
"""

import csv
import sys
from multiprocessing import Pool
from pathlib import Path

FUNCTIONAL = "pbe0"
BASIS = "def2-tzvp"
DISPERSION = "d3bj"
HERE = Path(__file__).parent


def label(atoms):
    """A copy of the structure with its label, or the reason why there is none."""
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.units import Bohr, Hartree
    from pyscf import dft, gto, lib

    lib.num_threads(1)
    try:
        atom = list(zip(atoms.get_chemical_symbols(), atoms.positions.tolist(), strict=True))
        scf = dft.RKS(gto.M(atom=atom, basis=BASIS, verbose=0), xc=FUNCTIONAL).density_fit()
        if DISPERSION:
            scf.disp = DISPERSION
        scf.conv_tol = 1e-9
        energy = scf.kernel()
        if not scf.converged:
            scf = scf.newton()
            energy = scf.kernel()
        if not scf.converged:
            return atoms.info["id"], "SCF not converged"
        gradient = scf.nuc_grad_method()
        gradient.grid_response = True
        forces = -gradient.kernel() * Hartree / Bohr
    except Exception as error:
        return atoms.info["id"], " ".join(str(error).split()) or type(error).__name__
    new = atoms.copy()
    new.calc = SinglePointCalculator(new, energy=energy * Hartree, forces=forces)
    return new


def main():
    """Label what is not labelled yet."""
    from ase.io import read, write

    target, failures = HERE / "labelled.extxyz", HERE / "failed.csv"
    known = {str(one.info["id"]) for one in read(target, ":")} if target.exists() else set()
    todo = [one for one in read(HERE / "structures.extxyz", ":") if str(one.info["id"]) not in known]
    failed = []
    with Pool(int(sys.argv[1]) if len(sys.argv) > 1 else 1) as pool:
        for number, found in enumerate(pool.imap(label, todo), 1):
            if isinstance(found, tuple):
                failed.append(found)
                print(*found, sep=": ")
            else:
                write(target, found, format="extxyz", append=True)
            print(f"{number} of {len(todo)}", flush=True)
    with failures.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "reason"), *failed])


if __name__ == "__main__":
    main()
