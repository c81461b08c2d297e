"""A training epoch of ours against one of mace-torch's `mace_run_train`: same data, model, batch size, in one run.

    python benchmarks/training.py [TABLE.csv]

Both validate once in each epoch, keep an average of the weights and the best model. Each is run with few and with more
epochs, in processes of their own that take turns; what an epoch costs is the difference, so that start and end do
not count. CPU seconds on one core; with a GPU also elapsed seconds there, plain and with cuEquivariance if installed.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from table import ROOT, Table, cpu, run

import torch
import yaml
from ase.io import write

from mftl.config.training import Architecture, Training
from mftl.datasets import choose
from mftl.extxyz import read_ids

TRAINING, VALIDATION, BATCH, ROUNDS = 300, 100, 10, 5
EPOCHS = 4, 24  # few and more
LABELS = ROOT / "resources/molecules/molecules.pbe0-d3.extxyz"
ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
RATE, DECAY, EMA, CLIP, WEIGHT = 0.01, 5e-7, 0.99, 10.0, 10.0

OURS = """
import json, sys
from pathlib import Path
from mftl.config.training import Architecture, Training
from mftl.datasets import choose
from mftl.training.run import Run
given = json.load(open(sys.argv[1]))
training, validation = choose([given["labels"]], [(ids, None) for ids in given["ids"]])
run = Run(training, validation, Training(**given["training"]), Path(sys.argv[2]),
          architecture=Architecture(**given["architecture"]), elements=given["elements"], device=given["device"])
run.train()
"""


def architecture() -> Architecture:
    """The default one."""
    return Architecture(**yaml.safe_load((ROOT / "config.yaml").read_text())["architectures"]["tiny"])


def ours(folder: Path, epochs: int, device: str = "cpu", accelerate: str = "none") -> list[str]:
    """The command that trains with this project."""
    ids = read_ids(LABELS)[: TRAINING + VALIDATION]
    settings = {"epochs": epochs, "min_steps": 0, "patience": 1000, "validation_steps": TRAINING // BATCH}
    settings |= {"batch_size": BATCH, "learning_rate": RATE, "weight_decay": DECAY, "ema_decay": EMA}
    settings |= {"clip_gradient": CLIP, "energy_weight": WEIGHT, "forces_weight": WEIGHT, "accelerate": accelerate}
    given = {"labels": str(LABELS), "ids": [ids[:TRAINING], ids[TRAINING:]], "training": settings, "device": device}
    given |= {"architecture": architecture().model_dump(), "elements": ELEMENTS}
    Training(**settings)
    (folder / "given.json").write_text(json.dumps(given))
    return [sys.executable, "-c", OURS, str(folder / "given.json"), str(folder / "ours")]


def theirs(folder: Path, epochs: int, device: str = "cpu", accelerate: str = "none") -> list[str]:
    """The command that trains with mace-torch, as its documentation describes it."""
    ids, own = read_ids(LABELS)[: TRAINING + VALIDATION], architecture()
    training, validation = choose([LABELS], [(ids[:TRAINING], None), (ids[TRAINING:], None)])
    write(folder / "train.xyz", training.structures)
    write(folder / "valid.xyz", validation.structures)
    options = {
        "name": "theirs", "work_dir": folder, "train_file": folder / "train.xyz", "valid_file": folder / "valid.xyz",
        "energy_key": "REF_energy", "forces_key": "REF_forces", "E0s": "average", "device": device, "model": "MACE",
        "default_dtype": "float32", "batch_size": BATCH, "valid_batch_size": 100, "max_num_epochs": epochs, "lr": RATE,
        "weight_decay": DECAY, "ema_decay": EMA, "clip_grad": CLIP, "energy_weight": WEIGHT, "forces_weight": WEIGHT,
        "loss": "weighted", "r_max": own.cutoff, "hidden_irreps": f"{own.channels}x0e", "correlation": own.correlation,
        "max_ell": own.max_ell, "num_radial_basis": own.num_bessel, "num_cutoff_basis": own.num_polynomial_cutoff,
        "num_interactions": own.num_interactions, "radial_MLP": str(own.radial_mlp), "eval_interval": 1,
        "MLP_irreps": f"{own.readout_channels}x0e", "interaction_first": own.first_interaction, "seed": 1,
        "plot": "False", "enable_cueq": str(accelerate == "cuequivariance"),
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "mace.cli.run_train", *words, "--ema", "--amsgrad"]


def cost(command, elapsed: bool, **options) -> float:
    """Seconds of an epoch: of the CPU, or elapsed."""
    seconds = []
    for epochs in EPOCHS:
        with tempfile.TemporaryDirectory() as folder:
            arguments = command(Path(folder), epochs, **options)
            path = {"PYTHONPATH": str(ROOT / "workflow/scripts")}
            start = time.perf_counter() if elapsed else cpu()
            done = subprocess.run(arguments, cwd=folder, env=os.environ | path, capture_output=True, text=True)
            seconds.append((time.perf_counter() if elapsed else cpu()) - start)
            if done.returncode:
                raise RuntimeError(done.stdout + done.stderr)
    return (seconds[1] - seconds[0]) / (EPOCHS[1] - EPOCHS[0])


def compare(table: Table, subject: str, unit: str, elapsed: bool, **options) -> None:
    """Add what an epoch costs of each, taking turns, and the ratio of the medians."""
    measured = {"mftl": [], "mace_run_train": []}
    for _ in range(ROUNDS):
        for name, command in (("mftl", ours), ("mace_run_train", theirs)):
            measured[name].append(cost(command, elapsed, **options))
    medians = [table.add(subject, name, values, unit) for name, values in measured.items()]
    table.add(subject, "mftl to mace_run_train", medians[0] / medians[1], "times the cost")


def measure(table: Table) -> None:
    """Measure on the CPU, and on a GPU if there is one."""
    compare(table, f"epoch of {TRAINING} molecules, CPU", "CPU s", elapsed=False)
    if not torch.cuda.is_available():
        table.note("epoch on a GPU", "not measured: torch sees no GPU here")
        return
    accelerations = ["none", *(["cuequivariance"] if importlib.util.find_spec("cuequivariance_torch") else [])]
    for accelerate in accelerations:
        subject = f"epoch of {TRAINING} molecules, {torch.cuda.get_device_name()}, {accelerate}"
        compare(table, subject, "s", elapsed=True, device="cuda", accelerate=accelerate)


if __name__ == "__main__":
    run(measure)
