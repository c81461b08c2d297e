"""What `snakemake cost` counts."""

from typing import Any

from mftl.checks import of_figure
from mftl.config.whole import Config
from mftl.plan import advice
from mftl.plan.figures import everything


def targets(config: Config, wildcards: Any) -> dict[str, list[str]]:
    """Files whose jobs are counted, and those of them that have a line of their own.

    What was asked for; else all figures, and the advice of a configuration that has such a section.
    """
    if asked := config.cost.targets:
        return {"counted": asked, "alone": asked}
    figures = [f"results/{name}.pdf" for name in config.figures if not of_figure(config, name)]
    counted = everything(config, wildcards)
    if config.advice:
        advised = advice.targets(config, wildcards)
        counted += advised
        figures += [one for one in advised if one.endswith(".pdf") or one.startswith("results/selections/")]
    return {"counted": counted, "alone": figures}
