"""A table of errors by groups of test structures."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from ase import Atoms

from mftl import checks
from mftl.config.plot import Plot
from mftl.config.studies import complete
from mftl.errors import KCAL, point_table
from mftl.inputs import InputError
from mftl.plotting import error_table
from mftl.structures import write_structures
from mftl.tables import grouped_points

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()


@pytest.fixture
def inputs(tmp_path):
    """Two sizes and two seeds, on four molecules, two of which are hot; one more of the pool is not tested."""
    ids, groups = ["a", "b", "c", "d", "e"], ["hot", "cold", "hot", "cold", "odd"]
    atoms = [
        Atoms("H2", [[0, 0, 0], [0, 0, 0.7]], info={"id": i, "sampling": g}) for i, g in zip(ids, groups, strict=True)
    ]
    write_structures(tmp_path / "pool.extxyz", atoms)
    errors = np.array([[0.1, 0.3, 0.1, 0.5], [0.1, 0.3, 0.1, 0.5], [0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.2]])
    np.savez_compressed(
        tmp_path / "curve.npz", recipe=["molecules.cc.n5"] * 2 + ["molecules.cc.n9"] * 2, value=[5, 5, 9, 9],
        epochs=[0] * 4, seed=[1, 2, 1, 2], ids=ids[:4], sizes=[2] * 4, numbers=[1] * 8, energies=errors,
        reference_energies=np.zeros(4), forces=np.repeat(errors, 2, axis=1)[..., None] * np.ones(3),
        reference_forces=np.zeros((8, 3)),
    )  # fmt: skip
    return {"predictions": [str(tmp_path / "curve.npz")], "pool": str(tmp_path / "pool.extxyz")}


def settings(**changes):
    own = {"figure": "t", "curves": ["curve"], "values": [], "key": "sampling", "groups": [], "units": "kcal/mol"}
    return own | changes


def test_points_of_groups_are_those_of_their_structures(inputs):
    found = grouped_points.table(inputs, settings())
    assert list(dict.fromkeys(found["group"])) == ["cold", "hot", "all"]
    key = ["group", "value", "quantity", "read"]
    estimates = found.set_index(key)["estimate"]
    assert estimates["cold", 5, "energy", "mae"] == pytest.approx(0.4 * KCAL)
    assert estimates["hot", 5, "forces", "rmse"] == pytest.approx(0.1 * KCAL)
    assert found.set_index(key)["structures"]["cold", 5, "energy", "mae"] == 2
    whole = point_table("t", {"curve": Path(inputs["predictions"][0])}, units="kcal/mol")
    assert found[found["group"] == "all"]["estimate"].tolist() == whole["estimate"].tolist()
    chosen = grouped_points.table(inputs, settings(values=[9], groups=["hot"]))
    assert set(chosen["value"]) == {9} and list(dict.fromkeys(chosen["group"])) == ["hot", "all"]
    with pytest.raises(InputError, match=r"figures\.t\.groups: no test structure has sampling odd, only hot, cold"):
        grouped_points.table(inputs, settings(groups=["odd"]))


@pytest.mark.parametrize("quantities", [["energy", "forces"], ["energy"]])
def test_cells(inputs, quantities):
    found = grouped_points.table(inputs, settings())
    table = error_table.summarise(found[found["quantity"].isin(quantities)], {"curve": "MFTL"})
    figure = error_table.plot(table, STYLE, "Sampling", "molecules at cc")
    said = [text.get_text() for text in figure.axes[0].texts]
    assert {"MFTL, 5", "MFTL, 9", "hot (2)", "cold (2)", "all (4)", "Sampling (structures)"} <= set(said)
    assert f"{0.1 * KCAL:.3g} / {0.1 * KCAL:.3g}" in said
    assert sum(" / " in one for one in said) == 3 * 2 * len(quantities)
    figure.canvas.draw()
    width = figure.axes[0].get_window_extent()
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert box.x0 >= width.x0 - 1 and box.x1 <= width.x1 + 1, text.get_text()


def test_section():
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    own = {"kind": "error-table", "curves": ["mftl"], "values": [100], "key": "sampling", "label": "Sampling"}
    values["figures"] = {"table": own, "wrong": own | {"values": [7]}}
    config = checks.load(values, ROOT)
    figure = config.figures["table"]
    (table,) = figure.tables(config, "table")
    assert table.inputs == {"predictions": ["results/predictions/mftl.npz"], "pool": "results/pools/molecules.extxyz"}
    assert table.settings == settings(figure="table", curves=["mftl"], values=[100], units="meV/atom")
    assert figure.shown(config) == {"mftl": [100]} and "in groups by Sampling" in figure.text(config)
    assert "figures.wrong.values: got 7; valid: values of mftl" in "\n".join(checks.of_figure(config, "wrong", ROOT))
