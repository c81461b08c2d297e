"""The order of a system's training structures as a table, from a model, the pool and what is labelled."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from mftl import models
from mftl.acquisition import rules
from mftl.acquisition.order import RULE, Pick, order
from mftl.batches import batches
from mftl.config.selections import Selection
from mftl.features import blocks, collected
from mftl.inputs import InputError
from mftl.prediction import predict
from mftl.splits import hash_order
from mftl.structures import Structures

log = logging.getLogger(__name__)

COLUMNS = ["place", "id", "reason", "score", "state", "note"]
OPEN, LABELLED, FAILED = "open", "labelled", "failed"
CHUNK = 1000  # structures that are in memory at once
Progress = Callable[..., Iterable]


def ordered(
    model: torch.nn.Module,
    pool: Structures,
    training: Sequence[str],
    states: Mapping[str, tuple[str, str]],
    settings: Selection,
    seed: int,
    low: Mapping[str, float] | None = None,
    weights: tuple[float, float] = (1.0, 1.0),
    device: str = "cpu",
    progress: Progress = lambda iterable, total: iterable,
) -> pd.DataFrame:
    """Structures of a training set in the order of a selection; a row for each with ``COLUMNS``.

    Parameters: ``training`` ids in their hashed order; ``states`` of those that the level was asked for, done or failed
    and why; ``low`` energies (eV) of the cheap level by id; ``weights`` of energies and forces in the loss, for the
    variance of forces. ``seed`` draws the sketch, the random share and, with ``resample``, the pilot. What failed is
    never chosen again, and the next in the order takes its place; in a rehearsal it keeps its place, and one more is
    chosen.
    Raises InputError if too few structures are left, or a structure holds an element that the model does not know.
    """
    ids = list(training)
    state_of = [states.get(one, ("", ""))[0] for one in ids]
    done = [i for i, state in enumerate(state_of) if state == "done"]
    failed = [i for i, state in enumerate(state_of) if state == "failed"]
    known: list[int] = [] if settings.rehearsal else done
    candidates = done if settings.rehearsal else [i for i, state in enumerate(state_of) if state != "failed"]
    barred = [i for i, state in enumerate(state_of) if not state] if settings.rehearsal else failed
    missing, there = max(0, settings.pilot - len(known)), set(known)
    drawn = {one: i for i, one in enumerate(ids)}
    shuffled = [drawn[one] for one in hash_order(ids, seed)]
    if settings.resample:
        labelled = set(candidates)
        candidates = [i for i in shuffled if i in labelled]
    pilot = list(islice((i for i in candidates if i not in there), missing))
    if len(pilot) < missing:
        most = len(there) + len(pilot)
        raise InputError(f"a pilot of {settings.pilot} structures is wanted, but the training set has {most}")
    structures = (pool[one] for one in ids)
    counts = models.composition(structures, models.model_elements(model))
    rule = _rule(model, pool, ids, counts, settings, seed, low, weights, shuffled, progress)
    extremes = _extremes(model, pool, ids, settings.extremes, device) if 0 < settings.extremes < 1 else None
    found = order(
        rule, counts, known, pilot, settings.structures, shuffled, settings.random, extremes, settings.extremes or 1.0,
        barred=barred, failing=failed,
    )  # fmt: skip
    return _table(found, ids, state_of, states, settings, failed)


def _rule(
    model: torch.nn.Module,
    pool: Structures,
    ids: list[str],
    counts: np.ndarray,
    settings: Selection,
    seed: int,
    low: Mapping[str, float] | None,
    weights: tuple[float, float],
    shuffled: list[int],
    progress: Progress,
) -> rules.Rule:
    if settings.rule == "random":
        return rules.Random(np.array(shuffled))
    fractions = counts / counts.sum(1, keepdims=True)
    structures = (pool[one] for one in ids)
    seen = collected(model, settings.features, structures, len(ids), settings.dimension, seed, progress)
    if settings.rule == "variance" and settings.features == "forces":
        return rules.ForceVariance(blocks(seen, fractions, *weights))
    features = rules.standardized(seen, fractions)
    if settings.rule == "variance":
        return rules.Variance(features)
    if settings.rule == "farthest":
        return rules.Farthest(features)
    if settings.rule == "clusters":
        return rules.Clusters(features)
    energies = np.array([(low or {}).get(one, np.nan) for one in ids]) / counts.sum(1)
    there = np.isfinite(energies)
    energies -= fractions @ np.linalg.lstsq(fractions[there], energies[there], rcond=None)[0]
    return rules.LowLevelError(features, energies)


def _extremes(model: torch.nn.Module, pool: Structures, ids: list[str], share: float, device: str) -> np.ndarray:
    """The share of structures with the largest predicted forces, (n,) of bool; not all that are alike at its edge."""
    largest: list[float] = []
    every: Iterator[Atoms] = (pool[one] for one in ids)
    for chunk in batches(every, CHUNK):
        _, forces = predict(model, chunk, device=device)
        largest += [float(np.linalg.norm(one, axis=1).max()) for one in forces]
    found = np.zeros(len(ids), bool)
    found[np.argsort(-np.array(largest), kind="stable")[: int(share * len(ids))]] = True
    return found


def _table(
    found: list[Pick],
    ids: list[str],
    state_of: list[str],
    states: Mapping[str, tuple[str, str]],
    settings: Selection,
    failed: list[int],
) -> pd.DataFrame:
    """The order, with what became of each structure, and which one takes the place of which."""
    rows, gone = [], [] if settings.rehearsal else [ids[i] for i in failed]
    for place, pick in enumerate(found, 1):
        one, state = ids[pick.structure], {"done": LABELLED, "failed": FAILED, "": OPEN}[state_of[pick.structure]]
        reason = settings.rule if pick.reason == RULE else pick.reason
        note = ""
        if state == FAILED:
            note = f"failed: {states[one][1]}; the next takes its place"
        elif state == OPEN and gone:
            note = f"takes the place of {gone[0]}, which failed: {states[gone.pop(0)][1]}"
        rows.append((place, one, reason, pick.score, state, note))
        if note:
            log.info("%s: %s", one, note)
    return pd.DataFrame(rows, columns=COLUMNS)


def wanted(table: pd.DataFrame, rehearsal: bool) -> list[str]:
    """Ids of the structures to be labelled, in their order: those without a label, or in a rehearsal all."""
    return table["id"].tolist() if rehearsal else table.loc[table["state"] == OPEN, "id"].tolist()
