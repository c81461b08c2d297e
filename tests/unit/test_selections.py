"""Selections: orders of real structures, inputs for programs, labels that come back, and what is refused."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read, write
from ase.units import Bohr, Hartree

from mftl import checks, models
from mftl.acquisition.inputs import write as write_inputs
from mftl.acquisition.names import folder_of, read_order
from mftl.acquisition.ordered import ordered, wanted
from mftl.acquisition.returned import aligned, collect_returned
from mftl.config.levels import ReturnedLevel
from mftl.config.selections import OrcaInputs, PyscfInputs, Selection, VaspInputs
from mftl.config.training import Architecture
from mftl.config.whole import parse
from mftl.inputs import InputError
from mftl.prediction import predict
from mftl.splits import hash_order
from mftl.structures import ENERGY, FORCES, Structures, write_structures

ROOT = Path(__file__).parents[2]
ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
SETTINGS = Selection(system="m", level="high", model="", structures=20, pilot=5, dimension=32)


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> Structures:
    """Every twentieth of the built-in molecules."""
    every = Structures(ROOT / "resources/molecules/molecules.extxyz.xz")
    path = tmp_path_factory.mktemp("pool") / "m.extxyz"
    write_structures(path, (every.at(i) for i in range(0, len(every), 20)))
    return Structures(path)


@pytest.fixture(scope="module")
def model():
    architecture = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
    return models.build_model(architecture, ELEMENTS, 8.0, 1.0, 1, models.DTYPES["float32"])


@pytest.fixture(scope="module")
def training(pool) -> list[str]:
    return hash_order(pool.ids, 0)[20:]


def made(model, pool, training, states=(), seed=1, **changes) -> pd.DataFrame:
    low = {one: -10.0 * len(pool[one]) + 0.01 * i for i, one in enumerate(pool.ids)}
    return ordered(model, pool, training, dict(states), SETTINGS.model_copy(update=changes), seed, low)


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["clusters", "variance", "farthest", "low-level-error", "random"])
def test_orders_of_all_rules_are_nested_and_the_same_again(model, pool, training, rule):
    long = made(model, pool, training, rule=rule, features="last-layer")
    assert long.equals(made(model, pool, training, rule=rule, features="last-layer"))
    assert long["id"].is_unique and set(long["id"]) <= set(training) and len(long) == 25
    assert long["id"][:5].tolist() == training[:5] and (long["reason"][:5] == "pilot").all()
    short = made(model, pool, training, rule=rule, features="last-layer", structures=8)
    assert short["id"].tolist() == long["id"].tolist()[:13]
    other = made(model, pool, training, rule=rule, features="last-layer", seed=2)
    assert other["id"].tolist() != long["id"].tolist()
    chosen = set(long["reason"][5:])
    assert chosen <= {rule, "random", "composition"} and rule in chosen


def test_each_seed_of_a_rehearsal_can_have_its_own_pilot(model, pool, training):
    """That of a mode with `resample`, whose training sets are the first labelled ones of the seed's order."""
    states = {one: ("done", "") for one in training[:-10]}
    pilots = []
    for seed in (1, 2):
        found = made(model, pool, training, states, seed, features="last-layer", rehearsal=True, resample=True)
        drawn = [one for one in hash_order(training, seed) if one in states]
        assert found["id"][:5].tolist() == drawn[:5] and (found["reason"][:5] == "pilot").all()
        assert found["id"].is_unique and set(found["id"]) <= set(states)
        pilots.append(set(drawn[:5]))
    assert pilots[0] != pilots[1]


@pytest.mark.parametrize("features", ["gradient", "forces"])
def test_all_features_order(model, pool, training, features):
    some = training[:60]
    for rule in ("clusters", "variance"):
        found = made(model, pool, some, features=features, rule=rule, structures=10)
        assert len(found) == 15 and found["score"][5:].notna().any()


def test_what_is_labelled_comes_first_and_what_failed_is_replaced(model, pool, training):
    """Round after round: labels that come back are known, and failed ones are never asked for again."""
    first = made(model, pool, training, features="last-layer")
    asked = wanted(first, False)
    assert asked == first["id"].tolist() and (first["state"] == "open").all()
    states = {one: ("done", "") for one in asked} | {asked[7]: ("failed", "SCF not converged")}
    second = made(model, pool, training, states, features="last-layer", structures=10)
    known = second[second["state"] == "labelled"]["id"].tolist()
    assert known == [one for one in training if one in asked and one != asked[7]]  # in the hashed order
    assert asked[7] not in set(second["id"])
    new = second[second["state"] == "open"]
    assert len(new) == 10 and not set(new["id"]) & set(asked) and wanted(second, False) == new["id"].tolist()
    assert new["note"].iloc[0] == f"takes the place of {asked[7]}, which failed: SCF not converged"
    assert (new["note"].iloc[1:] == "").all()


def test_a_rehearsal_orders_what_is_labelled_as_if_it_were_not(model, pool, training):
    states = {one: ("done", "") for one in training[:-10]}
    plain = made(model, pool, training, states, features="last-layer", rehearsal=True)
    assert len(plain) == 25 and not set(plain["id"]) & set(training[-10:])  # these were never asked for
    failing = plain["id"][9]
    states[failing] = "failed", "too slow"
    found = made(model, pool, training, states, features="last-layer", rehearsal=True)
    assert found["id"][:10].tolist() == plain["id"][:10].tolist()  # nobody knew before that it fails
    assert found["note"][9] == "failed: too slow; the next takes its place"
    assert len(found) == 26 and (found["state"] == "labelled").sum() == 25


def test_extremes_are_capped(model, pool, training, tmp_path):
    """Structures pressed together are far from all others: only a cap keeps farthest points from being all of them."""
    pressed = []
    for i, one in enumerate(training):
        pressed.append(pool[one])
        if i % 5 == 4:
            pressed[-1].positions *= 0.6
    write_structures(tmp_path / "pressed.extxyz", pressed)
    there = Structures(tmp_path / "pressed.extxyz")
    _, forces = predict(model, [there[one] for one in training])
    largest = {one: np.linalg.norm(f, axis=1).max() for one, f in zip(training, forces, strict=True)}
    extreme = set(sorted(training, key=largest.__getitem__)[-int(0.2 * len(training)) :])
    changes = {"rule": "farthest", "features": "last-layer", "random": 0.0}
    free, capped = (made(model, there, training, extremes=share, **changes) for share in (0.0, 0.2))
    counts = [sum(one in extreme for one in found["id"][5:]) for found in (free, capped)]
    assert counts[1] <= 4 < counts[0]


def test_too_few_structures(model, pool, training):
    with pytest.raises(InputError, match="20 structures are to be chosen, but only 15 are left"):
        made(model, pool, training[:20], features="last-layer")
    with pytest.raises(InputError, match="a pilot of 5 structures is wanted, but the training set has 3"):
        made(model, pool, training[:3], features="last-layer")


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_inputs_for_orca(pool, tmp_path):
    some = [pool.at(0), pool.at(3)]
    some[1].info["id"] = "a/b c"
    settings = OrcaInputs(simple="HF STO-3G EnGrad", blocks="%pal nprocs 2 end", charge=1, multiplicity=2)
    table = write_inputs("orca", settings, some, tmp_path / "orca")
    folders = sorted(path.name for path in (tmp_path / "orca").iterdir())
    assert folders == sorted([some[0].info["id"], folder_of("a/b c")]) and folder_of("a/b c").startswith("a_b_c-")
    assert table["id"].tolist() == [one.info["id"] for one in some]
    done = tmp_path / "orca" / some[0].info["id"] / "orca.out"
    done.touch()  # inputs written anew leave what was computed where it is
    assert write_inputs("orca", settings, some, tmp_path / "orca").equals(table) and done.exists()
    text = (tmp_path / "orca" / some[0].info["id"] / "orca.inp").read_text().splitlines()
    assert text[0].strip() == "! HF STO-3G EnGrad" and text[2].split() == ["*xyz", "1", "2"]
    np.testing.assert_allclose([float(x) for x in text[3].split()[1:]], some[0].positions[0], atol=1e-12)


def test_inputs_for_vasp(tmp_path):
    cell = bulk("NaCl", "rocksalt", a=5.6)
    cell.info["id"] = "salt"
    write_inputs("vasp", VaspInputs(incar={"ENCUT": 400, "LWAVE": False, "MAGMOM": [1, 2]}), [cell], tmp_path / "v")
    assert (tmp_path / "v/salt/INCAR").read_text() == "ENCUT = 400\nLWAVE = .FALSE.\nMAGMOM = 1 2\n"
    mesh = [int(one) for one in (tmp_path / "v/salt/KPOINTS").read_text().splitlines()[3].split()]
    assert mesh == [int(np.ceil(4.0 * 2 * np.pi * np.linalg.norm(one))) for one in cell.cell.reciprocal()]
    assert (tmp_path / "v/salt/elements").read_text() == "Cl Na\n"
    assert len(read(tmp_path / "v/salt/POSCAR")) == 2
    molecule = Atoms("H2", [[0, 0, 0], [0, 0, 0.74]], info={"id": "h2"})
    with pytest.raises(InputError, match="structure h2 is a molecule; inputs for vasp are of crystals"):
        write_inputs("vasp", VaspInputs(), [molecule], tmp_path / "w")
    with pytest.raises(InputError, match="structure salt is periodic; inputs for orca are of molecules"):
        write_inputs("orca", OrcaInputs(), [cell], tmp_path / "o")


def test_the_script_for_pyscf_labels_and_goes_on(tmp_path):
    """Two molecules, one of which has an odd number of electrons; the labels come back as a level."""
    some = [Atoms("H2", [[0, 0, 0], [0, 0, 0.8]], info={"id": "h2"}), Atoms("H", [[0, 0, 0]], info={"id": "h"})]
    settings = PyscfInputs(functional="pbe", basis="sto-3g", dispersion=None)
    write_inputs("pyscf", settings, some, tmp_path / "p")
    write_structures(tmp_path / "pool.extxyz", some)
    for _ in range(2):  # the second time one is there already
        done = subprocess.run([sys.executable, tmp_path / "p/label.py"], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    assert len(read(tmp_path / "p/labelled.extxyz", ":")) == 1
    assert [line.split(",")[0] for line in (tmp_path / "p/failed.csv").read_text().split()][:2] == ["id", "h"]
    level = ReturnedLevel(outputs=["x"], asked=str(tmp_path / "p/structures.extxyz"))
    labelled, states = collect_returned(Structures(tmp_path / "pool.extxyz"), level, [tmp_path / "p/labelled.extxyz"])
    (h2,) = labelled
    assert -33 < h2.info[ENERGY] < -28 and h2.arrays[FORCES].sum() == pytest.approx(0, abs=1e-6)
    assert states[["id", "state", "reason"]].to_numpy().tolist() == [
        ["h2", "done", ""], ["h", "failed", "no output came back"]
    ]  # fmt: skip


# --- what comes back -------------------------------------------------------------------------------------------------

ORCA = """
                                 * O   R   C   A *

Number of atoms                             ...      {count}
---------------------------------
CARTESIAN COORDINATES (ANGSTROEM)
---------------------------------
{atoms}

-------------------------   --------------------
FINAL SINGLE POINT ENERGY      {energy:.9f}
-------------------------   --------------------

------------------
CARTESIAN GRADIENT
------------------

{gradient}

                             ****ORCA TERMINATED NORMALLY****
"""


def orca_output(atoms: Atoms, energy: float, forces: np.ndarray) -> str:
    rows = [f"  {s} {x:.6f} {y:.6f} {z:.6f}" for s, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True)]
    pulls = [
        f"   {i + 1}   {s}   :   {x:.9f}   {y:.9f}   {z:.9f}"
        for i, (s, (x, y, z)) in enumerate(zip(atoms.symbols, -forces * Bohr / Hartree, strict=True))
    ]
    return ORCA.format(count=len(atoms), atoms="\n".join(rows), energy=energy / Hartree, gradient="\n".join(pulls))


def returned(pool, files, **settings):
    labelled, states = collect_returned(pool, ReturnedLevel(outputs=["x"], **settings), files)
    return {atoms.info["id"]: atoms for atoms in labelled}, states.set_index("id")


def labelled_copy(atoms: Atoms, energy: float = -1.0) -> Atoms:
    new = atoms.copy()
    new.calc = SinglePointCalculator(new, energy=energy, forces=np.full((len(new), 3), 0.1))
    return new


@pytest.fixture
def outputs(pool, tmp_path) -> dict[str, Path]:
    """Outputs of ORCA of the pool's first three structures, the third cut short."""
    files = {}
    for i in range(3):
        one = pool.ids[i]
        files[one] = tmp_path / "orca" / one / "orca.out"
        files[one].parent.mkdir(parents=True)
        text = orca_output(pool.at(i), -100.0 - i, np.arange(3.0 * len(pool.at(i))).reshape(-1, 3))
        files[one].write_text(text if i < 2 else text[:400])
    return files


def test_many_outputs_become_one_level(pool, outputs, tmp_path):
    more = tmp_path / "more.extxyz"
    write(more, [labelled_copy(pool.at(4), -7.0)], format="extxyz")
    asked = tmp_path / "asked.extxyz"
    write_structures(asked, (pool.at(i) for i in range(6)))
    found, states = returned(pool, [*outputs.values(), more], asked=str(asked))
    assert list(found) == [pool.ids[i] for i in (0, 1, 4)] and list(states.index) == pool.ids[:6]
    assert found[pool.ids[1]].info[ENERGY] == pytest.approx(-101.0, abs=1e-6)
    expected = np.arange(3.0 * len(pool.at(1))).reshape(-1, 3)
    np.testing.assert_allclose(found[pool.ids[1]].arrays[FORCES], expected, atol=1e-6)
    np.testing.assert_array_equal(found[pool.ids[1]].positions, pool.at(1).positions)
    assert states.loc[pool.ids[2], "reason"].startswith("orca.out cannot be read: ")
    assert states.loc[pool.ids[3], "reason"] == "no output came back"
    assert states["state"].value_counts().to_dict() == {"done": 3, "failed": 3}


def test_an_output_without_energy_has_failed(pool, tmp_path):
    path = tmp_path / "a.extxyz"
    write_structures(path, [pool.at(0)])
    write(tmp_path / "b.extxyz", [labelled_copy(pool.at(1))], format="extxyz")
    found, states = returned(pool, [path, tmp_path / "b.extxyz"])
    assert list(found) == [pool.ids[1]] and "has no energy" in states.loc[pool.ids[0], "reason"]
    # labelled elsewhere: then nothing failed
    write(tmp_path / "c.extxyz", [labelled_copy(pool.at(0))], format="extxyz")
    found, states = returned(pool, [path, tmp_path / "b.extxyz", tmp_path / "c.extxyz"])
    assert (states["state"] == "done").all() and len(found) == 2


def test_two_labels_of_one_structure_are_refused(pool, outputs, tmp_path):
    again = tmp_path / "again.extxyz"
    write(again, [labelled_copy(pool.at(0))], format="extxyz")
    path = outputs[pool.ids[0]]
    with pytest.raises(InputError, match=rf"{path} and {again} hold a label of {pool.ids[0]}; leave one of them out"):
        returned(pool, [path, again])
    write(again, [labelled_copy(pool.at(0))] * 2, format="extxyz")
    with pytest.raises(InputError, match=rf"again.extxyz: structures number 0 and 1 .* same id {pool.ids[0]}"):
        returned(pool, [again])


def test_a_geometry_that_changed_is_refused(pool, tmp_path):
    moved = labelled_copy(pool.at(0))
    moved.positions[0, 0] += 0.01
    write(tmp_path / "a.extxyz", [moved], format="extxyz")
    with pytest.raises(InputError, match=rf"{pool.ids[0]} has another geometry than the pool's, atoms moved by"):
        returned(pool, [tmp_path / "a.extxyz"])
    other = labelled_copy(pool.at(0))
    other.numbers[0] = 17
    write(tmp_path / "b.extxyz", [other], format="extxyz")
    with pytest.raises(InputError, match=f"{pool.ids[0]} has other elements"):
        returned(pool, [tmp_path / "b.extxyz"])


def test_files_of_nobody_are_refused(pool, outputs, tmp_path):
    stray = tmp_path / "elsewhere" / "orca.out"
    stray.parent.mkdir()
    stray.write_text(outputs[pool.ids[0]].read_text())
    with pytest.raises(InputError, match="of which structure is it"):
        returned(pool, [stray])
    foreign = labelled_copy(pool.at(0))
    foreign.info["id"] = "nobody"
    write(tmp_path / "f.extxyz", [foreign], format="extxyz")
    with pytest.raises(InputError, match=r"f\.extxyz: nobody is not in the pool"):
        returned(pool, [tmp_path / "f.extxyz"])


def test_atoms_in_another_order_and_image_are_the_same():
    """As VASP gives a crystal back: sorted by element, wrapped into the cell."""
    random = np.random.default_rng(0)
    own = bulk("NaCl", "rocksalt", a=5.6).repeat(2)
    own.positions += 0.1 * random.standard_normal(own.positions.shape)
    back = own[np.argsort(own.get_chemical_symbols(), kind="stable")]
    back.arrays[FORCES] = back.positions.copy()
    back.wrap()
    found = aligned(own, back)
    np.testing.assert_array_equal(found.positions, own.positions)
    np.testing.assert_allclose(found.arrays[FORCES], own.positions, atol=1e-12)  # forces went with their atoms
    back.positions[3] += 0.01
    assert np.abs(aligned(own, back).positions - own.positions).max() > 1e-3


def test_a_level_of_outputs_finds_its_files(tmp_path):
    for name in ("b/orca.out", "a/orca.out", "a/other.out"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    level = ReturnedLevel(outputs=["*/orca.out", "pilot.xyz"])
    assert level.files(tmp_path) == ["a/orca.out", "b/orca.out", "pilot.xyz"]


# --- the configuration -----------------------------------------------------------------------------------------------


def values(**changes) -> dict:
    """A small configuration with a selection and a mode that trains in its order."""
    label = "resources/molecules/molecules.{}.extxyz.xz"
    own = {"system": "molecules", "level": "high", "model": "molecules.low.n50", "structures": 20, "rehearsal": True}
    return {
        "systems": {
            "molecules": {
                "elements": ELEMENTS,
                "pool": {"file": "resources/molecules/molecules.extxyz.xz"},
                "levels": {"high": {"file": label.format("pbe0-d3")}, "low": {"file": label.format("dftb-ptbp")}},
                "split": {"level": "high", "test": 20, "validation": 10},
            }
        },
        "selections": {"best": own | changes.pop("selection", {})},
        "modes": {"default": {}, "chosen": {"order": "best"} | changes.pop("mode", {})},
        "curves": {
            "a": {"label": "a", "recipe": "molecules.low.n50/molecules.high.n*.chosen", "values": [30, 45]}
            | changes.pop("curve", {})
        },
    }


def test_a_stage_is_trained_in_the_order_of_its_mode():
    from types import SimpleNamespace

    from mftl.plan import selections, training

    config = checks.load(values())
    recipe = "molecules.low.n50/molecules.high.n30.chosen"
    wildcards = SimpleNamespace(architecture="tiny", recipe=recipe, seed="2")
    assert training.inputs(config, wildcards)["order"] == "results/selections/best/seed-2/order.csv"
    assert "order" not in training.inputs(config, SimpleNamespace(**vars(wildcards) | {"recipe": "molecules.low.n50"}))
    files = selections.inputs(config, SimpleNamespace(selection="best", seed="2"))
    assert files["model"] == "results/models/tiny/molecules.low.n50/seed-2/model.pt"
    assert files["states"] == "results/labels/molecules/high.csv" and "low" not in files
    assert "inputs" not in selections.settings(config, SimpleNamespace(selection="best"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"selection": {"level": "top"}},
            r"selections\.best\.level: got 'top'; valid: the levels of molecules: high",
        ),
        ({"selection": {"system": "x"}}, r"selections\.best\.system: got 'x'; valid: the systems: molecules"),
        (
            {"selection": {"rule": "low-level-error"}},
            r"selections\.best\.low: got None; valid: a level that is lab",
        ),
        ({"selection": {"low": "low"}}, r"selections\.best\.low: got 'low'; valid: null"),
        ({"selection": {"model": "molecules.low.n*"}}, r"selections\.best\.model: .*without an open number"),
        (
            {"selection": {"model": "molecules.low.n50/molecules.high.n30.chosen"}},
            r"selections\.best\.model: .*not trained in this very order \(best\)",
        ),
        (
            {"selection": {"rehearsal": False, "resample": True}},
            r"selections\.best\.resample: got True; valid: false: in a rehearsal alone",
        ),
        ({"mode": {"order": "worst"}}, r"modes\.chosen\.order: got 'worst'; valid: a key of selections \(best\)"),
        ({"mode": {"resample": True}}, r"modes\.chosen\.resample: got True; valid: false"),
        ({"curve": {"values": [30, 46]}}, r"curves\.a\.recipe: got 46; valid: at most 45, pilot and structures of"),
    ],
)
def test_what_contradicts_is_told(changes, message):
    with pytest.raises(InputError, match=message):
        checks.load(values(**changes))


def test_outputs_that_are_not_there_are_told():
    wrong = values()
    wrong["systems"]["molecules"]["levels"]["back"] = {"outputs": ["nowhere/*.out", "results/labels/x/high.extxyz"]}
    with pytest.raises(InputError, match=r"back\.outputs\.0: got 'nowhere/\*\.out'; valid: a file that"):
        checks.load(wrong)
    assert parse(wrong).systems["molecules"].levels["back"].has_forces


def test_an_engine_labels_what_a_selection_asks_for(tmp_path):
    """Its file is made by the workflow: before it is there, nothing is known of the pool, and nothing is missing."""
    given = values()
    asked = "results/selections/best/seed-1/asked.extxyz"
    given["systems"]["asked"] = {
        "elements": ELEMENTS,
        "pool": {"file": asked},
        "levels": {"high": {"engine": "tblite", "method": "GFN2-xTB"}},
    }
    pool = checks.load(given).systems["asked"].pool
    assert pool.files() == [asked]
    assert (pool.ids(tmp_path), pool.size(tmp_path), pool.info("id", tmp_path)) == (None, None, None)
    write_structures(tmp_path / asked, [Atoms("H", [[0, 0, 0]], info={"id": "h"})])
    assert (pool.ids(tmp_path), pool.first(False, tmp_path)) == (["h"], "h")
    given["systems"]["asked"]["pool"]["file"] = "nowhere.xyz"
    with pytest.raises(InputError, match=r"systems\.asked\.pool\.file: got 'nowhere\.xyz'; valid: a file that exists"):
        checks.load(given)


def test_an_order_is_read_as_it_was_written(tmp_path):
    pd.DataFrame({"place": [1, 2], "id": ["007", "a,b"]}).to_csv(tmp_path / "order.csv", index=False)
    assert read_order(tmp_path / "order.csv") == ["007", "a,b"]
