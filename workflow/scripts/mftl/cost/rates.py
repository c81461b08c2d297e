"""What one training step, one evaluated structure and one label take: measured here, or by the table of ``cards``.

Models for measuring have random weights and made-up labels: neither changes what a step costs.
"""

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from ase import Atoms

from mftl.config.labels import Labels
from mftl.config.whole import Config
from mftl.cost import examples
from mftl.cost.cards import CARDS
from mftl.cost.work import Step, Subject
from mftl.datasets import Labelled
from mftl.graphs import Graph
from mftl.inputs import InputError
from mftl.labels import label_chunk
from mftl.training.heads import Head
from mftl.training.run import Run
from mftl.training.start import symbols_of

SECONDS = 1.0  # that a rate is measured for, at least, after one step that does not count
EXAMPLES, ATOMS = 60, 400  # structures: as many as have so many atoms, or as are in a batch
LABELS, PATIENCE = 3, 30.0  # structures labelled for a rate, and the seconds that one may take
# CPU seconds of a label where the engine is not here: of a molecule of ten atoms, of a cell (docs/reference-data.md);
# of DFTB+ the mean of the tungsten set of 2014, of which the largest cells take most (docs/cluster.md)
STATED = {"dftb+": (0.006, 35.0), "tblite": (0.003, 0.05), "pyscf-dft": (4.0, 0.0), "pyscf-ccsd(t)": (4.0, 0.0),
          "gpaw": (0.0, 140.0), "stillinger-weber": (0.001, 0.001)}  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """Seconds, of a CPU core here or of the GPU: of a training step, of a batch, and of a structure in it."""

    step: float
    batch: float
    structure: float
    weights: int  # bytes of a model's weights
    atoms: float  # of a structure, on average


class Rates:
    """Rates of one configuration, each measured once, when it is first asked for; ``source`` says by what."""

    def __init__(self, config: Config):
        self.config = config
        self._models: dict[tuple[Subject, int], Rate] = {}
        self._labels: dict[tuple[str, str], tuple[float, str]] = {}

    @cached_property
    def card(self) -> str | None:
        """The card of the table that stands for the GPU; None if rates are measured on the device itself."""
        config, wanted = self.config, self.config.cost.card
        if config.device == "cpu":
            return None
        if wanted is None and not torch.cuda.is_available():
            return "a100" if config.device == "cuda" else None
        return wanted

    @property
    def source(self) -> str:
        """What models' rates rest on, in words."""
        if self.card:
            return f"assumed of one {self.card} (mftl/cost/cards.py), from what one core takes here"
        return f"measured here, on {'one core' if self._device == 'cpu' else 'this GPU'}"

    @property
    def on_gpu(self) -> bool:
        """Whether models are trained and run on a GPU."""
        return self.card is not None or self._device != "cpu"

    def of(self, subject: Subject, batch: int = 0) -> Rate:
        """The rate of a sort of models on what they meet; of training steps with so many structures at once."""
        found = [rate for (one, size), rate in self._models.items() if one == subject and batch in (0, size)]
        if not found:
            found = [self._models.setdefault((subject, batch), self._measured(subject, batch))]
        return found[0]

    def of_step(self, step: Step) -> float:
        """Seconds of a training step."""
        return self.of(step.subject, step.batch).step

    def of_label(self, system: str, level: str) -> tuple[float, str]:
        """CPU seconds of a label, and where the number comes from."""
        key = system, level
        if key not in self._labels:
            self._labels[key] = self._label(system, level)
        return self._labels[key]

    def said(self) -> dict[str, str]:
        """What was measured or assumed so far, in words, and by what."""
        found = {}
        for (subject, batch), rate in self._models.items():
            if not rate.weights:
                continue
            model = f"`{subject.architecture}`, {subject.dtype}, {subject.system or f'protocol {subject.protocol}'}"
            model += f" ({rate.atoms:.0f} atoms)"
            if batch:
                found[f"a training step, {model}, {batch} structures"] = f"{1e3 * rate.step:.3g} ms, {self.source}"
            at_once = f"{1e3 * rate.batch:.3g} ms and " if rate.batch else ""
            found[f"an evaluation, {model}"] = f"{at_once}{1e3 * rate.structure:.3g} ms a structure, {self.source}"
        for (system, level), (seconds, how) in self._labels.items():
            found[f"a label, {system} at {level}"] = f"{seconds:.3g} CPU s, {how}"
        return found

    @property
    def _device(self) -> str:
        there = self.config.device != "cpu" and torch.cuda.is_available() and not self.card
        return "cuda" if there else "cpu"

    def _examples(self, subject: Subject, batch: int) -> list[Atoms]:
        """Structures to measure on: enough for a batch, and few large ones."""
        count = max(batch, EXAMPLES)
        if subject.protocol:
            found = examples.of_protocol(self.config, subject.protocol, count)
        else:
            assert subject.system is not None
            found = examples.of_system(self.config, subject.system, count)
        atoms = np.mean([len(one) for one in found])
        return found[: max(batch, min(EXAMPLES, int(ATOMS / atoms)), 2)]

    def _measured(self, subject: Subject, batch: int) -> Rate:
        structures = self._examples(subject, batch)
        atoms = float(np.mean([len(one) for one in structures]))
        if subject.architecture not in self.config.architectures:
            return Rate(0.0, 0.0, 0.0, 0, atoms)
        with tempfile.TemporaryDirectory() as folder, quiet():
            run = self._run(subject, structures, batch, Path(folder))
            (head,) = run.heads
            step = self._seconds(self._steps(run, head.graphs)) if batch else 0.0
            whole = self._seconds(self._evaluations(run, head))
        weights = sum(one.numel() * one.element_size() for one in run.model.parameters())
        launch = 0.0
        if self.card:
            card = CARDS[self.card]
            launch, cores = card.launch / 2, card.cores[subject.dtype]
            step, whole = step and card.launch + step / cores, whole / cores
        return Rate(step, launch, whole, weights, atoms)

    def _run(self, subject: Subject, structures: list[Atoms], batch: int, folder: Path) -> Run:
        """A training from random weights on made-up labels, that barely moves."""
        rng = np.random.default_rng(0)
        forces = [rng.normal(size=one.positions.shape) for one in structures]
        data = Labelled(structures, rng.normal(size=len(structures)), forces)
        changes: dict[str, Any] = {"batch_size": batch or 1, "dtype": subject.dtype, "learning_rate": 1e-9}
        changes |= {"accelerate": "none"} if self._device == "cpu" else {}
        settings = self.config.training.model_copy(update=changes)
        elements = sorted(symbols_of(data))
        architecture = self.config.architectures[subject.architecture]
        return Run(data, data[:2], settings, folder, architecture, elements, device=self._device)

    @staticmethod
    def _steps(run: Run, graphs: list[Graph]) -> Iterator[int]:
        """Training steps without end, one by one."""
        while True:
            for batch in run.collated((one,) for one in run.shuffled(graphs)):
                run.one_step(batch)
                yield 1

    @staticmethod
    def _evaluations(run: Run, head: Head) -> Iterator[int]:
        """Evaluations of some structures without end, each time how many."""
        while True:
            for start in range(0, len(head.graphs), 20):
                some = head.graphs[start : start + 20]
                run.errors(head, some)
                yield len(some)

    def _seconds(self, work: Iterator[int]) -> float:
        """Seconds for one of what ``work`` does, which yields how many it did each time; the first do not count."""
        next(work)
        start, done = self._now(), 0
        while not done or self._now() - start < SECONDS:
            done += next(work)
        return (self._now() - start) / done

    def _now(self) -> float:
        """CPU seconds of this process; with a GPU, which works on its own, those that passed."""
        if self._device == "cpu":
            return time.process_time()
        torch.cuda.synchronize()
        return time.perf_counter()

    def _label(self, system: str, level: str) -> tuple[float, str]:
        key = f"{system}.{level}"
        if key in self.config.cost.label_seconds:
            return self.config.cost.label_seconds[key], "given by cost.label_seconds"
        folder = Path("results/labels") / system
        done = [pd.read_csv(path) for path in [folder / f"{level}.csv", *sorted((folder / level).glob("*.csv"))]
                if path.is_file()]  # fmt: skip
        seconds = pd.concat(done)["seconds"].dropna() if done else pd.Series(dtype=float)
        if len(seconds):
            return float(seconds.mean()), f"mean of {len(seconds)} labels that are there"
        settings = self.config.systems[system].levels[level]
        if not hasattr(settings, "engine"):
            raise InputError(f"what a label of {key} costs is not known; say it: cost.label_seconds: {{{key}: …}}")
        structures = examples.of_system(self.config, system, LABELS)
        try:
            with tempfile.TemporaryDirectory() as journal:
                _, states = label_chunk(structures, settings, Labels(workers=1, timeout=PATIENCE), f"{journal}/x.jsonl")
            if (states["state"] == "done").any():
                found = states.loc[states["state"] == "done", "seconds"]
                return float(found.median()), f"median of {len(found)} labels made for this"
            why = str(states["reason"].iloc[0])
        except InputError as error:
            why = str(error)
        logging.info("%s: no label was made to measure: %s", key, why)
        if settings.engine not in STATED:
            raise InputError(
                f"what a label of {key} costs is not known ({why}); say it: cost.label_seconds: {{{key}: …}}"
            )
        return STATED[settings.engine][int(structures[0].pbc.any())], f"stated for {settings.engine}, not measured"


@contextmanager
def quiet() -> Iterator[None]:
    """Inside, nothing is said of the runs that only measure."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
