"""What `snakemake cost` counts."""

from typing import Any

from mftl.checks import of_figure
from mftl.config.whole import Config
from mftl.plan.figures import everything


def targets(config: Config, wildcards: Any) -> dict[str, list[str]]:
    """Files whose jobs are counted, and those of them that have a line of their own: figures, or what was asked for."""
    if asked := config.cost.targets:
        return {"counted": asked, "alone": asked}
    figures = [f"results/{name}.pdf" for name in config.figures if not of_figure(config, name)]
    return {"counted": everything(config, wildcards), "alone": figures}
