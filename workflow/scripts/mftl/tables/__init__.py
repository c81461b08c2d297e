"""Tables that figures are drawn from: a module for each, with ``table(inputs, settings)``."""

from mftl.families import folders

__path__.extend(folders(__name__))
