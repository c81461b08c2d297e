"""Compositions of structures, such as C2H6O, as keys of the configuration have them."""

import re
from typing import Annotated

from pydantic import Field

Composition = Annotated[str, Field(pattern=r"^([A-Z][a-z]?[1-9]?[0-9]*)+$")]


def elements_in(composition: str) -> list[str]:
    """The elements of a composition, as they are written."""
    return re.findall("[A-Z][a-z]?", composition)
