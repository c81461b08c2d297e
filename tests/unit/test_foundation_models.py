"""Fine-tuning from models that others trained: more elements than the system has, older versions of mace-torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mftl import models
from mftl.config.studies import complete
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled
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
