"""Engines: forces are the derivative of the energy, the labels that ship come out again, and limits are declared."""

import os
import subprocess
import sys
from pathlib import Path

import ase.units
import numpy as np
import pytest
import yaml
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import chemical_symbols

from mftl import engines, workers
from mftl.engines import Failure, Structure, dftbplus, gpaw, pyscf_dft, tblite
from mftl.engines.dftbplus.section import DftbLevel
from mftl.engines.gpaw import GpawLevel
from mftl.engines.pyscf_ccsdt import PyscfCcsdtLevel
from mftl.engines.pyscf_dft import PyscfDftLevel
from mftl.engines.tblite.section import TbliteLevel
from mftl.inputs import InputError
from mftl.structures import read_labelled

PBE0 = PyscfDftLevel(engine="pyscf-dft", functional="pbe0", basis="def2-tzvp", dispersion="d3bj")
WB97M = PyscfDftLevel(engine="pyscf-dft", functional="wb97m-d3bj", basis="def2-svp")
WB97X = PyscfDftLevel(engine="pyscf-dft", functional="wb97x-d3bj", basis="def2-svp")
CCSDT = PyscfCcsdtLevel(engine="pyscf-ccsd(t)")
GFN1, GFN2 = (TbliteLevel(engine="tblite", method=method) for method in ("GFN1-xTB", "GFN2-xTB"))
DFTB = DftbLevel(engine="dftb+")
METAL = DftbLevel(engine="dftb+", temperature=1160.45)
PBE = GpawLevel(engine="gpaw")
REFERENCE = yaml.safe_load(Path("config/reference.yaml").read_text())["systems"]
SHIPPED_PBE = GpawLevel(**REFERENCE["simple_crystals"]["levels"]["pbe"])
needs_gpaw = pytest.mark.skipif(bool(gpaw.installed(PBE)), reason=f"GPAW is not found: {gpaw.installed(PBE)}")
needs_dftb = pytest.mark.skipif(
    bool(dftbplus.installed(DFTB)), reason=f"DFTB+ is not found: {dftbplus.installed(DFTB)}"
)


@pytest.fixture
def water():
    atoms = molecule("H2O")
    atoms.rattle(0.08, seed=1)
    return atoms


def label(atoms, settings):
    """A label, made in a worker process if the engine is DFTB+, which may fork or end its process."""
    if settings.engine != "dftb+":
        return engines.engine(settings.engine).label(Structure.of(atoms), settings)
    start = workers.command(dftbplus.__name__, settings.model_dump())
    ((_, answer),) = workers.run([Structure.of(atoms)], start, timeout=100.0)
    if "failed" in answer:
        raise Failure(answer["failed"], answer["exit_code"], answer["message"])
    if "unusable" in answer:
        raise InputError(answer["unusable"])
    return engines.Label(answer["energy"], np.array(answer["forces"]), answer.get("stress"), answer["extra"])


@pytest.mark.parametrize(
    ("settings", "step", "tolerance"),
    [
        pytest.param(GFN1, 0.002, 2e-4, id="gfn1-xtb"),
        pytest.param(GFN2, 0.002, 2e-4, id="gfn2-xtb"),
        pytest.param(DFTB, 0.002, 5e-4, id="dftb", marks=needs_dftb),
        pytest.param(PBE0, 0.002, 2e-4, id="pbe0-d3"),
        pytest.param(WB97X, 0.002, 2e-4, id="wb97x-d3"),
        # with the lambda amplitudes of CCSD, as PySCF has it by default, both components are 0.05 to 0.1 eV/Å off
        pytest.param(CCSDT, 0.002, 2e-4, id="ccsd(t)"),
    ],
)
def test_forces_are_the_derivative_of_the_energy(water, settings, step, tolerance):
    forces = np.array(label(water, settings).forces)
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
        pytest.param("molecules/molecules.ccsdt", "acetylene-0009", CCSDT, id="ccsd(t)-acetylene-in-close-contact"),
        pytest.param("foundation/foundation.wb97m-d3", "vinyl_alcohol-0000", WB97M, id="wb97m-d3-vinyl-alcohol"),
        pytest.param("molecules/molecules.dftb-ptbp", "methanethiol-0000", DFTB, id="dftb-thiol", marks=needs_dftb),
        pytest.param("molecules/molecules.dftb-ptbp", "chloromethane-0009", DFTB, id="dftb-cl", marks=needs_dftb),
        pytest.param("tungsten/tungsten.dftb-ptbp", "w-0000", METAL, id="dftb-gamma", marks=needs_dftb),
        pytest.param("simple_crystals/simple_crystals.dftb-ptbp", "bcc-094", METAL, id="dftb-bcc", marks=needs_dftb),
        pytest.param("simple_crystals/simple_crystals.pbe", "bcc-100", SHIPPED_PBE, id="pbe-bcc", marks=needs_gpaw),
        pytest.param("simple_crystals/simple_crystals.pbe", "fcc-094", SHIPPED_PBE, id="pbe-fcc", marks=needs_gpaw),
    ],
)
def test_labels_that_ship_come_out_again(name, one, settings):
    (file,) = Path("resources").glob(f"{name}.extxyz*")
    shipped = next(a for a in read_labelled(file) if a.info["id"] == one)
    # the charges of DFTB are converged to 1e-6 e, which leaves a µeV/atom
    energy, forces = (3e-6, 1e-4) if settings.engine == "dftb+" else (1e-6, 5e-5)
    made = label(shipped, settings)
    assert made.energy == pytest.approx(shipped.info["REF_energy"], abs=energy * len(shipped))
    np.testing.assert_allclose(made.forces, shipped.arrays["REF_forces"], atol=forces)
    if shipped.pbc.any():
        np.testing.assert_allclose(made.stress, shipped.info["REF_stress"], atol=1e-5)


@pytest.mark.parametrize("settings", [GFN2, PBE0, CCSDT], ids=lambda s: s.engine)
def test_crystals_are_refused(settings):
    atoms = bulk("Si")
    atoms.info["id"] = "diamond-1"
    with pytest.raises(InputError, match="diamond-1 is periodic"):
        label(atoms, settings)
    assert "diamond-1 is periodic" in engines.refusal(settings, ["Si"], "diamond-1")
    assert engines.refusal(settings, ["Si"], None) is None


def test_molecules_are_refused_by_what_is_for_crystals(water):
    water.info["id"] = "water-1"
    with pytest.raises(InputError, match="water-1 is a molecule; the engine gpaw labels crystals only"):
        label(water, PBE)
    assert "water-1 is a molecule" in engines.refusal(PBE, ["W"], "bcc-1", "water-1")
    assert engines.refusal(PBE, ["W", "Si", "H"], "bcc-1") is None
    assert engines.refusal(GFN2, ["H"], None, "water-1") is None


@needs_gpaw
def test_what_gpaw_does_not_know_or_cannot_converge_is_named():
    tungsten = bulk("W", "bcc", a=3.185)
    for functional, words in (("pbx", "does not know the functional 'pbx'"), ("PBEsol", "no setup.*W.PBEsol")):
        with pytest.raises(InputError, match=words):
            label(tungsten, PBE.model_copy(update={"functional": functional}))
    with pytest.raises(Failure, match="did not converge in 2 iterations"):
        label(tungsten, PBE.model_copy(update={"max_scf_iterations": 2, "k_point_density": 1.0}))


@needs_gpaw
def test_k_points_of_supercells_are_their_own():
    """The density goes for one and two atoms, the other one for three."""
    few = {"cutoff": 200.0, "states_tolerance": 1e-4, "density_tolerance": 1e-2, "energy_tolerance": 1e-3}
    coarse = PBE.model_copy(update=few | {"k_point_density": 1.0})
    mixed = PBE.model_copy(update=few | {"k_point_density": 2.0, "k_point_density_supercells": 1.0})
    three = bulk("W", "bcc", a=3.185).repeat((3, 1, 1))
    assert label(three, mixed).energy == label(three, coarse).energy
    one = bulk("W", "bcc", a=3.185)
    assert abs(label(one, mixed).energy - label(one, coarse).energy) > 1e-3


@needs_gpaw
def test_the_way_to_the_ground_state_does_not_move_it():
    """With other bands, solver and mixing the same energy, forces and stress within what the tolerances leave open."""
    settings = PBE.model_copy(update={"cutoff": 200.0, "k_point_density": 1.0})
    cell = bulk("W", "bcc", a=3.185, cubic=True)
    cell.positions[0] += [0.1, 0.2, 0.3]
    usual = label(cell, settings)
    quick = label(cell, settings.model_copy(update={"empty_bands": 2, "davidson_steps": 1, "pulay_mixing": 0.2}))
    assert quick.energy == pytest.approx(usual.energy, abs=1e-3) and quick.energy != usual.energy
    np.testing.assert_allclose(quick.forces, usual.forces, atol=0.01)
    np.testing.assert_allclose(quick.stress, usual.stress, atol=1e-3)


@pytest.mark.parametrize(("settings", "element"), [(GFN2, "Fr"), (PBE0, "W"), (CCSDT, "Br"), (DFTB, "Xe"), (PBE, "Po")],
                         ids=lambda x: getattr(x, "engine", x))  # fmt: skip
def test_elements_that_an_engine_cannot_treat_are_named(settings, element):
    message = engines.refusal(settings, ["H", element], None)
    assert settings.engine in message and f"cannot treat {element}" in message
    assert engines.refusal(settings, ["H", "C", "S"], None) is None


def test_dftb_treats_crystals_and_elements_whose_shell_is_given():
    assert engines.refusal(DFTB, ["W"], "bcc-1") is None
    assert engines.refusal(DFTB.model_copy(update={"max_angular_momentum": {"Xe": "p"}}), ["Xe"], None) is None


def test_units_are_those_of_ase():
    assert ase.units.Bohr == engines.BOHR
    assert ase.units.Hartree == engines.HARTREE
    assert engines.first_elements(86) == set(chemical_symbols[1:87])


def test_tblite_is_what_its_own_calculator_gives(water):
    from tblite.ase import TBLite

    water.calc = TBLite(method="GFN2-xTB", verbosity=0)
    made = label(water, GFN2)
    assert made.energy == pytest.approx(water.get_potential_energy(), abs=1e-9)
    np.testing.assert_allclose(made.forces, water.get_forces(), atol=1e-8)


@pytest.mark.parametrize(("change", "words"), [({"basis": "no-such"}, "basis set"), ({"functional": "pbe9"}, "pbe9")])
def test_what_pyscf_does_not_know_is_named(water, change, words):
    with pytest.raises(InputError, match=words):
        label(water, PBE0.model_copy(update=change))


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
        label(water, PBE0)


def test_an_element_without_parameters_fails():
    with pytest.raises(Failure, match="GFN2-xTB"):
        label(Atoms("FrH", [[0, 0, 0], [0, 0, 2]]), GFN2)


def test_a_missing_engine_says_how_to_install_it(monkeypatch):
    for module, settings in ((tblite, GFN1), (pyscf_dft, PBE0), (gpaw, PBE)):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
        assert "pip install" in module.installed(settings)


def test_asking_for_engines_imports_neither_them_nor_ase():
    """The Snakefile does so on every call, perhaps on a machine without them."""
    code = (
        "import sys\nfrom mftl import engines\n"
        "modules = [engines.engine(name) for name in engines.sections()]\n"
        "assert not {'ase', 'gpaw', 'pyscf', 'tblite', 'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": "workflow/scripts"})
