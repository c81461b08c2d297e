"""Engines: forces are the derivative of the energy, and the labels that ship come out again."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from mftl import engines
from mftl.config import DftbLevel, PyscfCcsdtLevel, PyscfDftLevel, TbliteLevel
from mftl.engines import Failure, dftbplus, pyscf_dft, tblite
from mftl.inputs import InputError
from mftl.labels import read_labelled

PBE0 = PyscfDftLevel(engine="pyscf-dft", functional="pbe0", basis="def2-tzvp", dispersion="d3bj")
WB97M = PyscfDftLevel(engine="pyscf-dft", functional="wb97m-d3bj", basis="def2-svp")
CCSDT = PyscfCcsdtLevel(engine="pyscf-ccsd(t)")
GFN1, GFN2 = (TbliteLevel(engine="tblite", method=method) for method in ("GFN1-xTB", "GFN2-xTB"))
DFTB = DftbLevel(engine="dftb+")
needs_dftb = pytest.mark.skipif(not shutil.which("dftb+"), reason="the program dftb+ is not on PATH")


@pytest.fixture
def water():
    atoms = molecule("H2O")
    atoms.rattle(0.08, seed=1)
    return atoms


def label(atoms, settings):
    return engines.engine(settings.engine).label(atoms, settings)


@pytest.mark.parametrize(
    ("settings", "step", "tolerance"),
    [
        pytest.param(GFN1, 0.002, 2e-4, id="gfn1-xtb"),
        pytest.param(GFN2, 0.002, 2e-4, id="gfn2-xtb"),
        pytest.param(DFTB, 0.002, 5e-4, id="dftb", marks=needs_dftb),
        pytest.param(PBE0, 0.002, 2e-4, id="pbe0-d3"),
        # with the lambda amplitudes of CCSD, as PySCF has it by default, both components are 0.05 to 0.1 eV/Å off
        pytest.param(CCSDT, 0.002, 2e-4, id="ccsd(t)"),
    ],
)
def test_forces_are_the_derivative_of_the_energy(water, settings, step, tolerance):
    forces = label(water, settings).forces
    for atom, axis in ((0, 2), (1, 1)):
        energies = []
        for sign in (1, -1):
            moved = water.copy()
            moved.positions[atom, axis] += sign * step
            energies.append(label(moved, settings).energy)
        assert forces[atom, axis] == pytest.approx(-(energies[0] - energies[1]) / (2 * step), abs=tolerance)


@pytest.mark.parametrize(
    ("name", "one", "settings"),
    [
        pytest.param("molecules/molecules.pbe0-d3", "water-0000", PBE0, id="pbe0-d3-water"),
        pytest.param("molecules/molecules.pbe0-d3", "ammonia-0000", PBE0, id="pbe0-d3-ammonia"),
        pytest.param("molecules/molecules.ccsdt", "water-0000", CCSDT, id="ccsd(t)-water"),
        # its lambda equations take more iterations than PySCF allows by default
        pytest.param("molecules/molecules.ccsdt", "ammonia-0009", CCSDT, id="ccsd(t)-ammonia-in-close-contact"),
        pytest.param("foundation/foundation.wb97m-d3", "vinyl_alcohol-0000", WB97M, id="wb97m-d3-vinyl-alcohol"),
        pytest.param("molecules/molecules.dftb-ptbp", "methanethiol-0000", DFTB, id="dftb-thiol", marks=needs_dftb),
        pytest.param("molecules/molecules.dftb-ptbp", "dichloromethane-0009", DFTB, id="dftb-cl", marks=needs_dftb),
    ],
)
def test_labels_that_ship_come_out_again(name, one, settings):
    shipped = next(a for a in read_labelled(f"resources/{name}.extxyz") if a.info["id"] == one)
    # the charges of DFTB are converged to 1e-6 e, which leaves a µeV/atom
    energy, forces = (3e-6, 1e-4) if settings is DFTB else (1e-6, 5e-5)
    made = label(shipped, settings)
    assert made.energy == pytest.approx(shipped.info["REF_energy"], abs=energy * len(shipped))
    np.testing.assert_allclose(made.forces, shipped.arrays["REF_forces"], atol=forces)


@pytest.mark.parametrize("settings", [GFN2, DFTB, PBE0, CCSDT], ids=lambda s: s.engine)
def test_periodic_structures_are_refused(settings):
    with pytest.raises(InputError, match="bcc-1 is periodic"):
        atoms = bulk("W")
        atoms.info["id"] = "bcc-1"
        label(atoms, settings)


@pytest.mark.parametrize("settings", [PBE0, CCSDT], ids=lambda s: s.engine)
def test_open_shells_fail(settings):
    with pytest.raises(Failure, match="odd number of electrons"):
        label(molecule("CH3"), settings)


def test_an_scf_that_does_not_converge_fails(monkeypatch, water):
    from pyscf import dft
    from pyscf.soscf import newton_ah

    monkeypatch.setattr(dft.rks.RKS, "converged", property(lambda self: False, lambda self, value: None), raising=False)
    monkeypatch.setattr(newton_ah._CIAH_SOSCF, "kernel", lambda self, *a, **k: 0.0)
    with pytest.raises(Failure, match="SCF not converged"):
        pyscf_dft.label(water, PBE0)


def test_an_element_without_parameters_fails():
    with pytest.raises(Failure, match="GFN2-xTB"):
        tblite.label(Atoms("FrH", [[0, 0, 0], [0, 0, 2]]), GFN2)


def test_a_missing_engine_says_how_to_install_it(monkeypatch):
    for module, settings in ((tblite, GFN1), (pyscf_dft, PBE0)):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
        assert "pip install" in module.installed(settings)
    assert "conda install dftbplus" in dftbplus.installed(DftbLevel(engine="dftb+", command="no-such-dftb+"))
    assert all(name in engines.ENGINES for name in ("tblite", "dftb+", "pyscf-dft", "pyscf-ccsd(t)"))


def test_asking_for_engines_imports_neither_them_nor_ase():
    """The Snakefile does so on every call, perhaps on a machine without them."""
    code = (
        "import sys\nfrom mftl import engines\n"
        "modules = [engines.engine(name) for name in engines.ENGINES]\n"
        "assert not {'ase', 'pyscf', 'tblite', 'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": "workflow/scripts"})


# --- dftb+ ---------------------------------------------------------------------------------------------------------


def tables(folder: Path, *pairs: str) -> DftbLevel:
    """The level with a folder that holds only some of the tables."""
    for pair in pairs:
        shutil.copy(f"resources/ptbp/{pair}.skf", folder)
    return DftbLevel(engine="dftb+", slater_koster=str(folder))


def test_a_missing_table_is_named(tmp_path, water):
    with pytest.raises(InputError, match=r"H-O\.skf"):
        label(water, tables(tmp_path, "H-H", "O-O", "O-H"))


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7, 0.99])
def test_a_table_that_is_cut_short_is_named(tmp_path, water, kept):
    settings = tables(tmp_path, "H-H", "O-O", "O-H", "H-O")
    table = tmp_path / "H-O.skf"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[: int(kept * len(lines))]))
    with pytest.raises(InputError, match=r"H-O\.skf"):
        label(water, settings)


def test_all_tables_that_ship_are_whole():
    for table in sorted(Path("resources/ptbp").glob("*.skf")):
        first, second = table.stem.split("-")
        dftbplus._check_table(table, 0, first == second)


def test_an_element_without_known_shells_is_named():
    with pytest.raises(InputError, match="Xe"):
        dftbplus.label(Atoms("Xe"), DFTB)


def test_the_input_leaves_nothing_to_defaults():
    text = dftbplus.hsd(molecule("CH3Cl"), DFTB, Path("/tables"))
    for line in (
        'Cl = "d"',
        'C = "p"',
        'H = "s"',
        "ShellResolvedSCC = Yes",
        "Filling = Fermi { Temperature [Kelvin] = 300.0 }",
        "SCCTolerance = 1e-06",
        "MaxSCCIterations = 300",
        "ParserVersion = 14",
        'Prefix = "/tables/"',
    ):
        assert line in text


def fake_dftb(folder: Path, script: str) -> DftbLevel:
    program = folder / "dftb+"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return DftbLevel(engine="dftb+", command=str(program))


def test_dftb_without_convergence_fails_with_its_message(tmp_path, water):
    settings = fake_dftb(tmp_path, "touch results.tag; printf 'ERROR!\\n-> SCC is NOT converged, sorry\\n'; exit 1")
    with pytest.raises(Failure, match="SCC is NOT converged, sorry"):
        label(water, settings)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo out of luck; exit 3", "exit code 3: out of luck"),
        ("kill -9 $$", "signal 9"),
        ("exit 0", "no mermin_energy"),
    ],
)
def test_dftb_that_breaks_is_not_the_structures_fault(tmp_path, water, script, message):
    with pytest.raises((RuntimeError, OSError), match=message) as caught:
        label(water, fake_dftb(tmp_path, script))
    assert not isinstance(caught.value, Failure)


def test_results_of_dftb_are_read(tmp_path):
    path = tmp_path / "results.tag"
    path.write_text(
        "mermin_energy       :real:0:\n -0.4E+001\n"
        "scc                 :logical:0:\n T\n"
        "forces              :real:2:3,2\n  1.0  2.0  3.0\n -1.0 -2.0 -3.0\n"
    )
    results = dftbplus.read_results(path)
    assert results["mermin_energy"] == -4.0
    np.testing.assert_array_equal(results["forces"].reshape(-1, 3), [[1, 2, 3], [-1, -2, -3]])


@needs_dftb
def test_too_few_iterations_fail(water):
    with pytest.raises(Failure, match="NOT converged"):
        label(water, DftbLevel(engine="dftb+", max_scc_iterations=2))
