"""What to cite for a result: keys of ``resources/citations.bib``, gathered from the methods, programs and data used."""

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

from mftl import engines, modes, pools

PTBP = ["cui2024"]
MADE_WITH_PYSCF = ["sun2020", "weigend2005", "grimme2010", "grimme2011"]
PBE0, WB97M, PBE, CCSDT = ["adamo1999"], ["mardirossian2016", "najibi2018"], ["perdew1996"], ["raghavachari1989"]

ALWAYS = ["cui2025", "molder2021"]
PACKAGES = {"ase": "larsen2017", "torch": "paszke2019", "mace-torch": "batatia2022", "phonopy": "togo2023"}
# found in the names of methods, functionals, basis sets and dispersion corrections, letters and digits alone
METHODS = {
    "gfn1": ["grimme2017"],
    "gfn2": ["bannwarth2019"],
    "pbe0": PBE0,
    "pbe": PBE,
    "wb97m": WB97M,
    "d3": ["grimme2010", "grimme2011"],
    "def2": ["weigend2005"],
    "ccpv": ["dunning1989"],
    "ptbp": PTBP,
}
# how structures were chosen: the rules of a selection, and what they are told of structures
RULES = {
    "clusters": ["holzmuller2023"],
    "variance": ["holzmuller2023"],
    "farthest": ["sener2018"],
    "low-level-error": ["vinod2025", "holzmuller2023"],  # by clusters, where the error is largest
    "random": [],
}
FEATURES = {"gradient": ["holzmuller2023"], "last-layer": ["bigi2024"], "forces": ["bigi2024"]}
# by what the names in mftl.catalogue begin with
SOURCES = {
    "qm7x": "hoja2021",
    "tungsten-gap2014": "szlachta2014",
    "ccsd": "chmiela2018",  # and ccsdt
    "rmd17": "christensen2020",
    "ani1x": "smith2020",
    "ani1ccx": "smith2020",
    "comp6": "smith2018",
    "mlearn": "zuo2020",
    "mp-traj": "deng2023",
    "mace-off23": "kovacs2025",
    "mace-mp-0": "batatia2024",
}
ONE_MOLECULE = ("methanol", "methanol_oh", "methanol_ch", "formaldehyde", "ethylene")
# files that ship, by the first pattern that fits; resources/README.md says how they were made
SHIPPED = {
    "resources/ptbp/*": PTBP,
    "resources/*/*.dftb-ptbp.*": ["hourahine2020", *PTBP],
    "resources/*/*.pbe0-d3.*": [*MADE_WITH_PYSCF, *PBE0],
    "resources/*/*.wb97m-d3.*": [*MADE_WITH_PYSCF, *WB97M],
    "resources/*/*.ccsdt.*": ["sun2020", *CCSDT, "dunning1989"],
    **{f"resources/{name}/*.pbe.*": ["sun2020", "weigend2005", *PBE] for name in ONE_MOLECULE},
    "resources/*/*.pbe.*": ["mortensen2024", *PBE],
    "resources/methanol_*/*": ["tblite", "bannwarth2019"],
    **{f"resources/{name}/*": ["tblite", "bannwarth2019", "leimkuhler2013"] for name in ONE_MOLECULE},
    "resources/molecules/*": ["hoja2021", "bannwarth2019"],
    "resources/foundation/*": ["hoja2021", "bannwarth2019"],
    "resources/tungsten/*": [],
    "resources/simple_crystals/*": [],
    "resources/citations.bib": [],
    "*.yaml": [],
    "results/*": [],  # made before there were records
}


def of_file(path: str) -> list[str] | None:
    """Keys for a file that no rule made; None if only the user knows.

    A file of BibTeX beside it, with the same stem, is what the user knows: its path stands for the keys.
    """
    beside = Path(path).with_suffix(".bib")
    if beside != Path(path) and beside.is_file():
        return [str(beside)]
    known = ((f"*/{pattern}", keys) for pattern, keys in SHIPPED.items())
    return next((keys for pattern, keys in known if fnmatch(f"/{path}", pattern)), None)


def of_job(params: dict[str, Any], wildcards: dict[str, str], packages: Iterable[str]) -> set[str]:
    """Keys for what a job itself used: packages, an engine and its methods, a data set, a way to train or to choose."""
    keys = {*ALWAYS, *(PACKAGES[name] for name in packages if name in PACKAGES)}
    settings = params["settings"] if isinstance(params.get("settings"), dict) else {}
    if level := level_of(params):
        keys.update(getattr(engines.engine(level["engine"]), "CITE", ()), _methods(level))
    pool = settings.get("pool") or (params.get("system") or {}).get("pool")
    if isinstance(pool, dict) and "dataset" in pool:
        keys.add(_of_download(pool["dataset"]))
    elif isinstance(pool, dict):
        keys.update(pools.sections()[pools.form(pool)].CITE)
    if "download" in wildcards:
        keys.add(_of_download(wildcards["download"]))
    protocol = params.get("protocol")
    if isinstance(protocol, dict):
        keys.add("rocken2025")  # of the criterion, that of overlaps
        keys |= {"fu2023"} if protocol["bond_deviation"] else set()
        keys |= {"leimkuhler2013"} if protocol["ensemble"] == "nvt" else set()
    if settings.get("layer_decay", 1) != 1:
        keys.add("zaverkin2023")
    if rule := settings.get("rule"):
        keys.update(RULES[rule], FEATURES[settings["features"]] if rule != "random" else ())
    if module := params.get("module"):  # that makes a table
        keys.update(getattr(import_module(module), "CITE", ()))
    for way in params.get("ways") or ():
        keys.update(getattr(modes.sections().get(way), "CITE", ()))  # other parts of a joint stage are no key of a mode
    return keys


def level_of(params: dict[str, Any]) -> dict[str, Any] | None:
    """The level whose engine a job used: its own, that of its settings, or of the pool that it built; None: none."""
    places = [params, params.get("settings"), (params.get("system") or {}).get("pool")]
    levels = [one.get("level") for one in places if isinstance(one, dict)]
    return next((one for one in levels if isinstance(one, dict) and "engine" in one), None)


def bibliography(keys: Iterable[str], known: str, unknown: Iterable[str] = ()) -> str:
    """BibTeX of keys, in their order, from the text of ``resources/citations.bib``; a key may be a file of its own.

    ``unknown``: files for which there is no entry; a comment says so.
    """
    entries = dict(re.findall(r"^(?=@\w+\{([^,]+),)(.*?^\})", known, flags=re.DOTALL | re.MULTILINE))
    texts = [Path(key).read_text(encoding="utf-8").strip() if key.endswith(".bib") else entries[key] for key in keys]
    texts += [f"% {path}: cite where it comes from (an entry in {Path(path).with_suffix('.bib')} would stand here)"
              for path in unknown]  # fmt: skip
    return "\n\n".join(texts) + "\n"


def _methods(level: dict[str, Any]) -> set[str]:
    """Keys for the methods that a level's settings name."""
    names = [level.get(key) or "" for key in ("method", "functional", "basis", "dispersion", "slater_koster")]
    keys: set[str] = set()
    for name in names:
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        known = [part for part in METHODS if part in plain and not (part == "pbe" and "pbe0" in plain)]
        keys.update(key for part in known for key in METHODS[part])
    return keys


def _of_download(name: str) -> str:
    """The key of a data set's or a file's source."""
    return next(key for source, key in SOURCES.items() if name.startswith(source))
