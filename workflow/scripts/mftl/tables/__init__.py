"""Tables that figures are drawn from: a module for each, with ``table(inputs, settings)``.

``CITE`` of a module, if there is something to cite: keys of resources/citations.bib.
"""

from mftl.families import folders

__path__.extend(folders(__name__))
