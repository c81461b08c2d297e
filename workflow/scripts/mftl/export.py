"""A finished model for others: a file for ASE, files for LAMMPS by mace-torch's own converters, and a card.

The card (JSON, and the same as Markdown) holds all that one must know to use the model without this project: data and
recipe, errors, units, reference energies, what a Δ model lacks, licences and what to cite.
"""

import importlib.util
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from mftl.inputs import InputError
from mftl.models import load_model, model_elements, reference_energies, save_model, symbols

UNITS = {"energy": "eV", "forces": "eV/Å", "length": "Å"}
FORMATS = {"libtorch": "model.pt-lammps.pt", "mliap": "model.pt-mliap_lammps.pt"}  # as the converter names them


def write_for_ase(source: str | Path, target: str | Path) -> torch.nn.Module:
    """Write a model in float64 for ``mace.calculators.MACECalculator``, and return it.

    Training is in float32; a total energy of 10⁴ eV, which the calculator adds up itself, needs more digits.
    """
    model = load_model(source).double()
    save_model(model, target)
    return model


def write_committee(models: list[str], cards: list[str], recipe: str, folder: str | Path) -> tuple[str, ...]:
    """Write the models of all seeds of a recipe in float64 into a folder, in place of others; return their names."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("seed-*.pt"):
        old.unlink()
    names = []
    for model, path in zip(models, cards, strict=True):
        known = json.loads(Path(path).read_text(encoding="utf-8"))
        if known["recipe"] == recipe:
            names.append(f"seed-{known['seed']}.pt")
            write_for_ase(model, folder / names[-1])
    return tuple(names)


def write_for_lammps(model: str | Path) -> dict[str, str]:
    """Files for LAMMPS beside a model file: by format, libtorch and, with cuEquivariance installed, mliap.

    Raises InputError with the converter's last words if it fails.
    """
    formats = ["libtorch", *(["mliap"] if importlib.util.find_spec("cuequivariance_torch") else [])]
    if "mliap" not in formats:
        logging.info("no file for LAMMPS's mliap: mace-torch's converter needs cuequivariance-torch for it")
    for name in formats:
        arguments = [sys.executable, "-m", "mace.cli.create_lammps_model", str(model), "--format", name]
        done = subprocess.run(arguments, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        logging.info("%s\n%s%s", " ".join(arguments), done.stdout, done.stderr)
        if done.returncode:
            last = (done.stderr.strip() or "it said nothing").splitlines()[-1]
            raise InputError(f"{model} could not be converted for LAMMPS ({name}): {last}")
    return {name: FORMATS[name] for name in formats}


def card(
    trained: dict[str, Any],
    model: torch.nn.Module,
    errors: pd.DataFrame,
    data: list[dict[str, str]],
    files: dict[str, str],
    cite: list[str],
) -> dict[str, Any]:
    """All that describes an exported model.

    Parameters: ``trained`` the card that training left; ``errors`` rows of ``errors.error_table`` for this model;
    ``data`` a row with system, level, origin and licence for each set of labels; ``files`` those for LAMMPS by format;
    ``cite`` keys of resources/citations.bib.
    """
    own = errors[(errors["recipe"] == trained["recipe"]) & (errors["seed"] == trained["seed"])]
    validation = trained["validation"]
    force = validation["force_rmse_mev_per_A"]  # None where energies alone are learned
    elements = symbols(model_elements(model))
    return {
        "recipe": trained["recipe"],
        "seed": trained["seed"],
        "elements": elements,
        "cutoff": float(model.r_max),
        "units": UNITS,
        "reference_energies": dict(zip(elements, map(float, reference_energies(model)), strict=True)),
        "training_structures": len(trained["training_ids"]),
        "test_errors": own[["quantity", "unit", "rmse", "mae", "structures"]].to_dict("records"),
        "validation_errors": {
            "energy": {"unit": "meV/atom", "rmse": validation["energy_rmse_mev_per_atom"]},
        }
        | ({} if force is None else {"forces": {"unit": "meV/Å", "rmse": force}}),
        "data": data,
        "files": {"ase": "model.pt"} | files,
        "cite": cite,
    }


def readme(card: dict[str, Any], difference: str | None) -> str:
    """The card as Markdown. ``difference``: the level that a Δ model's energies and forces must be added to."""
    elements, files, validation = " ".join(card["elements"]), card["files"], card["validation_errors"]
    lines = [
        f"# {card['recipe']}, seed {card['seed']}",
        "",
        f"A MACE potential for {elements}, cutoff {card['cutoff']:g} Å. Its last stage learned from "
        f"{card['training_structures']} structures. It knows what its data held and nothing else: try it on structures "
        "of yours before you trust it.",
    ]
    if difference:
        lines += [
            "",
            f"**It predicts what {difference} lacks.** Add its energies and forces: in ASE by `SumCalculator`, "
            "in LAMMPS there is no such sum.",
        ]
    lines += [
        "",
        "## Use",
        "In ASE (eV, eV/Å):",
        "",
        "    from mace.calculators import MACECalculator",
        '    atoms.calc = MACECalculator("model.pt", default_dtype="float64")',
        "",
        "In LAMMPS built with MACE (`units metal`, `atom_style atomic`, `atom_modify map yes`, `newton on`), elements "
        "in the order of your atom types:",
        "",
        "    pair_style mace no_domain_decomposition",
        f"    pair_coeff * * {files['libtorch']} {elements}",
    ]
    if "mliap" in files:
        lines += ["", "or with its ML-IAP:", "", f"    pair_style mliap unified {files['mliap']} 0"]
        lines += [f"    pair_coeff * * {elements}"]
    if card.get("committee", 1) > 1:
        lines += [
            "",
            f"With uncertainties, from {card['committee']} models of other seeds, in ASE with this project's "
            "`workflow/scripts` on PYTHONPATH:",
            "",
            "    from mftl.calculator import CommitteeCalculator",
            '    atoms.calc = CommitteeCalculator("committee")',
            "    atoms.get_potential_energy(), atoms.get_forces()",
            '    atoms.calc.results["energy_uncertainty"], atoms.calc.results["forces_uncertainty"]',
            "",
            "They say where the models disagree, scaled so that 68 % of the errors on test structures lie within.",
        ]
    lines += ["", "## Errors", "| on the test set | RMSE | MAE | | structures |", "|---|---|---|---|---|"]
    lines += [
        f"| {row['quantity']} | {row['rmse']:.2f} | {row['mae']:.2f} | {row['unit']} | {row['structures']} |"
        for row in card["test_errors"]
    ]
    both = ", ".join(f"{one['rmse']:.2f} {one['unit']}" for one in validation.values())
    lines += ["", f"On the validation set, by which it was chosen among its curve's models: {both} (RMSE)."]
    lines += ["", "## Reference energies", "They are part of the energies.", "", "| element | eV |", "|---|---|"]
    lines += [f"| {element} | {energy:.6f} |" for element, energy in card["reference_energies"].items()]
    lines += ["", "## Data", "Each stage of the recipe went on from the one before, with these labels.", ""]
    lines += ["| system | level | where they come from | licence |", "|---|---|---|---|"]
    lines += [f"| {row['system']} | {row['level']} | {row['origin']} | {row['licence']} |" for row in card["data"]]
    lines += ["", "All settings and the ids of the training structures: `training.json`. What to cite: `cite.bib`."]
    return "\n".join(lines) + "\n"


def write_card(folder: str | Path, described: dict[str, Any], difference: str | None) -> None:
    """Write ``card.json`` and ``README.md``."""
    folder = Path(folder)
    (folder / "card.json").write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(readme(described, difference), encoding="utf-8")
