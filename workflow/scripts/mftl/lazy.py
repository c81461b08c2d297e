"""Packages whose ``__init__`` is put off, so that importing one of their modules does not import all the others.

mace-torch's packages import everything that its command lines need (torchmetrics, matplotlib, scipy.signal, torch's
compiler) before a model can be read, ASE's half of SciPy before a file can: most of the start of a short job. Nothing
of them is changed or left out here: what an ``__init__`` would import from one of its own modules is imported from
there when it is first asked for; whatever else is asked for runs the ``__init__``.
"""

import ast
import copy
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from pathlib import Path


def put_off(packages: Sequence[str] = (), modules: Sequence[str] = ()) -> None:
    """Put off the ``__init__`` of packages, and modules with all below them, unless they are imported already.

    The name of a package finds what its ``__init__`` imports by it from its own modules; a module is run, as a whole,
    at the first use of anything in it.
    """
    sys.meta_path.insert(0, _Finder({**dict.fromkeys(packages, True), **dict.fromkeys(modules, False)}))


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, names: dict[str, bool]):
        self.names = names

    def find_spec(self, name, path, target=None):
        if target is None and name in sys.modules:  # the package above it ran just now, when it was asked for its path
            again = copy.copy(sys.modules[name].__spec__)
            if again is not None:
                again.loader = _Again(sys.modules[name])
            return again
        if name not in self.names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self.names[name])
        return spec


class _Loader(importlib.abc.Loader):
    """Leaves a module as it is made, to be run by ``PutOff``."""

    def __init__(self, loader: importlib.abc.Loader, by_name: bool):
        self.loader, self.by_name = loader, by_name

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self.loader
        sources = _imports(module.__name__, module.__spec__.origin) if self.by_name else {}
        # without a path, nothing below it can be imported before it has run
        path = None if self.by_name else module.__dict__.pop("__path__", None)
        module.__dict__["_put_off"] = (sources, path)
        module.__class__ = PutOff


class _Again(importlib.abc.Loader):
    """Gives a module that there is already, as it is."""

    def __init__(self, module: types.ModuleType):
        self.module, self.spec = module, module.__spec__

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        module.__spec__ = self.spec
        module.__loader__ = self.spec.loader if self.spec else None


class PutOff(types.ModuleType):
    """A module that has not run yet."""

    def __getattr__(self, name: str):
        sources, path = self.__dict__["_put_off"]
        if name in sources:
            module, attribute = sources[name]
            value = getattr(importlib.import_module(module), attribute)
            self.__dict__[name] = value
            return value
        private = name.startswith("__") and (path is None or name != "__path__")
        if private or (path is None and importlib.util.find_spec(f"{self.__name__}.{name}")):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r} yet")  # the import system goes on
        del self.__dict__["_put_off"]
        self.__class__ = types.ModuleType  # type: ignore[assignment] # as types.ModuleType allows
        if path is not None:
            self.__path__ = path
        self.__loader__.exec_module(self)  # type: ignore[union-attr] # it was found with one
        return getattr(self, name)

    def __setattr__(self, name: str, value) -> None:
        sources, _ = self.__dict__.get("_put_off", ({}, None))
        if name in sources and isinstance(value, types.ModuleType):
            return  # the __init__ gives the name of a module to something in it
        super().__setattr__(name, value)


def _imports(package: str, path: str) -> dict[str, tuple[str, str]]:
    """What an ``__init__`` imports from modules of its package: the module and the name there for each name."""
    found: dict[str, tuple[str, str]] = {}
    for node in ast.parse(Path(path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = f"{package}.{node.module}" if node.level == 1 else node.module
            if node.level < 2 and module.startswith(f"{package}."):
                found |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
    return found
