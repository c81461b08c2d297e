"""Data of the parent model that a second head goes on learning, to keep the first from forgetting."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from mftl import recipe as recipes
from mftl.config.base import Name, Section, listed, mistake
from mftl.modes.base import Way
from mftl.recipe import Recipe

if TYPE_CHECKING:
    from mftl.config.whole import Config


class Replay(Section, Way):
    """multi-head fine-tuning: data of the parent model for a second head; {} for what it learned last"""

    labels: Literal["parent"] | None = Field(
        None,
        description="`parent`: what the parent model predicts before the first step; any structures will do, and no "
        "data of the parent are needed (null: the labels of the level)",
    )
    system: Name | None = Field(None, description="its system, if not that of the parent's last stage")
    level: Annotated[str, Field(pattern=rf"^{recipes.LEVEL}$")] | None = Field(
        None,
        description="its level, if not that of the parent's last stage; with labels of the parent only structures that "
        "are labelled there (null: of a `system` that is named all)",
    )
    structures: PositiveInt | None = Field(
        None, description="how many at most (null: as many as the parent was trained on, or all)"
    )
    weight: PositiveFloat = Field(1.0, description="weight of its loss")

    def params(self, config: "Config", recipe: Recipe) -> dict[str, Any]:
        """System, level, number of structures and weight of what the second head learns, and whose labels."""
        stages = recipe.parent.stages if recipe.parent else ()
        own = {"system": stages[-1].system, "level": stages[-1].level, "structures": stages[-1].size} if stages else {}
        chosen = self.model_dump(exclude_none=True)
        if "system" in chosen and self.labels:
            own.pop("level", None)
        if "system" in chosen or "level" in chosen:
            own.pop("structures", None)  # what the parent was trained on says nothing about other data
        elif stages and "structures" in chosen:
            chosen["structures"] = min(chosen["structures"], own["structures"])
        return {"structures": None} | own | chosen

    def systems(self, config: "Config", recipe: Recipe) -> list[str]:
        """The system replayed, if there is one."""
        chosen = self.params(config, recipe)
        return [chosen["system"]] if chosen.get("system") in config.systems else []

    def learned(self, config: "Config", recipe: Recipe) -> list[tuple[str, str]]:
        """The system and the levels replayed; none where the parent labels."""
        chosen = self.params(config, recipe)
        return [] if self.labels else [(chosen["system"], level) for level in chosen["level"].split("~")]

    def inputs(self, config: "Config", recipe: Recipe) -> dict[str, str | list[str]]:
        """Labels replayed, or the structures that the parent labels, and the split of their system if it has one."""
        chosen = self.params(config, recipe)
        system, levels = chosen["system"], chosen["level"].split("~") if "level" in chosen else []
        files: dict[str, str | list[str]] = {
            "replay": [f"results/labels/{system}/{level}.extxyz" for level in levels]
            or [f"results/pools/{system}.extxyz"]
        }
        return files | ({"replay_split": f"results/splits/{system}.json"} if config.systems[system].split else {})

    def mistakes(self, config: "Config", path: str, recipe: Recipe) -> Iterator[str]:
        """Data that are not there."""
        if "elements" in config.mode(recipe.last.mode).ways():
            return  # told of there
        chosen, key, given = self.params(config, recipe), f"{path}.replay", self.model_dump(exclude_none=True)
        if "system" not in chosen or ("level" not in chosen and not self.labels):
            needed = "a system whose structures the foundation model is to label"
            yield mistake(key, given, needed if self.labels else "system and level of data like the foundation model's")
        elif (system := chosen["system"]) not in config.systems:
            yield mistake(key, given, f"{system} to be a system ({listed(config.systems)})")
        elif unknown := [
            level
            for level in chosen.get("level", "").split("~")
            if level and level not in config.systems[system].levels
        ]:
            yield mistake(key, given, f"{unknown[0]} to be a level of {system}")
