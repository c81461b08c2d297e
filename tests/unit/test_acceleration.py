"""cuEquivariance: what it must not change, and when it is refused. Tests that need it are skipped where it is not."""

import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from mace.cli import convert_e3nn_cueq
from mace.modules import ScaleShiftMACE, wrapper_ops
from mace.tools import cg
from mace.tools.scripts_utils import extract_config_mace_model

from mftl import acceleration, export, models
from mftl.config.training import Architecture, Training
from mftl.inputs import InputError
from mftl.prediction import predict
from mftl.training.run import Run

ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)
FAST = Training(epochs=3, batch_size=5, energy_weight=100.0, validation_steps=1, dtype="float64")
INSTALLED = pytest.mark.skipif(not wrapper_ops.CUET_AVAILABLE, reason="cuEquivariance is not installed")
CPU = torch.device("cpu")


def build(elements=ELEMENTS, **architecture) -> torch.nn.Module:
    given = SMALL.model_copy(update=architecture)
    return models.build_model(given, elements, 8.0, 1.0, 1, torch.float64)


def reduced(model: torch.nn.Module) -> torch.nn.Module:
    """A model as mace-torch makes it where cuEquivariance is installed."""
    torch.set_default_dtype(torch.float64)
    try:
        return ScaleShiftMACE(**extract_config_mace_model(model) | {"use_reduced_cg": True})
    finally:
        torch.set_default_dtype(torch.float32)


def run(data, folder: Path, settings: Training, **options) -> torch.nn.Module:
    options = {"architecture": SMALL, "elements": ELEMENTS} | options
    return Run(data[:40], data[40:], settings, folder, **options).train()


def test_a_model_is_the_same_with_and_without(monkeypatch):
    """Nothing of it is asked of cuEquivariance, which would otherwise make other couplings and fewer weights."""
    without = build(correlation=3).state_dict()

    def asked(*_, **__):
        raise AssertionError("couplings are asked of cuEquivariance")

    monkeypatch.setattr(wrapper_ops, "CUET_AVAILABLE", True)
    monkeypatch.setattr(cg, "CUET_AVAILABLE", True)
    monkeypatch.setattr(cg, "compute_U_cueq", asked, raising=False)
    model = build(correlation=3)
    assert not model.use_reduced_cg
    assert all(torch.equal(without[key], value) for key, value in model.state_dict().items())


@pytest.mark.parametrize("correlation", [2, 3])
def test_older_files_say_what_couplings_they_have(tmp_path, correlation):
    """Those of mace-torch without cuEquivariance say that they are reduced, and are not."""
    model = build(correlation=correlation)
    model.use_reduced_cg = True
    models.save_model(model, tmp_path / "old.pt")
    assert not models.load_model(tmp_path / "old.pt").use_reduced_cg


@INSTALLED
@pytest.mark.parametrize("architecture", [{}, {"max_l": 1}, {"correlation": 3}])
@pytest.mark.parametrize("has_reduced", [False, True])
def test_there_and_back(tmp_path, architecture, has_reduced):
    """Files of either kind, of models that are said to have reduced couplings."""
    model = build(["H", "O"], **architecture)
    model = reduced(model) if has_reduced else model
    model.use_reduced_cg = True
    models.save_model(model, tmp_path / "model.pt")
    again = models.load_model(tmp_path / "model.pt")
    assert again.use_reduced_cg == (has_reduced and bool(architecture))  # two features couple to a scalar in one way
    back = acceleration.from_cuequivariance(acceleration.to_cuequivariance(again, CPU), CPU)
    batch = models.probe(model)
    torch.testing.assert_close(back(batch)["forces"], model(batch)["forces"], rtol=1e-6, atol=1e-9)
    assert back.state_dict().keys() == model.state_dict().keys()


@INSTALLED
def test_it_trains_about_the_same_model(dft, tmp_path):
    """Its kernels order some weights differently, so that steps differ a little; the saved model is a plain one."""
    model = run(dft, tmp_path / "a", FAST.model_copy(update={"accelerate": "cuequivariance"}))
    plain = run(dft, tmp_path / "b", FAST)
    assert model.state_dict().keys() == plain.state_dict().keys()
    logs = [pd.read_csv(tmp_path / name / "log.csv")["validation_score"] for name in "ab"]
    assert logs[0].to_numpy() == pytest.approx(logs[1].to_numpy(), rel=0.02)


@INSTALLED
def test_an_older_model_is_exported(tmp_path, dft):
    """mace-torch's converter for LAMMPS believes what a file says of its couplings."""
    model = build(correlation=3)
    model.use_reduced_cg = True
    torch.save(model, tmp_path / "old.pt")
    export.write_for_ase(tmp_path / "old.pt", tmp_path / "model.pt")
    assert set(export.write_for_lammps(tmp_path / "model.pt")) == {"libtorch", "mliap"}


def test_it_is_asked_for_by_name_when_missing(monkeypatch):
    monkeypatch.setattr(acceleration.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"cuequivariance_torch is not installed; pip install cuequivariance-torch"):
        acceleration.to_cuequivariance(build(), CPU)
    monkeypatch.setattr(
        acceleration.importlib.util, "find_spec", lambda name: None if "ops" in name else SimpleNamespace()
    )
    with pytest.raises(InputError, match=r"cuequivariance_ops_torch is not installed; pip install .*ops-torch-cu12"):
        acceleration.to_cuequivariance(build(), torch.device("cuda"))


def test_other_correlations_are_refused(monkeypatch):
    monkeypatch.setattr(acceleration.importlib.util, "find_spec", lambda name: SimpleNamespace())
    with pytest.raises(InputError, match=r"the model has correlation 1; valid: 2 or 3, or 'none'"):
        acceleration.to_cuequivariance(build(correlation=1), CPU)


@pytest.mark.parametrize("wrong", ["energies", "forces", "error"])
@pytest.mark.parametrize("elements", [ELEMENTS, ["W"]])
def test_a_conversion_that_changes_the_model_is_refused(monkeypatch, wrong, elements):
    """The converter skips what it does not know without a word."""

    def convert(model: torch.nn.Module, device: torch.device) -> torch.nn.Module:
        assert isinstance(device, torch.device)  # a name would fuse convolutions on cuda
        if wrong == "error":
            raise NotImplementedError("not supported")
        changed = copy.deepcopy(model)
        if wrong == "energies":
            changed.scale_shift.shift += 1.0
        else:
            changed.interactions[1].linear_up.weight.data *= 1.01
        return changed

    monkeypatch.setattr(acceleration.importlib.util, "find_spec", lambda name: SimpleNamespace())
    monkeypatch.setattr(convert_e3nn_cueq, "run", convert)
    told = {"energies": "predicts interaction energies", "forces": "predicts", "error": "cannot be converted: not supp"}
    with pytest.raises(InputError, match=rf"training.accelerate: got 'cuequivariance'.*{told[wrong]}.*use 'none'"):
        acceleration.to_cuequivariance(build(elements), CPU)
    assert torch.get_default_dtype() == torch.float32


def test_rounding_is_no_difference(dft):
    model = build(max_l=1)
    batch = models.probe(model)
    single = copy.deepcopy(model).float()
    converted = {key: value.float() if value.is_floating_point() else value for key, value in batch.items()}
    assert models.difference(model(batch), single(converted)) is None
    energies, forces = predict(model, dft.structures[:2])
    for own, other in zip(forces, predict(single, dft.structures[:2])[1], strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4 * np.abs(own).max())
    assert energies.dtype == np.float64
