"""The JSON schema and the commented defaults of the configuration, generated from its models.

    python -m mftl.configdocs config      (in workflow/scripts, or `make config-docs`)

writes ``schema.json`` and ``defaults.yaml`` into the folder; a test fails if they drift from the models.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mftl import engines, figures, modes, pools
from mftl.config.advice import Advice
from mftl.config.curves import Curve, Reference
from mftl.config.dynamics import Crystal, Protocol, Starts
from mftl.config.foundation import FoundationDownload, FoundationModel
from mftl.config.levels import DatasetLevel, FileLevel, ReturnedLevel
from mftl.config.modes import AnyMode
from mftl.config.robustness import Robustness
from mftl.config.selections import OrcaInputs, PyscfInputs, Selection, VaspInputs
from mftl.config.splits import Split
from mftl.config.systems import System
from mftl.config.training import Architecture
from mftl.config.whole import Config
from mftl.engines.stillinger_weber import StillingerWeberParameters
from mftl.figures.simulations import Simulated

GIVEN = {"file": "a file", "dataset": "a data set"}
EXAMPLES = [
    ("systems.<name>", System),
    *(
        (f"systems.<name>.pool: {GIVEN.get(name, f'generator {name}')}", pool)
        for name, pool in pools.sections().items()
    ),
    ("systems.<name>.levels.<name>: labels from a file", FileLevel),
    ("systems.<name>.levels.<name>: labels of your own calculations", ReturnedLevel),
    ("systems.<name>.levels.<name>: labels of a data set", DatasetLevel),
    *((f"systems.<name>.levels.<name>: engine {name}", level) for name, level in engines.sections().items()),
    ("….parameters.<element> of stillinger-weber", StillingerWeberParameters),
    ("systems.<name>.split", Split),
    ("foundation_models.<name>: a download", FoundationDownload),
    ("architectures.<name>", Architecture),
    ("foundation_models.<name>: with a head", FoundationModel),
    ("modes.<name>", AnyMode),
    *((f"modes.<name>.{key}", way) for key, way in modes.sections().items() if "root" not in way.model_fields),
    ("selections.<name>", Selection),
    ("selections.<name>.inputs.orca", OrcaInputs),
    ("selections.<name>.inputs.vasp", VaspInputs),
    ("selections.<name>.inputs.pyscf", PyscfInputs),
    ("curves.<name>", Curve),
    ("dynamics.<name>", Protocol),
    ("dynamics.<name>.starts", Starts),
    ("dynamics.<name>.starts.crystal, figures.<name>.crystal", Crystal),
    *((f"figures.<name>: {kind}", figure) for kind, figure in figures.sections().items()),
    ("figures.<name>.references", Reference),
    ("figures.<name>.panels", Simulated),
    ("advice", Advice),
    ("robustness", Robustness),
]
SECTIONS = ["downloads", "labels", "verification", "training", "prediction", "plot", "cost"]


def schema() -> str:
    """JSON schema of the configuration."""
    return json.dumps(Config.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def commented_defaults() -> str:
    """Every key with its default and meaning, as YAML in which keys without a default are commented out."""
    lines = [
        "# Every key of the configuration, its default and its meaning. Generated from the models: do not edit.",
        "# A key shown as <required> must be given where its section is used.",
        "",
    ]
    for name, field in Config.model_fields.items():
        if name in SECTIONS:
            section: Any = field.annotation
            lines += [f"# {_first_line(section.__doc__)}", f"{name}:", *_keys(section, "  "), ""]
        else:
            lines += [f"# {field.description}", _entry(name, field), ""]
    lines += ["# The entries of the named sections above:"]
    for title, model in EXAMPLES:
        lines += ["#", f"# --- {title} --- {_first_line(model.__doc__)}"]
        lines += [f"#   {line}" for line in _keys(model, "")]
    return "\n".join(lines).rstrip() + "\n"


def write(folder: Path) -> None:
    """Write both files."""
    (folder / "schema.json").write_text(schema(), encoding="utf-8")
    (folder / "defaults.yaml").write_text(commented_defaults(), encoding="utf-8")


def _keys(model: type[BaseModel], indent: str) -> list[str]:
    return [f"{indent}{_entry(name, field)}  # {field.description}" for name, field in model.model_fields.items()]


def _entry(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return f"{name}: <required>"
    value = field.default
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        value = {k: v.model_dump() if isinstance(v, BaseModel) else v for k, v in value.items()}
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).strip()
    return f"{name}: {text.removesuffix('...').strip()}"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].rstrip(".")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
