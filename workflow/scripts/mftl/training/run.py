"""One stage of a recipe, from its data to its model."""

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mftl import acceleration, models
from mftl.batches import ahead, batches
from mftl.config.training import Architecture, Training
from mftl.datasets import Labelled
from mftl.graphs import Graph, collate
from mftl.inputs import InputError
from mftl.optimizer import Adam, Average, clip
from mftl.provenance import checksum
from mftl.training import ways
from mftl.training.finish import plain_model
from mftl.training.heads import Head, make_graphs, share_weights
from mftl.training.loss import deviations, weighted_loss
from mftl.training.progress import Progress
from mftl.training.rates import adjustment_groups, change, parameter_groups
from mftl.training.start import adapt_parent, fit_start, start_model, symbols_of
from mftl.training.state import LENGTH_SETTINGS, fingerprint, read_state, write_state
from mftl.training.validation import Errors, measure

log = logging.getLogger(__name__)

STEPS = 20  # between two looks at the losses: for each a GPU has to end what it was given
BESIDE = {"cuda"}  # devices that compute while the CPU makes the next batches

Batches = list[dict[str, torch.Tensor]]  # of one step: one for each head


@dataclass(eq=False)
class Run:
    """One stage: what it is trained on and how, then its heads, optimiser and progress.

    ``architecture`` and ``elements`` (symbols) are those of a model from random weights; a stage with a ``parent``
    (a model file, of which ``head`` is used) needs neither. ``ways`` are what the mode adds, by its keys, and other
    parts of a joint stage: see ``mftl.training.ways``.
    ``folder`` takes the state, log.csv and snapshots, the state every ``checkpoint_seconds``. ``shorter`` is the state
    of a run with a smaller budget, which this one continues where it has none of its own.
    ``source`` is anything else (a hash of the code) whose change forbids continuing an older run.
    Raises InputError if a structure holds an element that the model does not know, if there is nothing to learn, or if
    training diverges.
    """

    training: Labelled
    validation: Labelled
    settings: Training
    folder: Path
    architecture: Architecture | None = None
    elements: list[str] | None = None
    parent: Path | None = None
    head: str | None = None
    ways: dict[str, Any] = field(default_factory=dict)
    seed: int = 1
    device: str = "cpu"
    shorter: Path | None = None
    source: str = ""
    checkpoint_seconds: float = 30.0

    def __post_init__(self):
        models.fix_numerics()
        self.folder.mkdir(parents=True, exist_ok=True)
        settings, self.target = self.settings, models.find_device(self.device)
        if self.training.forces is None and not settings.energy_weight:
            raise InputError("the labels are energies alone, and training.energy_weight is 0: nothing is learned")
        self.heads = self.first_heads()
        self.model = self.heads[0].model
        self.validation_graphs = make_graphs(self.model, self.validation)
        together = torch.nn.ModuleList(head.model for head in self.heads)
        groups = parameter_groups(together, settings)
        adjustments = torch.nn.ModuleList(head.adjustment for head in self.heads if head.adjustment)
        groups += adjustment_groups(adjustments, settings)
        self.trained = [parameter for group in groups for parameter in group["params"]]
        self.steps_per_epoch = settings.steps_per_epoch(len(self.training))
        self.planned_epochs = settings.planned_epochs(len(self.training))
        self.optimizer = Adam(
            groups, settings.weight_decay, change(settings, self.planned_epochs * self.steps_per_epoch)
        )
        self.average = Average(self.trained, settings.ema_decay)
        self.kept = {
            "heads": together,
            "adjustments": adjustments,
            "optimizer": self.optimizer,
            "average": self.average,
        }
        self.shuffle = torch.Generator().manual_seed(self.seed)
        self.progress = Progress()
        self.best = self.weights_now()
        self.saved_at = time.monotonic()
        self.report_start(sum(parameter.numel() for parameter in together.parameters()))

    def first_heads(self) -> list[Head]:
        """The heads before the first step, each with its graphs; the first is what the stage makes."""
        if self.parent is not None:
            model = models.load_model(self.parent, self.target, self.head, self.settings.parent_dtype)
        elif self.architecture and self.elements:
            model = start_model(self.training, self.architecture, self.elements, self.settings, self.seed)
            model = model.to(self.target)
        else:
            raise ValueError("a stage without a parent needs an architecture and elements")
        heads = [Head(model, self.training)]
        torch.manual_seed(self.seed)  # of what a way draws
        ways.change(heads, self.ways)
        own = self.settings.model_copy(update={"rescale": False})  # only the stage's own data may rescale a parent
        if self.parent is not None:
            adapt_parent(model, self.training, self.settings)
        for other in heads[1:]:
            if self.parent is not None:
                adapt_parent(other.model, other.data, own)
            else:
                fit_start(other.model, other.data, self.settings)
        if self.settings.accelerate == "cuequivariance":
            for head in heads:
                head.model = acceleration.to_cuequivariance(head.model, self.target)
        for other in heads[1:]:
            share_weights(heads[0].model, other.model)
        for head in heads:
            how = head.prepare(self.settings)
        log.info("computed by %s", how)
        return heads

    def report_start(self, weights: int) -> None:
        """Say in the log what is trained, and how good it is before the first step."""
        log.info(
            "%d training, %d validation structures; %d weights, %d of them trained; %s",
            len(self.training), len(self.validation), weights, sum(p.numel() for p in self.trained),
            f"parent {self.parent}" if self.parent else "random weights",
        )  # fmt: skip
        if missing := sorted(symbols_of(self.validation) - symbols_of(self.training)):
            log.warning(
                "no training structure holds %s, which validation structures do: their reference energies are unknown "
                "and the energies of such structures wrong by up to 10⁴ eV; train on more structures",
                ", ".join(missing),
            )
        log.info("validation errors before the first step: %s", self.errors(self.heads[0], self.validation_graphs))
        for number, head in enumerate(self.heads[1:], 2):
            text = str(self.errors(head, head.graphs))
            log.info("errors of head %d on its %d structures before the first step: %s", number, len(head.data), text)

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
            for part, weights in zip(self.heads[0].parts, self.best, strict=True):
                part.load_state_dict(weights)
            return plain_model(self.heads[0], self.settings)
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
            if progress.epoch >= self.planned_epochs:
                progress.end_search()
            row = progress.history[-1]
            if row["validation_score"] is not None:
                message = str(Errors(row["energy_rmse_mev_per_atom"], row["force_rmse_mev_per_A"]))
            if progress.epoch in snapshots:
                self.save_snapshot()
            if time.monotonic() - self.saved_at > self.checkpoint_seconds:
                self.save_state()
            yield message

    def one_epoch(self) -> None:
        """One pass over the training set in a new random order, and a validation when it is due."""
        parts = [self.shuffled(head.graphs) for head in self.heads]
        losses: list[float] = []
        steps = map(self.one_step, self.collated(zip(*parts, strict=True)))
        while some := list(islice(steps, STEPS)):
            losses += self.checked(some)
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
                errors = self.errors(self.heads[0], self.validation_graphs)
                if not progress.best_is_final and progress.is_best(errors.score, self.settings.patience):
                    self.best = self.weights_now()
            row |= {
                "validation_score": errors.score,
                "energy_rmse_mev_per_atom": errors.energy,
                "force_rmse_mev_per_A": errors.forces,
                **({} if np.isnan(errors.stress) else {"stress_rmse_mev_per_A3": errors.stress}),
            }
        progress.history.append(row)

    def shuffled(self, graphs: list[Graph]) -> Iterator[Sequence[Graph]]:
        """The batches of an epoch: as many graphs as the training set has, in a new random order.

        Of more graphs (those of another head) each epoch draws others; fewer are drawn again.
        """
        count = len(self.training)
        rounds = -(-count // len(graphs))
        order = torch.cat([torch.randperm(len(graphs), generator=self.shuffle) for _ in range(rounds)])[:count]
        return batches([graphs[i] for i in order.tolist()], self.settings.batch_size)

    def collated(self, parts: Iterable[tuple[Sequence[Graph], ...]]) -> Iterator[Batches]:
        """Batches for the steps from those of each head; for a GPU the next ones are made while it computes."""

        def make(graphs: tuple[Sequence[Graph], ...]) -> Batches:
            return [collate(own, self.target) for own in graphs]

        return ahead(parts, make) if self.target.type in BESIDE else map(make, parts)

    def one_step(self, own_batches: Batches) -> torch.Tensor:
        """One step on a batch for each head; return the loss, shape ()."""
        loss = torch.zeros((), device=self.target)
        for head, batch in zip(self.heads, own_batches, strict=True):
            learned = head.learns_forces(self.settings), head.learns_stress(self.settings)
            deviation = deviations(head.forward, batch, *learned)
            loss = loss + head.weight * weighted_loss(*deviation, self.settings)
        for weights in self.trained:
            weights.grad = None
        loss.backward()
        if self.settings.clip_gradient:
            clip(self.trained, self.settings.clip_gradient)
        self.optimizer.step()
        self.average.update()
        self.progress.step += 1
        return loss.detach()

    def checked(self, losses: list[torch.Tensor]) -> list[float]:
        """The losses of the last steps. Raises InputError if one is not finite: no state was written since."""
        values = torch.stack(losses).tolist()
        for step, value in enumerate(values, self.progress.step - len(values) + 1):
            if not np.isfinite(value):
                raise InputError(
                    f"training diverged at step {step}: the loss is {value}. "
                    "Lower training.learning_rate, or look for extreme labels."
                )
        return values

    def errors(self, head: Head, graphs: list[Graph]) -> Errors:
        """Errors of a head on labelled graphs with the weights it holds now."""
        return measure(head, graphs, self.settings)

    def weights_now(self) -> list[dict[str, torch.Tensor]]:
        """A copy of the weights and buffers that the model holds now, and its adjustment."""
        states = [part.state_dict() for part in self.heads[0].parts]
        return [{key: value.detach().clone() for key, value in state.items()} for state in states]

    def snapshot_path(self, epoch: int) -> Path:
        """Where the model after an epoch lies."""
        return self.folder / "snapshots" / f"e{epoch}.pt"

    def save_snapshot(self) -> None:
        """Write the model after the current epoch."""
        path = self.snapshot_path(self.progress.epoch)
        path.parent.mkdir(exist_ok=True)
        with self.average.average_parameters():
            models.save_model(plain_model(self.heads[0], self.settings), path)

    @cached_property
    def identity(self) -> str:
        """A hash of all that decides what an epoch does."""
        length = LENGTH_SETTINGS if self.settings.learning_rate_final is None else set()
        return fingerprint(
            {
                "architecture": self.architecture.model_dump() if self.architecture else None,
                "elements": self.elements,
                "parent": checksum(self.parent) if self.parent else None,
                "head": self.head,
                "settings": self.settings.model_dump(exclude=length),
                "training": self.training,
                "validation": self.validation,
                "ways": self.ways,
                "seed": self.seed,
                "source": self.source,
                "torch": torch.__version__,
                "device": self.target.type,
            }
        )

    @property
    def state_path(self) -> Path:
        """Where the state of the run lies."""
        return self.folder / "state.pt"

    def save_state(self) -> None:
        """Write all that a resumed run needs."""
        state = {name: part.state_dict() for name, part in self.kept.items()}
        state |= {"identity": self.identity, "progress": asdict(self.progress), "best": self.best}
        write_state(self.state_path, state | {"shuffle": self.shuffle.get_state()})
        self.saved_at = time.monotonic()

    def resume(self, target: int, snapshots: tuple[int, ...]) -> None:
        """Continue an identical run, this one or a shorter one, if there is one that leads to the same end."""
        state = read_state(self.state_path, self.identity)
        if state is None and self.shorter:
            state = read_state(self.shorter, self.identity)
        if state is None:
            return
        progress = Progress(**state["progress"])
        missing = [e for e in snapshots if e <= progress.epoch and not self.snapshot_path(e).exists()]
        if reason := progress.astray(self.planned_epochs, self.settings.patience, target, missing):
            log.info("the run in %s %s: training starts anew", self.folder, reason)
            return
        progress.plan_anew(self.planned_epochs, self.settings.patience)
        self.progress, self.best = progress, state["best"]
        for name, part in self.kept.items():
            part.load_state_dict(state[name])
        self.shuffle.set_state(state["shuffle"])
        log.info("resumed after epoch %d", progress.epoch)
