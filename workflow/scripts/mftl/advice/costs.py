"""What more labels cost: hours for these and for training, as ``snakemake cost`` counts them."""

from collections.abc import Iterable

import numpy as np

from mftl import recipe as recipes
from mftl.advice.page import Price
from mftl.config.whole import Config
from mftl.cost.jobs import Job
from mftl.cost.rates import Rates
from mftl.cost.tables import SECONDS_PER_HOUR, priced
from mftl.inputs import InputError

TRIED = 40  # sizes between what there is and the most that may be spoken of, for a budget


class Prices:
    """Prices of labels for one curve of a pilot; ``have``: labels there are to train on."""

    def __init__(self, config: Config, curve: str, have: int):
        self.config, self.curve, self.have = config, curve, have
        self.rates = Rates(config)
        own = config.advice
        assert own is not None
        try:
            self.label: float | None = self.rates.of_label(own.system, own.level)[0]
        except InputError:
            self.label = None

    def at(self, size: int) -> Price:
        """The price of training all seeds on so many labels, some of which are new."""
        curve, config = self.config.curves[self.curve], self.config
        recipe = recipes.parse(curve.recipe).at(size)
        jobs = [
            Job("train", {"architecture": curve.architecture, "recipe": str(recipe), "seed": str(seed)}, (), ("",))
            for seed in config.seeds_of(self.curve)
        ]
        hours = priced(config, jobs, self.rates)[["cpu_hours", "gpu_hours"]].sum()
        new = max(0, size - self.have)
        labels = 0.0 if not new else None if self.label is None else new * self.label / SECONDS_PER_HOUR
        return Price(size, new, labels, float(hours.iloc[0]), float(hours.iloc[1]))

    def afforded(self, budget: float, sizes: Iterable[int]) -> int | None:
        """The most of the sizes that a budget (CPU hours) pays; None if none, or if a label's price is unknown."""
        if self.label is None:
            return None
        paid = [size for size in sizes if (cpu := self.at(size).cpu) is not None and cpu <= budget]
        return max(paid, default=None)

    def between(self, most: int) -> list[int]:
        """Sizes from what the pilot has to the most that may be spoken of."""
        first = self.config.curves[self.curve].values[-1]
        return [int(one) for one in np.unique(np.round(np.geomspace(first, max(most, first), TRIED)))]
