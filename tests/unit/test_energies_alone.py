"""Labels that are energies alone, from the engine or the file to the figure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from ase import Atoms

from mftl import checks, engines, models
from mftl.comparison import Compared, compared, point_table, summary, table
from mftl.config.labels import Labels
from mftl.config.levels import FileLevel
from mftl.config.plot import ROLES, Plot
from mftl.config.studies import complete
from mftl.config.training import Architecture, Training
from mftl.datasets import choose
from mftl.engines import Structure, pyscf_ccsdt, pyscf_dft
from mftl.errors import KCAL, error_rows, error_table
from mftl.errors import point_table as points_of
from mftl.inputs import InputError
from mftl.labels import collect_file, label_chunk, write_labelled
from mftl.plotting import box_plots, learning_curves
from mftl.structures import Structures, read_labelled
from mftl.training.run import Run

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()
LOOKS = {role: dict(zip(("color", "marker", "linestyle"), look, strict=True)) for role, look in ROLES.items()}
SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
SETTINGS = Training(epochs=3, batch_size=5, validation_steps=1)


@pytest.fixture
def files(dft, tmp_path):
    """A pool of twenty molecules, and a file of their labels with forces under another key."""
    atoms = [one.copy() for one in dft.structures[:20]]
    for one, energy, forces in zip(atoms, dft.energies, dft.forces, strict=False):
        one.info, one.arrays["dft_forces"] = {"id": one.info["id"], "dft": energy}, forces
        one.arrays.pop("REF_forces", None)
    write_labelled(tmp_path / "labels.extxyz", atoms)
    for one in atoms:
        del one.arrays["dft_forces"], one.info["dft"]
    write_labelled(tmp_path / "pool.extxyz", atoms)
    return tmp_path


def test_a_file_of_energies(files):
    level = FileLevel(file=str(files / "labels.extxyz"), energy_key="dft", forces_key=None)
    assert not level.has_forces and FileLevel(file="labels.extxyz").has_forces
    labels, states = collect_file(Structures(files / "pool.extxyz"), level)
    write_labelled(files / "collected.extxyz", labels)
    assert (states["state"] == "done").all()
    own = Structures.labelled(files / "collected.extxyz")
    assert not own.has_forces and "REF_forces" not in own.at(0).arrays
    assert own.at(3).info["REF_energy"] == Structures(files / "labels.extxyz").at(3).info["dft"]
    (some,) = choose([files / "collected.extxyz"], [(own.ids, 7)])
    assert some.forces is None and some[2:4].forces is None and len(some[2:4]) == 2
    with pytest.raises(InputError, match=r"has no forces: expected the array REF_forces .* or to null"):
        read_labelled(files / "collected.extxyz")


@pytest.mark.parametrize("given, said", [("nan", "energy is NaN"), ("much", "is not a number")])
def test_an_energy_that_is_none_is_named(files, given, said):
    path = files / "labels.extxyz"
    text = path.read_text().split("\n")
    energy = text[1].split("dft=")[1].split()[0]
    path.write_text("\n".join([text[0], text[1].replace(f"dft={energy}", f"dft={given}"), *text[2:]]))
    with pytest.raises(InputError, match=said):
        read_labelled(path, "dft", None)


def test_the_difference_to_a_level_without_forces_has_none(files, dft):
    level = FileLevel(file=str(files / "labels.extxyz"), energy_key="dft", forces_key=None)
    write_labelled(files / "alone.extxyz", collect_file(Structures(files / "pool.extxyz"), level)[0])
    both = FileLevel(file=str(files / "labels.extxyz"), energy_key="dft", forces_key="dft_forces")
    write_labelled(files / "both.extxyz", collect_file(Structures(files / "pool.extxyz"), both)[0])
    ids = Structures(files / "pool.extxyz").ids
    (found,) = choose([files / "both.extxyz", files / "alone.extxyz"], [(ids, None)])
    assert found.forces is None and np.allclose(found.energies, 0)


def test_an_engine_that_keeps_energies(dft, tmp_path):
    """Its labels are others than those with forces; those keep the key that they had before this could be said."""
    level = engines.level({"engine": "tblite", "method": "GFN2-xTB", "forces": False})
    structures = [Atoms(a.symbols, a.positions, info={"id": a.info["id"]}) for a in dft.structures[:3]]
    both = level.model_copy(update={"forces": True})
    alone, states = label_chunk(structures, level, Labels(), tmp_path / "chunk.jsonl")
    full, _ = label_chunk(structures, both, Labels(), tmp_path / "chunk.jsonl")
    assert (states["state"] == "done").all() and states["settings"].iloc[0] != engines.check(structures, both)
    assert [a.info["REF_energy"] for a in alone] == [a.info["REF_energy"] for a in full]
    assert not any("REF_forces" in a.arrays for a in alone) and all("REF_forces" in a.arrays for a in full)
    lines = (tmp_path / "chunk.jsonl").read_text().splitlines()
    assert len(lines) == 6 and sum("forces" in line for line in lines) == 3


@pytest.mark.parametrize(
    "engine, given",
    [
        (pyscf_dft, {"engine": "pyscf-dft", "functional": "pbe", "basis": "sto-3g"}),
        (pyscf_ccsdt, {"engine": "pyscf-ccsd(t)", "basis": "sto-3g"}),
    ],
)
def test_quantum_chemistry_without_gradients(engine, given, dft):
    water = Structure.of(next(a for a in dft.structures if a.info["id"].startswith("water")))
    level = engines.level(given)
    full, alone = (engine.label(water, level.model_copy(update={"forces": one})) for one in (True, False))
    assert len(full.forces) == 3 and not alone.forces
    assert alone.energy == full.energy and alone.extra == full.extra


def train(data, folder, settings=SETTINGS, **options):
    options = {"architecture": SMALL, "elements": ["H", "C", "N", "O", "S", "Cl"]} | options
    return Run(data[:40], data[40:60], settings, folder, **options)


def test_training_without_forces_is_training_on_energies(dft, tmp_path):
    """The same bits as where forces are there and not looked at, from scratch and in fine-tuning."""
    alone = replace(dft, forces=None)
    there = train(dft, tmp_path / "a", SETTINGS.model_copy(update={"forces_weight": 0.0})).train()
    missing = train(alone, tmp_path / "b").train()
    assert all(
        torch.equal(a, b) for a, b in zip(there.state_dict().values(), missing.state_dict().values(), strict=True)
    )
    log = pd.read_csv(tmp_path / "b" / "log.csv")
    assert log["force_rmse_mev_per_A"].isna().all() and log["energy_rmse_mev_per_atom"].notna().any()
    parent = tmp_path / "parent.pt"
    models.save_model(train(dft, tmp_path / "p").train(), parent)
    tuned = [
        train(data, tmp_path / name, settings, parent=parent, architecture=None, elements=None).train()
        for name, data, settings in (
            ("c", dft, SETTINGS.model_copy(update={"forces_weight": 0.0})), ("d", alone, SETTINGS)
        )
    ]  # fmt: skip
    assert all(torch.equal(a, b) for a, b in zip(*(one.state_dict().values() for one in tuned), strict=True))


def test_nothing_to_learn_is_refused(dft, tmp_path):
    with pytest.raises(InputError, match="nothing is learned"):
        train(replace(dft, forces=None), tmp_path, SETTINGS.model_copy(update={"energy_weight": 0.0}))


@pytest.mark.parametrize(
    "change, said",
    [
        ({"modes": {"forces": {"training": {"energy_weight": 0}}}, "mode": ".forces"}, "to learn something"),
        ({"modes": {"rescaled": {"training": {"rescale": True}}}, "mode": ".rescaled"}, "with rescale: false"),
        ({"figures": {"f": {"kind": "force-parity"}}}, "a level with forces, since forces are drawn"),
        ({"figures": {"f": {"kind": "comparison"}}}, "a level with forces, or histogram: false"),
        ({"figures": {"f": {"kind": "box-plots"}}}, "energy, since molecules at pbe0-d3 has energies alone"),
    ],
)
def test_what_needs_forces_says_so(change, said):
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    values["figures"] = {}
    values["systems"]["molecules"]["levels"]["pbe0-d3"]["forces_key"] = None
    curve = {
        "label": "MFTL",
        "recipe": "molecules.dftb-ptbp.n100.e2/molecules.pbe0-d3.n*" + change.get("mode", ""),
        "values": [25],
    }
    values["curves"]["own"] = curve
    values["modes"] = values.get("modes", {}) | change.get("modes", {})
    if "figures" not in change:
        with pytest.raises(InputError, match=said):
            checks.load(values, ROOT)
        return
    kind = change["figures"]["f"]["kind"]
    own = {"curves": ["own"], "value": 25, "key": "molecule", "label": "molecule"}
    if kind != "box-plots":
        own = {"system": "molecules", "reference": "pbe0-d3", "level": "dftb-ptbp", "level_label": "DFTB"}
        own |= {"model": "foundation.wb97m-d3.n100.e2", "model_label": "foundation"}
    values["figures"]["f"] = {"kind": kind} | own
    config = checks.load(values, ROOT)
    assert said in "\n".join(checks.of_figure(config, "f", ROOT))
    if kind == "comparison":
        values["figures"]["f"]["histogram"] = False
        assert not checks.of_figure(checks.load(values, ROOT), "f", ROOT)


@pytest.fixture
def predictions(tmp_path):
    """Two seeds at one size, on structures of one and three atoms, whose test labels are energies alone."""
    path = tmp_path / "curve.npz"
    np.savez_compressed(
        path, recipe=["molecules.cc.n10"] * 2, value=[10, 10], epochs=[0, 0], seed=[1, 2], ids=["a", "b"],
        sizes=[1, 3], numbers=[1, 8, 1, 1], energies=[[1.1, 2.3], [1.2, 2.6]], reference_energies=[1.0, 2.0],
        forces=np.zeros((2, 4, 3)),
    )  # fmt: skip
    return {"curve": path}


def test_tables_without_forces_and_in_kcal(predictions):
    errors = error_table("fig", predictions, units="kcal/mol")
    assert list(errors["quantity"]) == ["energy"] * 2 and list(errors["unit"]) == ["kcal/mol"] * 2
    assert errors["mae"].tolist() == pytest.approx([0.2 * KCAL, 0.4 * KCAL])  # of whole structures
    assert error_table("fig", predictions)["mae"].tolist() == pytest.approx([100.0, 200.0])  # of an atom
    points = points_of("fig", predictions, units="kcal/mol").set_index("read")
    assert list(points.index) == ["rmse", "mae"] and set(points["unit"]) == {"kcal/mol"}
    assert points.loc["mae", "deviation"] == pytest.approx(0.2 * KCAL / 2**0.5)
    assert points.loc["mae", "standard_error"] == pytest.approx(0.1 * KCAL)


def test_kcal_per_mol_is_that_of_ase():
    from ase import units

    assert pytest.approx(units.mol / units.kcal, rel=1e-7) == KCAL
    force = error_rows(np.ones(1), np.ones(1), np.ones((1, 3)), np.zeros((1, 3)), np.ones(1), "kcal/mol")[1]
    assert force["unit"] == "kcal/mol/Å" and force["mae"] == pytest.approx(KCAL)


def test_figures_of_one_panel(predictions):
    points = points_of("fig", predictions, units="kcal/mol").assign(curve="mftl")
    for bars, half in (("standard-error", "standard_error"), ("deviation", "deviation")):
        drawn = learning_curves.summarise(points, {"mftl": "MFTL"}, "mae", bars)
        assert (drawn["high"] - drawn["estimate"]).item() == pytest.approx(drawn[half].item())
        figure = learning_curves.plot(drawn, LOOKS, STYLE, "Structures", "molecules at cc", "other weights")
        assert [axis.get_ylabel() for axis in figure.axes] == ["Energy MAE (kcal/mol)"]
        said = " ".join(figure._supxlabel.get_text().split())
        assert {"standard-error": "standard errors of the mean", "deviation": "standard deviations"}[bars] in said
    line = [{"curve": "mftl", "value": 10, "label": "none"}]
    more = pd.concat([drawn, drawn.assign(curve="single-fidelity")])
    lines = {"references": line, "marks": [{"value": 100, "label": "ten times"}], "curves": ["single-fidelity"]}
    figure = learning_curves.plot(more, LOOKS, STYLE, "Epochs", "molecules at cc", **lines)
    assert len(figure.axes) == 1
    named = figure.axes[0].get_legend_handles_labels()[1]
    assert {"none", "ten times"} <= set(named) and len(named) == 3
    boxes = error_table("fig", predictions, units="kcal/mol").assign(curve="mftl", id="a")
    table = box_plots.summarise(boxes, {"mftl": "MFTL"}, "energy")
    figure = box_plots.plot(table, LOOKS, STYLE, "Structures", "molecules at cc")
    assert figure.axes[0].get_ylabel().startswith("Energy MAE (kcal/mol)")


def test_comparison_of_levels_without_forces(dft, tmp_path):
    structures, forces = dft.structures[:20], dft.forces[:20]
    energies = [dft.energies[:20] + shift * np.arange(20) for shift in (0, 0.1, 0.2)]
    compared(structures, energies, [forces, forces, None]).save(tmp_path / "data.npz")
    data = Compared.load(tmp_path / "data.npz")
    rows = summary("fig", data)
    assert rows.groupby("curve")["quantity"].apply(list).to_dict() == {
        "level": ["energy"],
        "model": ["energy", "forces"],
    }
    assert set(point_table("fig", data).query("curve == 'level'")["quantity"]) == {"energy"}
    assert table(data)["level_force_rmse_eV_A"].isna().all() and (table(data)["model_force_rmse_eV_A"] == 0).all()
