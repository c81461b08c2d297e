"""Training one stage of a recipe, a plain MACE model: from random weights or from a parent model.

Why not mace-torch's own command line: its fine-tuning keeps the parent's reference energies without a word, its
patience does not stop a run, and its restart repeats an epoch (``docs/training.md``).

The state of a run is written at the end of epochs, under its name only when whole. A run that finds the state of
an identical run (same settings, data, parent and code) continues it, and ends with the same bits as one that was
never interrupted. How long to train is not part of that identity: a longer run continues a shorter one.
"""

import copy
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mftl import models
from mftl.config import Architecture, Training
from mftl.datasets import Labelled
from mftl.graphs import Graph, collate, make_graph
from mftl.inputs import InputError
from mftl.lean import find_forward
from mftl.optimizer import Adam, Average, clip
from mftl.prediction import batches, evaluate

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


@dataclass(eq=False)
class Run:
    """One stage: what it is trained on and how, then its model, optimiser and progress.

    ``architecture`` and ``elements`` (symbols) are those of a model from random weights; a stage with a ``parent``
    (a model file, of which ``head`` is used) needs neither; ``new_elements`` (new: old) take the places of some of the
    parent's. ``replay`` is data that a second head goes on learning
    with all weights but the readouts in common, its loss weighted by ``replay_weight``.
    ``folder`` takes the state, log.csv and snapshots, the state every ``checkpoint_seconds``.
    ``source`` is anything else (a hash of the code) whose change forbids continuing an older run.
    Raises InputError if a structure holds an element that the model does not know, or if training diverges.
    """

    training: Labelled
    validation: Labelled
    settings: Training
    folder: Path
    architecture: Architecture | None = None
    elements: list[str] | None = None
    parent: Path | None = None
    head: str | None = None
    new_elements: dict[str, str] | None = None
    replay: Labelled | None = None
    replay_weight: float = 1.0
    seed: int = 1
    device: str = "cpu"
    source: str = ""
    checkpoint_seconds: float = 30.0

    def __post_init__(self):
        models.fix_numerics()
        self.folder.mkdir(parents=True, exist_ok=True)
        settings, self.target = self.settings, models.find_device(self.device)
        self.use_forces = settings.forces_weight > 0
        if self.parent is None:
            model = start_model(self.training, self.architecture, self.elements, settings, self.seed).to(self.target)
            heads = [model]
        else:
            model = models.load_model(self.parent, self.target, self.head)
            models.rename_elements(model, self.new_elements or {})
            heads = [model, copy.deepcopy(model)] if self.replay else [model]
            adapt_parent(model, self.training, settings)
            if self.replay:
                adapt_parent(heads[1], self.replay, settings.model_copy(update={"rescale": False}))
        if settings.accelerate == "cuequivariance":
            heads = [models.to_cuequivariance(head, self.target) for head in heads]
        if self.replay:
            share_weights(*heads)
        self.heads, self.model = torch.nn.ModuleList(heads), heads[0]
        self.forward = {}
        for head in heads:
            self.forward[head], how = find_forward(head)
        log.info("computed by %s", how)
        self.references = models.reference_energies(heads[0])
        self.training_graphs = make_graphs(heads[0], self.training)
        self.validation_graphs = make_graphs(heads[0], self.validation)
        self.replay_graphs = make_graphs(heads[1], self.replay) if self.replay else []
        groups = parameter_groups(self.heads, settings)
        self.trained = [parameter for group in groups for parameter in group["params"]]
        decay = 0.5 ** (1 / settings.learning_rate_half_life) if settings.learning_rate_half_life else 1.0
        self.optimizer = Adam(groups, settings.weight_decay, decay)
        self.average = Average(self.trained, settings.ema_decay)
        self.shuffle = torch.Generator().manual_seed(self.seed)
        self.progress = Progress()
        self.best = _copy(self.model.state_dict())
        self.steps_per_epoch = -(-len(self.training) // settings.batch_size)
        self.planned_epochs = max(settings.epochs, -(-settings.min_steps // self.steps_per_epoch))
        self.saved_at = time.monotonic()
        log.info(
            "%d training, %d validation structures; %d weights, %d of them trained; %s",
            len(self.training), len(self.validation), sum(p.numel() for p in self.heads.parameters()),
            sum(p.numel() for p in self.trained), f"parent {self.parent}" if self.parent else "random weights",
        )  # fmt: skip
        if missing := sorted(_symbols(self.validation) - _symbols(self.training)):
            log.warning(
                "no training structure holds %s, which validation structures do: their reference energies are unknown "
                "and the energies of such structures wrong by up to 10⁴ eV; train on more structures",
                ", ".join(missing),
            )
        log.info("validation errors before the first step: %s", self.errors(self.model, self.validation_graphs))
        if self.replay:
            text = str(self.errors(self.heads[1], self.replay_graphs))
            log.info("errors on %d replayed structures before the first step: %s", len(self.replay), text)

    def train(self, snapshots: tuple[int, ...] = (), until_best: bool = True) -> torch.nn.Module:
        """Train the stage; return its model, the exponential moving average of the weights.

        ``until_best``: train for the planned epochs, stop when the validation score has not improved for
        ``settings.patience`` validations, and return the best model. Otherwise train to the last snapshot and return
        that. In both cases the model after epoch E lies in ``folder/snapshots/e<E>.pt`` for each E in ``snapshots``.
        """
        target = max([self.planned_epochs if until_best else 0, *snapshots])
        self.resume(target, snapshots)
        bar = tqdm(total=target, initial=self.progress.epoch, unit="epoch", mininterval=5.0)
        for message in self.epochs(target, snapshots, until_best):
            bar.update()
            bar.set_postfix_str(message, refresh=False)
        bar.close()
        self.save_state()
        pd.DataFrame(self.progress.history).to_csv(self.folder / "log.csv", index=False)
        if until_best:
            log.info("best model after epoch %d of %d", self.progress.best_epoch, self.progress.epoch)
            self.model.load_state_dict(self.best)
            return self.plain_model()
        return models.load_model(self.snapshot_path(max(snapshots)), self.target)

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
        parts = [self.shuffled(self.training_graphs)]
        if self.replay:
            parts.append(self.shuffled(self.replay_graphs))
        losses = [self.one_step(list(graphs)) for graphs in zip(*parts, strict=True)]
        progress = self.progress
        progress.epoch += 1
        row = {"epoch": progress.epoch, "step": progress.step, "learning_rate": self.optimizer.rates[0]}
        row |= {"training_loss": float(np.mean(losses)), "validation_score": None}
        due = progress.step - progress.validated_step >= self.settings.validation_steps
        if due:
            progress.validated_step = progress.step
        elif progress.epoch == self.planned_epochs:
            progress.extra_validation = progress.epoch
        if due or progress.extra_validation == progress.epoch:
            with self.average.average_parameters():
                errors = self.errors(self.model, self.validation_graphs)
                if not progress.best_is_final:
                    self.keep_if_best(errors.score)
            row |= {
                "validation_score": errors.score,
                "energy_rmse_mev_per_atom": errors.energy,
                "force_rmse_mev_per_A": errors.forces,
            }
        progress.history.append(row)

    def shuffled(self, graphs: list[Graph]) -> Iterator[list[Graph]]:
        """The batches of an epoch: as many graphs as the training set has, in a new random order.

        Of more graphs (replayed ones) each epoch draws others; fewer are drawn again.
        """
        count = len(self.training)
        rounds = -(-count // len(graphs))
        order = torch.cat([torch.randperm(len(graphs), generator=self.shuffle) for _ in range(rounds)])[:count]
        return batches([graphs[i] for i in order.tolist()], self.settings.batch_size)

    def one_step(self, graphs: list[list[Graph]]) -> float:
        """One step on a batch for each head; return the loss. Raises InputError if it is not finite."""
        loss = 0.0
        for model, own, weight in zip(self.heads, graphs, (1.0, self.replay_weight), strict=False):
            deviation = deviations(self.forward[model], collate(own, self.target), self.use_forces)
            loss = loss + weight * weighted_loss(*deviation, self.settings)
        for weights in self.trained:
            weights.grad = None
        loss.backward()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise InputError(
                f"training diverged at step {self.progress.step + 1}: the loss is {value}. "
                "Lower training.learning_rate, or look for extreme labels."
            )
        if self.settings.clip_gradient:
            clip(self.trained, self.settings.clip_gradient)
        self.optimizer.step()
        self.average.update()
        self.progress.step += 1
        return value

    def errors(self, model: torch.nn.Module, graphs: list[Graph]) -> Errors:
        """Errors of a head on labelled graphs with the weights it holds now.

        Where forces alone are learned, energies are compared up to a constant, which is not known before the end.
        """
        energies, forces = evaluate(
            self.forward[model], batches(graphs, EVALUATION_BATCH), self.target, self.use_forces
        )
        energy = (energies - [g.energy for g in graphs]) / [len(g.positions) for g in graphs]
        if not self.settings.energy_weight:
            energy -= energy.mean()
        score = self.settings.energy_weight**0.5 * np.abs(energy).mean()
        if forces is None:
            return Errors(MEV * np.mean(energy**2) ** 0.5, float("nan"), float(score))
        force = forces - np.concatenate([g.forces for g in graphs])
        score += self.settings.forces_weight**0.5 * np.abs(force).mean()
        return Errors(MEV * np.mean(energy**2) ** 0.5, MEV * np.mean(force**2) ** 0.5, float(score))

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
        if not self.settings.energy_weight:
            self.fix_energies()
        if self.settings.accelerate == "cuequivariance":
            return models.from_cuequivariance(self.model, self.target)
        return self.model

    def fix_energies(self) -> None:
        """Fit the reference energies to the training set once more: forces alone leave a constant open.

        As Röcken and Zavadlav do it. The fit starts from the reference energies of the first step, so that it does not
        depend on how often it was done.
        """
        forward = self.forward[self.model]
        energies, _ = evaluate(forward, batches(self.training_graphs, EVALUATION_BATCH), self.target, False)
        counts = models.composition(self.training.structures, models.model_elements(self.model))
        shift = models.fit_reference_energies(counts, [g.energy for g in self.training_graphs] - energies)
        models.set_reference_energies(self.model, self.references + shift)

    @cached_property
    def identity(self) -> str:
        """A hash of all that decides what an epoch does."""
        digest = hashlib.sha256()
        description = {
            "settings": self.settings.model_dump(exclude=LENGTH_SETTINGS),
            "architecture": None if self.parent else self.architecture.model_dump(),
            "elements": None if self.parent else self.elements,
            "head": self.head,
            "new_elements": self.new_elements,
            "replay_weight": self.replay_weight if self.replay else None,
            "seed": self.seed,
            "source": self.source,
            "torch": torch.__version__,
        }
        digest.update(json.dumps(description, sort_keys=True).encode())
        if self.parent:
            digest.update(Path(self.parent).read_bytes())
        for data in (self.training, self.validation, *([self.replay] if self.replay else [])):
            for atoms, energy, forces in zip(data.structures, data.energies, data.forces, strict=True):
                for array in (atoms.numbers, atoms.positions, np.array(atoms.cell), np.asarray(energy), forces):
                    digest.update(np.ascontiguousarray(array).tobytes())
            digest.update(b"end of a set")
        return digest.hexdigest()

    @property
    def state_path(self) -> Path:
        """Where the state of the run lies."""
        return self.folder / "state.pt"

    def save_state(self) -> None:
        """Write all that a resumed run needs, whole or not at all."""
        state = {
            "identity": self.identity,
            "progress": asdict(self.progress),
            "heads": self.heads.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
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
            state = torch.load(self.state_path, map_location=self.target, weights_only=False)
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
        self.heads.load_state_dict(state["heads"])
        self.best = state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.load_state_dict(state["average"])
        self.shuffle.set_state(state["shuffle"].cpu())
        log.info("resumed after epoch %d", progress.epoch)


EVALUATION_BATCH = 100


def deviations(
    forward: Callable[..., dict], batch: dict[str, torch.Tensor], use_forces: bool
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Predicted less true energies per atom, (B,) in eV/atom, and forces, (N, 3) in eV/Å, to be differentiated.

    The energies compared are interaction energies, without the reference energies: in float32 a total energy of
    10⁴ eV has no digits left for meV.
    """
    output = forward(batch, training=True, compute_force=use_forces)
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
    scale = interaction_scale(data, settings)
    model = models.build_model(architecture, elements, neighbors, scale, seed, dtype)
    models.set_reference_energies(model, references)
    return model


def interaction_scale(data: Labelled, settings: Training) -> float:
    """The scale of the interaction energy, eV: root mean square force component, or spread of the energies per atom.

    The larger counts: forces vanish in perfect crystals, and are not looked at by training on energies alone.
    """
    counts = models.composition(data.structures, models.numbers(sorted(_symbols(data))))
    rest = data.energies - counts @ models.fit_reference_energies(counts, data.energies)
    scale = float(np.std(rest / counts.sum(1)))
    if settings.forces_weight > 0:
        scale = max(scale, float(np.sqrt(np.mean(np.concatenate(data.forces) ** 2))))
    return scale or 1.0


def adapt_parent(model: torch.nn.Module, data: Labelled, settings: Training) -> None:
    """Refit a parent model's reference energies to what it leaves of the training set's energies.

    Cutoff, neighbour number and weights stay the parent's, and so does the scale unless ``settings.rescale``.
    Elements that no structure holds keep the parent's reference energies (the minimum-norm solution).
    """
    if settings.rescale:
        model.scale_shift.scale.fill_(interaction_scale(data, settings))
        model.scale_shift.shift.zero_()
    graphs = make_graphs(model, data)
    device = next(model.parameters()).device
    energies, _ = evaluate(find_forward(model)[0], batches(graphs, EVALUATION_BATCH), device, use_forces=False)
    counts = models.composition(data.structures, models.model_elements(model))
    shift = models.fit_reference_energies(counts, [g.energy for g in graphs] - energies)
    models.set_reference_energies(model, models.reference_energies(model) + shift)
    names = models.symbols(models.model_elements(model))
    seen = [(n, s) for n, s, c in zip(names, shift, counts.sum(0), strict=True) if c]
    log.info("reference energies refitted, eV: %s", ", ".join(f"{name} {value:+.3f}" for name, value in seen))


HEAD = ("atomic_energies_fn", "scale_shift", "readouts")  # what two heads do not share


def share_weights(model: torch.nn.Module, other: torch.nn.Module) -> None:
    """Make two copies of a model two heads of one: only readouts, scale and reference energies stay their own."""
    for name, child in model.named_children():
        if name not in HEAD:
            setattr(other, name, child)


def parameter_groups(heads: torch.nn.ModuleList, settings: Training) -> list[dict]:
    """The optimiser's groups of weights, highest learning rate first; frozen weights are in none.

    The readouts learn at ``settings.learning_rate``, each layer below at ``settings.layer_decay`` times the rate of the
    one above it: last interaction and product, ..., first interaction and product, embedding.
    """
    layers = int(heads[0].num_interactions)
    groups: dict[float, list] = {}
    for name, parameter in heads.named_parameters():
        part, index = name.split(".")[1:3]
        if part not in ("interactions", "products", "readouts"):
            part = "embedding"
        parameter.requires_grad_(part not in settings.frozen)  # older files come with frozen weights
        if parameter.requires_grad:
            height = {"embedding": 0, "readouts": layers + 1}.get(part)
            height = int(index) + 1 if height is None else height
            rate = settings.learning_rate * settings.layer_decay ** (layers + 1 - height)
            groups.setdefault(rate, []).append(parameter)
    return [{"params": groups[rate], "lr": rate} for rate in sorted(groups, reverse=True)]


def _symbols(data: Labelled) -> set[str]:
    return {symbol for atoms in data.structures for symbol in atoms.get_chemical_symbols()}


def _copy(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in state.items()}
