"""Ids of structures: as names of folders on any machine and back, and in the order that a table has."""

import csv
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path


def folder_of(one: str) -> str:
    """The id itself where letters, digits, dots, hyphens and underscores are all it has, else like it with a hash."""
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", one)
    if plain == one and not one.startswith("."):
        return one
    return f"{plain.lstrip('.')[:60]}-{hashlib.sha256(one.encode()).hexdigest()[:8]}"


def ids_of(ids: Iterable[str]) -> dict[str, str]:
    """Ids by the names of their folders."""
    return {folder_of(one): one for one in ids}


def read_order(path: str | Path) -> list[str]:
    """Ids of an order's table, in their order."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return [row["id"] for row in csv.DictReader(file)]
