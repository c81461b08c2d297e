"""Drawings of structures, with one short contact marked."""

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.data.colors import jmol_colors
from ase.neighborlist import neighbor_list
from matplotlib.axes import Axes
from matplotlib.patches import Circle

from mftl.comparison import shortest_contact
from mftl.plotting.style import DARK

MARK = "#cc3311"
SIZE = 0.55  # of an atom's circle, in covalent radii


def draw_structure(axis: Axes, atoms: Atoms) -> None:
    """Draw atoms as circles and bonds as lines, seen so that the shortest contact lies in the plane of the paper.

    The contact is a dashed line; where it crosses a periodic boundary, it goes to an image of the second atom.
    """
    pair, _, _, vector = shortest_contact(atoms)
    points, axes = _project(atoms.positions, vector)
    radii = covalent_radii[atoms.numbers]
    centre = (points.max(0) + points.min(0))[:2] / 2
    half = max(np.ptp(points[:, :2], axis=0).max() / 2 + SIZE * radii.max() + 0.3, 1.4)
    for i, j, bond in zip(*neighbor_list("ijD", atoms, 1.2 * radii), strict=True):
        if i < j and np.allclose(atoms.positions[i] + bond, atoms.positions[j]):
            axis.plot(*points[[i, j], :2].T, color="#888888", linewidth=1.6, zorder=points[[i, j], 2].min())
    for point, z, radius in zip(points, atoms.numbers, radii, strict=True):
        axis.add_patch(
            Circle(point[:2], SIZE * radius, facecolor=jmol_colors[z], edgecolor=DARK, linewidth=0.5, zorder=point[2])
        )
    if pair:
        top = points[:, 2].max() + 1
        start = points[pair[0], :2]
        end = start + (axes @ vector)[:2]
        axis.plot(*zip(start, end, strict=True), color=MARK, linewidth=1.4, linestyle=(0, (2, 1)), zorder=top)
    axis.set_aspect("equal")
    axis.set(xlim=(centre[0] - half, centre[0] + half), ylim=(centre[1] - half, centre[1] + half))
    axis.axis("off")


def _project(positions: np.ndarray, contact: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates across, up and towards the viewer, and the axes: the flattest view with the contact in its plane."""
    centred = positions - positions.mean(0)
    _, _, principal = np.linalg.svd(np.vstack([centred, np.zeros((3, 3))]), full_matrices=False)
    towards = principal[2]
    if np.linalg.norm(contact) > 0:
        along = contact / np.linalg.norm(contact)
        candidates = [axis - (axis @ along) * along for axis in principal[::-1]]
        towards = next(c for c in candidates if np.linalg.norm(c) > 0.3)
        towards /= np.linalg.norm(towards)
    up = np.cross(towards, principal[0])
    if np.linalg.norm(up) < 1e-3:
        up = np.cross(towards, principal[1])
    up /= np.linalg.norm(up)
    axes = np.array([np.cross(up, towards), up, towards])
    return centred @ axes.T, axes
