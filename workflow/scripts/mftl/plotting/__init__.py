"""Figures: each module draws one kind from a tidy table."""

from mftl.families import folders

__path__.extend(folders(__name__))
