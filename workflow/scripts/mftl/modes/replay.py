"""Data of the parent model that a second head goes on learning, to keep the first from forgetting."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import Name, Section, mistake
from mftl.modes.base import Way
from mftl.recipe import Recipe

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Replay(Section, Way):
    """multi-head fine-tuning: data of the parent model for a second head; {} for what it learned last"""

    system: Name | None = Field(None, description="its system, if not that of the parent's last stage")
    level: Annotated[str, Field(pattern=rf"^{recipes.LEVEL}$")] | None = Field(
        None, description="its level, if not that of the parent's last stage"
    )
    structures: PositiveInt | None = Field(
        None, description="how many at most (null: as many as the parent was trained on, or all)"
    )
    weight: PositiveFloat = Field(1.0, description="weight of its loss")

    def params(self, config: "Config", recipe: Recipe) -> dict[str, Any]:
        """System, level, number of structures and weight of what the second head learns."""
        stages = recipe.parent.stages if recipe.parent else ()
        own = {"system": stages[-1].system, "level": stages[-1].level, "structures": stages[-1].size} if stages else {}
        chosen = self.model_dump(exclude_none=True)
        if "system" in chosen or "level" in chosen:
            own.pop("structures", None)  # what the parent was trained on says nothing about other data
        elif stages and "structures" in chosen:
            chosen["structures"] = min(chosen["structures"], own["structures"])
        return {"structures": None} | own | chosen

    def learned(self, config: "Config", recipe: Recipe) -> list[tuple[str, str]]:
        """The system and the levels replayed."""
        chosen = self.params(config, recipe)
        return [(chosen["system"], level) for level in chosen["level"].split("~")]

    def inputs(self, config: "Config", recipe: Recipe) -> dict[str, str | list[str]]:
        """Labels replayed, and the split of their system if it has one."""
        learned = self.learned(config, recipe)
        files: dict[str, str | list[str]] = {
            "replay": [f"results/labels/{one}/{level}.extxyz" for one, level in learned]
        }
        system = learned[0][0]
        return files | ({"replay_split": f"results/splits/{system}.json"} if config.systems[system].split else {})

    def mistakes(self, config: "Config", path: str, recipe: Recipe) -> Iterator[str]:
        """Data that are not there."""
        if "elements" in config.mode(recipe.last.mode).ways():
            return  # told of there
        chosen, key, given = self.params(config, recipe), f"{path}.replay", self.model_dump(exclude_none=True)
        if "system" not in chosen or "level" not in chosen:
            yield mistake(key, given, "system and level of data like the foundation model's")
            return
        levels = config.systems[chosen["system"]].levels if chosen["system"] in config.systems else {}
        if unknown := [level for level in chosen["level"].split("~") if level not in levels]:
            yield mistake(key, given, f"{unknown[0]} to be a level of {chosen['system']}")
