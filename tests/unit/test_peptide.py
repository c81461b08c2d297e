"""Peptides as helices: deca-alanine has the atoms, the hands and the hydrogen bonds that it should have."""

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from mftl import pools
from mftl.config.whole import parse
from mftl.inputs import InputError
from mftl.pools.peptide import ATOMS, PeptidePool
from mftl.systems import build_pool, peptide

GFN2 = {"engine": "tblite", "method": "GFN2-xTB"}


def pool(sequence: str, **changes) -> PeptidePool:
    return pools.pool({"generator": "peptide", "name": "ala", "sequence": sequence, "level": GFN2} | changes)


@pytest.fixture(scope="module")
def deca() -> Atoms:
    return peptide.helix(pool(10 * "A"))


def bonds_of_helix(atoms: Atoms, residues: int) -> np.ndarray:
    """Distances between O of each residue i and the closest hydrogen of the nitrogen of i + 4, Å."""
    places = peptide.named(peptide._chain(residues * "A"))
    found = []
    for k in range(1, residues - 2):
        nitrogen = places[(k + 4, "N") if k + 4 <= residues else (residues, "OXT")]
        hydrogens = [
            i for i in np.flatnonzero(atoms.numbers == 1) if atoms.get_distance(int(i), nitrogen) < 1.2
        ]  # fmt: skip
        found.append(min(atoms.get_distance(int(i), places[k, "O"]) for i in hydrogens))
    return np.array(found)


def test_deca_alanine_is_what_the_paper_simulates(deca):
    assert len(deca) == 104 == pool(10 * "A").atoms()
    assert deca.get_chemical_formula() == "C30H53N11O10"
    assert deca.info == {"id": "ala", "molecule": "ala", "sequence": 10 * "A"}
    distances = deca.get_all_distances()
    assert distances[np.triu_indices(104, 1)].min() > 0.95  # no two atoms on one another


def test_all_residues_are_of_the_l_form(deca):
    """Seen from hydrogen, CO, R and N follow each other clockwise (the CORN rule): their product is positive."""
    places = peptide.named(peptide._chain(10 * "A"))
    for k in range(1, 11):
        alpha, carbon, side, nitrogen = (deca.positions[places[k, name]] for name in ("CA", "C", "CB", "N"))
        assert np.dot(np.cross(side - alpha, nitrogen - alpha), carbon - alpha) > 0
    mirrored = deca.positions * [1, 1, -1]
    alpha, carbon, side, nitrogen = (mirrored[places[1, name]] for name in ("CA", "C", "CB", "N"))
    assert np.dot(np.cross(side - alpha, nitrogen - alpha), carbon - alpha) < 0


def test_torsions_and_hydrogen_bonds_are_those_of_an_alpha_helix(deca):
    wanted = {"phi": -57, "psi": -47, "omega": 180}
    torsions = peptide.backbone(peptide._chain(10 * "A"))
    assert [name for name, _ in torsions].count("omega") == 9 and len(torsions) == 28
    for name, atoms in torsions:
        off = (deca.get_dihedral(*atoms) - wanted[name] + 180) % 360 - 180
        assert abs(off) < 4
    distances = bonds_of_helix(deca, 10)
    assert len(distances) == 7 and (distances[:-1] < 2.3).all()  # the last one is that of the amide at the end
    ends = [peptide.named(peptide._chain(10 * "A"))[k, "CA"] for k in (1, 10)]
    assert deca.get_distance(*ends) / 9 == pytest.approx(1.5, abs=0.25)  # Å, the rise of a residue


def test_relaxed_it_is_a_helix_still():
    """Six residues; of the shortest helices GFN2-xTB makes tighter ones if it is given the time."""
    own = pool(6 * "A", tolerance=0.15)
    (found,) = build_pool(own, ["H", "C", "N", "O"])
    start = peptide.helix(own)
    assert found.info["id"] == "ala" and len(found) == 64 == own.atoms()
    assert (bonds_of_helix(found, 6)[:2] < 2.3).all()
    assert 0.01 < np.abs(found.positions - start.positions).max() < 2
    again = peptide.helix(own)
    np.testing.assert_array_equal(start.positions, again.positions)  # the same seed, the same bits


def test_other_residues_and_what_is_refused(tmp_path):
    for letter, count in ATOMS.items():
        assert peptide._chain("G" + letter).GetNumAtoms() == 7 + count + 4, letter
    system = {"elements": ["H"], "levels": {"gfn2": GFN2}}
    good = {"generator": "peptide", "name": "x", "sequence": "AA", "level": GFN2}
    assert parse({"systems": {"x": system | {"pool": good}}}).systems["x"].pool.ids() == ["x"]
    for sequence in ("A", "APA", "aa"):
        with pytest.raises(InputError, match=r"systems\.x\.pool.*sequence"):
            parse({"systems": {"x": system | {"pool": good | {"sequence": sequence}}}})
    crystals = pool("AA", level={"engine": "gpaw"})
    assert "an engine for molecules" in "".join(crystals.mistakes("pool", Path(tmp_path)))
    with pytest.raises(InputError, match=r"forces above 1e-09 eV/Å after 1 steps"):
        short, peptide.MAX_STEPS = peptide.MAX_STEPS, 1
        try:
            peptide.relaxed(pool("GG", tolerance=1e-9))
        finally:
            peptide.MAX_STEPS = short
