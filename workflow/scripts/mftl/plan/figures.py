"""Figures: the tables that they are drawn from, the drawings, and what is made of several of them."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from mftl.checks import of_figure, require_figure
from mftl.config.base import study
from mftl.config.studies import LOADER
from mftl.config.whole import Config
from mftl.figures.base import Figure, Table
from mftl.figures.errors import AverageErrors
from mftl.inputs import InputError
from mftl.paths import card_of, models_of
from mftl.plan import robustness
from mftl.sources import source_hash

POINTS = ("points", "grouped-points")  # folders of tables that claims are read from


def folders(config: Config) -> list[str]:
    """Folders of results in which figures have tables that are made of other results."""
    return sorted({folder for figure in _kinds(config) for folder in figure.FOLDERS})


def measured(config: Config) -> list[str]:
    """Folders of results in which figures have tables for which models are run."""
    return sorted({folder for figure in _kinds(config) for folder in figure.MEASURED})


def with_tables(config: Config) -> list[str]:
    """Figures, and the pages that have tables of the same kinds."""
    return [*config.figures, *robustness.pages(config)]


def table_inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Files that a table of a figure is made from."""
    return _table(config, wildcards).inputs


def table_module(config: Config, wildcards: Any) -> str:
    """The module that makes a table of a figure."""
    return f"mftl.tables.{_table(config, wildcards).module}"


def table_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """What that module is told."""
    return dict(_table(config, wildcards).settings)


def table_source(config: Config, wildcards: Any) -> str:
    """A hash of the code that makes a table of a figure."""
    return source_hash("evaluate", table_module(config, wildcards))


def inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Files that a figure is drawn from. Raises InputError if it cannot be made."""
    require_figure(config, wildcards.figure)
    return config.figures[wildcards.figure].inputs(config, wildcards.figure)


def drawing(config: Config, wildcards: Any) -> dict[str, Any]:
    """What draws a figure, and what it is told."""
    figure = config.figures[wildcards.figure]
    return {"module": figure.drawn_by, "params": figure.params(config) | {"title": figure.title}}


def style(config: Config, wildcards: Any) -> dict[str, Any]:
    """How a figure looks."""
    return config.figures[wildcards.figure].style(config)


def plot_source(config: Config, wildcards: Any) -> str:
    """A hash of the code that draws a figure."""
    return source_hash("plot", config.figures[wildcards.figure].drawn_by)


def category(config: Config, wildcards: Any) -> str:
    """Where the report lists a figure."""
    return config.figures[wildcards.figure].category


def caption(config: Config, wildcards: Any) -> dict[str, Any]:
    """What the report says of a figure: what it shows, its scale, curves with sizes and seeds, and its note."""
    figure = config.figures[wildcards.figure]
    shown = figure.shown(config)
    curves = [
        {"label": curve.label, "recipe": curve.recipe, "values": shown[name], "seeds": len(config.seeds_of(name))}
        for name, curve in config.curves.items()
        if name in shown
    ]
    return {"text": figure.text(config), "scale": config.scale, "note": figure.note, "curves": curves}


def best_inputs(config: Config, wildcards: Any) -> dict[str, str | list[str]]:
    """Errors of a figure, and all its models that were trained here, with their cards."""
    trained = [curve for curve in _errors(config, wildcards).all_curves() if config.recipes_of(curve)[0].stages]
    models = [model for curve in trained for model in models_of(config, curve)]
    table = f"results/points/{wildcards.figure}.csv"
    return {"points": table, "models": models, "cards": [card_of(path) for path in models]}


def best_settings(config: Config, wildcards: Any) -> dict[str, Any]:
    """Curves of a figure with their labels."""
    curves = _errors(config, wildcards).all_curves()
    return {"curves": curves, "labels": {curve: config.curves[curve].label for curve in curves}}


def studies(config: Config) -> list[str]:
    """The folders of figures, one for each study; "" for the first, whose figures lie in none."""
    return sorted(set(map(study, config.figures)))


def everything(config: Config, wildcards: Any) -> list[str]:
    """All figures that can be made, what they rest on, and what is made of those of each study."""
    names = [name for name in config.figures if not of_figure(config, name)]
    files = [f"results/{name}.{ending}" for name in names for ending in ("pdf", "bib")]
    return files + [f"results/{one}{name}" for one in studies(config) for name in ("figures.pdf", "paper.csv")]


def of_study(config: Config, wildcards: Any) -> list[str]:
    """Figures of a study that can be made; simulations with models of the first one are not among its figures."""
    names = [name for name in config.figures if study(name) == wildcards.study and not of_figure(config, name)]
    return [name for name in names if wildcards.study or not config.figures[name].SIMULATED]


def pages(config: Config, wildcards: Any) -> list[str]:
    """The figures of a study as files."""
    return [f"results/{name}.pdf" for name in of_study(config, wildcards)]


def claimed(config: Config, wildcards: Any, claims: str) -> list[str]:
    """Figures of a study with a table of points that the paper claims something of."""
    return [
        name for name in of_study(config, wildcards) if name in _figures_claimed(claims) and _points_of(config, name)
    ]


def claimed_tables(config: Config, wildcards: Any, claims: str) -> list[str]:
    """The tables of points of those."""
    return [f"results/{_points_of(config, name)}/{name}.csv" for name in claimed(config, wildcards, claims)]


def _points_of(config: Config, name: str) -> str | None:
    """The folder of a figure's table of points, of all test structures or of groups of them."""
    return next((one for one in POINTS if one in config.figures[name].FOLDERS), None)


@cache
def _figures_claimed(path: str) -> set[str]:
    return {one["figure"] for one in yaml.load(Path(path).read_text(encoding="utf-8"), LOADER)}


def _kinds(config: Config) -> list[type[Figure]]:
    """The kinds of figures of which there are tables."""
    kinds = {type(figure) for figure in config.figures.values()}
    return [*kinds, *(robustness.KINDS if robustness.pages(config) else ())]


def _table(config: Config, wildcards: Any) -> Table:
    if wildcards.figure in robustness.pages(config):
        found, what = robustness.tables(config, wildcards.figure), wildcards.figure
    else:
        require_figure(config, wildcards.figure)
        figure = config.figures[wildcards.figure]
        found, what = figure.tables(config, wildcards.figure), f"figures.{wildcards.figure}.kind: {figure.kind}"
    for table in found:
        if table.folder == wildcards.table:
            return table
    raise InputError(f"{what} has no table results/{wildcards.table}")


def _errors(config: Config, wildcards: Any) -> AverageErrors:
    require_figure(config, wildcards.figure)
    figure = config.figures[wildcards.figure]
    if not isinstance(figure, AverageErrors):
        raise InputError(f"figures.{wildcards.figure}.kind: {figure.kind} draws no errors of curves to choose by")
    return figure
