"""Power spectra and harmonic frequencies: lines at their analytic places."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ase import Atoms, units
from ase.io import write

from mftl import checks
from mftl.config.plot import Plot
from mftl.config.studies import complete
from mftl.dynamics.integrators import Evaluation, State, velocity_verlet
from mftl.inputs import InputError
from mftl.observables import spectra
from mftl.plotting import spectrum
from mftl.tables import harmonic as harmonic_table
from mftl.tables import spectra as spectra_table

ROOT = Path(__file__).parents[2]
STYLE = Plot(font_size=8.0).model_dump()
SETTINGS = {"skip": 0.2, "broadening": 5.0, "limits": [500.0, 4500.0]}
MASSES = np.array([1.008, 15.999])


def spring(wavenumber: float) -> float:
    """Force constant (eV/Å²) of an O-H spring with this wavenumber (cm⁻¹)."""
    omega = 2 * np.pi * wavenumber / spectra.CM / (1000 * units.fs)  # in ASE's units
    return omega**2 * MASSES.prod() / MASSES.sum()


def simulated(wavenumber: float, timestep: float, length: float = 6.0, replicas: int = 2) -> list[Atoms]:
    """Frames of a harmonic O-H at constant energy, every step, with a length in ps."""
    constant, frames = spring(wavenumber), []

    def forces(positions):
        apart = positions[1] - positions[0]
        distance = np.linalg.norm(apart)
        pull = constant * (distance - 1.0) * apart / distance
        return Evaluation(np.zeros(1), np.array([pull, -pull]), np.array([distance]))

    for replica in range(replicas):
        start = np.array([[0.0, 0, 0], [1.02 + 0.01 * replica, 0, 0]])
        state = State(start, np.zeros((2, 3)), MASSES[:, None], forces(start))
        for step in range(round(1000 * length / timestep)):
            atoms = Atoms("HO", state.positions.copy(), info={"replica": replica, "time_ps": step * timestep / 1000})
            atoms.set_masses(MASSES)
            atoms.set_array("momenta", MASSES[:, None] * state.velocities)
            frames.append(atoms)
            velocity_verlet(state, forces, timestep * units.fs)
    return frames


@pytest.mark.parametrize("timestep, off", [(0.5, 21), (1.0, 86)])
def test_a_harmonic_line_is_at_its_place_after_the_shift_of_the_time_step(timestep, off):
    found = spectra.of_simulations(simulated(3800.0, timestep), SETTINGS)
    axis = spectra.axis_of(SETTINGS)
    place = spectra.shifted(np.array([3800.0]), timestep)[0]
    assert len(found) == 2 and place - 3800 == pytest.approx(off, abs=1)
    for one in found:
        assert axis[np.argmax(one)] == pytest.approx(place, abs=5)
        assert one.sum() * (axis[1] - axis[0]) == pytest.approx(1.0, abs=0.02)  # all of it is on the axis


def test_a_step_too_long_is_refused():
    with pytest.raises(InputError, match="too long"):
        spectra.shifted(np.array([4000.0]), 3.0)


def test_simulations_that_ended_early_do_not_count():
    frames = simulated(2000.0, 1.0, length=1.0)
    cut = [atoms for atoms in frames if atoms.info["replica"] == 0 or atoms.info["time_ps"] < 0.8]
    assert len(spectra.of_simulations(cut, SETTINGS)) == 1
    with pytest.raises(InputError, match="too short for a spectrum"):
        spectra.of_simulations(frames[:50], SETTINGS)


def displaced(hessian: np.ndarray, masses: np.ndarray, step: float = 0.01) -> list[Atoms]:
    """Both displacements of each coordinate with the forces of a Hessian (eV/Å²), and a rest of a force."""
    atoms = []
    for k in range(len(hessian)):
        for sign in (1, -1):
            one = Atoms(["H"] * (len(hessian) // 3), np.zeros((len(hessian) // 3, 3)))
            one.set_masses(masses)
            one.info |= {"id": f"{k}{sign}", "atom": k // 3, "axis": k % 3, "displacement": sign * step}
            one.info["REF_energy"] = 0.0
            one.arrays["REF_forces"] = (0.003 - hessian[k] * sign * step).reshape(-1, 3)
            atoms.append(one)
    return atoms


def test_harmonic_frequencies_are_those_of_the_hessian(tmp_path):
    random = np.random.default_rng(0)
    root, masses = random.normal(size=(6, 6)), np.array([1.008, 15.999])
    hessian = 20 * root @ root.T
    weighted = hessian / np.sqrt(np.outer(np.repeat(masses, 3), np.repeat(masses, 3)))
    expected = np.sqrt(np.linalg.eigvalsh(weighted)) * units._hbar * 1e10 / np.sqrt(units._e * units._amu)  # eV
    found = spectra.harmonic(displaced(hessian, masses)[::-1])  # in any order
    assert found == pytest.approx(expected / units.invcm, rel=1e-6)
    with pytest.raises(InputError, match="atom 1 displaced in both directions along z"):
        spectra.harmonic(displaced(hessian, masses)[:-1])
    single = np.diag([spring(3000.0) * MASSES.sum() / MASSES.prod()] + [0.0] * 5)  # of one coordinate of mass 1
    write(tmp_path / "labels.extxyz", [a for a in displaced(single, np.ones(2))], format="extxyz")
    table = harmonic_table.table({"labels": tmp_path / "labels.extxyz"}, {"timestep": 0.5})
    assert table["wavenumber"].tolist() == pytest.approx([3000.0], abs=0.5)
    assert table["in_simulation"].iloc[0] > 3000.0


@pytest.fixture
def figure_values():
    values = complete(yaml.safe_load((ROOT / "config.yaml").read_text()), ROOT)
    values["dynamics"]["molecules-hot"] |= {"velocities": True, "frame_every": 0.002}
    models = [{"curve": "mftl", "value": v, "label": f"MFTL {v}"} for v in (25, 100)]
    harmonic = {"system": "molecules", "level": "ccsdt", "label": "CCSD(T)"}
    own = {"kind": "spectrum", "protocol": "molecules-hot", "harmonic": harmonic}
    values["figures"] = {"s": own | {"panels": [{"label": "E", "models": models}, {"models": models[:1]}]}}
    return values


def test_section(figure_values):
    config = checks.load(figure_values, ROOT)
    figure = config.figures["s"]
    assert not checks.of_figure(config, "s", ROOT)
    assert len(figure.runs(config)) == 2 * 3  # each model once, three seeds
    first, second = figure.tables(config, "s")
    assert len(first.inputs["trajectories"]) == 6 and second.inputs == {
        "labels": "results/labels/molecules/ccsdt.extxyz"
    }
    assert figure.shown(config) == {"mftl": [25, 100]} and "harmonic frequencies by CCSD(T)" in figure.text(config)


@pytest.mark.parametrize(
    "change, said",
    [
        ({"dynamics": {"velocities": False}}, "dynamics.molecules-hot.velocities: got False; valid: true"),
        ({"dynamics": {"frame_every": 0.005}}, "frame_every: got 0.005; valid: at most 0.002 ps"),
        ({"figure": {"protocol": "none"}}, "figures.s.protocol: got 'none'"),
        ({"figure": {"limits": [400.0, 300.0]}}, "figures.s.limits"),
        ({"harmonic": {"level": "mp2"}}, "figures.s.harmonic.level: got 'mp2'"),
        ({"harmonic": {"system": "water"}}, "water is no system"),
    ],
)
def test_mistakes(figure_values, change, said):
    figure_values["dynamics"]["molecules-hot"] |= change.get("dynamics", {})
    figure_values["figures"]["s"] |= change.get("figure", {})
    figure_values["figures"]["s"]["harmonic"] |= change.get("harmonic", {})
    assert said in "\n".join(checks.of_figure(checks.load(figure_values, ROOT), "s", ROOT))


def test_table_and_figure(figure_values, tmp_path):
    write(tmp_path / "a.extxyz", simulated(3000.0, 0.5, length=1.0), format="extxyz")
    runs = [{"curve": "mftl", "value": value, "seed": 1} for value in (25, 100)]
    inputs = {"trajectories": [str(tmp_path / "a.extxyz")] * 2}
    table = spectra_table.table(inputs, {"runs": runs, "measured": SETTINGS})
    assert set(table["value"]) == {25, 100} and (table["simulations"] == 2).all()
    config = checks.load(figure_values, ROOT)
    params = config.figures["s"].params(config)
    lines = pd.DataFrame({"wavenumber": [3000.0], "in_simulation": [3011.0]})
    figure = spectrum.plot(
        table, lines, params["panels"], params["harmonic"], params["limits"], STYLE, params["text"], "Title"
    )
    top, bottom = figure.axes
    assert [len(axis.collections) for axis in (top, bottom)] == [2, 1] and top.get_xlim() == (200, 4200)
    assert {one.get_linestyle() for one in top.lines[:2]} == {"-", "--"}  # one curve at two values
    assert bottom.get_xlabel() == "Wavenumber (cm⁻¹)"
    assert {t.get_text() for t in figure.legends[0].get_texts()} == {"MFTL 25", "MFTL 100", "CCSD(T)"}
