"""What all sections of the configuration are made of, and how a mistake in one is told."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from mftl import recipe as recipes

ROOT = Path(__file__).parents[4]  # of the workflow

Element = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
Name = Annotated[str, Field(pattern=rf"^{recipes.NAME}$")]
FIGURE = r"[A-Za-z][A-Za-z0-9_-]*(/[A-Za-z][A-Za-z0-9_-]*)?"  # a name, perhaps in the folder of a study
FigureName = Annotated[str, Field(pattern=rf"^{FIGURE}$")]


def shipped(path: str) -> str:
    """The path of a file that ships, as seen from the current folder: another folder's Snakefile may use this one."""
    known = not path.startswith("resources/") or Path(path).exists() or not (ROOT / path).exists()
    return path if known else os.path.relpath(ROOT / path)


FileName = Annotated[str, AfterValidator(shipped)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A section of the configuration: unknown keys and ill-typed values are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def mistake(path: str, value: Any, valid: str) -> str:
    """The line for one mistake: the key's path, the value given, and what would be valid."""
    return f"  {path}: got {value!r}; valid: {valid}"


def listed(names: Iterable[str]) -> str:
    """Names in a row."""
    return ", ".join(names)


def missing_file(path: str, value: str, root: Path) -> Iterator[str]:
    """The line for a file that does not exist, if it does not."""
    if not (root / value).is_file():
        yield mistake(path, value, "a file that exists")


def study(figure: str) -> str:
    """The study a figure belongs to: the folder of its name, "" for the first paper, whose figures lie in none."""
    return figure[: figure.rfind("/") + 1]
