"""Where the plugs of a family lie besides its own package; see ``mftl.registry``.

Imports next to nothing: worker processes that compute labels look here.
"""

import os

EXTENSIONS = "MFTL_EXTENSIONS"  # folders with plugs, as PATH holds folders with programs


def folders(family: str) -> list[str]:
    """Folders outside the library with plugs of a family, such as ``mftl.figures``."""
    name = family.partition(".")[2].replace(".", os.sep)
    return [os.path.join(folder, name) for folder in os.environ.get(EXTENSIONS, "").split(os.pathsep) if folder]
