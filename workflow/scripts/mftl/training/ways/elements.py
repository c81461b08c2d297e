"""Transfer between elements: new ones take the places of old ones (Röcken and Zavadlav)."""

from mftl import models
from mftl.training.heads import Head


def change(heads: list[Head], places: dict[str, str]) -> None:
    """Rename elements of the models: ``{"Ge": "Si"}`` makes of all that was learned of silicon the start for germanium.

    Raises InputError if a name does not fit the model.
    """
    for head in heads:
        models.rename_elements(head.model, places)
