"""Checks of modes that train in the order of a selection, and of the stages that use them."""

from collections.abc import Iterator

from mftl import recipe as recipes
from mftl.config.base import listed, mistake
from mftl.config.modes import single
from mftl.config.whole import Config


def of_modes(config: Config) -> Iterator[str]:
    """A line for each mode whose order is none, or contradicts another of its keys."""
    for name, mode in config.modes.items():
        if mode.order is not None and mode.order not in config.selections:
            known = listed(config.selections) or "none is configured"
            yield mistake(f"modes.{name}.order", mode.order, f"a key of selections ({known})")
        elif mode.order is not None and mode.resample:
            yield mistake(f"modes.{name}.resample", True, "false: with an order each seed has other structures anyway")


def of_stage(config: Config, path: str, recipe: str, stage: recipes.Stage, values: list[int]) -> Iterator[str]:
    """A line for a stage that is trained in an order of another system, or on more than are ordered."""
    mode = config.mode(stage.mode)
    if mode is None or mode.order is None or mode.order not in config.selections:
        return
    own, key = config.selections[mode.order], f"modes.{single(stage.mode) or stage.mode}.order"
    if own.system != stage.system:
        yield mistake(path, recipe, f"a stage of {own.system}, which {key}, {mode.order}, is an order of")
        return
    if not own.rehearsal:
        return  # what is labelled comes on top
    for value in values:
        if value > own.pilot + own.structures:
            most = f"at most {own.pilot + own.structures}, pilot and structures of selections.{mode.order}"
            yield mistake(path, value, most)
