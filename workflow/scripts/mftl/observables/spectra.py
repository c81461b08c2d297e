"""Vibrational power spectra of many simulations on one axis of wavenumbers, and harmonic frequencies from forces."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms, units

from mftl.inputs import InputError
from mftl.observables.motion import power_spectrum

CM = 1e10 / units._c  # cm⁻¹ of a THz
POINTS = 3  # of the axis within a standard deviation of the smoothing
SHORTEST = 100  # frames of a simulation that says something


def of_simulations(frames: Iterable[Atoms], settings: dict[str, Any]) -> list[np.ndarray]:
    """The smoothed spectrum of each simulation, on the axis of ``axis_of``; those that ended early are left out.

    ``frames``: of all replicas, with momenta, ``info["replica"]`` and ``info["time_ps"]``; those before
    ``settings["skip"]`` ps are left out. Spectra of replicas are averaged, never their velocities put in a row. A
    replica counts if it has as many frames as the longest.
    """
    velocities: dict[int, list[np.ndarray]] = {}
    times: dict[int, list[float]] = {}
    masses: dict[int, np.ndarray] = {}
    for atoms in frames:
        replica, now = int(atoms.info["replica"]), float(atoms.info["time_ps"])
        if now >= settings["skip"]:
            masses.setdefault(replica, atoms.get_masses())
            velocities.setdefault(replica, []).append(atoms.get_velocities())
            times.setdefault(replica, []).append(now)
    longest = max(map(len, times.values()), default=0)
    if longest < SHORTEST:
        raise InputError(f"simulations of {longest} frames are too short for a spectrum: make the protocol's longer")
    whole = [replica for replica, own in times.items() if len(own) == longest]
    apart = (times[whole[0]][-1] - times[whole[0]][0]) / (longest - 1) * 1000  # fs
    return [smoothed(*power_spectrum(np.array(velocities[k]), apart, masses[k]), settings) for k in whole]


def axis_of(settings: dict[str, Any]) -> np.ndarray:
    """Wavenumbers (cm⁻¹) of a spectrum with these ``limits`` and this ``broadening``."""
    first, last = settings["limits"]
    return np.arange(first, last, settings["broadening"] / POINTS)


def smoothed(frequencies: np.ndarray, power: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    """Power per cm⁻¹ on the axis of ``axis_of``, smoothed with a Gaussian; from power per THz at frequencies (THz)."""
    axis, width = axis_of(settings), settings["broadening"]
    wavenumbers = frequencies * CM
    near = np.exp(-0.5 * ((axis[:, None] - wavenumbers) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return near @ power * frequencies[1]


def table(parts: list[tuple[dict, list[np.ndarray]]], settings: dict[str, Any]) -> pd.DataFrame:
    """Mean and standard deviation over simulations: a row for each curve, value and wavenumber.

    ``parts``: curve and value of some simulations, and what ``of_simulations`` gives for them; those of which the same
    is known are taken together.
    """
    together: dict[tuple, list[np.ndarray]] = {}
    for known, found in parts:
        together.setdefault(tuple(known.items()), []).extend(found)
    rows = [
        pd.DataFrame(
            dict(items)
            | {"wavenumber": axis_of(settings), "mean": np.mean(found, 0), "std": np.std(found, 0)}
            | {"simulations": len(found)}
        )
        for items, found in together.items()
    ]
    return pd.concat(rows, ignore_index=True)


def shifted(wavenumbers: np.ndarray, timestep: float) -> np.ndarray:
    """Where velocity Verlet, and BAOAB, have a harmonic line (cm⁻¹) with a time step in fs: sin(Ω dt/2) = ω dt/2."""
    half = np.pi * np.asarray(wavenumbers) / CM * timestep / 1000
    if (half >= 1).any():
        raise InputError(f"a time step of {timestep} fs is too long for {max(wavenumbers):.0f} cm⁻¹: it is unstable")
    return np.arcsin(half) / (np.pi * timestep / 1000) * CM


def harmonic(displaced: list[Atoms]) -> np.ndarray:
    """Harmonic wavenumbers (cm⁻¹, 3N, imaginary ones negative) from forces of displaced structures.

    Each has ``info["atom"]``, ``info["axis"]`` (0 to 2) and ``info["displacement"]`` (Å), and its forces as
    ``arrays["REF_forces"]``; all coordinates are there in both directions. Raises InputError if one is not.
    """
    count = len(displaced[0])
    hessian, seen = np.zeros((3 * count, 3 * count)), np.zeros((3 * count, 2), bool)
    lengths = np.zeros(3 * count)
    for atoms in displaced:
        k, step = 3 * int(atoms.info["atom"]) + int(atoms.info["axis"]), float(atoms.info["displacement"])
        hessian[k] -= np.sign(step) * atoms.arrays["REF_forces"].ravel()
        lengths[k] += abs(step)
        seen[k, int(step > 0)] = True
    if not seen.all():
        atom, axis = divmod(int(np.flatnonzero(~seen.all(1))[0]), 3)
        raise InputError(f"no forces of atom {atom} displaced in both directions along {'xyz'[axis]}")
    hessian /= lengths[:, None]
    masses = np.repeat(displaced[0].get_masses(), 3)
    values = np.linalg.eigvalsh((hessian + hessian.T) / 2 / np.sqrt(np.outer(masses, masses)))
    return wavenumbers(values)


def wavenumbers(values: np.ndarray) -> np.ndarray:
    """Wavenumbers (cm⁻¹) of modes from force constants over masses (eV/Å²/u); imaginary ones negative."""
    frequencies = np.sign(values) * np.sqrt(np.abs(values)) / (2 * np.pi) * 1000 * units.fs  # THz
    return frequencies * CM
