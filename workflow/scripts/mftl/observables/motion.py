"""Mean-square displacement, velocity autocorrelation and vibrational power spectrum of trajectories."""

import numpy as np
from scipy.signal import get_window


def mean_square_displacement(positions: np.ndarray, masses: np.ndarray | None = None) -> np.ndarray:
    """Mean-square displacement (T,) in Å² against the time between frames, 0 to T - 1 of them.

    ``positions`` (T, N, 3): unwrapped, as dynamics writes them. The mean over atoms and over all pairs of frames so far
    apart. With ``masses`` (N,) the motion of the centre of mass is taken out, which the thermostat drives.
    """
    if masses is not None:
        positions = positions - np.einsum("tnk,n->tk", positions, masses / masses.sum())[:, None]
    positions = positions - positions.mean(0)  # the same displacements, from smaller numbers
    frames = len(positions)
    squares = (positions**2).sum(2)  # (T, N)
    # Σ over origins of |x(t+s)|² + |x(t)|², from running sums
    total = np.cumsum(np.concatenate([np.zeros((1, squares.shape[1])), squares]), 0)
    lags = np.arange(frames)
    ends = total[frames] - total[lags] + total[frames - lags]
    pairs = ends - 2 * _correlation(positions).sum(2)
    return (pairs / (frames - lags)[:, None]).mean(1)


def velocity_autocorrelation(velocities: np.ndarray, masses: np.ndarray | None = None) -> np.ndarray:
    """Σ m v(0)·v(t) over all atoms, (T,), the mean over all pairs of frames so far apart.

    ``velocities`` (T, N, 3); without ``masses`` (N,) all are 1. With velocities in ASE's units and masses in u, its
    value at 0 is twice the mean kinetic energy in eV.
    """
    weights = np.ones(velocities.shape[1]) if masses is None else np.asarray(masses)
    counts = len(velocities) - np.arange(len(velocities))
    return np.einsum("tnk,n->t", _correlation(velocities), weights) / counts


def power_spectrum(
    velocities: np.ndarray, dt: float, masses: np.ndarray | None = None, window: str = "hann"
) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in THz and the mass-weighted power of the velocities at each, normalised to an integral of 1.

    ``velocities`` (T, N, 3), ``dt`` fs between frames. It is the Fourier transform of the velocity autocorrelation: in
    a harmonic system, the density of vibrational states. Frames must be closer than half the shortest period.
    """
    weights = np.ones(velocities.shape[1]) if masses is None else np.asarray(masses)
    tapered = velocities * get_window(window, len(velocities), fftbins=False)[:, None, None]
    power = np.einsum("fnk,n->f", np.abs(np.fft.rfft(tapered, axis=0)) ** 2, weights)
    frequencies = np.fft.rfftfreq(len(velocities), dt) * 1000
    return frequencies, power / (power.sum() * frequencies[1])


def _correlation(values: np.ndarray) -> np.ndarray:
    """Σ over origins of x(t) x(t + s), of each component, by Fourier transform; shape as ``values``."""
    frames = len(values)
    transform = np.fft.rfft(values, 2 * frames, axis=0)
    return np.fft.irfft(np.abs(transform) ** 2, 2 * frames, axis=0)[:frames]
