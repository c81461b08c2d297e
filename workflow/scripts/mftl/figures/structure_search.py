"""How often relaxing random structures with a model ends in a hole, against training size."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl.config.base import listed, mistake
from mftl.config.compositions import Composition, elements_in
from mftl.figures.base import Figure, Files, Table
from mftl.figures.simulations import force_field_mistakes, values_of
from mftl.paths import run_model, runs_of

if TYPE_CHECKING:
    from mftl.config.whole import Config


class StructureSearch(Figure):
    """How often relaxing random structures with a model ends in a hole, against training size."""

    FOLDERS: ClassVar[tuple[str, ...]] = ("points",)
    MEASURED: ClassVar[tuple[str, ...]] = ("structure-search",)

    kind: Literal["structure-search"] = Field(description="the kind of figure")
    curves: list[str] = Field(min_length=1, description="keys of `curves`, in the order of the legend")
    values: list[PositiveInt] = Field([], description="which of the curves' `values` (none: all)")
    compositions: list[Composition] = Field(min_length=1, description="such as W4, or C2H6O")
    structures: PositiveInt = Field(10, description="random structures of each composition, the same for all models")
    periodic: bool = Field(description="with cells that relax too; else atoms in a sphere")
    volume: PositiveFloat = Field(1.5, description="at the start, over that of spheres of the atoms' covalent radii")
    pressure: float = Field(0.1, description="on the cells, GPa")
    rounds: PositiveInt = Field(1, description="relaxations of each, after the first from a rattled structure")
    rattle: PositiveFloat = Field(0.1, description="standard deviation of each coordinate between rounds, Å")
    steps: PositiveInt = Field(100, description="of each relaxation, at most")
    max_force: PositiveFloat = Field(0.1, description="below which a structure is relaxed, eV/Å")
    seed: int = Field(0, description="another seed gives other structures")

    def mistakes(self, config: "Config", path: str) -> Iterator[str]:
        """Models that give no forces, and elements that they do not know."""
        for i, name in enumerate(self.curves):
            yield from force_field_mistakes(config, f"{path}.curves.{i}", name, f"{path}.values", self.values, False)
            recipe = config.open_recipe(name)
            if recipe is None:
                continue
            if recipe.open not in (None, "size"):
                yield mistake(f"{path}.curves.{i}", name, "a curve whose size is open (*)")
            if (system := config.target_of(name)[0]) not in config.systems:
                continue
            known = config.systems[system].elements
            for k, one in enumerate(self.compositions):
                if unknown := [element for element in elements_in(one) if element not in known]:
                    valid = f"elements of {system}, which {name} knows ({listed(known)}), not {listed(unknown)}"
                    yield mistake(f"{path}.compositions.{k}", one, valid)

    def runs(self, config: "Config") -> list[dict[str, Any]]:
        """All models that relax structures."""
        return runs_of(config, self.curves, self.values)

    def tables(self, config: "Config", name: str) -> list[Table]:
        """What became of all structures, and shares of holes, which claims are judged by and nothing is drawn from."""
        runs = self.runs(config)
        keys = {"compositions", "structures", "periodic", "volume", "seed"}
        how = {"pressure", "rounds", "rattle", "steps", "max_force"}
        settings = {
            "runs": runs,
            "starts": self.model_dump(include=keys),
            "how": self.model_dump(include=how),
            "device": config.device,
        }
        models = [run_model(config, run) for run in runs]
        relaxed = f"results/structure-search/{name}.csv"
        return [
            Table("structure-search", "structure_search", {"models": models}, settings),
            Table("points", "hole_points", {"relaxed": relaxed}),
        ]

    def inputs(self, config: "Config", name: str) -> Files:
        """What became of all structures."""
        return {"structure_search": f"results/structure-search/{name}.csv"}

    def params(self, config: "Config") -> dict[str, Any]:
        """Legend, and what was searched."""
        return self.legend(config) | {"text": self._searched()}

    def shown(self, config: "Config") -> dict[str, list[int]]:
        """All its curves at the values searched."""
        return values_of(self.runs(config))

    def text(self, config: "Config") -> str:
        """What it shows."""
        return (
            f"Share of relaxed random structures that are holes of the model ({self._searched()}): two atoms closer "
            "than half the sum of their covalent radii; less than 30 % of the median volume of the composition; an "
            "energy more than ten median absolute deviations, and 5 eV for an atom, below the median; or less than "
            "half the median volume with an energy below the median (Tompa et al., arXiv:2606.12704). Bars: 95 % "
            "Wilson intervals as if all seeds together had relaxed each structure once; dots: seeds."
        )

    def _searched(self) -> str:
        inside = f"cells at {self.pressure:g} GPa" if self.periodic else "without cells"
        rounds = f"{self.rounds} rounds of " if self.rounds > 1 else ""
        return f"{self.structures} each of {listed(self.compositions)}, {inside}, {rounds}{self.steps} steps at most"
