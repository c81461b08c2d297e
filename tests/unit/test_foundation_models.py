"""Models that others trained: given with a call, more or fewer elements than the system has, older mace-torch."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from ase.data import chemical_symbols

from mftl import checks, models
from mftl.config.studies import complete, overlaid
from mftl.config.training import Architecture, Training
from mftl.config.whole import parse
from mftl.datasets import Labelled
from mftl.inputs import InputError
from mftl.model_files import SYMBOLS, elements_of
from mftl.plan import prediction, training
from mftl.prediction import predict
from mftl.training.run import Run
from mftl.training.start import adapt_parent

ROOT = Path(__file__).parents[2]
TABLE = models.symbols([*range(1, 84), *range(89, 95)])  # the 89 elements of MACE-MP-0
SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)


@pytest.fixture
def parent(tmp_path):
    """A model of 89 elements, without what mace-torch added to its models over the years."""
    model = models.build_model(SMALL, TABLE, 10.0, 1.0, 1, torch.float64)
    models.set_reference_energies(model, -np.arange(1.0, 90.0))
    for module in model.modules():
        for attribute in ("heads", "apply_cutoff", "lammps_mliap", "use_reduced_cg", "use_so3", "use_agnostic_product"):
            module.__dict__.pop(attribute, None)
    models.save_model(model, tmp_path / "parent.model")
    return tmp_path / "parent.model"


def test_the_architecture_of_mace_off23_small():
    """Ten elements give the published number of weights."""
    paper = complete(yaml.safe_load((ROOT / "config" / "paper.yaml").read_text()), ROOT)
    values = paper["architectures"]["mace-off23-small"]
    elements = ["H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I"]
    model = models.build_model(Architecture(**values), elements, 10.0, 1.0, 1, torch.float32)
    assert sum(p.numel() for p in model.parameters()) == 694320


def test_a_larger_table_of_elements(parent, dft, tmp_path):
    few = Labelled(dft.structures[:25], dft.energies[:25], dft.forces[:25])
    model = models.load_model(parent)
    adapt_parent(model, few, Training())
    energies, _ = predict(model, few.structures)
    sizes = [len(atoms) for atoms in few.structures]
    assert np.sqrt(np.mean(((energies - few.energies) / sizes) ** 2)) < 1.0  # eV/atom; 10³ with the parent's
    # of elements that are not in the data nothing is known: they keep the parent's
    unseen = [i for i, symbol in enumerate(TABLE) if symbol not in ("H", "C", "N", "O", "S", "Cl")]
    np.testing.assert_allclose(models.reference_energies(model)[unseen], -np.arange(1.0, 90.0)[unseen])
    tuned = Run(few, few, Training(epochs=3), tmp_path / "run", parent=parent).train()
    models.save_model(tuned, tmp_path / "tuned.pt")
    again = models.load_model(tmp_path / "tuned.pt")
    assert len(models.model_elements(again)) == 89 and models.model_dtype(again) == torch.float64
    np.testing.assert_array_equal(predict(again, few.structures)[0], predict(tuned, few.structures)[0])


# --- given with a call ----------------------------------------------------------------------------------------------


def saved(path: Path, elements: list[str]) -> Path:
    """A model file of these elements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    models.save_model(models.build_model(SMALL, elements, 10.0, 1.0, 1, torch.float32), path)
    return path


def test_elements_are_read_without_torch(parent, tmp_path):
    assert chemical_symbols == SYMBOLS
    assert elements_of(parent) == TABLE
    assert elements_of(saved(tmp_path / "a.model", ["O", "H"])) == ["H", "O"]
    saved(tmp_path / "a.model", ["W"])
    assert elements_of(tmp_path / "a.model") == ["W"]  # another file under the same name
    torch.save({"state": torch.zeros(3)}, tmp_path / "weights.pt")
    for other in (tmp_path / "weights.pt", ROOT / "config.yaml", tmp_path / "none.model", tmp_path):
        assert elements_of(other) is None


def planned_from(**given) -> tuple[str, str, str]:
    """What check-real.yaml fine-tunes and compares with the reference: the recipe, the parent model, the model."""
    values = yaml.safe_load((ROOT / "config" / "check-real.yaml").read_text())
    config = parse(values | {"data": "/folder"} | given)
    recipe = config.recipes_of("foundation")[0]
    asked = SimpleNamespace(architecture="tiny", recipe=str(recipe), seed="2")
    compared = prediction.compared(config, SimpleNamespace(figure="fig2"))
    return str(recipe), training.inputs(config, asked)["parent"], compared["model"]


def test_what_stands_for_the_papers_foundation_model(tmp_path):
    """A model trained here, a file of the user's, or a download."""
    own = "foundation.wb97m-d3.n1600.e16"
    trained = f"results/models/tiny/{own}"
    assert planned_from() == (
        f"{own}/qm7x.pbe0-mbd.n50",
        f"{trained}/seed-2/model.pt",
        f"{trained}/seed-1/model.pt",
    )
    # the name of a file becomes one that a recipe can have
    file = str(saved(tmp_path / "MACE-OFF23 small.v1.model", TABLE))
    assert planned_from(foundation=file) == ("mace-off23-small-v1/qm7x.pbe0-mbd.n50", file, file)
    file = str(saved(tmp_path / "2023-off.model", TABLE))
    assert planned_from(foundation=file)[0] == "model-2023-off/qm7x.pbe0-mbd.n50"
    download = "results/foundation_models/mace-off23-small.model"
    assert planned_from(foundation="mace-off23-small") == ("mace-off23-small/qm7x.pbe0-mbd.n50", download, download)


@pytest.fixture
def told():
    """What is told of a configuration whose curve or figure rests on a foundation model given with the call."""
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    recipe = "{foundation}/molecules.pbe0-d3.n*"
    tuned = {"curves": {"foundation": {"recipe": recipe}}}
    as_it_is = {"curves": {"raw": {"label": "", "recipe": "{foundation}", "test": "molecules.pbe0-d3"}}}
    compared = {"figures": {"fig2": {"model": "{foundation}"}}}

    def tell(given: str | None, changes: str = "tuned") -> str:
        chosen = {"tuned": tuned, "as it is": as_it_is, "compared": compared}[changes]
        try:
            config = checks.load(overlaid(values, chosen | {"foundation": given}), ROOT)
            checks.require_figure(config, "fig2", ROOT)
        except InputError as error:
            return str(error)
        return ""

    return tell


def test_a_file_that_is_not_there(told, tmp_path):
    missing = str(tmp_path / "none.model")
    assert (
        f"  foundation: got '{missing}'; valid: a model file that exists, a recipe or a key of foundation_models "
        "(none is configured)"
    ) in told(missing)
    expected = "foundation: got None; valid: a model file, a key of foundation_models or a recipe, since"
    assert expected in told(None)
    assert told(str(saved(tmp_path / "all.model", TABLE))) == ""


@pytest.mark.parametrize(
    ("use", "where"),
    [
        ("tuned", "curves.foundation.recipe: got 'few/molecules.pbe0-d3.n*'"),
        ("as it is", "curves.raw.recipe: got 'few'"),
        ("compared", "figures.fig2.model: got 'few'"),
    ],
)
def test_a_file_that_lacks_elements(told, tmp_path, use, where):
    few = saved(tmp_path / "few.model", ["H", "C", "N", "O"])
    assert (
        f"  {where}; valid: a model that knows S, Cl of molecules too ({few} knows H, C, N, O), or a pool without "
        "structures that hold them and systems.molecules.elements without them"
    ) in told(str(few), use)
    assert told(str(saved(tmp_path / "all.model", TABLE)), use) == ""
