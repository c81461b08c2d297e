"""Low-rank adaptation: linear layers of the parent stay as they are but for products of small matrices that learn."""

from typing import Any

from mftl.training import low_rank
from mftl.training.heads import Head


def change(heads: list[Head], value: dict[str, Any]) -> None:
    """Adapt all linear layers of the models, with a ``rank`` and the factor ``alpha``; nothing else learns then."""
    for head in heads:
        low_rank.adapt(head.model, value["rank"], value["alpha"])
