"""The JSON schema and the commented defaults of the configuration, generated from its models.

    python -m mftl.configdocs config      (in workflow/scripts, or `make config-docs`)

writes ``schema.json`` and ``defaults.yaml`` into the folder; a test fails if they drift from the models.
"""

import json
import sys
from pathlib import Path

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from mftl import config

EXAMPLES = [
    ("systems.<name>", config.System),
    ("systems.<name>.pool: a file", config.FilePool),
    ("systems.<name>.pool: generator normal-modes", config.NormalModePool),
    ("systems.<name>.pool: generator crystals", config.CrystalPool),
    ("systems.<name>.pool: generator simple-crystals", config.SimpleCrystalPool),
    ("systems.<name>.pool: generator stillinger-weber-md", config.DynamicsPool),
    ("systems.<name>.pool: a data set", config.DatasetPool),
    ("systems.<name>.levels.<name>: labels from a file", config.FileLevel),
    ("systems.<name>.levels.<name>: labels of a data set", config.DatasetLevel),
    ("systems.<name>.levels.<name>: engine tblite", config.TbliteLevel),
    ("systems.<name>.levels.<name>: engine dftb+", config.DftbLevel),
    ("systems.<name>.levels.<name>: engine pyscf-dft", config.PyscfDftLevel),
    ("systems.<name>.levels.<name>: engine pyscf-ccsd(t)", config.PyscfCcsdtLevel),
    ("systems.<name>.levels.<name>: engine gpaw", config.GpawLevel),
    ("systems.<name>.levels.<name>: engine stillinger-weber", config.StillingerWeberLevel),
    ("….parameters.<element> of stillinger-weber", config.StillingerWeberParameters),
    ("systems.<name>.split", config.Split),
    ("foundation_models.<name>: a download", config.FoundationDownload),
    ("architectures.<name>", config.Architecture),
    ("foundation_models.<name>: with a head", config.FoundationModel),
    ("modes.<name>", config.Mode),
    ("modes.<name>.replay", config.Replay),
    ("curves.<name>", config.Curve),
    ("dynamics.<name>", config.Protocol),
    ("dynamics.<name>.starts", config.Starts),
    ("dynamics.<name>.starts.crystal, figures.<name>.crystal", config.Crystal),
    *((f"figures.<name>: {kind}", model) for kind, model in config.FIGURES.items()),
    ("figures.<name>.references", config.Reference),
    ("figures.<name>.panels", config.Simulated),
]
SECTIONS = ["downloads", "labels", "verification", "training", "prediction", "plot"]


def schema() -> str:
    """JSON schema of the configuration."""
    return json.dumps(config.Config.model_json_schema(), indent=1, ensure_ascii=False) + "\n"


def commented_defaults() -> str:
    """Every key with its default and meaning, as YAML in which keys without a default are commented out."""
    lines = [
        "# Every key of the configuration, its default and its meaning. Generated from the models: do not edit.",
        "# A key shown as <required> must be given where its section is used.",
        "",
    ]
    for name, field in config.Config.model_fields.items():
        if name in SECTIONS:
            lines += [f"# {_first_line(field.description)}", f"{name}:", *_keys(field.annotation, "  "), ""]
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
    if isinstance(value, dict):
        value = {k: v.model_dump() if isinstance(v, BaseModel) else v for k, v in value.items()}
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6).strip()
    return f"{name}: {text.removesuffix('...').strip()}"


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].rstrip(".")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
