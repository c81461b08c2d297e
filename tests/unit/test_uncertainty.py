"""Uncertainties: the last layer's is that of a linear model, scales and quantiles do what they promise."""

import numpy as np
import pytest
from ase import Atoms
from scipy.stats import spearmanr

from mftl import calibration
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled
from mftl.features import LastLayer, graphs_of
from mftl.inputs import InputError
from mftl.last_layer_calculator import LastLayerCalculator
from mftl.models import save_model
from mftl.prediction import predict
from mftl.training.run import Run
from mftl.uncertainty import FILE, covariance, learn, sigmas

SETTINGS = Training(epochs=100, batch_size=5, energy_weight=100.0, validation_steps=10, dtype="float64")
SMALL = Architecture(channels=4, radial_mlp=[8], readout_channels=4)


def part(data: Labelled, start: int, stop: int) -> Labelled:
    return data[slice(start, stop)]


@pytest.fixture(scope="module")
def trained(dft, tmp_path_factory):
    run = Run(part(dft, 0, 20), part(dft, 20, 30), SETTINGS, tmp_path_factory.mktemp("trained"),
              architecture=SMALL, elements=["H", "C", "N", "O", "S", "Cl"])  # fmt: skip
    return run.train()


@pytest.fixture(scope="module")
def uncertainty(trained, dft):
    return learn(trained, part(dft, 0, 20), part(dft, 20, 30), SETTINGS)


def test_sigmas_are_those_of_ridge_regression(trained, dft):
    """The last layers refitted to draws of labels with noise: their predictions spread as the sigmas say."""
    some, last = part(dft, 0, 20), LastLayer(trained)
    seen = list(last.of(graphs_of(trained, some.structures), rows=True))
    sizes = [len(atoms) for atoms in some.structures]
    known = covariance(seen, sizes, SETTINGS)
    rows = [SETTINGS.energy_weight**0.5 * np.array([one.phi / size]) for one, size in zip(seen, sizes, strict=True)]
    rows += [(SETTINGS.forces_weight / len(one.rows)) ** 0.5 * one.rows for one in seen]
    design = np.concatenate(rows)
    np.testing.assert_allclose(design.T @ design, known, rtol=1e-9)
    inverse = np.linalg.inv(known + 1e-3 * np.trace(known) / len(known) * np.eye(len(known)))
    random = np.random.default_rng(0)
    # weights of posterior covariance (C + ς²)⁻¹
    weights = random.multivariate_normal(np.zeros(len(known)), inverse, size=4000)
    new = next(last.of(graphs_of(trained, dft.structures[40:41]), rows=True))
    expected = np.sqrt(new.phi @ inverse @ new.phi)
    assert (weights @ new.phi).std() == pytest.approx(expected, rel=0.05)


def test_sigmas_are_scaled_to_the_validation_errors(trained, uncertainty, dft):
    some = part(dft, 20, 30)
    energies, forces = predict(trained, some.structures)
    found, spreads = sigmas(trained, uncertainty, some)
    assert np.mean(np.abs(energies - some.energies) / found) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-6)
    off = np.concatenate(forces) - np.concatenate(some.forces)
    assert np.mean(np.abs(off) / spreads[:, None]) == pytest.approx(np.sqrt(2 / np.pi), rel=1e-6)
    assert (spreads > 0).all() and spreads.shape == off.shape[:1]


def test_sigmas_do_not_turn_with_the_structure(trained, uncertainty, dft):
    one = dft.structures[40].copy()
    turned = one.copy()
    turned.rotate(70, (1, 1, 0))
    (here,) = LastLayer(trained).of(graphs_of(trained, [one]), rows=True)
    (there,) = LastLayer(trained).of(graphs_of(trained, [turned]), rows=True)
    assert uncertainty.energy(here) == pytest.approx(uncertainty.energy(there), rel=1e-6)
    np.testing.assert_allclose(uncertainty.forces(here), uncertainty.forces(there), rtol=1e-6)


def test_what_training_did_not_see_is_less_certain(trained, uncertainty, dft):
    """Atoms pushed together: no such structure is among the molecules."""
    found, spreads = sigmas(trained, uncertainty, part(dft, 30, 60))
    odd = [atoms.copy() for atoms in dft.structures[30:60]]
    for atoms in odd:
        atoms.positions *= 0.75
    foreign = Labelled(odd, np.zeros(30), [np.zeros((len(atoms), 3)) for atoms in odd])
    far, pushed = sigmas(trained, uncertainty, foreign)
    assert np.median(far) > 2 * np.median(found) and np.median(pushed) > 2 * np.median(spreads)


def test_larger_sigmas_have_larger_errors(trained, uncertainty, dft):
    some = part(dft, 30, 60)
    _, forces = predict(trained, some.structures)
    _, spreads = sigmas(trained, uncertainty, some)
    off = np.concatenate(forces) - np.concatenate(some.forces)
    assert spearmanr(np.linalg.norm(off, axis=1), spreads).statistic > 0.2
    off, spreads = off.ravel(), np.repeat(spreads, 3)
    binned = calibration.binned(off, spreads, 4)
    assert binned["rmse"].iloc[-1] > 1.5 * binned["rmse"].iloc[0] and binned["count"].sum() == off.size
    names = np.repeat([atoms.info["id"] for atoms in some.structures], [3 * len(atoms) for atoms in some.structures])
    judged = calibration.judge(off, spreads, names)
    assert list(judged["structures"]) == [15, 15] and (judged["likelihood"] > judged["likelihood_known"] - 1).all()


def test_an_exported_model_says_how_far_it_may_be_off(trained, uncertainty, dft, tmp_path):
    save_model(trained, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"last-layer\.npz is not there; `snakemake results/export/"):
        LastLayerCalculator(tmp_path)
    weights = LastLayer(trained).weights
    uncertainty.write(tmp_path / FILE, weights)
    some = dft[slice(40, 43)]
    energies, forces = sigmas(trained, uncertainty, some)
    known, pulls = predict(trained, some.structures)
    start = 0
    for i, atoms in enumerate(some.structures):
        own = atoms.copy()
        own.calc = LastLayerCalculator(tmp_path)
        assert own.get_potential_energy() == pytest.approx(known[i], rel=1e-9)
        assert own.calc.results["energy_uncertainty"] == pytest.approx(energies[i])
        assert "forces_uncertainty" not in own.calc.results  # not asked for
        found = own.calc.get_property("forces_uncertainty", own)
        np.testing.assert_allclose(found, forces[start : start + len(own)])
        np.testing.assert_allclose(own.get_forces(), pulls[i], rtol=1e-7, atol=1e-9)
        start += len(own)
    uncertainty.write(tmp_path / FILE, 1.1 * weights)
    with pytest.raises(InputError, match=r"of another model than model\.pt beside it"):
        LastLayerCalculator(tmp_path)


def test_no_data_no_uncertainty(trained, dft):
    with pytest.raises(InputError, match="needs validation structures"):
        learn(trained, part(dft, 0, 20), part(dft, 0, 0), SETTINGS)
    with pytest.raises(InputError, match="at least one training structure"):
        covariance([], [], SETTINGS)


def test_without_forces_energies_alone_are_scaled(trained, dft):
    alone = Labelled(dft.structures[:20], dft.energies[:20], None)
    found = learn(trained, alone, Labelled(dft.structures[20:30], dft.energies[20:30], None), SETTINGS)
    energies, spreads = sigmas(trained, found, dft[slice(30, 40)], forces=False)
    assert spreads is None and (energies > 0).all() and found.forces_scale == 1.0


# --- calibration -----------------------------------------------------------------------------------------------------


def drawn(count: int, alpha: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(seed)
    spreads = random.lognormal(sigma=0.7, size=count)
    return alpha * spreads * random.standard_normal(count), spreads, [f"s{i}" for i in range(count)]


def test_scales_are_found():
    errors, spreads, _ = drawn(20_000, 2.5)
    assert calibration.scale(errors, spreads) == pytest.approx(2.5, rel=0.02)
    assert calibration.scale(errors, spreads, robust=True) == pytest.approx(2.5, rel=0.02)
    errors[:20] *= 100
    assert calibration.scale(errors, spreads) > 1.5 * calibration.scale(errors, spreads, robust=True)


@pytest.mark.parametrize("members", [5, 8, 16])
def test_the_scale_of_a_committee_is_without_bias(members):
    """Members spread about the truth by σ/α: the formula of Imbalzano et al. finds α from few members."""
    random, count, alpha = np.random.default_rng(1), 200_000, 2.0
    own = random.lognormal(sigma=0.5, size=count)
    centre = alpha * own * random.standard_normal(count)  # of the members, about the truth, 0
    predictions = centre + own * random.standard_normal((members, count))
    mean, spread = calibration.of_committee(predictions)
    assert calibration.committee_scale(mean, spread, members) == pytest.approx(alpha, rel=0.05)
    with pytest.raises(InputError, match=r"committee of 3 models.*at least 5"):
        calibration.committee_scale(mean, spread, 3)


def test_members_own_sigmas_add_to_their_spread():
    predictions = np.array([[1.0, 2.0], [3.0, 2.0]])
    mean, total = calibration.of_committee(predictions, np.array([[3.0, 1.0], [3.0, 1.0]]))
    np.testing.assert_allclose(mean, [2, 2])
    np.testing.assert_allclose(total, [np.sqrt(2 + 9), 1])


def test_conformal_quantiles_cover_new_values():
    """On average over calibration sets as many new values as promised, whatever the distribution."""
    random, covered = np.random.default_rng(3), []
    for _ in range(400):
        errors = random.standard_t(2, 60)
        quantile = calibration.conformal(errors[:40], np.ones(40), 0.9)
        covered.append((np.abs(errors[40:]) <= quantile).mean())
    assert np.mean(covered) == pytest.approx(np.ceil(41 * 0.9) / 41, abs=0.015)
    assert calibration.conformal(np.arange(1, 20), np.ones(19), 0.95) == 19
    with pytest.raises(InputError, match="95% from 18 values; valid: at least 19"):
        calibration.conformal(np.arange(1, 19), np.ones(18), 0.95)


def test_halves_are_of_structures_and_stay():
    owners = [f"s{i // 3}" for i in range(60)]
    first = calibration.half(owners)
    assert first.sum() == 30 and all(len(set(first[i : i + 3])) == 1 for i in range(0, 60, 3))
    assert (calibration.half(owners[::-1])[::-1] == first).all()


def test_a_half_is_judged_by_the_other():
    errors, spreads, owners = drawn(4000, 3.0)
    judged = calibration.judge(errors, spreads, owners)
    assert list(judged["structures"]) == [2000, 2000]
    for name, level in (("68", 0.68), ("95", 0.95)):
        np.testing.assert_allclose(judged[f"covered_{name}"], level, atol=0.03)
        np.testing.assert_allclose(judged[f"conformal_{name}"], level, atol=0.03)
    np.testing.assert_allclose(judged["scale"], 3, rtol=0.05)
    np.testing.assert_allclose(judged["square"], 1, atol=0.12)
    np.testing.assert_allclose(judged["rank"], judged["rank_known"], atol=0.06)
    np.testing.assert_allclose(judged["likelihood"], judged["likelihood_known"], atol=0.06)
    # sigmas that know nothing: the same on average, but of no rank
    blind = calibration.judge(errors, np.random.default_rng(9).permutation(spreads), owners)
    assert (blind["rank"].abs() < 0.06).all() and (blind["likelihood"] > judged["likelihood"]).all()


def test_bins_tell_sigmas_that_are_too_small():
    errors, spreads, _ = drawn(5000, 2.0)
    found = calibration.binned(errors, spreads)
    assert len(found) == 10 and (found["count"] == 500).all()
    np.testing.assert_allclose(found["rmse"] / found["sigma"], 2, rtol=0.15)


def test_a_single_atom_has_an_uncertainty_too(trained, uncertainty):
    """It feels no force, whatever the weights; but one that broke loose does, so it is not certain."""
    (seen,) = LastLayer(trained).of(graphs_of(trained, [Atoms("O", [[0, 0, 0]])]), rows=True)
    assert not seen.rows.any()
    assert uncertainty.energy(seen) > 0 and uncertainty.forces(seen)[0] > 0.01
