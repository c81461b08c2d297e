"""DFTB+: its input and output, its tables, and where it is installed its two ways, its failures and its calculator."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.calculator import CalculationFailed
from conftest import ends
from test_engines import label, needs_dftb

from mftl import workers
from mftl.config.labels import Labels
from mftl.dftb_calculator import DFTBPlus
from mftl.engines import Failure, Structure, dftbplus
from mftl.engines.dftbplus import hsd, library, program, tables
from mftl.engines.dftbplus.section import DftbLevel
from mftl.inputs import InputError
from mftl.labels import label_chunk, write_labelled
from mftl.structures import read_labelled

DFTB = DftbLevel(engine="dftb+")
METAL = DftbLevel(engine="dftb+", temperature=1160.45, k_point_spacing=0.1)
needs_program = pytest.mark.skipif(not program.which("dftb+"), reason="the program dftb+ is not on PATH")
needs_library = pytest.mark.skipif(not library.find(DFTB), reason="libdftbplus is not found")
BOTH = [pytest.param(way, marks=mark) for way, mark in (("library", needs_library), ("program", needs_program))]


def by(way: str, **changes) -> DftbLevel:
    return DftbLevel(engine="dftb+", interface=way, **changes)


@pytest.fixture
def water():
    atoms = molecule("H2O")
    atoms.rattle(0.08, seed=1)
    return atoms


# --- input and output ----------------------------------------------------------------------------------------------


def test_hsd_is_written():
    tree = {
        "Geometry": {"Periodic": False, "TypeNames": [['"C"', '"H"']]},
        "Hamiltonian": ("DFTB", {"SCC": True, "Tolerance": 1e-6, "KPoints": ("Folding", [[2, 0, 0], [0.5, 0.0, 0.0]])}),
        "Options": {},
    }
    assert hsd.write(tree) == (
        "Geometry {\n"
        "  Periodic = No\n"
        "  TypeNames {\n"
        '    "C" "H"\n'
        "  }\n"
        "}\n"
        "Hamiltonian = DFTB {\n"
        "  SCC = Yes\n"
        "  Tolerance = 1e-06\n"
        "  KPoints = Folding {\n"
        "    2 0 0\n"
        "    0.5 0.0 0.0\n"
        "  }\n"
        "}\n"
        "Options {\n"
        "}\n"
    )


def test_the_input_leaves_nothing_to_defaults():
    text = hsd.dftb_input(Structure.of(molecule("CH3Cl")), DFTB.model_copy(update={"slater_koster": "/tables"}), True)
    for line in (
        'Cl = "d"',
        'C = "p"',
        'H = "s"',
        "ShellResolvedSCC = Yes",
        "Temperature [Kelvin] = 300.0",
        "SCCTolerance = 1e-06",
        "MaxSCCIterations = 300",
        "ConvergentSCCOnly = Yes",
        "ParserVersion = 14",
        'Prefix = "/tables/"',
        "Periodic = No",
        "PrintForces = Yes",
    ):
        assert f" {line}\n" in text
    assert "KPoints" not in text


def test_shells_can_be_given_and_must_be_known():
    xenon = molecule("H2")
    xenon.symbols[:] = ["Xe", "H"]
    with pytest.raises(InputError, match=r"Xe.*max_angular_momentum: \{Xe: d\}"):
        hsd.dftb_input(Structure.of(xenon), DFTB, True)
    text = hsd.dftb_input(Structure.of(xenon), DFTB.model_copy(update={"max_angular_momentum": {"Xe": "p"}}), True)
    assert 'Xe = "p"' in text


def k_points(atoms, spacing=0.03):
    return hsd.k_points(Structure.of(atoms), spacing)


def test_k_points_follow_the_cell():
    tungsten = bulk("W", "bcc", a=3.185, cubic=True)
    assert k_points(tungsten) == [11, 11, 11]  # 1 / 3.185 / 0.03 = 10.5
    assert k_points(tungsten.repeat((2, 1, 1))) == [6, 11, 11]
    primitive = bulk("W", "bcc", a=3.185)
    assert k_points(primitive) == [15, 15, 15]
    assert k_points(primitive, 10.0) == [1, 1, 1]
    # a spacing that fits exactly is not rounded up by the last digits of the cell
    assert k_points(bulk("W", "sc", a=1 / 0.3), 0.03) == [10, 10, 10]


def test_supercells_may_have_fewer_k_points():
    settings = DftbLevel(engine="dftb+", k_point_spacing_supercells=0.06)
    cells = {1: bulk("W", "bcc", a=3.185), 2: bulk("W", "bcc", a=3.185, cubic=True)}
    cells[16] = cells[2].repeat(2)

    def mesh(atoms, level):
        text = hsd.dftb_input(Structure.of(atoms), level, True)
        return int(text.partition("SupercellFolding {")[2].split()[0])

    assert {n: mesh(atoms, settings) for n, atoms in cells.items()} == {1: 15, 2: 11, 16: 3}
    assert mesh(cells[16], DftbLevel(engine="dftb+")) == 6


def test_one_k_point_goes_across_vacuum():
    slab = bulk("W", "bcc", a=3.185, cubic=True).repeat((1, 1, 2))
    slab.positions[:, 2] += 7.0  # across the boundary of the cell
    slab.set_cell(slab.cell.array + np.diag([0, 0, 8.0]))
    slab.wrap()
    assert k_points(slab) == [11, 11, 1]
    slab.pbc = (True, True, False)
    assert k_points(slab) == [11, 11, 1]


def test_a_crystal_needs_a_cell():
    atoms = molecule("H2O")
    atoms.pbc = True
    with pytest.raises(InputError, match="no volume"):
        k_points(atoms)


def test_even_meshes_are_shifted_and_odd_ones_are_not():
    crystal = bulk("W", "sc", a=3.0)
    crystal.set_cell([3.0, 3.4, 4.0], scale_atoms=True)
    text = hsd.dftb_input(Structure.of(crystal), METAL, False)
    assert "    4 0 0\n    0 3 0\n    0 0 3\n    0.5 0.0 0.0\n" in text
    assert "WriteResultsTag = Yes" in text


def test_results_of_dftb_are_read(tmp_path):
    path = tmp_path / "results.tag"
    path.write_text(
        "mermin_energy       :real:0:\n -0.4E+001\n"
        "scc                 :logical:0:\n T\n"
        "forces              :real:2:3,2\n  1.0  2.0  3.0\n -1.0 -2.0 -3.0\n"
    )
    results = program.read_results(path)
    assert results == {"mermin_energy": [-4.0], "forces": [1, 2, 3, -1, -2, -3]}
    assert program.read_results(tmp_path / "none") == {}


def test_the_last_message_is_that_of_the_error():
    output = "WARNING!\n-> mind\nERROR!\n-> SCC is NOT converged\n-> sorry\nERROR STOP \n"
    assert program.last_message(output) == "SCC is NOT converged, sorry"
    assert program.last_message("WARNING!\n-> mind\nout of luck\n") == "out of luck"
    assert program.last_message("") == "no output"


# --- tables --------------------------------------------------------------------------------------------------------


def some_tables(folder: Path, *pairs: str) -> DftbLevel:
    """The level with a folder that holds only some of the tables."""
    for pair in pairs:
        shutil.copy(f"resources/ptbp/{pair}.skf", folder)
    return DftbLevel(engine="dftb+", slater_koster=str(folder))


def test_a_missing_table_is_named(tmp_path):
    settings = some_tables(tmp_path, "H-H", "O-O", "O-H")
    with pytest.raises(InputError, match=r"the pair H-O in .*H-O\.skf"):
        dftbplus.files(settings, ["O", "H"])
    with pytest.raises(InputError, match=r"the pairs C-C, C-H, C-O, H-C, H-O, O-C"):
        dftbplus.files(settings, ["O", "H", "C"])


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.7, 0.99])
def test_a_table_that_is_cut_short_is_named(tmp_path, kept):
    settings = some_tables(tmp_path, "H-H", "O-O", "O-H", "H-O")
    table = tmp_path / "H-O.skf"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(lines[: int(kept * len(lines))]))
    with pytest.raises(InputError, match=r"the pair H-O is cut short.*H-O\.skf"):
        dftbplus.files(settings, ["H", "O"])


def test_all_tables_that_ship_are_whole():
    assert len(tables.tables_of("resources/ptbp", ["H", "C", "N", "O", "S", "Cl"])) == 36
    for element in ("W", "Si", "Ge"):
        assert len(tables.tables_of("resources/ptbp", [element])) == 1


# --- a stand-in for the program ------------------------------------------------------------------------------------


def fake_dftb(folder: Path, script: str) -> DftbLevel:
    path = folder / "dftb+"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return by("program", command=str(path))


@pytest.mark.parametrize(
    ("script", "reason", "code"),
    [
        ("touch results.tag; printf 'ERROR!\\n-> SCC is NOT converged, sorry\\n'; exit 1", "SCC is NOT converged", 1),
        ("echo out of luck; exit 3", "dftb[+] ended: out of luck", 3),
        ("kill -SEGV $$", "dftb[+] ended: no output", -11),
        ("exit 0", "wrote no mermin_energy", 0),
        ("touch results.tag", "wrote no mermin_energy", 0),
        ("printf 'mermin_energy :real:0:\\n -4.0\\nforces :real:2:3,1\\n 1 2 3\\n' > results.tag", "3 force comp", 0),
    ],
    ids=["not converged", "exit code", "crash", "no results", "empty results", "too few forces"],
)
def test_what_the_program_does_wrong_is_told(tmp_path, water, script, reason, code):
    with pytest.raises(Failure, match=reason) as caught:
        label(water, fake_dftb(tmp_path, script))
    assert caught.value.exit_code == code


def test_a_full_disk_is_not_the_structures_fault(tmp_path, water):
    with pytest.raises(InputError, match="no space left"):
        label(water, fake_dftb(tmp_path, "echo 'Fortran runtime error: No space left on device'; exit 2"))


def test_a_program_killed_from_outside_is_tried_again(tmp_path, water):
    settings = fake_dftb(tmp_path, f"echo >> {tmp_path}/tries; kill -9 $$")
    start = workers.command(dftbplus.__name__, settings.model_dump())
    assert [answer["killed"] for _, answer in workers.run([Structure.of(water)], start)] == [9]
    assert len((tmp_path / "tries").read_text()) == workers.MAX_KILLS


def test_a_program_that_hangs_is_ended(tmp_path, water):
    settings = fake_dftb(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    start = workers.command(dftbplus.__name__, settings.model_dump())
    ((_, answer),) = workers.run([Structure.of(water)], start, timeout=1.0)
    assert "took longer than 1 s" in answer["failed"]
    assert ends(int((tmp_path / "pid").read_text()))


def test_where_dftb_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setattr(library.sys, "prefix", str(tmp_path))
    monkeypatch.setattr(library.ctypes.util, "find_library", lambda name: None)
    for way in ("auto", "library", "program"):
        assert "conda install -c conda-forge 'dftbplus=*=nompi_*'" in dftbplus.installed(by(way))
    conda = tmp_path / "conda" / "lib"
    conda.mkdir(parents=True)
    (conda / library.NAME).touch()
    monkeypatch.setenv("CONDA_PREFIX", str(conda.parent))
    assert library.find(DFTB) == str(conda / library.NAME)
    assert dftbplus.interface(DFTB) == "library" and dftbplus.installed(by("program"))
    # a configured path comes first, and is not replaced by another
    assert library.find(by("library", library=str(tmp_path / "no.so"))) is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "dftb+").write_text("#!/bin/sh\necho cannot open libx.so; exit 127")
    (tmp_path / "bin" / "dftb+").chmod(0o755)
    assert "does not start: cannot open libx.so" in dftbplus.installed(by("program"))


# --- the real DFTB+ -------------------------------------------------------------------------------------------------


@needs_library
@needs_program
def test_both_ways_agree():
    structures = [molecule(name) for name in ("CH3Cl", "H2O", "CH3SH", "CH3CN")]
    crystal = bulk("Si", cubic=True)
    crystal.rattle(0.1, seed=2)
    for atoms, changes in [*((one, {}) for one in structures), (crystal, {"k_point_spacing": 0.1})]:
        atoms.rattle(0.05, seed=3)
        one, two = (label(atoms, by(way, **changes)) for way in ("library", "program"))
        assert one.energy == pytest.approx(two.energy, abs=1e-9, rel=0)
        np.testing.assert_allclose(one.forces, two.forces, atol=1e-7)
        assert (one.stress is None) == (two.stress is None)
        if one.stress is not None:
            np.testing.assert_allclose(one.stress, two.stress, atol=1e-9)


@pytest.mark.parametrize("way", BOTH)
@pytest.mark.parametrize(("name", "settings"), [("Si", {"k_point_spacing": 0.08}), ("W", {"temperature": 1160.45})])
def test_forces_and_stress_of_a_crystal_are_derivatives_of_the_energy(way, name, settings):
    atoms = bulk("Si", cubic=True) if name == "Si" else bulk("W", "bcc", a=3.185, cubic=True)
    atoms.rattle(0.05, seed=4)
    settings = by(way, **{"k_point_spacing": 0.12, **settings})

    def energy(atom=None, strain=None):
        moved = atoms.copy()
        if atom:
            moved.positions[atom[0], atom[1]] += atom[2]
        else:
            moved.set_cell(moved.cell.array @ (np.eye(3) + strain), scale_atoms=True)
        return label(moved, settings).energy

    made, step = label(atoms, settings), 5e-4  # longer ones cross kinks where the tables end
    numerical = -(energy(atom=(1, 2, step)) - energy(atom=(1, 2, -step))) / (2 * step)
    assert made.forces[1][2] == pytest.approx(numerical, abs=2e-4)
    assert abs(numerical) > 0.05
    for i, j in ((0, 0), (1, 2)):
        strain, step = np.zeros((3, 3)), 2e-4  # stiff metals: with 1e-3 the differences are off by 1 %
        strain[i, j] += step / 2
        strain[j, i] += step / 2
        numerical = (energy(strain=strain) - energy(strain=-strain)) / (2 * step) / atoms.get_volume()
        assert made.stress[i][j] == pytest.approx(numerical, abs=3e-5)
        np.testing.assert_allclose(made.stress[i][j], made.stress[j][i], atol=1e-7)


@needs_dftb
def test_a_compressed_crystal_wants_to_grow():
    small, large = (label(bulk("W", "bcc", a=a), METAL).stress for a in (3.0, 3.35))
    assert small[0][0] < -0.1 and large[0][0] > 0.1


@pytest.mark.parametrize("way", BOTH)
def test_too_few_iterations_fail(water, way):
    """No unconverged number becomes a label."""
    with pytest.raises(Failure, match="NOT converged") as caught:
        label(water, by(way, max_scc_iterations=2))
    assert caught.value.exit_code == 1


# methyl formate along its soft torsions, far beyond what a temperature explains
TORN = Atoms(
    "COCOHHHH",
    [
        (-0.86748565, 0.08005300, 0.05376215),
        (0.21396568, -0.69703917, -0.39714706),
        (1.26259503, 0.03087549, -0.35430494),
        (1.21147329, 0.89206886, 0.71824748),
        (-1.37388208, -1.70446878, 2.49445101),
        (0.20525070, 3.22532588, 0.46015955),
        (-2.00347665, -0.62393680, -3.08460825),
        (2.08140390, -0.09111094, -1.54816684),
    ],
    info={"id": "torn"},
)


@pytest.mark.parametrize("way", BOTH)
def test_failures_leave_the_others_alone(tmp_path, way):
    """An SCC that cannot converge, atoms in one place and 0.2 Å apart: each is one row, the others are labelled."""
    pool = {atoms.info["id"]: atoms for atoms in read_labelled("resources/molecules/molecules.dftb-ptbp.extxyz.xz")}
    hopeless = TORN.copy()
    together, close = molecule("H2O"), molecule("H2O")
    together.positions[1] = together.positions[2]
    close.positions[1] = close.positions[2] + [0, 0, 0.2]
    together.info["id"], close.info["id"] = "together", "close"
    good = [pool[f"methyl_formate-{i:04d}"] for i in (1, 2, 4)]
    labels, states = label_chunk([hopeless, together, *good, close], by(way), Labels(workers=1), tmp_path / "j.jsonl")
    assert [a.info["id"] for a in labels] == [a.info["id"] for a in good]
    table = states.set_index("id")
    assert "NOT converged" in table.loc["torn", "reason"]
    assert table.loc["torn", "exit_code"] == "1"
    assert "NOT converged" in table.loc["torn", "message"]
    assert "0.00 Å apart" in table.loc["together", "reason"] and "0.20 Å apart" in table.loc["close", "reason"]
    for made in labels:
        known = pool[made.info["id"]]
        assert made.info["REF_energy"] == pytest.approx(known.info["REF_energy"], abs=1e-6 * len(known))
        np.testing.assert_allclose(made.arrays["REF_forces"], known.arrays["REF_forces"], atol=1e-4)


@needs_library
def test_labels_do_not_hang_on_order_company_or_workers(tmp_path):
    """A kept instance would start from the charges of the structure before; ours does not."""
    pool = read_labelled("resources/molecules/molecules.dftb-ptbp.extxyz.xz")[:80]
    orders = [pool, pool[::-1], pool[::3]]
    made = {}
    for (i, structures), count in itertools.product(enumerate(orders), (1, 3)):
        folder = tmp_path / f"{i}-{count}"
        labels, _ = label_chunk(structures, by("library"), Labels(workers=count), folder / "j.jsonl")
        for atoms in labels:
            write_labelled(folder / "one.extxyz", [atoms])
            made.setdefault(atoms.info["id"], set()).add((folder / "one.extxyz").read_bytes())
    assert len(made) == 80
    assert {len(different) for different in made.values()} == {1}


ALONE = """
import json, sys
from types import SimpleNamespace
from mftl.engines import Structure, dftbplus
from mftl.engines.dftbplus import neutral
neutral.NAME = sys.argv[1] or neutral.NAME
settings = SimpleNamespace(**json.loads(sys.stdin.readline()))
answer = open(sys.argv[2], "w")
for line in sys.stdin:
    label = dftbplus.label(Structure(**json.loads(line)), settings)
    answer.write(json.dumps([label.energy, label.forces]) + "\\n")
answer.write(json.dumps(dftbplus._living.setting_back))
"""


@needs_library
def test_setting_back_is_the_same_as_a_fork_bit_by_bit(tmp_path):
    pool = read_labelled("resources/molecules/molecules.dftb-ptbp.extxyz.xz")[: 40 * 6]
    lines = [json.dumps(asdict(Structure.of(atoms))) for atoms in pool if atoms.info["id"].startswith(("eth", "chl"))]
    texts = []
    for name in ("", "no_such_routine"):
        given = "\n".join([by("library").model_dump_json(), *lines])
        arguments = [sys.executable, "-c", ALONE, name, str(tmp_path / "answer")]
        environment = os.environ | {"PYTHONPATH": "workflow/scripts"}
        subprocess.run(arguments, input=given, text=True, check=True, env=environment, stdout=subprocess.DEVNULL)
        *made, setting_back = (tmp_path / "answer").read_text().splitlines()
        # a library that other conventions hold for is used all the same, only slower
        assert setting_back == "false" if name else setting_back in ("true", "false")
        texts.append(made)
    assert len(texts[0]) == len(lines) > 20
    assert texts[0] == texts[1]


@needs_library
def test_structures_of_one_formula_share_an_instance(monkeypatch):
    """Their tables are read once: 20 structures take far less than 20 starts."""
    atoms = molecule("CH3CN")
    given = []
    for i in range(20):
        moved = atoms.copy()
        moved.rattle(0.05, seed=i)
        given.append(Structure.of(moved))
    start = workers.command(dftbplus.__name__, by("library").model_dump())
    seconds = [answer["seconds"] for _, answer in workers.run(given, start, group=dftbplus.group)]
    assert np.median(seconds[1:]) < 0.5 * seconds[0]


@needs_dftb
def test_atoms_come_back_in_their_own_order(water):
    mixed = water[[1, 0, 2]]
    one, two = label(water, DFTB), label(mixed, DFTB)
    assert one.energy == pytest.approx(two.energy, abs=1e-9)
    np.testing.assert_allclose(np.array(one.forces)[[1, 0, 2]], two.forces, atol=1e-7)


@pytest.mark.parametrize("way", BOTH)
def test_the_calculator(way, water):
    water.calc = DFTBPlus(interface=way)
    expected = label(water, by(way))
    assert water.get_potential_energy() == pytest.approx(expected.energy, abs=1e-9)
    np.testing.assert_allclose(water.get_forces(), expected.forces, atol=1e-7)
    crystal = bulk("W", "bcc", a=3.1, cubic=True)
    crystal.rattle(0.05, seed=5)
    crystal.calc = DFTBPlus(interface=way, temperature=1160.45, k_point_spacing=0.1)
    expected = label(crystal, METAL.model_copy(update={"interface": way}))
    np.testing.assert_allclose(crystal.get_stress(voigt=False), expected.stress, atol=1e-8)


@needs_dftb
def test_the_calculator_goes_on_after_a_failure(water):
    water.calc = DFTBPlus(max_scc_iterations=2)
    with pytest.raises(CalculationFailed, match="NOT converged"):
        water.get_potential_energy()
    water.calc = DFTBPlus()
    water.get_potential_energy()
    water.calc.timeout = 0.0
    with pytest.raises(CalculationFailed, match="took longer"):
        water.calc.calculate(water)
    water.calc.timeout = 60.0
    assert water.get_potential_energy() < 0
    silicon = molecule("SiH4")
    silicon.calc = DFTBPlus()
    with pytest.raises(InputError, match="the pairs H-Si, Si-H"):
        silicon.get_potential_energy()
    water.calc.close()
