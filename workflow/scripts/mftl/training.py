"""Training one stage of a recipe on ``mace.modules``: from random weights or from a parent model.

Why not mace-torch's own command line: its fine-tuning keeps the parent's reference energies without a word, its
patience does not stop a run, and its restart repeats an epoch (``docs/training.md``).

The state of a run is written at the end of epochs, under its name only when whole. A run that finds the state of
an identical run (same settings, data, parent and code) continues it, and ends with the same bits as one that was
never interrupted. How long to train is not part of that identity: a longer run continues a shorter one.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch_ema import ExponentialMovingAverage
from tqdm import tqdm

from mftl import models
from mftl.config import Architecture, Training
from mftl.datasets import Labelled
from mftl.graphs import Graph, collate, make_graph
from mftl.inputs import InputError

log = logging.getLogger(__name__)
MEV = 1000.0  # meV in an eV
LENGTH_SETTINGS = {"epochs", "min_steps"}  # they do not change what an epoch does


@dataclass
class Progress:
    """How far a run has come, apart from its tensors."""

    epoch: int = 0
    step: int = 0
    validated_step: int = 0
    extra_validation: int = 0  # the epoch, if the last planned one was validated though none was due
    best_score: float = float("inf")
    best_epoch: int = 0
    validations_since_best: int = 0
    best_is_final: bool = False  # patience ran out, or all planned epochs are done
    history: list[dict] = field(default_factory=list)


@dataclass
class Errors:
    """Root mean square errors of energies (meV/atom) and forces (meV/Å, nan if not computed), and a score.

    The score decides about early stopping. It weights absolute errors, not squared ones: with squares, one close
    contact among 100 validation structures decides when to stop (seen: after 3 epochs of 30, the test error still
    falling).
    """

    energy: float
    forces: float
    score: float

    def __str__(self) -> str:
        return f"{self.energy:.1f} meV/atom {self.forces:.0f} meV/Å"


def train(
    training: Labelled,
    validation: Labelled,
    settings: Training,
    architecture: Architecture | None,
    elements: list[str] | None,
    folder: Path,
    *,
    parent: Path | None = None,
    seed: int = 1,
    snapshots: tuple[int, ...] = (),
    until_best: bool = True,
    device: str = "cpu",
    checkpoint_seconds: float = 30.0,
    identity: str = "",
) -> torch.nn.Module:
    """Train one stage; return its model, the exponential moving average of the weights.

    ``until_best``: train for the planned epochs, stop when the validation score has not improved for
    ``settings.patience`` validations, and return the best model. Otherwise train to the last snapshot and return
    that. In both cases the model after epoch E lies in ``folder/snapshots/e<E>.pt`` for each E in ``snapshots``.

    Parameters: ``architecture`` and ``elements`` (symbols) of a model without parent; ``folder`` for
    the state, log.csv and snapshots;
    ``identity`` anything else (a hash of the code) whose change forbids continuing an older run.
    Raises InputError if a structure holds an element that the parent does not know, or if training diverges.
    """
    models.fix_numerics()
    run = Run(training, validation, settings, architecture, elements, folder, parent, seed, device, identity)
    run.checkpoint_seconds = checkpoint_seconds
    target = max([run.planned_epochs if until_best else 0, *snapshots])
    run.resume(target, snapshots)
    bar = tqdm(total=target, initial=run.progress.epoch, unit="epoch", mininterval=5.0)
    for message in run.epochs(target, snapshots, until_best):
        bar.update()
        bar.set_postfix_str(message, refresh=False)
    bar.close()
    run.save_state()
    pd.DataFrame(run.progress.history).to_csv(folder / "log.csv", index=False)
    if until_best:
        log.info("best model after epoch %d of %d", run.progress.best_epoch, run.progress.epoch)
        run.model.load_state_dict(run.best)
        return run.plain_model()
    return models.load_model(run.snapshot_path(max(snapshots)), run.device)


class Run:
    """A training run: model, optimiser, data and progress."""

    def __init__(
        self,
        training: Labelled,
        validation: Labelled,
        settings: Training,
        architecture: Architecture | None,
        elements: list[str] | None,
        folder: Path,
        parent: Path | None,
        seed: int,
        device: str,
        identity: str,
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.settings, self.folder = settings, folder
        self.device = models.find_device(device)
        self.use_forces = settings.forces_weight > 0
        if parent is None:
            model = start_model(training, architecture, elements, settings, seed)
        else:
            model = adapt_parent(models.load_model(parent), training)
        self.model = model.to(self.device)
        if settings.accelerate == "cuequivariance":
            self.model = models.to_cuequivariance(self.model, self.device)
        self.training = make_graphs(self.model, training)
        self.validation = make_graphs(self.model, validation)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), lr=settings.learning_rate, amsgrad=True, weight_decay=settings.weight_decay
        )
        self.decay = 0.5 ** (1 / settings.learning_rate_half_life) if settings.learning_rate_half_life else 1.0
        self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, self.decay)
        self.average = ExponentialMovingAverage(self.model.parameters(), decay=settings.ema_decay)
        self.shuffle = torch.Generator().manual_seed(seed)
        self.progress = Progress()
        self.best = _copy(self.model.state_dict())
        self.steps_per_epoch = -(-len(training) // settings.batch_size)
        self.planned_epochs = max(settings.epochs, -(-settings.min_steps // self.steps_per_epoch))
        self.identity = _identity(training, validation, settings, architecture, elements, parent, seed, identity)
        self.saved_at = time.monotonic()
        log.info(
            "%d training, %d validation structures; %d weights; %s", len(training), len(validation),
            sum(p.numel() for p in model.parameters()), f"parent {parent}" if parent else "random weights",
        )  # fmt: skip
        if missing := sorted(_symbols(validation) - _symbols(training)):
            log.warning(
                "no training structure holds %s, which validation structures do: their reference energies are unknown "
                "and the energies of such structures wrong by up to 10⁴ eV; train on more structures",
                ", ".join(missing),
            )
        log.info("validation errors before the first step: %s", self.errors(self.validation))

    def epochs(self, target: int, snapshots: tuple[int, ...], until_best: bool) -> Iterator[str]:
        """Train epoch after epoch, yielding a short report after each, until all that is wanted is there."""
        last_snapshot = max(snapshots, default=0)
        progress = self.progress
        message = ""
        while progress.epoch < target:
            if progress.epoch >= last_snapshot and (progress.best_is_final or not until_best):
                break
            self.one_epoch()
            progress.best_is_final |= progress.epoch >= self.planned_epochs
            row = progress.history[-1]
            if row["validation_score"] is not None:
                message = str(Errors(row["energy_rmse_mev_per_atom"], row["force_rmse_mev_per_A"], 0.0))
            if progress.epoch in snapshots:
                self.save_snapshot()
            if time.monotonic() - self.saved_at > self.checkpoint_seconds:
                self.save_state()
            yield message

    def one_epoch(self) -> None:
        """One pass over the training set in a new random order, and a validation when it is due."""
        order = torch.randperm(len(self.training), generator=self.shuffle).tolist()
        losses = []
        for start in range(0, len(order), self.settings.batch_size):
            losses.append(self.one_step([self.training[i] for i in order[start : start + self.settings.batch_size]]))
        progress = self.progress
        progress.epoch += 1
        row = {"epoch": progress.epoch, "step": progress.step, "learning_rate": self.scheduler.get_last_lr()[0]}
        row |= {"training_loss": float(np.mean(losses)), "validation_score": None}
        due = progress.step - progress.validated_step >= self.settings.validation_steps
        if due:
            progress.validated_step = progress.step
        elif progress.epoch == self.planned_epochs:
            progress.extra_validation = progress.epoch
        if due or progress.extra_validation == progress.epoch:
            with self.average.average_parameters():
                errors = self.errors(self.validation)
                if not progress.best_is_final:
                    self.keep_if_best(errors.score)
            row |= {
                "validation_score": errors.score,
                "energy_rmse_mev_per_atom": errors.energy,
                "force_rmse_mev_per_A": errors.forces,
            }
        progress.history.append(row)

    def one_step(self, graphs: list[Graph]) -> float:
        """One step of the optimiser; return the loss. Raises InputError if it is not finite."""
        batch = collate(graphs, self.device)
        loss = weighted_loss(*deviations(self.model, batch, self.use_forces, training=True), self.settings)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise InputError(
                f"training diverged at step {self.progress.step + 1}: the loss is {value}. "
                "Lower training.learning_rate, or look for extreme labels."
            )
        if self.settings.clip_gradient:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_gradient)
        self.optimizer.step()
        self.scheduler.step()
        self.average.update()
        self.progress.step += 1
        return value

    def errors(self, graphs: list[Graph]) -> Errors:
        """Errors on labelled graphs with the weights the model holds now."""
        batches = [graphs[i : i + EVALUATION_BATCH] for i in range(0, len(graphs), EVALUATION_BATCH)]
        found = [deviations(self.model, collate(b, self.device), self.use_forces, training=False) for b in batches]
        energy = torch.cat([e.detach().double() for e, _ in found])
        forces = torch.cat([f.detach().double() for _, f in found]) if self.use_forces else None
        return Errors(
            energy=MEV * float((energy**2).mean()) ** 0.5,
            forces=MEV * float((forces**2).mean()) ** 0.5 if forces is not None else float("nan"),
            score=float(
                self.settings.energy_weight**0.5 * energy.abs().mean()
                + (self.settings.forces_weight**0.5 * forces.abs().mean() if forces is not None else 0.0)
            ),
        )

    def keep_if_best(self, score: float) -> None:
        """Keep the weights the model holds now if they are the best so far; count patience otherwise."""
        progress = self.progress
        if score < progress.best_score:
            progress.best_score, progress.best_epoch, progress.validations_since_best = score, progress.epoch, 0
            self.best = _copy(self.model.state_dict())
        else:
            progress.validations_since_best += 1
            progress.best_is_final = progress.validations_since_best >= self.settings.patience

    def snapshot_path(self, epoch: int) -> Path:
        """Where the model after an epoch lies."""
        return self.folder / "snapshots" / f"e{epoch}.pt"

    def save_snapshot(self) -> None:
        """Write the model after the current epoch."""
        self.snapshot_path(0).parent.mkdir(exist_ok=True)
        with self.average.average_parameters():
            models.save_model(self.plain_model(), self.snapshot_path(self.progress.epoch))

    def plain_model(self) -> torch.nn.Module:
        """The model with the weights it holds now, as mace-torch alone can load it."""
        if self.settings.accelerate == "cuequivariance":
            return models.from_cuequivariance(self.model, self.device)
        return self.model

    @property
    def state_path(self) -> Path:
        """Where the state of the run lies."""
        return self.folder / "state.pt"

    def save_state(self) -> None:
        """Write all that a resumed run needs, whole or not at all."""
        state = {
            "identity": self.identity,
            "progress": asdict(self.progress),
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "average": self.average.state_dict(),
            "shuffle": self.shuffle.get_state(),
        }
        temporary = self.state_path.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.state_path)
        self.saved_at = time.monotonic()

    def resume(self, target: int, snapshots: tuple[int, ...]) -> None:
        """Continue an identical run whose state lies in the folder, if there is one that leads to the same end."""
        if not self.state_path.exists():
            return
        try:
            state = torch.load(self.state_path, map_location=self.device, weights_only=False)
        except Exception as error:  # a damaged file costs time, not results
            log.warning("%s cannot be read (%s): training starts anew", self.state_path, error)
            return
        if state["identity"] != self.identity:
            log.info("%s belongs to another run: training starts anew", self.state_path)
            return
        progress = Progress(**state["progress"])
        missing = [e for e in snapshots if e <= progress.epoch and not self.snapshot_path(e).exists()]
        if progress.extra_validation not in (0, self.planned_epochs):
            log.info("the run in %s was planned for another number of epochs: training starts anew", self.folder)
            return
        if missing or progress.best_epoch > target:
            log.info("the run in %s went past epoch %d: training starts anew", self.folder, min([*missing, target]))
            return
        if progress.best_is_final and progress.validations_since_best < self.settings.patience:
            progress.best_is_final = progress.epoch >= self.planned_epochs  # the old plan may have been shorter
        self.progress = progress
        self.model.load_state_dict(state["model"])
        self.best = state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.average.load_state_dict(state["average"])
        self.shuffle.set_state(state["shuffle"].cpu())
        log.info("resumed after epoch %d", progress.epoch)


EVALUATION_BATCH = 100


def deviations(
    model: torch.nn.Module, batch: dict[str, torch.Tensor], use_forces: bool, training: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Predicted less true energies per atom, (B,) in eV/atom, and forces, (N, 3) in eV/Å.

    The energies compared are interaction energies, without the reference energies: in float32 a total energy of
    10⁴ eV has no digits left for meV.
    """
    output = model(batch, training=training, compute_force=use_forces)
    sizes = batch["ptr"][1:] - batch["ptr"][:-1]
    energy = (output["interaction_energy"] - batch["energy"]) / sizes
    return energy, output["forces"] - batch["forces"] if use_forces else None


def weighted_loss(energy: torch.Tensor, forces: torch.Tensor | None, settings: Training) -> torch.Tensor:
    """Weighted sum of the mean squared deviations of energies and forces; large ones may count linearly."""

    def mean(deviation: torch.Tensor) -> torch.Tensor:
        if settings.huber_delta is None:
            return (deviation**2).mean()
        # torch's Huber loss is half the square for small deviations
        return 2 * torch.nn.functional.huber_loss(deviation, torch.zeros_like(deviation), delta=settings.huber_delta)

    loss = settings.energy_weight * mean(energy)
    return loss if forces is None else loss + settings.forces_weight * mean(forces)


def make_graphs(model: torch.nn.Module, data: Labelled) -> list[Graph]:
    """Graphs of labelled structures, with energies relative to the model's reference energies."""
    elements = models.model_elements(model)
    interaction = data.energies - models.composition(data.structures, elements) @ models.reference_energies(model)
    return [
        make_graph(atoms, elements, float(model.r_max), models.model_dtype(model), float(energy), forces)
        for atoms, energy, forces in zip(data.structures, interaction, data.forces, strict=True)
    ]


def start_model(
    data: Labelled, architecture: Architecture, elements: list[str], settings: Training, seed: int
) -> torch.nn.Module:
    """A model with random weights whose reference energies and scale are fitted to the training set."""
    dtype = models.DTYPES[settings.dtype]
    numbers = models.numbers(elements)
    counts = models.composition(data.structures, numbers)
    references = models.fit_reference_energies(counts, data.energies)
    graphs = [make_graph(atoms, numbers, architecture.cutoff, dtype) for atoms in data.structures]
    neighbors = sum(g.edge_index.shape[1] for g in graphs) / sum(len(g.positions) for g in graphs)
    scale = float(np.std((data.energies - counts @ references) / counts.sum(1)))
    if settings.forces_weight > 0:  # the energies' scale counts for perfect crystals, whose forces vanish
        scale = max(scale, float(np.sqrt(np.mean(np.concatenate(data.forces) ** 2))))
    model = models.build_model(architecture, elements, neighbors, scale or 1.0, seed, dtype)
    models.set_reference_energies(model, references)
    return model


def adapt_parent(model: torch.nn.Module, data: Labelled) -> torch.nn.Module:
    """A parent model whose reference energies are refitted to what it leaves of the training set's energies.

    Cutoff, neighbour number, scale and weights stay the parent's.
    """
    graphs = make_graphs(model, data)
    residual = []
    for start in range(0, len(graphs), EVALUATION_BATCH):
        batch = collate(graphs[start : start + EVALUATION_BATCH], torch.device("cpu"))
        with torch.no_grad():
            predicted = model(batch, compute_force=False)["interaction_energy"]
        residual.append((batch["energy"] - predicted).double().numpy())
    counts = models.composition(data.structures, models.model_elements(model))
    shift = models.fit_reference_energies(counts, np.concatenate(residual))
    models.set_reference_energies(model, models.reference_energies(model) + shift)
    names = models.symbols(models.model_elements(model))
    seen = [(n, s) for n, s, c in zip(names, shift, counts.sum(0), strict=True) if c]
    log.info("reference energies refitted, eV: %s", ", ".join(f"{name} {value:+.3f}" for name, value in seen))
    for parameter in model.parameters():
        parameter.requires_grad_(True)
    return model


def _symbols(data: Labelled) -> set[str]:
    return {symbol for atoms in data.structures for symbol in atoms.get_chemical_symbols()}


def _copy(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in state.items()}


def _identity(
    training: Labelled,
    validation: Labelled,
    settings: Training,
    architecture: Architecture | None,
    elements: list[str] | None,
    parent: Path | None,
    seed: int,
    other: str,
) -> str:
    """A hash of all that decides what an epoch does."""
    digest = hashlib.sha256()
    description = {
        "settings": settings.model_dump(exclude=LENGTH_SETTINGS),
        "architecture": None if parent else architecture.model_dump(),
        "elements": None if parent else elements,
        "seed": seed,
        "other": other,
        "torch": torch.__version__,
    }
    digest.update(json.dumps(description, sort_keys=True).encode())
    if parent:
        digest.update(Path(parent).read_bytes())
    for data in (training, validation):
        for atoms, energy, forces in zip(data.structures, data.energies, data.forces, strict=True):
            for array in (atoms.numbers, atoms.positions, np.array(atoms.cell), np.asarray(energy), forces):
                digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
