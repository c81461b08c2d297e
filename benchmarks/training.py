"""A training step on lean layers against one on MACE's own modules, and an epoch of ours against one of
`mace_run_train`.

    python benchmarks/training.py [TABLE.csv]

Steps: the same run with either forward pass, in one process, batches of 10, 20 and 50. Epochs: same data, model, batch
size; both validate once in each epoch, keep an average of the weights and the best model; each is run with few and
with more epochs, in processes of their own that take turns, and what an epoch costs is the difference, so that start
and end do not count. Molecules of 15 atoms and cells of tungsten beside the built-in molecules. CPU seconds on one
core; with a GPU also elapsed seconds there, plain and with cuEquivariance if installed.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from table import ROOT, Table, cpu, run

import torch
import yaml
from ase.io import write

from mftl.calculator import LevelCalculator
from mftl.config.studies import complete
from mftl.config.training import Architecture, Training
from mftl.datasets import choose
from mftl.extxyz import read_ids
from mftl.engines.tblite.section import TbliteLevel
from mftl.pools.normal_modes import NormalModePool
from mftl.systems.normal_modes import sample
from mftl.training.run import Run

ROUNDS = 5
STEP_BATCHES = 10, 20, 50
RATE, DECAY, EMA, CLIP, WEIGHT = 0.01, 5e-7, 0.99, 10.0, 10.0
FIFTEEN = {"ether": "CCOCC", "butanol": "CCCCO", "thioether": "CCSCC", "toluene": "Cc1ccccc1"}  # 15 atoms each


@dataclass
class Case:
    """What is trained on what: a file of labels, how many structures of it, and an architecture of a configuration."""

    subject: str
    labels: Path
    elements: list[str]
    architecture: Architecture
    training: int
    validation: int
    epochs: tuple[int, int]  # few and more
    rounds: int = ROUNDS
    batch: int = 10


OURS = """
import json, resource, sys, time
from pathlib import Path
def cpu():
    return time.process_time()
start = cpu()
from mftl.config.training import Architecture, Training
from mftl.datasets import choose
from mftl.training.run import Run
imported = cpu()
given = json.load(open(sys.argv[1]))
training, validation = choose([given["labels"]], [(ids, None) for ids in given["ids"]])
read = cpu()
run = Run(training, validation, Training(**given["training"]), Path(sys.argv[2]),
          architecture=Architecture(**given["architecture"]), elements=given["elements"], device=given["device"])
built = cpu()
validating = 0.0
errors = run.errors
def timed(*arguments):
    global validating
    before = cpu()
    result = errors(*arguments)
    validating += cpu() - before
    return result
run.errors = timed
run.train()
trained = cpu()
parts = {"starting Python, importing": imported, "reading": read - imported, "building": built - read,
         "steps": trained - built - validating, "validation": validating}
print(json.dumps(parts))
"""


def architecture(name: str, file: str = "config.yaml") -> Architecture:
    """One of a configuration."""
    return Architecture(**complete(yaml.safe_load((ROOT / file).read_text()))["architectures"][name])


def make_fifteen(folder: Path) -> Path:
    """A file of molecules of 15 atoms at 300 K with labels of GFN2-xTB."""
    path, label = folder / "fifteen.extxyz", LevelCalculator(TbliteLevel(engine="tblite", method="GFN2-xTB"))
    structures = sample(NormalModePool(generator="normal-modes", molecules=FIFTEEN, per_molecule=100))
    for atoms in structures:
        label.calculate(atoms)
        atoms.info["REF_energy"], atoms.arrays["REF_forces"] = label.results["energy"], label.results["forces"]
        atoms.calc = None
    write(path, structures)
    return path


def settings(case: Case, epochs: int, accelerate: str = "none") -> dict:
    """The section `training` of a case."""
    chosen = {"epochs": epochs, "min_steps": 0, "patience": 1000, "validation_steps": case.training // case.batch}
    chosen |= {"batch_size": case.batch, "learning_rate": RATE, "weight_decay": DECAY, "ema_decay": EMA}
    return chosen | {
        "clip_gradient": CLIP, "energy_weight": WEIGHT, "forces_weight": WEIGHT, "accelerate": accelerate,
    }  # fmt: skip


def ids(case: Case) -> list[list[str]]:
    """Training and validation structures."""
    known = read_ids(case.labels)[: case.training + case.validation]
    return [known[: case.training], known[case.training :]]


def ours(case: Case, folder: Path, epochs: int, device: str = "cpu", accelerate: str = "none") -> list[str]:
    """The command that trains with this project."""
    given = {"labels": str(case.labels), "ids": ids(case), "training": settings(case, epochs, accelerate)}
    given |= {"architecture": case.architecture.model_dump(), "elements": case.elements, "device": device}
    Training(**given["training"])
    (folder / "given.json").write_text(json.dumps(given))
    return [sys.executable, "-c", OURS, str(folder / "given.json"), str(folder / "ours")]


def theirs(case: Case, folder: Path, epochs: int, device: str = "cpu", accelerate: str = "none") -> list[str]:
    """The command that trains with mace-torch, as its documentation describes it."""
    own = case.architecture
    training, validation = choose([case.labels], [(chosen, None) for chosen in ids(case)])
    write(folder / "train.xyz", training.structures)
    write(folder / "valid.xyz", validation.structures)
    hidden = "+".join(f"{own.channels}x{l}{'eo'[l % 2]}" for l in range(own.max_l + 1))
    options = {
        "name": "theirs", "work_dir": folder, "train_file": folder / "train.xyz", "valid_file": folder / "valid.xyz",
        "energy_key": "REF_energy", "forces_key": "REF_forces", "E0s": "average", "device": device, "model": "MACE",
        "default_dtype": "float32", "batch_size": case.batch, "valid_batch_size": 100, "max_num_epochs": epochs,
        "lr": RATE, "weight_decay": DECAY, "ema_decay": EMA, "clip_grad": CLIP, "energy_weight": WEIGHT,
        "forces_weight": WEIGHT, "loss": "weighted", "r_max": own.cutoff, "hidden_irreps": hidden,
        "correlation": own.correlation, "max_ell": own.max_ell, "num_radial_basis": own.num_bessel,
        "num_cutoff_basis": own.num_polynomial_cutoff, "num_interactions": own.num_interactions,
        "radial_MLP": str(own.radial_mlp), "eval_interval": 1, "MLP_irreps": f"{own.readout_channels}x0e",
        "interaction_first": own.first_interaction, "seed": 1, "plot": "False",
        "enable_cueq": str(accelerate == "cuequivariance"),
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "mace.cli.run_train", *words, "--ema", "--amsgrad"]


def spend(case: Case, command, epochs: int, elapsed: bool = False, **options) -> tuple[float, str]:
    """Seconds of a training, of the CPU or elapsed, and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = command(case, Path(folder), epochs, **options)
        path = {"PYTHONPATH": str(ROOT / "workflow/scripts")}
        start = time.perf_counter() if elapsed else cpu()
        done = subprocess.run(arguments, cwd=folder, env=os.environ | path, capture_output=True, text=True)
        seconds = (time.perf_counter() if elapsed else cpu()) - start
        if done.returncode:
            raise RuntimeError(done.stdout + done.stderr)
    return seconds, done.stdout


def compare(table: Table, case: Case, where: str, unit: str, **options) -> None:
    """Add what an epoch costs of each, taking turns, and the ratio of the medians."""
    subject = f"epoch of {case.training} {case.subject}, {where}"
    measured = {"mftl": [], "mace_run_train": []}
    for _ in range(case.rounds):
        for name, command in (("mftl", ours), ("mace_run_train", theirs)):
            few, more = (spend(case, command, epochs, **options)[0] for epochs in case.epochs)
            measured[name].append((more - few) / (case.epochs[1] - case.epochs[0]))
    medians = [table.add(subject, name, values, unit) for name, values in measured.items()]
    table.add(subject, "mftl to mace_run_train", medians[0] / medians[1], "times the cost")


def compare_steps(table: Table, case: Case) -> None:
    """Add what a step costs on lean layers and on MACE's own modules, taking turns, and the ratio of the medians."""
    training, validation = choose([case.labels], [(chosen, None) for chosen in ids(case)])
    with tempfile.TemporaryDirectory() as folder:
        run = Run(
            training, validation, Training(**settings(case, 1)), Path(folder),
            architecture=case.architecture, elements=case.elements,
        )  # fmt: skip
        (head,) = run.heads
        forwards = {"lean layers": head.forward, "MACE's modules": head.model}
        for batch in STEP_BATCHES:
            subject, steps = f"step of {batch} {case.subject}", 3 if case.rounds < ROUNDS else 20
            graphs = [head.graphs[start : start + batch] for start in range(0, case.training - batch + 1, batch)]
            measured = {name: [] for name in forwards}
            for turn in range(case.rounds + 1):
                for name, forward in forwards.items():
                    head.forward = forward
                    start = cpu()
                    for step in range(steps):
                        run.one_step([graphs[step % len(graphs)]])
                    if turn:  # the first warms up
                        measured[name].append(1e3 * (cpu() - start) / steps)
            lean, own = (table.add(subject, name, values, "CPU ms") for name, values in measured.items())
            table.add(subject, "MACE's modules to lean layers", own / lean, "times the cost")


def measure_parts(table: Table, case: Case) -> None:
    """Add what the parts of a job cost."""
    subject = f"job, {case.epochs[1]} epochs of {case.training} {case.subject}"
    printed = [json.loads(spend(case, ours, case.epochs[1])[1].splitlines()[-1]) for _ in range(case.rounds)]
    for part in printed[0]:
        table.add(subject, part, [one[part] for one in printed], "CPU s")


def cases(folder: Path) -> list[Case]:
    """What is measured: tiny models on all data, those of the papers on few structures."""
    molecules, tungsten = (
        ROOT / "resources/molecules/molecules.pbe0-d3.extxyz.xz",
        ROOT / "resources/tungsten/tungsten.pbe.extxyz.xz",
    )
    fifteen, several = make_fifteen(folder), ["H", "C", "N", "O", "S", "Cl"]
    off, metal, diamond = (architecture(name, "config/paper.yaml") for name in ("mace-off23-small", "metal", "diamond"))
    tiny, tiny_metal = architecture("tiny"), architecture("tiny-metal")
    return [
        Case("molecules, tiny", molecules, several, tiny, 300, 100, (4, 24)),
        Case("molecules of 15 atoms, tiny", fifteen, several, tiny, 300, 100, (2, 8)),
        Case("cells of tungsten, tiny-metal", tungsten, ["W"], tiny_metal, 100, 50, (2, 8)),
        Case("molecules of 15 atoms, mace-off23-small", fifteen, several, off, 50, 20, (1, 3), rounds=2),
        Case("cells of tungsten, metal", tungsten, ["W"], metal, 60, 10, (1, 5), rounds=3),
        Case("cells of tungsten, diamond", tungsten, ["W"], diamond, 60, 10, (1, 7), rounds=3),
    ]


def measure(table: Table) -> None:
    """Measure on the CPU, and on a GPU if there is one."""
    with tempfile.TemporaryDirectory() as folder:
        known = cases(Path(folder))
        measure_parts(table, known[0])
        for case in known[:4]:
            compare_steps(table, case)
        for case in known:
            compare(table, case, "CPU", "CPU s")
        if not torch.cuda.is_available():
            table.note("epoch on a GPU", "not measured: torch sees no GPU here")
            return
        kernels = all(importlib.util.find_spec(f"cuequivariance{part}_torch") for part in ("", "_ops"))
        accelerations = ["none", *(["cuequivariance"] if kernels else [])]
        for accelerate in accelerations:
            where = f"{torch.cuda.get_device_name()}, {accelerate}"
            for case in known:
                compare(table, case, where, "s", elapsed=True, device="cuda", accelerate=accelerate)


if __name__ == "__main__":
    run(measure)
